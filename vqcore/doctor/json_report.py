"""The report as plain values: what `--json` prints."""

import math
from typing import Any

from vqcore.diagnostics.finding import Finding
from vqcore.doctor.examination import Examination
from vqcore.doctor.following import Following
from vqcore.doctor.following_report import following_values
from vqcore.doctor.parts import CodebookPart, FollowingPart, ImplicitPart, VerdictPart, report_parts

SCHEMA = "vqscope-doctor/1"
"""Changes its number when a field goes or changes its meaning; new fields may come without."""


def as_values(examination: Examination, following: Following | None = None) -> dict[str, Any]:
    """All of it, ready for JSON; see `text_report` for `following`."""
    checkpoint = examination.checkpoint
    values: dict[str, Any] = {
        "schema": SCHEMA,
        "file": str(checkpoint.path),
        "format": checkpoint.format,
        "tensors": checkpoint.num_arrays,
        "step": None if checkpoint.step is None else {checkpoint.step[0]: checkpoint.step[1]},
        "severe": examination.is_severe,
    }
    codebooks: list[dict[str, Any]] = []
    implicit: list[dict[str, Any]] = []
    for part in report_parts(examination, following):
        match part:
            case VerdictPart():
                values |= {"verdict": part.headline, "codebooks": codebooks, "no_code_vectors": implicit}
            case FollowingPart():
                values["series"] = following_values(part.following)
            case CodebookPart():
                codebooks.append(_codebook(part))
            case ImplicitPart():
                implicit.append(_implicit(part))
    return values


def _implicit(part: ImplicitPart) -> dict[str, Any]:
    return {"path": part.path, "kind": part.kind, "num_codes": part.num_codes, "about": part.about}


def _codebook(part: CodebookPart) -> dict[str, Any]:
    one, book, latents = part.examined, part.examined.codebook, part.examined.evidence.latents
    return {
        "name": book.label,
        "layout": book.layout,
        "confidence": book.confidence,
        "evidence": list(book.evidence),
        "against": list(book.against),
        "num_codes": book.num_codes,
        "dim": book.dim,
        "axis": book.axis,
        "axis_reason": book.axis_reason,
        "axis_certain": book.axis_certain,
        "dtype": book.array.dtype,
        "copy": str(book.copy),
        "structure": book.structure,
        "level": book.level,
        "group": book.group,
        "vectors": {"status": one.effective.status, "formula": one.effective.formula, "search": one.effective.search},
        "usage": None if part.usage is None else finite(part.usage._asdict()),
        "relative_error": None if latents is None else latents.relative_error,
        "length_ratio": None if latents is None else latents.length_ratio,
        "severity": one.verdict.severity,
        "findings": [finding_values(one.finding) for one in part.findings],
        "read": list(one.read),
    }


def finding_values(finding: Finding) -> dict[str, Any]:
    """Of one finding; `numbers` are in the order in which they support it."""
    return {
        "condition": finding.condition,
        "severity": finding.severity,
        "title": finding.title,
        "numbers": [finite(number._asdict()) for number in finding.numbers],
        "cause": finding.cause,
        "remedies": [remedy._asdict() for remedy in finding.remedies],
        "source": finding.source,
    }


def finite(values: dict[str, Any]) -> dict[str, Any]:
    """`values` with None for NaN and infinity, which JSON lacks."""
    return {name: _number(value) if isinstance(value, float) else value for name, value in values.items()}


def _number(value: float) -> float | None:
    """JSON has no infinity."""
    return value if math.isfinite(value) else None
