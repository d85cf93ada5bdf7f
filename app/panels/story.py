"""What happened to a codebook, in one sentence of cause and effect, and how it is doing. Knows no page.

The numbers are those of the held-out vectors at the moment shown and just before the newest switch. No switch is
praised: the sentence says what was, what is, and what the same training would be without it where that is known.
"""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

from app.wording import number
from vqcore.diagnostics.usage import expected_active

EARLY_STEPS = 20
"""Steps after a switch before anything is made of it."""

MORE_CODES, FEWER_CODES = 1.25, 0.8
"""Codes in use over those before the switch, from which they are more and down to which they are fewer."""

RECOVERED_SHARE = 0.5
"""Codes in use over those that even use would touch, from which a codebook counts as recovered."""

HIGHER_LOSS, LOWER_LOSS = 1.5, 0.8
"""Task loss over its value before the switch, from which it is higher, so that nothing is healthy, and down to which
it is lower."""

FALLING = 0.5
"""Task loss over its peak since the switch, down to which a loss that is still higher is on its way back."""

NOTABLE_PEAK = 1.5
"""The peak over the larger of the losses before and now, from which it is told."""

NO_BETTER_THAN_THE_MEAN = 1.0
"""Relative error from which the mean of P alone would serve as well as the codes."""

LOST_SHARE, COLLAPSED_SHARE = 0.5, 0.25
"""Codes in use over those before training, down to which most are lost, and the codebook has collapsed."""

Look = Literal["severe", "warning", "unknown", "judging", "healthy"]


class Values(NamedTuple):
    """What the held-out vectors say of one moment."""

    in_use: int
    task_loss: float


class Peak(NamedTuple):
    """The highest task loss of a training batch since the switch."""

    task_loss: float
    step: int


class Cause(NamedTuple):
    """The newest switch."""

    words: str
    step: int
    earlier: int
    """How many switches were thrown before it."""


class Finding(NamedTuple):
    """What the doctor says of this very moment."""

    severity: str
    words: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """All that the story is told from."""

    step: int
    num_codes: int
    num_vectors: int
    before: Values
    """Just before the switch took effect; without a switch, before training."""

    now: Values
    relative_error: float
    cause: Cause | None = None
    peak: Peak | None = None
    twin: Values | None = None
    """The same training at the same step without the switch, if it is trained along."""

    of_level: str = ""
    """` of level 2`, or empty."""

    training_at: int | None = None
    """The newest step, if the reader has gone back to an earlier one."""

    has_failed: bool = False
    finding: Finding | None = None
    """None if this moment has not been judged."""

    verdict_from: int = 0
    """The step from which there is a verdict."""

    @property
    def loss_factor(self) -> float:
        """Task loss over its value before the switch; 1 without a switch, NaN where it says nothing."""
        if self.cause is None:
            return 1.0
        return self.now.task_loss / self.before.task_loss if self.before.task_loss > 0 else math.nan

    @property
    def has_recovered(self) -> bool:
        """Whether as many codes are in use as a recovery takes."""
        return self.now.in_use >= RECOVERED_SHARE * expected_active(self.num_vectors, self.num_codes)


class State(NamedTuple):
    """How the codebook is doing."""

    look: Look
    word: str
    signs: tuple[str, ...] = ()
    """What it rests on."""


def clauses(account: Account) -> list[str]:
    """The sentence, in parts; the first says which step is shown.

    >>> told = Account(
    ...     step=67, num_codes=512, num_vectors=1536, before=Values(12, 0.21), now=Values(258, 0.57),
    ...     relative_error=0.2, cause=Cause("replacement every 10", 20, 0), peak=Peak(50.0, 24),
    ... )
    >>> " · ".join(clauses(told)[:3])
    'Step 67 · 47 steps after replacement every 10 · in use 12 → 258 of 512'
    >>> " · ".join(clauses(told)[3:])
    'task loss 0.210 → 0.570 (peak 50.0 at step 24) · recovering'
    """
    before, now = account.before, account.now
    moved = account.cause is not None or account.step > 0
    said = [_where(account)]
    said += [_since(account, account.cause)] if account.cause is not None else []
    used = f"{before.in_use:,} → {now.in_use:,}" if moved else f"{now.in_use:,}"
    said.append(f"in use{account.of_level} {used} of {account.num_codes:,}")
    loss = f"{number(before.task_loss)} → {number(now.task_loss)}" if moved else number(now.task_loss)
    said.append(f"task loss {loss}{_peak(account)}")
    return [*said, *filter(None, [outcome(account)])]


