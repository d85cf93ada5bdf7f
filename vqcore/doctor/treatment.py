"""What-if and repair: what remedies would do to the codebooks of a file, and a copy with the chosen one applied."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vqcore.checkpoints.reader import Checkpoint
from vqcore.doctor.assignment import opened
from vqcore.doctor.text_report import aligned
from vqcore.files.errors import shown
from vqcore.remedies.moves import Remedy
from vqcore.remedies.repair import Repaired, only_quantizer, repair
from vqcore.remedies.what_if import Outcome, WhatIf, what_if

HEAD = ("what if", "used", "perplexity", "‖z_e − z_q‖²", "over variance of z_e", "")

UNSEEN = (
    "The decoder has never seen codes that moved: right after loading, its output is worse than these errors "
    "foretell. Go on training it."
)
"""In one training on digits its error was 10 times as large at first, and after 200 steps lower than unrepaired."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Treatment:
    """What was predicted, and what was written."""

    foretold: WhatIf
    repaired: Repaired | None = None


def foretell(
    checkpoint: Checkpoint,
    latents: Path,
    *,
    key: str | None = None,
    axis: int | None = None,
    mask: Path | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> Treatment:
    """What every remedy would do to the one quantizer of `checkpoint`.

    Raises:
        CheckpointError: one sentence, if it has several, or the latents do not fit.
    """
    quantizer = only_quantizer(checkpoint)
    source = opened(latents, quantizer, key=key, axis=axis, mask=mask)
    return Treatment(foretold=what_if(quantizer, source, known=checkpoint.known, progress=progress))


def treat(
    checkpoint: Checkpoint,
    latents: Path,
    out: Path,
    remedy: Remedy,
    *,
    force: bool,
    key: str | None = None,
    axis: int | None = None,
    mask: Path | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> Treatment:
    """Write a copy of `checkpoint` with the codebooks of its one quantizer after `remedy`.

    Raises:
        CheckpointError: one sentence; nothing is written in that case.
    """
    quantizer = only_quantizer(checkpoint)
    source = opened(latents, quantizer, key=key, axis=axis, mask=mask)
    done = repair(checkpoint, out, source, remedy=remedy, codebooks=quantizer, force=force, progress=progress)
    return Treatment(foretold=done.foretold, repaired=done)


def treatment_text(treatment: Treatment) -> str:
    """Lines for people: before and after each remedy, and what was written."""
    foretold, done = treatment.foretold, treatment.repaired
    rows = [HEAD, (*_row("as it is", foretold.before), "")]
    rows += [(*_row(remedy, outcome), mark_of(foretold, outcome)) for remedy, outcome in foretold.after.items()]
    lines = ["", *aligned(rows)]
    lines += [f"{remedy}: does not apply: {reason}" for remedy, reason in foretold.unsuited.items()]
    lines.append(
        f"fitted to {foretold.num_fit:,} latents and judged on {foretold.num_held_out:,} others, of "
        f"{foretold.num_vectors:,}; ± is a 95% interval over {len(foretold.before.group_errors)} parts of them"
    )
    if done is not None:
        moved = ", ".join(f"{count:,}" for count in done.moved_codes)
        lines.append(
            f"wrote {shown(done.path)} after {done.remedy}: codes moved {moved}; every other tensor unchanged"
        )
        lines += [*done.left, UNSEEN]
    return "\n".join(lines)


def treatment_values(treatment: Treatment) -> dict[str, Any]:
    """The treatment as plain values for `--json`."""
    foretold, done = treatment.foretold, treatment.repaired
    values: dict[str, Any] = {
        "what_if": {
            "before": _values(foretold.before),
            "after": {
                remedy: {
                    **_values(outcome),
                    "does_harm": outcome.error > foretold.before.error,
                    "is_sure": outcome.differs_from(foretold.before),
                }
                for remedy, outcome in foretold.after.items()
            },
            "unsuited": dict(foretold.unsuited),
            "num_fit": foretold.num_fit,
            "num_held_out": foretold.num_held_out,
            "num_vectors": foretold.num_vectors,
        }
    }
    if done is not None:
        values["repair"] = {
            "path": str(done.path),
            "remedy": done.remedy,
            "moved_codes": list(done.moved_codes),
            "changed": [place._asdict() for place in done.changed],
            "left": list(done.left),
            "warning": UNSEEN,
        }
    return values


def mark_of(foretold: WhatIf, outcome: Outcome) -> str:
    """What marks the outcome: no more than chance, worse than doing nothing, or the least error of all."""
    if not outcome.differs_from(foretold.before):
        return "no sure difference"
    if outcome.error > foretold.before.error:
        return "does harm"
    return "best" if outcome.error <= min(one.error for one in foretold.after.values()) else ""


def _row(name: str, outcome: Outcome) -> tuple[str, ...]:
    used = " + ".join(f"{book.active:,} of {book.num_codes:,}" for book in outcome.codebooks)
    perplexities = " + ".join(f"{book.perplexity:.1f}" for book in outcome.codebooks)
    relative = "–" if outcome.relative_error is None else f"{outcome.relative_error:.1%}"
    return name, used, perplexities, error_of(outcome), relative


def error_of(outcome: Outcome) -> str:
    """The error with its 95% interval, as a person reads it."""
    margin = outcome.margin
    return f"{outcome.error:.4g}" + (f" ± {margin:.2g}" if np.isfinite(margin) else "")


def _values(outcome: Outcome) -> dict[str, Any]:
    return {
        "error": outcome.error,
        "error_margin": outcome.margin if np.isfinite(outcome.margin) else None,
        "relative_error": outcome.relative_error,
        "codebooks": [book._asdict() for book in outcome.codebooks],
    }
