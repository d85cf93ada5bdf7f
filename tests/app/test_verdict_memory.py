"""When a verdict is read, and when it changes on the page."""

from types import SimpleNamespace

import numpy as np
import pytest

from app.sessions.verdict_memory import (
    FIRST_STEPS,
    LEAST_SECONDS,
    MOST_MEMORIES,
    SAMPLED,
    Verdict,
    VerdictMemories,
    VerdictMemory,
    evidence,
    examined,
)
from vqcore.diagnostics.diagnosis import diagnose
from vqcore.diagnostics.snapshot_evidence import Setting, evidence_of
from vqcore.training.recipe import default_recipe
from vqcore.training.trainer import Trainer


class Page:
    """A page that looks at moments whose condition the test sets."""

    def __init__(self, cost: float = 0.0) -> None:
        self.now, self.worked, self.read = 0.0, 0.0, []
        self.condition = "index-collapse"

        def read(snapshot, recipe, start) -> Verdict:
            self.read.append(snapshot.step)
            self.worked += cost
            finding = SimpleNamespace(condition=self.condition, severity="severe")
            return Verdict((finding,), snapshot.step)

        self.memory = VerdictMemory(read, clock=lambda: self.now, cost=lambda: self.worked)

    def look(self, step: int, after: float = 0.0, run: int = 0) -> tuple[str, int]:
        self.now += after
        verdict = self.memory.of_newest(SimpleNamespace(step=step), None, run, lambda: None)
        return verdict.findings[0].condition, verdict.step


def test_refreshes_between_two_readings_read_nothing():
    page = Page()
    for step in range(20):
        page.look(step, after=0.1)
    assert page.read == [0]
    assert page.look(99, after=LEAST_SECONDS) == ("index-collapse", 99)
    assert page.read == [0, 99]


def test_readings_that_cost_more_come_less_often():
    page = Page(cost=0.06)
    page.look(0)
    page.look(1, after=9.9)
    assert page.read == [0]
    page.look(2, after=0.2)
    assert page.read == [0, 2]


def test_another_verdict_is_shown_when_two_readings_in_a_row_have_found_it():
    page = Page()
    assert page.look(1) == ("index-collapse", 1)
    page.condition = "healthy"
    assert page.look(2, after=LEAST_SECONDS) == ("index-collapse", 1)
    page.condition = "dead-codes-far"
    assert page.look(3, after=LEAST_SECONDS) == ("index-collapse", 1)
    assert page.look(4, after=LEAST_SECONDS) == ("dead-codes-far", 4)


def test_one_stray_reading_changes_nothing():
    page = Page()
    page.look(1)
    page.condition = "healthy"
    page.look(2, after=LEAST_SECONDS)
    page.condition = "index-collapse"
    assert page.look(3, after=LEAST_SECONDS) == ("index-collapse", 3)


def test_a_paused_training_is_read_once_and_its_last_verdict_is_shown_in_the_end():
    page = Page()
    page.look(1)
    page.condition = "healthy"
    page.look(2, after=LEAST_SECONDS)
    for _ in range(5):
        shown = page.look(2, after=LEAST_SECONDS)
    assert page.read == [1, 2]
    assert shown == ("healthy", 2)


def test_another_run_is_read_at_once():
    page = Page()
    page.look(50)
    page.condition = "healthy"
    assert page.look(1, run=1) == ("healthy", 1)


def test_a_past_moment_is_read_once_and_leaves_the_present_as_it_was():
    page = Page()
    page.look(50)
    page.condition = "healthy"
    for _ in range(3):
        past = page.memory.of_past(SimpleNamespace(step=7), None, 0, lambda: None)
    assert (past.findings[0].condition, past.step) == ("healthy", 7)
    assert page.read == [50, 7]
    assert page.look(51) == ("index-collapse", 50)


@pytest.fixture(scope="module")
def trainer():
    made = Trainer(default_recipe("digits", device="cpu"))
    for _ in range(FIRST_STEPS):
        made.step()
    return made


def test_the_verdict_is_that_of_the_whole_moment_though_distances_are_of_fewer_vectors(trainer):
    snapshot, recipe = trainer.snapshot(), trainer.recipe
    whole = diagnose(evidence_of(snapshot, Setting(alpha=recipe.options.alpha, beta=recipe.options.beta)))
    found = evidence(snapshot, recipe, None)
    assert len(snapshot.z_e) > SAMPLED == len(found.latents.sample)
    np.testing.assert_array_equal(found.latents.variance, snapshot.z_e.var(0, dtype=np.float64))
    verdict = examined(snapshot, recipe, None)
    assert verdict.what == (whole[0].condition, whole[0].severity)


def test_the_first_moment_tells_a_codebook_that_never_moves():
    still = Trainer(default_recipe("plane", device="cpu", beta=0.0))
    start = still.snapshot()
    for _ in range(FIRST_STEPS):
        still.step()
    assert examined(still.snapshot(), still.recipe, start).what == ("no-gradient", "severe")
    assert "has changed" in examined(still.snapshot(), still.recipe, start).findings[0].title


def test_forks_that_come_and_go_leave_a_session_no_more_verdicts_than_it_may_have():
    memories = VerdictMemories()
    first = memories.of(SimpleNamespace(variant="main", level=0))
    for number in range(2 * MOST_MEMORIES):
        memories.of(SimpleNamespace(variant=f"fork {number}", level=0))
        assert memories.of(SimpleNamespace(variant="main", level=0)) is first  # looked at all the while
    assert len(memories._memories.values()) == MOST_MEMORIES