def _where(account: Account) -> str:
    if account.training_at is None:
        return f"Step {account.step:,}"
    return f"Showing step {account.step:,}, training is at {account.training_at:,}"


def _since(account: Account, cause: Cause) -> str:
    steps = account.step - cause.step
    others = f" ({cause.earlier:,} {'switch' if cause.earlier == 1 else 'switches'} before)" if cause.earlier else ""
    return f"{steps:,} {'step' if steps == 1 else 'steps'} after {cause.words}{others}"


def _peak(account: Account) -> str:
    peak = account.peak
    highest = max(account.before.task_loss, account.now.task_loss)
    if peak is None or not peak.task_loss >= NOTABLE_PEAK * highest:
        return ""
    return f" (peak {number(peak.task_loss)} at step {peak.step:,})"


def outcome(account: Account) -> str:
    """What has become of the codes, in a few words; empty where there is nothing to say."""
    if account.cause is None:
        return _without_a_switch(account)
    if account.has_failed and account.training_at is None:
        return ""  # the state says so
    if account.step - account.cause.step < EARLY_STEPS:
        return "too early to tell"
    before, now, factor = account.before.in_use, account.now.in_use, account.loss_factor
    if not math.isfinite(account.now.task_loss):
        return "worse"
    costs = factor >= HIGHER_LOSS
    if now >= MORE_CODES * before and now > before + 1:
        if factor <= LOWER_LOSS:
            return "recovered" if account.has_recovered else "recovering"
        if not costs:
            return "more codes at a similar loss"
        is_falling = account.peak is not None and account.now.task_loss <= FALLING * account.peak.task_loss
        return "recovering" if is_falling else "more codes at a higher loss"
    if costs or now <= FEWER_CODES * before:
        return "worse"
    if factor <= LOWER_LOSS:
        return "as many codes at a lower loss"
    return "as before" if account.has_recovered else "no better than before"


def _without_a_switch(account: Account) -> str:
    share = account.now.in_use / max(account.before.in_use, 1)
    return "collapsed" if share <= COLLAPSED_SHARE else "most codes lost" if share <= LOST_SHARE else ""


def state_of(account: Account) -> State:
    """How it is doing: never healthy beside a bad sign, whatever the doctor says; judging where nothing is known."""
    finding, signs = account.finding, tuple(bad_signs(account))
    found = () if finding is None else (finding.words,)
    if account.has_failed and account.training_at is None:
        return State("severe", "failed", ("training has stopped at a number that is not finite or at an error",))
    if not math.isfinite(account.now.task_loss) or math.isinf(account.relative_error):
        return State("severe", "not finite", (*found, *signs))
    if finding is not None and finding.severity in ("severe", "warning"):
        look: Look = "severe" if finding.severity == "severe" else "warning"
        return State(look, finding.severity, (*found, *signs))
    if signs:
        return State("warning", "warning", signs)
    if account.step < account.verdict_from:
        return State("unknown", "too early to judge", (f"a verdict takes {account.verdict_from:,} steps",))
    if finding is None:
        return State("judging", "judging …")
    if finding.severity == "unknown":
        return State("unknown", "not enough data to say", found)
    return State("healthy", "healthy")


def bad_signs(account: Account) -> list[str]:
    """What no healthy codebook has, whatever its usage."""
    error, factor = account.relative_error, account.loss_factor
    signs = []
    if math.isnan(error):
        signs.append("no relative error: P is one point")
    elif error >= NO_BETTER_THAN_THE_MEAN:
        signs.append(f"relative error {number(error)}: the mean of P would do no worse")
    if factor >= HIGHER_LOSS:
        signs.append(f"task loss {number(factor)} times its value at the switch")
    if account.has_failed:
        signs.append("this run has failed")
    return signs


def twin_words(account: Account) -> str:
    """What the same training does without the switch; empty where none is trained along."""
    twin = account.twin
    if twin is None:
        return ""
    return f"twin without it: in use {twin.in_use:,}, loss {number(twin.task_loss)}"
