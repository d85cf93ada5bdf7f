"""The story's one sentence: every outcome and every state at its threshold, and never healthy beside a bad sign."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats

from app.panels.story import EARLY_STEPS, NOTABLE_PEAK, WORSE, clauses, outcome, state_of, twin_words
from app.panels.story_account import (
    HIGHER_LOSS,
    LOWER_LOSS,
    Account,
    Cause,
    Finding,
    Forecast,
    Peak,
    Values,
)
from app.panels.story_reading import forecast, guess
from app.panels.switch_words import switch_words
from vqcore.history import History
from vqcore.quantizer.options import Options, option_names
from vqcore.training.recipe import ACTIONS

REPLACEMENT = Cause("replacement every 10", 20, 0)
COMES_BACK, TOO_FEW, TOO_HIGH = Forecast(244.0, 0.15), Forecast(243.0, 0.15), Forecast(512.0, 0.31)
HEALTHY, SEVERE = Finding("healthy", "healthy"), Finding("severe", "index collapse")


def told(**changes) -> Account:
    """Forty steps after a switch in a collapse, of 512 codes, as 1,536 vectors see it: even use touches 487."""
    usual = {
        "step": 60,
        "num_codes": 512,
        "num_vectors": 1536,
        "before": Values(12, 0.2),
        "now": Values(300, 0.2),
        "relative_error": 0.3,
        "cause": REPLACEMENT,
        "verdict_from": 20,
    }
    return Account(**usual | changes)


def after(in_use: int, factor: float, *, before: int = 100, peak: float = 0.0, **more) -> Account:
    return told(
        before=Values(before, 0.2),
        now=Values(in_use, 0.2 * factor),
        peak=Peak(0.2 * peak, 24) if peak else None,
        **more,
    )


@pytest.mark.parametrize(
    ("account", "word"),
    [
        (after(125, 0.79, forecast=COMES_BACK), "recovering"),
        (after(125, 0.79, forecast=TOO_FEW), "more codes at a lower loss"),
        (after(125, 0.79), "more codes at a lower loss"),
        (after(124, 1.0), "no better than before"),
        (after(244, 0.79), "recovered"),
        (after(244, 0.79, lowest_loss=0.106), "recovered"),
        (after(244, 0.79, lowest_loss=0.105), "more codes at a lower loss, yet 1.50 times the lowest before"),
        (after(244, 0.79, lowest_loss=0.105, forecast=COMES_BACK), "recovering"),
        (after(100, 0.79, lowest_loss=0.02), "as many codes at a lower loss, yet 7.90 times the lowest before"),
        (after(244, 0.81), "more codes at a similar loss"),
        (after(125, 1.0), "more codes at a similar loss"),
        (after(244, 1.49), "more codes at a similar loss"),
        (after(244, 1.0, has_failed=True), ""),
        (after(244, 0.79, has_failed=True, training_at=90), "recovered"),
        (after(244, 1.51), "more codes at a higher loss"),
        (after(244, 1.51, peak=1e6), "more codes at a higher loss"),
        (after(244, 1.51, forecast=COMES_BACK), "recovering"),
        (after(244, 1.51, forecast=TOO_HIGH), "more codes at a higher loss"),
        (after(243, 1.51, forecast=TOO_FEW), "more codes at a higher loss"),
        (after(244, 1.51, forecast=TOO_FEW), "recovering"),
        (after(110, 1.51), WORSE),
        (after(80, 1.0), WORSE),
        (after(81, 1.0), "no better than before"),
        (after(110, 0.79), "as many codes at a lower loss"),
        (after(300, 1.0, before=300), "as before"),
        (after(300, math.inf), WORSE),
        (after(300, math.nan), WORSE),
        (after(3, 1.0, before=2), "no better than before"),
    ],
)
def test_an_outcome_is_judged_by_its_thresholds(account, word):
    assert outcome(account) == word


@pytest.mark.parametrize("factor", [0.01, 0.79, 1.0, 6.0])
@pytest.mark.parametrize("in_use", [80, 125, 300])
@pytest.mark.parametrize("ahead", [None, COMES_BACK])
def test_of_a_classifier_that_guesses_nothing_good_is_said(factor, in_use, ahead):
    for right_before, word in ((0.9, WORSE), (0.1, "still no better than a guess")):
        account = told(
            before=Values(100, 0.2, right_before),
            now=Values(in_use, 0.2 * factor, 0.1),
            guess=0.15,
            forecast=ahead,
            finding=HEALTHY,
        )
        assert outcome(account) == word
        assert state_of(account).look == "warning"
        assert "10% right: no better than a guess" in state_of(account).signs


def test_a_guess_is_right_as_often_as_the_most_frequent_class_is_there():
    labels = np.repeat(np.arange(10), 40)
    by_luck = scipy.stats.binom(400, 0.1)
    assert by_luck.cdf(guess(labels) * 400) == pytest.approx(0.977, abs=0.01)  # of a normal's two sigma
    assert math.isnan(guess(None))


STEPS = np.arange(100, 301, 5)


def curves(loss: np.ndarray, in_use: np.ndarray) -> History:
    columns = {"in_use": in_use.astype(np.float32), "task_loss": loss.astype(np.float32)}
    return History(step=STEPS, losses={}, measured_at=STEPS, measured={}, held_out_at=STEPS, held_out=columns)


def test_a_forecast_goes_on_as_the_later_half_went():
    fell, came = np.exp(-(STEPS - 100) / 100), 10.0 + STEPS
    ahead = forecast(curves(fell, came), 100, 300)
    assert ahead.task_loss == pytest.approx(math.exp(-4))
    assert ahead.in_use == pytest.approx(510)
    assert forecast(curves(fell, came), 100, 110) is None


def test_a_loss_that_fell_from_a_peak_and_stays_flat_is_not_recovering():
    loss = np.where(STEPS < 150, 194_000.0, 2.3) * (1 + 0.05 * np.sin(STEPS))
    ahead = forecast(curves(loss, np.full(len(STEPS), 300.0)), 100, 300)
    account = after(300, 11.5, peak=970_000, forecast=ahead)
    assert outcome(account) == "more codes at a higher loss"


def test_the_examples_above_lie_at_the_thresholds():
    assert (HIGHER_LOSS, LOWER_LOSS, NOTABLE_PEAK) == (1.5, 0.8, 1.5)


def test_nothing_is_made_of_the_first_steps_after_a_switch():
    assert outcome(replace(after(300, 0.5), step=20 + EARLY_STEPS - 1)) == "too early to tell"
    assert outcome(replace(after(300, 0.5), step=20 + EARLY_STEPS)) == "recovered"


@pytest.mark.parametrize(
    ("in_use", "word"), [(334, ""), (168, ""), (167, "most codes lost"), (83, "collapsed"), (0, "collapsed")]
)
def test_without_a_switch_it_is_told_from_the_start(in_use, word):
    account = told(cause=None, step=20, before=Values(334, 0.9), now=Values(in_use, 0.2))
    assert outcome(account) == word
    assert clauses(account)[:3] == ["Step 20", f"in use 334 → {in_use} of 512", "task loss 0.900 → 0.200"]


def test_before_training_nothing_has_changed():
    assert clauses(told(cause=None, step=0, now=Values(334, 0.9))) == [
        "Step 0",
        "in use 334 of 512",
        "task loss 0.900",
    ]


def test_only_the_newest_switch_is_told_and_how_many_there_were_before():
    assert clauses(told(step=21, cause=Cause("β = 0.3", 20, 14)))[1] == "1 step after β = 0.3 (14 switches before)"
    assert clauses(told(step=20, cause=Cause("β = 0.3", 20, 1)))[1] == "0 steps after β = 0.3 (1 switch before)"


def test_looking_back_says_where_training_is():
    assert clauses(told(step=354, training_at=1389))[0] == "Showing step 354, training is at 1,389"


def test_a_peak_is_told_where_it_is_higher_than_before_and_now():
    assert "(peak 0.300 at step 24)" in clauses(after(300, 1.0, peak=1.5))[3]
    assert "peak" not in clauses(after(300, 1.0, peak=1.49))[3]
    assert "peak" not in clauses(after(300, 3.0, peak=4.0))[3]


def test_the_twin_is_told_in_the_same_words():
    assert twin_words(told(twin=Values(9, 0.2))) == "twin without it: in use 9, loss 0.200"
    assert twin_words(told()) == ""


BAD = {
    "failed": {"has_failed": True},
    "a loss that is not a number": {"now": Values(512, math.nan)},
    "an infinite loss": {"now": Values(512, math.inf)},
    "an infinite error": {"relative_error": math.inf},
    "P a point": {"relative_error": math.nan},
    "an error of 1": {"relative_error": 1.0},
    "a loss far above": {"now": Values(512, 0.2 * HIGHER_LOSS)},
    "failed later": {"has_failed": True, "training_at": 99},
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_nothing_is_healthy_beside_a_bad_sign_whatever_the_doctor_says(bad):
    for finding in (HEALTHY, None, Finding("unknown", "not enough data"), Finding("note", "uneven use")):
        state = state_of(told(**bad, finding=finding))
        assert state.look in ("severe", "warning")
        assert "healthy" not in (state.look, state.word)


def test_what_was_refused_or_broke_the_run_is_said_beside_how_the_codebook_is_doing():
    refused = state_of(told(finding=HEALTHY, message="`beta` must be at most 1, but is 7."))
    assert refused[:3] == ("healthy", "healthy", ("not done: `beta` must be at most 1, but is 7.",))
    broken = {"has_failed": True, "message": "The task loss became NaN or infinite at step 63."}
    assert state_of(told(**broken))[:3] == ("severe", "failed", (broken["message"],))
    past = state_of(told(**broken, training_at=62, finding=HEALTHY))
    assert past[:3] == ("warning", "warning", ("this run has failed",))
    long = state_of(told(finding=HEALTHY, message="no " * 100))
    assert len(long.signs[0]) < 160
    assert long.whole == "no " * 100


def test_signs_name_their_numbers():
    state = state_of(told(now=Values(300, 50.0), relative_error=1.05, finding=SEVERE))
    assert (state.look, state.word) == ("severe", "severe")
    assert state.signs == (
        "index collapse",
        "relative error 1.05: the mean of P would do no worse",
        "task loss 250 times its value at the switch",
    )


@pytest.mark.parametrize(
    ("changes", "look", "word"),
    [
        ({"finding": HEALTHY}, "healthy", "healthy"),
        ({"finding": SEVERE}, "severe", "severe"),
        ({"finding": Finding("warning", "duplicate codes")}, "warning", "warning"),
        ({"finding": Finding("unknown", "not enough data")}, "unknown", "not enough data to say"),
        ({"finding": None}, "judging", "judging …"),
        ({"finding": None, "step": 19, "cause": None}, "unknown", "too early to judge"),
        ({"has_failed": True}, "severe", "failed"),
    ],
)
def test_where_nothing_is_bad_the_doctor_has_the_word(changes, look, word):
    state = state_of(told(**changes))
    assert (state.look, state.word) == (look, word)


def test_numbers_are_rounded_for_people():
    odd = [0.0, 1e-9, 0.0371234567, 83.123456789, 25731.98765, 1e17, 3.4e38, math.nan, math.inf]
    for before, now in itertools.product(odd, odd):
        account = told(before=Values(12, before), now=Values(30, now), peak=Peak(1e18, 24), relative_error=now)
        said = " · ".join([*clauses(account), *state_of(account).signs])
        digits = [len("".join(filter(str.isdigit, word))) for word in said.split()]
        assert max(digits) <= 6, said
        assert "%" not in said


def test_every_switch_and_action_has_words_of_its_own():
    options = {name: getattr(Options(), name) for name in option_names()}
    words = [switch_words([change]) for change in [*options.items(), *((name, "now") for name in ACTIONS)]]
    assert len(set(words)) == len(words)
    assert not any("_" in word.replace("z_e", "") for word in words)
