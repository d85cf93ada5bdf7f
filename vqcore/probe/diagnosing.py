"""`diagnose`: the doctor's findings on a codebook, a module or a run, for a notebook."""

# N vectors, K codes, D features

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from vqcore.diagnostics.evidence import Evidence, UsageEvidence
from vqcore.diagnostics.usage import count_codes
from vqcore.doctor.diagnosis import Diagnosis, diagnosis_of
from vqcore.doctor.measuring import Measured, measure_levels
from vqcore.probe.finding import find_quantizers
from vqcore.probe.watched import Book
from vqcore.runs.evidence import evidence_at
from vqcore.runs.reading import Run

Arrays = ArrayLike | Tensor
WHOLE = "codebook"
"""Name of a codebook that was given as an array."""


def diagnose(
    codebook_or_module: Arrays | nn.Module | Run,
    *,
    latents: Arrays | Mapping[str, Arrays] | None = None,
    codes: Arrays | Mapping[str, Arrays] | None = None,
    step: int | None = None,
) -> Diagnosis:
    """What is wrong with a codebook (K, D), with each codebook of a module, or with a run at a recorded step.

    Args:
        codebook_or_module: an array or tensor (K, D), a module with quantizers that `watch` would find, or a `Run`.
        latents: z_e, (N, D), as `collect_latents` gives them; for several codebooks a mapping by name, or what the
            first level of a residual quantizer searches for.
        codes: instead of latents, codes of any shape; for several codebooks a mapping by name.
        step: of a run, one of its `snapshots`; by default the newest.

    Raises:
        ValueError: for shapes that do not fit, codes out of range, or a module without a quantizer.
    """
    if isinstance(codebook_or_module, Run):
        return diagnosis_of(evidence_at(codebook_or_module, step))
    if latents is not None and codes is not None:
        raise ValueError("`latents` and `codes` are both given. Give only the latents: the search finds their codes.")
    books, tables, cosine = _codebooks(codebook_or_module)
    evidence = {
        book.name: Evidence(codebook=table, residual_level=book.level if book.structure == "residual" else 0)
        for book, table in zip(books, tables, strict=True)
    }
    if latents is not None:
        for name, measured in _measured(latents, evidence, cosine).items():
            usage = UsageEvidence(measured.counts, measured.searched, "at least once by the given latents")
            evidence[name] = replace(evidence[name], usage=usage, latents=measured.latents)
    if codes is not None:
        for name, some in _by_name(codes, evidence).items():
            counts = _counted(some, evidence[name].num_codes)
            usage = UsageEvidence(counts, int(counts.sum()), "at least once in the given codes")
            evidence[name] = replace(evidence[name], usage=usage)
    return diagnosis_of(evidence)


def _codebooks(given: Arrays | nn.Module) -> tuple[list[Book], list[NDArray[np.float32]], bool]:
    """The codebooks, their tables, and whether only directions are compared."""
    if not isinstance(given, nn.Module):
        table = _array(given).astype(np.float32)
        if table.ndim != 2 or table.size == 0:
            raise ValueError(f"`codebook` must be (K, D), but has shape {table.shape}.")
        return [Book(WHOLE, *table.shape)], [table], False
    watched = find_quantizers(given)
    if not watched:
        raise ValueError(
            f"{type(given).__name__} has no quantizer that is recognized. Give its table, (K, D), instead."
        )
    with torch.no_grad():
        tables = [_array(table.float()) for one in watched for table in one.tables()]
    return [book for one in watched for book in one.books()], tables, any(one.is_cosine for one in watched)


def _measured(given: Any, evidence: Mapping[str, Evidence], cosine: bool) -> dict[str, Measured]:
    """The latents' usage and error for each codebook that they are given for."""
    if isinstance(given, Mapping) or len(evidence) == 1:
        return {
            name: _searched(some, [evidence[name]], cosine)[0] for name, some in _by_name(given, evidence).items()
        }
    levels = list(evidence.values())
    if [one.residual_level for one in levels] != list(range(len(levels))):
        raise ValueError(f"`latents` must be given by the codebook's name: {{{', '.join(map(repr, evidence))}}}.")
    return dict(zip(evidence, _searched(_array(given), levels, cosine), strict=True))


def _searched(latents: NDArray[Any], levels: list[Evidence], cosine: bool) -> list[Measured]:
    dim = levels[0].dim
    if latents.ndim < 2 or latents.shape[-1] != dim or latents.size == 0:
        raise ValueError(f"`latents` must be (N, {dim}), like the codebook, but have shape {latents.shape}.")
    vectors = latents.reshape(-1, dim).astype(np.float32)
    if not np.isfinite(vectors).all():
        broken = int((~np.isfinite(vectors).all(1)).sum())
        raise ValueError(f"`latents` must be finite, but {broken:,} of {len(vectors):,} have NaN or infinity.")
    return measure_levels([vectors], len(vectors), [one.codebook.astype(np.float32) for one in levels], cosine=cosine)


def _by_name(given: Any, evidence: Mapping[str, Evidence]) -> dict[str, NDArray[Any]]:
    if not isinstance(given, Mapping):
        if len(evidence) > 1:
            raise ValueError(f"Give a mapping by the codebook's name: {', '.join(map(repr, evidence))}.")
        given = dict.fromkeys(evidence, given)
    unknown = [name for name in given if name not in evidence]
    if unknown:
        raise ValueError(f"There is no codebook {unknown[0]!r}, only {', '.join(map(repr, evidence))}.")
    return {name: _array(some) for name, some in given.items()}


def _counted(codes: NDArray[Any], num_codes: int) -> NDArray[np.int64]:
    if not np.issubdtype(codes.dtype, np.integer):
        raise ValueError(f"`codes` must be whole numbers, but are {codes.dtype}.")
    used = codes[codes >= 0]  # −1 where nothing was searched for
    if used.size and int(used.max()) >= num_codes:
        raise ValueError(f"`codes` must be below K = {num_codes:,}, but go up to {int(used.max()):,}.")
    return count_codes(used, num_codes)


def _array(given: Arrays) -> NDArray[Any]:
    return given.detach().cpu().numpy() if isinstance(given, Tensor) else np.asarray(given)
