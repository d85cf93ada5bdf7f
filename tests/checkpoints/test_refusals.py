"""Every refusal of the doctor and of what it reads with says what to do."""

import ast
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from refusals import tells_what_to_do

import vqcore
from vqcore.cli import main

PARTS = ("files", "checkpoints", "doctor", "remedies")
KINDS = ("CheckpointError",)


def refusals() -> Iterator[tuple[str, str]]:
    """Where each stands, and its text without what is filled in; not those that end with another's reason."""
    for part in PARTS:
        for path in sorted((Path(vqcore.__file__).parent / part).glob("*.py")):
            kinds = (*KINDS, "ValueError") if part == "doctor" else KINDS
            for node in ast.walk(ast.parse(path.read_text())):
                if not (isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)):
                    continue
                (text,) = node.exc.args
                if ast.unparse(node.exc.func) in kinds and isinstance(text, ast.JoinedStr | ast.Constant):
                    told = written(text)
                    if not told.endswith("…"):
                        yield f"{path.name}:{node.lineno}", told


def written(text: ast.expr) -> str:
    pieces = text.values if isinstance(text, ast.JoinedStr) else [text]
    return "".join(piece.value if isinstance(piece, ast.Constant) else "…" for piece in pieces)


def test_every_refusal_says_what_to_do():
    found = list(refusals())
    assert len(found) > 60
    assert [(place, text) for place, text in found if not tells_what_to_do(text)] == []


BROKEN = torch.full((64, 8), float("nan"))
REQUESTS = {
    "no finite vector": (["--latents", "z.npy", "--what-if"], BROKEN),
    "rows": (["--rows", "20"], torch.randn(64, 8)),
    "a key that is not there": (["--codebook", "nothing"], torch.randn(64, 8)),
    "no table": (["--codebook", "step"], torch.randn(64, 8)),
    "another width": (["--latents", "z.npy"], torch.randn(64, 9)),
    "an axis": (["--latents", "z.npy", "--latents-axis", "5"], torch.randn(64, 8)),
    "no file": (["--latents", "none.npy"], torch.randn(64, 8)),
}


@pytest.mark.parametrize("asked", REQUESTS)
def test_what_is_refused_is_told_with_what_to_do(asked, capsys, tmp_path, monkeypatch):
    words, table = REQUESTS[asked]
    monkeypatch.chdir(tmp_path)
    np.save("z.npy", np.random.default_rng(0).standard_normal((900, 8), np.float32))
    torch.save({"quantize.embedding.weight": table, "step": torch.tensor(3)}, "model.pt")
    assert main(["doctor", "model.pt", *words]) == 2
    said = capsys.readouterr().err
    assert tells_what_to_do(said), said
