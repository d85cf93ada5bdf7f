"""Files that are truncated or rewritten while they are examined: a sentence or the right answer, never a signal."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from vqcore.checkpoints.effective import effective
from vqcore.checkpoints.reader import open_checkpoint
from vqcore.files.errors import CheckpointError
from vqcore.files.latents import open_latents
from vqcore.remedies.what_if import what_if

K, D, N = 64, 8, 2_000
WAYS = ("pt", "legacy", "safetensors", "npz", "packed", "npy")
CUTS = 40
"""For each of five ways; an `.npy` holds latents alone."""


def write(way: str, path: Path, key: str, values: np.ndarray) -> None:
    tensor = torch.from_numpy(values)
    with path.open("wb") as file:
        if way in ("pt", "legacy"):
            torch.save({key: tensor}, file, _use_new_zipfile_serialization=way == "pt")
        elif way == "npy":
            np.save(file, values)
        elif way != "safetensors":
            (np.savez if way == "npz" else np.savez_compressed)(file, **{key: values})
    if way == "safetensors":
        save_file({key: tensor}, path)


def written(way: str, folder: Path) -> tuple[Path, Path]:
    """A checkpoint and latents for it."""
    generator = np.random.default_rng(0)
    checkpoint, latents = folder / f"{way}.checkpoint", folder / f"{way}.latents"
    table = generator.standard_normal((K, D)).astype(np.float32)
    write("npz" if way == "npy" else way, checkpoint, "quantize.embedding.weight", table)
    write(way, latents, "z", generator.standard_normal((N, D)).astype(np.float32))
    return checkpoint, latents


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("change", ["cut", "emptied", "written anew"])
def test_what_changed_since_it_was_opened_is_not_read(change, way, tmp_path):
    for path in written(way, tmp_path):
        opened = open_checkpoint(path) if path.suffix == ".checkpoint" else open_latents(path, D)
        if change == "cut":
            os.truncate(path, path.stat().st_size // 2)
        elif change == "emptied":
            os.truncate(path, 0)
        else:
            content = path.read_bytes()
            path.write_bytes(content[::-1])
            os.utime(path, ns=(0, 0))  # as if it took longer than a tick of the clock
        with pytest.raises(CheckpointError, match="changed while it was being read"):
            effective(opened.codebooks[0]) if path.suffix == ".checkpoint" else list(opened.blocks())


@pytest.mark.parametrize("way", WAYS)
def test_what_another_file_has_replaced_stays_as_it_was(way, tmp_path):
    for path in written(way, tmp_path):
        opened = open_checkpoint(path) if path.suffix == ".checkpoint" else open_latents(path, D)
        (tmp_path / "new").write_bytes(b"another one")
        (tmp_path / "new").replace(path)
        values = (
            effective(opened.codebooks[0]).vectors
            if path.suffix == ".checkpoint"
            else np.concatenate(list(opened.blocks()))
        )
        generator = np.random.default_rng(0)
        table = generator.standard_normal((K, D)).astype(np.float32)
        expected = table if path.suffix == ".checkpoint" else generator.standard_normal((N, D)).astype(np.float32)
        np.testing.assert_array_equal(values, expected)


def examine_while_it_is_cut(folder: Path, seed: int) -> list[str]:
    """How each examination ended, of files that are cut at a random call that reads them."""
    generator, ends = np.random.default_rng(seed), []
    for way in WAYS[:5]:
        kept = [(path, path.read_bytes()) for path in written(way, folder)]
        for _ in range(CUTS):
            for path, content in kept:
                path.write_bytes(content)
            path, content = kept[int(generator.integers(2))]
            ends.append(_examined(kept[0][0], kept[1][0], path, generator))
    return ends


def _examined(checkpoint: Path, latents: Path, cut: Path, generator: np.random.Generator) -> str:
    reading, left = os.preadv, int(generator.integers(12))
    length = int(generator.integers(cut.stat().st_size))

    def read(*arguments: object) -> int:
        nonlocal left
        left -= 1
        if left == 0:
            os.truncate(cut, length)
        return reading(*arguments)

    os.preadv = read
    try:
        codebooks = open_checkpoint(checkpoint).codebooks
        vectors = effective(codebooks[0]).vectors
        source = open_latents(latents, D)
        seen = sum(len(block) for block in source.blocks())
        done = what_if(codebooks, source, remedies=["restart"])
        assert (vectors.shape, seen) == ((K, D), N)
        return f"restart to {done.after['restart'].error:.6f}"
    except CheckpointError as error:
        return str(error)
    finally:
        os.preadv = reading


def test_two_hundred_cuts_at_random_moments_end_in_a_sentence_or_the_right_answer(tmp_path):
    command = [sys.executable, "-m", "tests.checkpoints.test_changing_files", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    ends = json.loads(done.stdout)
    assert len(ends) == 5 * CUTS
    answers, sentences = {end for end in ends if end.startswith("restart to")}, set(ends)
    sentences -= answers
    assert len(answers) == 1  # whatever was not cut in time has one answer in every format
    assert any("changed while it was being read" in end for end in sentences)
    assert all(end.isprintable() and end.endswith(".") for end in sentences)


if __name__ == "__main__":
    print(json.dumps(examine_while_it_is_cut(Path(sys.argv[1]), 0)))
