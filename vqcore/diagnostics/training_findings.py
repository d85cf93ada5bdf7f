"""Conditions that can be seen from how a codebook was trained: gradients, curves, replacement."""

# T measured moments

import math

import numpy as np
from numpy.typing import NDArray

from vqcore.diagnostics import limits
from vqcore.diagnostics.advice import REPLACE_LESS
from vqcore.diagnostics.evidence import Evidence, TrainingEvidence
from vqcore.diagnostics.finding import Finding, Number
from vqcore.diagnostics.geometry import nearest_rows, total_spread
from vqcore.diagnostics.wording import context, count, found, percent, ratio, share_of, times
from vqcore.history import History

USUAL_INTERVAL = 20
"""Steps without use after which the gallery's healthy runs replace a code."""


def no_gradient(evidence: Evidence) -> Finding | None:
    """Whether training continues but the codebook does not change."""
    training = evidence.training
    steps = training.steps or 0
    if steps < 1 or training.frozen or not np.isfinite(evidence.codebook).all():
        return None
    start = training.initial_codebook
    if start is not None and start.shape == evidence.codebook.shape and np.array_equal(start, evidence.codebook):
        return found(
            "no-gradient",
            "severe",
            f"Not one code vector has changed in {steps:,} {training.unit}{'s' if steps > 1 else ''}.",
            count("code vectors that moved", 0, "severe at 0"),
            count(f"{training.unit}s", steps),
        )
    if training.moved_by == "ema" or training.gradient_norm is None or training.gradient_norm.any():
        return None
    return found(
        "no-gradient",
        "severe",
        "No gradient reaches the codebook.",
        count("codes with a gradient in the newest step", 0, "severe at 0"),
        count("steps", steps),
    )


def moves_though_frozen(evidence: Evidence) -> Finding | None:
    """Whether a codebook that was meant to stay has moved, and how many latents get another code by that."""
    training = evidence.training
    start = training.initial_codebook
    if not training.frozen or start is None or start.shape != evidence.codebook.shape:
        return None
    moved = (start != evidence.codebook).any(1)
    if not moved.any():
        return None
    far = np.linalg.norm(np.subtract(evidence.codebook, start, dtype=np.float64)[moved], axis=1)
    churn = index_churn(evidence)
    changed = "" if churn is None else f", and {percent(churn)} of the latents get another code"
    return found(
        "moves-though-frozen",
        "severe",
        f"The codebook is not frozen: {int(moved.sum()):,} of {len(moved):,} code vectors moved{changed}.",
        count("code vectors that moved", moved.sum(), "severe from 1"),
        ratio("median of their distance, in spreads of C", float(np.median(far)) / (total_spread(start) or 1.0)),
        *([] if churn is None else [context("latents with another code", churn, percent(churn))]),
    )


def index_churn(evidence: Evidence) -> float | None:
    """Share of the latents to which the earlier codebook gives another code; None without one, or of a residual."""
    latents, start = evidence.latents, evidence.training.initial_codebook
    if latents is None or start is None or start.shape != evidence.codebook.shape or evidence.residual_level > 0:
        return None
    if not np.isfinite(start).all():
        return None
    some = latents.sample[: limits.CHURN_SAMPLE]
    return float((nearest_rows(some, start) != nearest_rows(some, evidence.codebook)).mean())


def ranks_disagree(evidence: Evidence) -> Finding | None:
    """Whether the processes of a distributed training have codebooks that went ways of their own."""
    own = np.asarray(evidence.codebook, dtype=np.float64)
    others = [one for one in evidence.training.other_ranks if one.shape == own.shape]
    if not others:
        return None
    apart = np.max([np.linalg.norm(own - one, axis=1) for one in others], axis=0)
    differs = ~(apart <= limits.RANKS_DIFFER * np.linalg.norm(own, axis=1))  # NaN differs
    rows = int(differs.sum())
    if rows == 0:
        return None
    return found(
        "ranks-disagree",
        "severe",
        f"Ranks disagree in {rows:,} of {len(own):,} row{'s' if len(own) > 1 else ''} of the codebook.",
        count("rows in which processes differ", rows, "severe from 1"),
        count("processes", len(others) + 1),
    )


