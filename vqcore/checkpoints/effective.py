"""Code vectors as the search sees them if the formula is known, and an honest label if it is not."""

# K codes, D features, D0 features of a frozen table, G rows of an affine map

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vqcore.checkpoints.contents import Codebook, Search, Transform
from vqcore.checkpoints.modules import Module
from vqcore.checkpoints.own_layers import scope_vectors
from vqcore.files.errors import CheckpointError
from vqcore.quantizer.options import Options

Vectors = NDArray[np.floating]
Status = Literal["exact", "assumed", "raw"]

SMALLEST_USAGE = 1e-5
SMALLEST_VARIANCE = 1e-5
SMALLEST_LENGTH = 1e-12
UNIT_SPREAD = 1e-3
"""Rows count as unit vectors if no length is further from 1 than this."""

ROWS_AT_ONCE = 4096
"""Rows whose lengths are computed at once, so that a large table is not held twice."""


class Effective(NamedTuple):
    """A codebook as the search sees it."""

    vectors: Vectors
    """(K, D), float32."""

    status: Status
    """`exact`: the formula and everything it needs are in the file. `assumed`: something that no such file records
    is assumed to be at its default. `raw`: known *not* to be what is searched; the vectors are as stored."""

    formula: str
    note: str
    search: Search


class Known(NamedTuple):
    """What the user knows and no file contains."""

    affine_lr: float | None = None
    """λ of VQTorch's learned affine map."""

    options: Options | None = None
    """Options of one of our own layers."""

    search: Search | None = None


class _Step(NamedTuple):
    vectors: Vectors
    status: Status
    formula: str
    note: str = ""


def effective(codebook: Codebook, known: Known | None = None) -> Effective:
    """The vectors of `codebook` as its search sees them.

    Raises:
        CheckpointError: if values cannot be read, or do not fit each other.
    """
    known = known if known is not None else Known()
    with np.errstate(all="ignore"):  # a broken codebook is for the diagnosis, not for a warning here
        try:
            raw, step = _computed(codebook, known)
        except (ValueError, IndexError, RuntimeError) as error:
            if isinstance(error, CheckpointError):
                raise
            raise CheckpointError(
                f"`{codebook.label}` does not fit the tensors beside it: {error}. Save the whole quantizer again, or "
                "name "
                "another tensor with --codebook KEY."
            ) from error
        return _as_searched(codebook, raw, step, known)


def _computed(codebook: Codebook, known: Known) -> tuple[Vectors, _Step]:
    """The vectors as stored, and what the layout's formula makes of them."""
    raw = codebook.raw()
    if codebook.transform not in UNCHANGED:
        raw = raw.astype(np.float64)
    return raw, TRANSFORMS[codebook.transform](codebook, raw, known)


def _as_searched(codebook: Codebook, raw: Vectors, step: _Step, known: Known) -> Effective:
    """As `effective`, after the layout's formula: by the search that was told or is seen from unit lengths."""
    vectors, search, note = step.vectors.astype(np.float32, copy=False), known.search or codebook.search, step.note
    if known.search is not None:
        note = f"{note} Searched by {known.search}, as told.".strip()
    if known.search == "cosine" and not has_unit_rows(vectors):
        vectors = _normalized(vectors)
        step = step._replace(formula=f"unit length of {step.formula}")
    elif known.search == "euclidean" and codebook.transform in UNIT:
        vectors, step = raw.astype(np.float32), step._replace(formula="c as stored")
    if known.search is None and search == "euclidean" and has_unit_rows(vectors):
        search = "cosine"
        note = f"{note} All rows have unit length, as in a cosine search.".strip()
    return Effective(vectors, step.status, step.formula, note, search)


def has_unit_rows(vectors: Vectors) -> bool:
    """Whether all rows of (K, D) have length 1."""
    if len(vectors) == 0 or vectors.shape[1] < 2:
        return False
    blocks = (vectors[start : start + ROWS_AT_ONCE] for start in range(0, len(vectors), ROWS_AT_ONCE))
    with np.errstate(all="ignore"):
        return all(
            bool((np.abs(np.linalg.norm(block.astype(np.float64), axis=1) - 1) < UNIT_SPREAD).all())
            for block in blocks
        )


def _as_stored(codebook: Codebook, raw: Vectors, _: Known) -> _Step:
    if codebook.confidence in ("candidate", "told"):
        return _Step(raw, "assumed", "c as stored", "Whether there is a map after it is not known.")
    return _Step(
        raw, "assumed", "c as stored", "This layout does not save whether codes are normalized for the search."
    )


def _plain(_: Codebook, raw: Vectors, __: Known) -> _Step:
    return _Step(raw, "exact", "c as stored")


def _sum_over_usage(codebook: Codebook, raw: Vectors, _: Known) -> _Step:
    usage = _values(codebook.owner, codebook.owner.first("cluster_usage", "cluster_size") or "")
    if usage is None:
        return _Step(raw, "raw", "sums as stored", "The usage to divide by is missing.")
    return _Step(raw / np.maximum(usage, SMALLEST_USAGE)[:, None], "exact", "c = sum / max(usage, 1e-5)")


def _code_transform(codebook: Codebook, raw: Vectors, _: Known) -> _Step:
    weight = _values(codebook.owner, "code_transform.weight")
    if weight is None or weight.ndim != 2:
        return _Step(
            raw,
            "raw",
            "frozen table",
            "Its transform has more than one matrix; the file does not show how they combine.",
        )
    return _projected_by(raw, weight, _values(codebook.owner, "code_transform.bias"))


