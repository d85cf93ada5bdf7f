"""Effective vectors of our own layers, through the quantizer itself. Its options are not in a state dict."""

# K codes, D features, G groups of the affine map

from dataclasses import fields
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from vqcore.checkpoints.contents import Codebook
from vqcore.quantizer.layer import VectorQuantizer
from vqcore.quantizer.options import Options

Answer = tuple[NDArray[np.floating], Literal["exact", "assumed", "raw"], str, str]

LEARNED = ("affine.scale", "affine.bias", "affine.matrix")
TENSORS = (*LEARNED, "affine.p_mean", "affine.p_var", "affine.c_mean", "affine.c_var")


def scope_vectors(codebook: Codebook, raw: NDArray[np.floating], options: Options | None) -> Answer:
    """Vectors, status, formula and note for a codebook of `vqcore.quantizer` or `vqcore.nn`.

    Raises:
        ValueError: if the tensors beside it do not fit.
    """
    layer = VectorQuantizer(codebook.num_codes, codebook.dim, generator=torch.Generator())
    state: dict[str, Any] = layer.state_dict() | {"raw_codebook": torch.from_numpy(raw)}
    for name in (*TENSORS, "affine.has_moments"):
        array = codebook.owner.get(name)
        if array is not None:
            state[name] = torch.from_numpy(np.array(array.read()))
    layer = layer.double()
    layer.load_state_dict(state)
    if options is not None:
        return *_under(layer, options), ""
    if bool(layer.affine.has_moments):
        guess = Options(affine="running", affine_groups=_groups(layer.affine.c_mean))
        note = "Its options are not in the file: assumed are a running affine map and no norm of the codes."
    elif any(layer.get_parameter(name).any() for name in LEARNED):
        note = "It has a learned affine map, but the file lacks its `affine_lr_scale`. Give the options of training."
        return raw, "raw", "c_raw", note
    else:
        guess, note = (
            Options(),
            "Its options are not in the file: assumed are no affine map and no norm of the codes.",
        )
    vectors, _, formula = _under(layer, guess)
    return vectors, "assumed", formula, note


def options_from(report: dict[str, Any]) -> Options:
    """The options in a training's `report.json`.

    Raises:
        ValueError: if there are none, or one is out of range.
    """
    given = report.get("options")
    if not isinstance(given, dict):
        raise ValueError("`options` are missing")
    known = {field.name for field in fields(Options)}
    return Options(**{name: value for name, value in given.items() if name in known})


def _under(layer: VectorQuantizer, options: Options) -> tuple[NDArray[np.floating], Literal["exact"], str]:
    layer.check_groups(options)
    layer.live_options = options  # not `switch_`, which would fold the map that is to be applied
    with torch.no_grad():
        vectors = layer.codebook().numpy()
    formula = {"off": "c = c_raw", "matrix": "c = W·c_raw"}.get(options.affine, "c = s·c_raw + b")
    return vectors, "exact", formula if options.codebook_norm == "none" else f"{formula}, then its norm"


def _groups(rows_of_map: torch.Tensor) -> int:
    """Number of rows of the map that were ever written: those of further groups stay 0."""
    written = rows_of_map.any(1).nonzero()
    return int(written.max()) + 1 if len(written) else 1
