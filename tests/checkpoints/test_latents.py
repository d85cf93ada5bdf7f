"""Latents and codes from files of any layout."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from vqcore.files import tensors
from vqcore.files.codes import count_codes, open_codes
from vqcore.files.errors import CheckpointError
from vqcore.files.latents import open_latents

D = 6
LAYOUTS = {
    "N D": ((50, D), 1),
    "D N": ((D, 50), 0),
    "B D H W": ((4, D, 5, 3), 1),
    "B H W D": ((4, 5, 3, D), 3),
    "B T D": ((4, 15, D), 2),
    "B D T": ((4, D, 15), 1),
    "one vector": ((D,), 0),
    "one sample": ((1, D, 70), 1),
}
WAYS = ["npy", "fortran", "npz", "compressed", "pt", "bfloat16", "safetensors"]


def save(way, values, path):
    if way in ("npy", "fortran"):
        with path.open("wb") as file:
            np.save(file, np.asfortranarray(values) if way == "fortran" else values)
    elif way in ("npz", "compressed"):
        with path.open("wb") as file:
            (np.savez if way == "npz" else np.savez_compressed)(file, z=values)
    elif way == "safetensors":
        save_file({"z": torch.from_numpy(values)}, path)
    else:
        torch.save(torch.from_numpy(values).to(torch.bfloat16 if way == "bfloat16" else torch.float32), path)
    return path


@pytest.mark.parametrize("values_per_block", [1 << 22, 40])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_all_vectors_come_in_order_whatever_the_layout(layout, way, values_per_block, tmp_path, monkeypatch):
    monkeypatch.setattr(tensors, "VALUES_PER_BLOCK", values_per_block)
    monkeypatch.setattr("vqcore.files.npz_files.VALUES_PER_BLOCK", values_per_block)
    shape, axis = LAYOUTS[layout]
    values = np.random.default_rng(0).integers(-50, 50, shape).astype(np.float32)
    found = open_latents(save(way, values, tmp_path / "z"), D)
    assert (found.dim, found.num_vectors, found.axis) == (D, values.size // D, axis)
    blocks = list(found.blocks())
    np.testing.assert_array_equal(np.concatenate(blocks), np.moveaxis(values, axis, -1).reshape(-1, D))
    assert all(block.dtype == np.float32 for block in blocks)
    assert values_per_block > 40 or max(block.size for block in blocks) <= 40


def test_another_width_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="must have an axis of 6 features"):
        open_latents(save("npy", np.zeros((5, 4), np.float32), tmp_path / "z"), D)


def test_two_axes_of_that_size_must_be_told_apart(tmp_path):
    path = save("npy", np.arange(2.0 * D * D * 3).reshape(2, D, D, 3), tmp_path / "z")
    with pytest.raises(CheckpointError, match="axes 1 and 2"):
        open_latents(path, D)
    assert open_latents(path, D, axis=-2).axis == 2
    with pytest.raises(CheckpointError, match="`--latents-axis` must name an axis of size 6"):
        open_latents(path, D, axis=0)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_refused_with_its_place(bad, tmp_path):
    values = np.zeros((50, D), np.float32)
    values[17, 2] = bad
    with pytest.raises(CheckpointError, match="the first is 17"):
        list(open_latents(save("npy", values, tmp_path / "z"), D).blocks())


@pytest.mark.parametrize("values", [np.zeros((5, D), np.int64), np.zeros((5, D), object), np.zeros((5, D), complex)])
def test_what_is_no_float_is_refused(values, tmp_path):
    with (tmp_path / "z").open("wb") as file:
        np.save(file, values, allow_pickle=True)
    with pytest.raises(CheckpointError, match=r"float|numbers"):
        open_latents(tmp_path / "z", D)


def test_one_of_several_arrays_is_named(tmp_path):
    path = tmp_path / "z.npz"
    np.savez(path, a=np.zeros((5, D)), b=np.ones((5, D)), codes=np.zeros(5, np.int64))
    with pytest.raises(
        CheckpointError, match=r"2 arrays of floats. Name one with --latents-key KEY. There are a \(5, 6\), b"
    ):
        open_latents(path, D)
    assert next(open_latents(path, D, key="b").blocks()).all()
    with pytest.raises(CheckpointError, match="c is not there"):
        open_latents(path, D, key="c")


def test_a_cut_file_is_refused(tmp_path):
    path = save("npy", np.zeros((50, D), np.float32), tmp_path / "z")
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(CheckpointError, match="should have"):
        open_latents(path, D)


@pytest.mark.parametrize("way", ["npy", "safetensors"])
def test_ten_million_vectors_never_sit_in_memory_at_once(way, tmp_path):
    path, count = tmp_path / "z", 10_000_000
    if way == "npy":
        np.lib.format.open_memmap(path, "w+", np.float32, (count, 4)).flush()  # a hole: no disk is used
    else:
        header = b'{"z":{"dtype":"F32","shape":[10000000,4],"data_offsets":[0,160000000]}}'
        with path.open("wb") as file:
            file.write(len(header).to_bytes(8, "little") + header)
            file.truncate(8 + len(header) + 160_000_000)
    before, most, seen = memory_held(), 0, 0
    for block in open_latents(path, 4).blocks():
        seen += len(block)
        most = max(most, memory_held())
    assert seen == count
    assert most - before < 100 * 2**20


def memory_held() -> int:
    with open("/proc/self/status") as file:  # noqa: PTH123, no file on a disk
        return 1024 * int(next(line for line in file if line.startswith("VmRSS")).split()[1])


@pytest.mark.parametrize("way", ["npy", "npz", "pt", "safetensors"])
@pytest.mark.parametrize("shape", [(60,), (4, 5, 3), ()])
def test_codes_alone_give_usage(way, shape, tmp_path):
    codes = np.random.default_rng(0).integers(0, 9, shape)
    codes = np.asarray(codes)
    if way == "pt":
        torch.save({"codes": torch.from_numpy(codes)}, tmp_path / "c")
    else:
        save(way, codes, tmp_path / "c")
    (counts,) = count_codes(open_codes(tmp_path / "c"), [9])
    np.testing.assert_array_equal(counts, np.bincount(codes.ravel(), minlength=9))


@pytest.mark.parametrize("bad", [-1, 9])
def test_what_are_no_codes_of_this_codebook_is_refused(bad, tmp_path):
    path = save("npy", np.array([0, 3, bad]), tmp_path / "c")
    with pytest.raises(CheckpointError, match="codes from 0 to 8"):
        count_codes(open_codes(path), [9])


def test_latents_are_no_codes(tmp_path):
    with pytest.raises(CheckpointError, match="Give codes"):
        open_codes(save("npy", np.zeros((3, D), np.float32), tmp_path / "c"))
