"""Codes without a checkpoint: what usage alone tells, for a given number of codes."""

# K codes, D features

from pathlib import Path
from typing import Any

import numpy as np

from vqcore.diagnostics.diagnosis import diagnose_usage
from vqcore.diagnostics.evidence import Evidence, UsageEvidence
from vqcore.doctor.code_assignment import mask_of
from vqcore.doctor.inputs import by_input
from vqcore.doctor.json_report import SCHEMA, finding_values, finite
from vqcore.doctor.measuring import Progress
from vqcore.doctor.parts import FindingPart, advice_on
from vqcore.doctor.report import amount, summary_of
from vqcore.doctor.text_report import finding_lines
from vqcore.files.codes import ONE_SEARCH, CodeAxes, count_codes, open_codes
from vqcore.files.errors import CheckpointError, shown


def examine_codes(
    path: Path,
    num_codes: int,
    level_axis: int | None = None,
    *,
    mask: Path | None = None,
    progress: Progress | None = None,
) -> tuple[dict[str, Any], str, int]:
    """The report as values and as lines, and the exit code: 1 if a finding is severe.

    Args:
        path: a file of whole numbers.
        num_codes: K, of each level.
        level_axis: the axis along which there is one code of each level; None if all are of one codebook.
        mask: a file that says which of them count; None if all do.
        progress: called now and then with codes done and codes in all.

    Raises:
        CheckpointError: one sentence, for whatever cannot be read as asked.
    """
    array = open_codes(path)
    if level_axis is not None and not -len(array.shape) <= level_axis < len(array.shape):
        raise CheckpointError(
            f"`--level-axis` must be an axis of the codes' shape {array.shape}, but is {level_axis}. Count from 0."
        )
    axes = ONE_SEARCH if level_axis is None else CodeAxes(level_axis % len(array.shape))
    sizes = [num_codes] * (1 if axes.level is None else array.shape[axes.level])
    kept = mask_of(mask, array, axes)
    inputs = by_input(array, axes, sizes, kept)
    levels, lines = [], []
    for level, counts in enumerate(count_codes(array, sizes, axes, mask=kept, progress=progress)):
        usage = UsageEvidence(counts, int(counts.sum()), "at least once in the given codes", of_codes=True)
        unknown = np.zeros((num_codes, 1))  # no check of usage looks at the vectors
        findings = diagnose_usage(
            Evidence(codebook=unknown, usage=usage, inputs=None if inputs is None else inputs.evidence)
        )
        summary = summary_of(usage)
        levels.append(
            {
                "level": None if level_axis is None else level,
                "num_codes": num_codes,
                "usage": None if summary is None else finite(summary._asdict()),
                "severity": findings[0].severity,
                "findings": [finding_values(one) for one in findings],
            }
        )
        head = "" if level_axis is None else f"level {level + 1}: "
        used = (
            "" if summary is None else f"used {summary.used:,} of {num_codes:,}, perplexity {summary.perplexity:.1f}"
        )
        lines += ["", f"{head}{used}; {amount(usage.num_vectors, num_codes)}"]
        lines += [line for one in findings for line in finding_lines(FindingPart(one, advice_on(one)))]
    severe = any(one["severity"] == "severe" for one in levels)
    order = ("severe", "warning", "unknown", "healthy", "note")
    worst = min(levels, key=lambda one: order.index(str(one["severity"])))
    verdict = worst["findings"][0]["title"]  # type: ignore[index]
    notes = [inputs.note] if inputs is not None and inputs.note else []
    values = {
        "schema": SCHEMA,
        "file": str(path),
        "severe": severe,
        "verdict": verdict,
        "levels": levels,
        "read": notes,
    }
    text = "\n".join([f"VERDICT  {verdict}", f"file     {shown(path)}: codes {array.shape}", *notes, *lines])
    return values, text, int(severe)