def deaf_decoder(evidence: Evidence) -> Finding | None:
    """Whether the decoder gives (nearly) the same output whatever its codes are."""
    response = evidence.response
    if response is None:
        return None
    share = response.output_variance / response.code_variance
    if share >= limits.DEAF:
        return None
    return found(
        "deaf-decoder",
        "severe",
        "The decoder no longer answers to its codes: its output hardly varies over the held-out inputs, although "
        "their codes do.",
        context(
            "variance of the output over that of the code vectors",
            share,
            f"{share:.1g}",
            f"severe below {limits.DEAF:g}",
        ),
        context("variance of the output", response.output_variance, f"{response.output_variance:.3g}"),
        context("variance of the code vectors", response.code_variance, f"{response.code_variance:.3g}"),
        count("held-out inputs", response.num_inputs),
    )


def commitment_too_strong(evidence: Evidence) -> Finding | None:
    """Whether the embeddings shrink while the commitment competes with the task."""
    spread, pull = _trend(evidence), _pull(evidence.training)
    kept = None if spread is None else _over_the_first(spread)
    if pull is None or kept is None or kept >= limits.RAN_AWAY:  # the error grew with them, and the loss with it
        return None
    shrunk = pull >= limits.STRONG_PULL and kept <= limits.SHRUNK
    if not shrunk and pull < limits.DOMINANT_PULL:
        return None
    return found(
        "commitment-too-strong",
        "severe",
        f"Commitment is too strong: it makes up {percent(pull)} of the encoder's loss, and the embeddings have "
        f"{share_of(kept, 'their first spread')}.",
        context(
            "commitment's share of the encoder's loss",
            pull,
            percent(pull),
            f"severe from {percent(limits.DOMINANT_PULL)}, or from {percent(limits.STRONG_PULL)} if P shrinks",
        ),
        context("spread of P over its value at the start", kept, percent(kept), f"up to {percent(limits.SHRUNK)}"),
    )


