"""What happened to a codebook, in one sentence of cause and effect, and how it is doing. Knows no page.

The numbers are those of the held-out vectors at the moment shown and just before the newest switch. No switch is
praised: the sentence says what was, what is, and what the same training would be without it where that is known.
"""

import math
from typing import Literal, NamedTuple

from app.panels.story_account import HIGHER_LOSS, LOWER_LOSS, Account, Cause
from app.wording import cut, number

EARLY_STEPS = 20
"""Steps after a switch before anything is made of it."""

MORE_CODES, FEWER_CODES = 1.25, 0.8
"""Codes in use over those before the switch, from which they are more and down to which they are fewer."""

NOTABLE_PEAK = 1.5
"""The peak over the larger of the losses before and now, from which it is told."""

WORSE = "worse than before the switch"

NO_BETTER_THAN_THE_MEAN = 1.0
"""Relative error from which the mean of P alone would serve as well as the codes."""

LONGEST_MESSAGE = 140
"""Letters of a message that stand in one line of a page 1,440 pixels wide."""

LOST_SHARE, COLLAPSED_SHARE = 0.5, 0.25
"""Codes in use over those before training, down to which most are lost, and the codebook has collapsed."""

Look = Literal["severe", "warning", "unknown", "judging", "healthy"]


class State(NamedTuple):
    """How the codebook is doing."""

    look: Look
    word: str
    signs: tuple[str, ...] = ()
    """What it rests on."""

    whole: str = ""
    """A sign that may have been cut, in full."""


def clauses(account: Account) -> list[str]:
    """The sentence, in parts; the first says which step is shown.

    >>> from app.panels.story_account import Forecast, Peak, Values
    >>> told = Account(
    ...     step=67, num_codes=512, num_vectors=1536, before=Values(12, 0.21), now=Values(258, 0.57),
    ...     relative_error=0.2, cause=Cause("replacement every 10", 20, 0), peak=Peak(50.0, 24),
    ...     forecast=Forecast(400.0, 0.25),
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
    """What has become of the codes, in a few words; empty where there is nothing to say.

    Of a classifier that only guesses, nothing good is said, however many codes it uses.
    """
    if account.cause is None:
        return _without_a_switch(account)
    if account.has_failed and account.training_at is None:
        return ""  # the state says so
    if account.step - account.cause.step < EARLY_STEPS:
        return "too early to tell"
    if not math.isfinite(account.now.task_loss):
        return WORSE
    if account.now.accuracy <= account.guess:
        return "still no better than a guess" if account.before.accuracy <= account.guess else WORSE
    before, now = account.before.in_use, account.now.in_use
    if now >= MORE_CODES * before and now > before + 1:
        return _with_more_codes(account)
    if account.loss_factor >= HIGHER_LOSS or now <= FEWER_CODES * before:
        return WORSE
    if account.loss_factor <= LOWER_LOSS:
        return f"as many codes at a lower loss{_yet(account)}"
    return "as before" if account.has_codes_back else "no better than before"


def _with_more_codes(account: Account) -> str:
    """What more codes in use have brought."""
    if LOWER_LOSS < account.loss_factor < HIGHER_LOSS:
        return "more codes at a similar loss"
    is_lower = account.loss_factor <= LOWER_LOSS
    if is_lower and account.has_codes_back and account.has_loss_back:
        return "recovered"
    if account.is_recovering:
        return "recovering"
    return f"more codes at a lower loss{_yet(account)}" if is_lower else "more codes at a higher loss"


def _yet(account: Account) -> str:
    """What a loss that is lower than at the switch still lacks."""
    if account.has_loss_back:
        return ""
    return f", yet {number(account.now.task_loss / account.loss_had)} times the lowest before"


def _without_a_switch(account: Account) -> str:
    share = account.now.in_use / max(account.before.in_use, 1)
    return "collapsed" if share <= COLLAPSED_SHARE else "most codes lost" if share <= LOST_SHARE else ""


def state_of(account: Account) -> State:
    """How it is doing, and why the last command was not obeyed, which takes the place of what the state rests on."""
    state, message = _judged(account), cut(account.message, LONGEST_MESSAGE)
    if not message:
        return state
    if not account.has_failed:
        return State(state.look, state.word, (f"not done: {message}",), account.message)
    return State("severe", "failed", (message,), account.message) if account.training_at is None else state


def _judged(account: Account) -> State:
    """Never healthy beside a bad sign, whatever the doctor says; judging where nothing is known."""
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
    if account.now.accuracy <= account.guess and account.step >= account.verdict_from:
        signs.append(f"{account.now.accuracy:.0%} right: no better than a guess")
    if account.has_failed:
        signs.append("this run has failed")
    return signs


def twin_words(account: Account) -> str:
    """What the same training does without the switch; empty where none is trained along."""
    twin = account.twin
    if twin is None:
        return ""
    return f"twin without it: in use {twin.in_use:,}, loss {number(twin.task_loss)}"