def _moving_affine(codebook: Codebook, raw: Vectors, _: Known) -> _Step:
    """(e − codebook_mean)·√batch_var/√codebook_var + batch_mean, variances at least 1e-5 (lucidrains)."""
    owner, head = codebook.owner, codebook.cut.head or 0
    names = ("codebook_mean", "codebook_variance", "batch_mean", "batch_variance")
    found = [_values(owner, name) for name in names]
    if found[0] is None and found[1] is None:
        return _Step(raw, "exact", "c as stored")
    flags = [_values(owner, f"{name}_needs_init") for name in names]
    if any(one is None for one in found) or any(flag is not None and flag.any() for flag in flags):
        return _Step(raw, "assumed", "c as stored", "Its affine map has not yet seen a batch.")
    c_mean, c_var, p_mean, p_var = (np.asarray(one)[head, 0] for one in found)
    scale = np.sqrt(np.maximum(p_var, SMALLEST_VARIANCE)) / np.sqrt(np.maximum(c_var, SMALLEST_VARIANCE))
    return _Step((raw - c_mean) * scale + p_mean, "exact", "c = (e − μ_C)·σ_P/σ_C + μ_P")


def _vqtorch_affine(codebook: Codebook, raw: Vectors, known: Known) -> _Step:
    owner = codebook.owner.tree.module(f"{codebook.owner.path}.affine_transform".lstrip("."))
    moments = [_values(owner, f"running_{name}") for name in ("ze_mean", "ze_var", "c_mean", "c_var")]
    if all(one is not None for one in moments):
        p_mean, p_var, c_mean, c_var = (_by_row(codebook, np.asarray(one)) for one in moments)
        scale = np.sqrt(p_var / (c_var + 1e-8))
        return _Step(scale * raw - scale * c_mean + p_mean, "exact", "c = s·c_raw − s·μ_C + μ_P, s = √(σ²_P/σ²_C)")
    scale_of, bias_of = _values(owner, "scale"), _values(owner, "bias")
    if scale_of is None or bias_of is None:
        return _Step(raw, "assumed", "c as stored", "Its norm of the codes (`cb_norm`) is not stored.")
    if known.affine_lr is None:
        if not scale_of.any() and not bias_of.any():
            return _Step(raw, "exact", "c = (1 + λ·scale)·c_raw + λ·bias, with both 0")
        note = "c = (1 + λ·scale)·c_raw + λ·bias, but λ (`affine_lr`) is not saved. Give it for the effective ones."
        return _Step(raw, "raw", "c_raw", note)
    scale, bias = _by_row(codebook, scale_of), _by_row(codebook, bias_of)
    return _Step(
        (1 + known.affine_lr * scale) * raw + known.affine_lr * bias, "exact", "c = (1 + λ·scale)·c_raw + λ·bias"
    )


def _projected(codebook: Codebook, raw: Vectors, _: Known) -> _Step:
    for name in ("proj", "embedding_proj", "out_proj.0"):
        weight = _values(codebook.owner, f"{name}.weight")
        if weight is not None and weight.shape == (codebook.dim, codebook.dim):
            step = _projected_by(raw, weight, _values(codebook.owner, f"{name}.bias"))
            if name == "out_proj.0":
                return step._replace(
                    status="assumed", note="Level 0 may be normalized after it; the file does not say."
                )
            return step
    return _Step(raw, "raw", "table as stored", "Its projection is missing.")


def _projected_by(raw: Vectors, weight: Vectors, bias: Vectors | None) -> _Step:
    if bias is None:
        return _Step(raw @ weight.T, "exact", "c = W·e")
    return _Step(raw @ weight.T + bias, "exact", "c = W·e + b")


def _unit(codebook: Codebook, raw: Vectors, _: Known) -> _Step:
    return _Step(
        _normalized(raw), "exact", "c = e / ‖e‖", "The decoder gets the vectors as stored, through out_proj."
    )


def _unit_by_default(codebook: Codebook, raw: Vectors, _: Known) -> _Step:
    return _Step(
        _normalized(raw),
        "assumed",
        "c = e / ‖e‖",
        "This is the layout's default; the file does not record whether it was on.",
    )


def _vq_scope(codebook: Codebook, raw: Vectors, known: Known) -> _Step:
    return _Step(*scope_vectors(codebook, raw, known.options))


def _table_only(codebook: Codebook, raw: Vectors, _: Known) -> _Step:
    return _Step(
        raw, "raw", "table as stored", "The codes also pass through a network whose form the file does not record."
    )


def _normalized(raw: Vectors) -> Vectors:
    lengths = np.linalg.norm(raw, axis=1, keepdims=True)
    return np.asarray(raw / np.maximum(lengths, SMALLEST_LENGTH))


def _by_row(codebook: Codebook, rows_of_map: Vectors) -> Vectors:
    """Each code's row of a map of G rows over all rows of the tensor, contiguous groups."""
    total, groups = codebook.array.shape[0], rows_of_map.shape[0]
    rows = np.arange(total) * groups // total
    return np.asarray(rows_of_map[rows[codebook.cut.start : codebook.cut.stop]])


def _values(module: Module, name: str) -> NDArray[Any] | None:
    array = module.get(name)
    return None if array is None else array.read()


TRANSFORMS: dict[Transform, Callable[[Codebook, Vectors, Known], _Step]] = {
    "as stored": _as_stored,
    "plain": _plain,
    "sum over usage": _sum_over_usage,
    "code transform": _code_transform,
    "moving affine": _moving_affine,
    "vqtorch affine": _vqtorch_affine,
    "projected": _projected,
    "unit length": _unit,
    "unit length by default": _unit_by_default,
    "vq scope": _vq_scope,
    "table only": _table_only,
}

UNIT: frozenset[Transform] = frozenset({"unit length", "unit length by default"})

UNCHANGED: frozenset[Transform] = frozenset({"as stored", "plain", "table only"})
"""Formulas that compute nothing, and so need no copy in double precision."""