def drifting_embeddings(evidence: Evidence) -> Finding | None:
    """Whether the embeddings keep growing, because the commitment is too weak or in spite of it.

    Growth that the codes follow does no harm, and is only noted.
    """
    spread, pull = _trend(evidence), _pull(evidence.training)
    if spread is None or (evidence.training.steps or 0) < limits.FIRST_STEPS:
        return None
    half, kept = float(spread[len(spread) // 2]), _over_the_first(spread)
    growth = float(spread[-1]) / half if half > 0 else 1.0
    grew = growth >= limits.GROWTH
    if not grew and (kept is None or kept < limits.RAN_AWAY or pull is None or pull < limits.STRONG_PULL):
        return None
    numbers = [ratio("spread of P over its value half-way through", growth, f"severe from {limits.GROWTH:g}")]
    if kept is not None:
        limit = f"severe from {limits.RAN_AWAY:g} where the commitment is strong"
        numbers.append(ratio("spread of P over its value at the start", kept, limit))
    grown = [f"{times(growth)} that half-way through"] if grew else []
    grown += [] if kept is None else [f"{times(kept)} that at the start"]
    left, loss = _since_half_way(evidence.training.history)
    numbers += [] if left is None else [_of_half_way("relative error", left, limits.KEEPS_UP)]
    numbers += [] if loss is None else [_of_half_way("task loss", loss, limits.LOSS_GREW)]
    if left is not None and left < limits.KEEPS_UP and (loss is None or loss < limits.LOSS_GREW):
        title = (
            f"The embeddings grow, and the codes keep up: their spread is {' and '.join(grown)}, but the relative "
            f"error is {percent(left)} of that half-way through."
        )
        return found("runaway-embeddings", "note", title, *numbers)
    if pull is None or pull >= limits.WEAK_PULL:
        title = f"The embeddings {'run' if grew else 'have run'} away: their spread is {' and '.join(grown)}."
        return found("runaway-embeddings", "severe", title, *numbers)
    numbers.append(
        context("commitment's share of the encoder's loss", pull, percent(pull), f"below {percent(limits.WEAK_PULL)}")
    )
    weak = f"Commitment is too weak: it makes up {percent(pull)} of the encoder's loss"
    title = f"{weak}, and the spread of the embeddings is {times(growth)} that half-way through."
    return found("commitment-too-weak", "severe", title, *numbers)


def _since_half_way(history: History | None) -> tuple[float | None, float | None]:
    """The relative error and the task loss now over those half-way through; None where they are not recorded."""
    if history is None:
        return None, None
    return _of_middle(history.measured.get("relative_error")), _of_middle(history.losses.get("task_loss"))


def _of_middle(values: NDArray[np.floating] | None) -> float | None:
    """The mean of the last tenth of (T,) values over that of the middle tenth; None unless both are above 0."""
    if values is None or len(values) < limits.FEWEST_ROWS:
        return None
    tenth, middle = len(values) // 10, len(values) // 2
    before, now = (_finite_mean(part) for part in (values[middle - tenth // 2 :][:tenth], values[-tenth:]))
    return now / before if before > 0 and now > 0 else None


def _of_half_way(name: str, value: float, limit: float) -> Number:
    return ratio(f"{name} over its value half-way through", value, f"harm from {limit:g}")


def _over_the_first(spread: NDArray[np.floating]) -> float | None:
    """The spread of P now over that at the first of (T,) measurements; None if that was 0."""
    return float(spread[-1] / spread[0]) if spread[0] > 0 else None


def recycling_replacement(evidence: Evidence) -> Finding | None:
    """Whether replacement moves codes that merely wait for their next use."""
    training = evidence.training
    every, per_step = training.replace_every, training.vectors_per_step
    if every < 1 or not per_step or evidence.num_codes < 2:
        return None
    waiting = float(np.exp(every * per_step * np.log1p(-1 / evidence.num_codes)))
    if waiting < limits.RECYCLED_SHARE:
        return None
    numbers = [
        context(
            "codes that even use would leave unused for that long",
            waiting,
            percent(waiting),
            f"warning from {percent(limits.RECYCLED_SHARE)} of K",
        ),
        ratio("N/K over the interval", every * per_step / evidence.num_codes),
    ]
    churn = _churn(training)
    if churn is not None:
        numbers.append(
            context(
                f"codes moved in the last {limits.CHURN_STEPS} steps",
                churn,
                percent(churn),
                f"severe from {percent(limits.CHURN)} of K",
            )
        )
    longer = math.ceil(math.log(limits.RECYCLED_SHARE) / (per_step * math.log1p(-1 / evidence.num_codes)))
    return found(
        "recycling-replacement",
        "severe" if churn is not None and churn >= limits.CHURN else "warning",
        f"Replacement recycles healthy codes: it moves them after {every:,} unused step{'s' if every > 1 else ''}, "
        f"although chance alone leaves {percent(waiting)} of them unused for that long.",
        *numbers,
        remedies=(REPLACE_LESS._replace(ours=(f"replace_every={max(USUAL_INTERVAL, longer)}",)),),
    )


def _churn(training: TrainingEvidence) -> float | None:
    if training.placed_at is None or training.steps is None or training.steps < limits.CHURN_STEPS:
        return None
    return float((training.placed_at > max(0, training.steps - limits.CHURN_STEPS)).mean())


def _trend(evidence: Evidence) -> NDArray[np.floating] | None:
    """The spread of P at each measurement, (T,), if there are enough; residuals have their own trend."""
    history = evidence.training.history
    if history is None or evidence.residual_level > 0 or len(history.measured_at) < limits.FEWEST_ROWS:
        return None
    spread = np.asarray(history.measured["p_spread"], dtype=np.float64)
    return spread if np.isfinite(spread).all() and spread.max() > 0 else None


def _pull(training: TrainingEvidence) -> float | None:
    """Share of the encoder's side of the commitment in the encoder's loss, over the second half of the steps."""
    history = training.history
    if history is None or training.alpha is None or training.beta is None or len(history.step) < 2:
        return None
    half = len(history.step) // 2
    task = _finite_mean(np.abs(history.losses["task_loss"][half:]))
    held = training.alpha * (1 - training.beta) * _finite_mean(history.losses["commitment_loss"][half:])
    return held / (held + task) if held + task > 0 else None


def _finite_mean(values: NDArray[np.floating]) -> float:
    """Mean of the finite values, or 0 if there are none."""
    finite = values[np.isfinite(values)]
    return float(finite.mean(dtype=np.float64)) if len(finite) else 0.0
