"""A verdict is of its own moment: read once however many watch, at once where that is cheap, else after the frame."""

from types import SimpleNamespace

import numpy as np
import pytest

from app.sessions.verdict_memory import (
    CHEAP_SECONDS,
    FIRST_STEPS,
    SAMPLED,
    Verdict,
    VerdictMemory,
    evidence,
    examined,
)
from vqcore.diagnostics.diagnosis import diagnose
from vqcore.diagnostics.geometry import distinct_rows
from vqcore.diagnostics.snapshot_evidence import Setting, evidence_of
from vqcore.training.recipe import default_recipe
from vqcore.training.trainer import Trainer


class Page:
    """A page that looks at moments whose condition the test sets."""

    def __init__(self) -> None:
        self.worked, self.cost, self.read = 0.0, 0.0, []
        self.condition = "index-collapse"

        def read(snapshot, recipe, start) -> Verdict:
            self.read.append(snapshot.step)
            self.worked += self.cost
            return Verdict((SimpleNamespace(condition=self.condition, severity="severe"),), snapshot.step)

        self.memory = VerdictMemory(read, cost=lambda: self.worked)

    def look(self, step: int, run: int = 0, *, is_newest: bool = True) -> tuple[str, int]:
        verdict = self.memory.read(moment(step), None, run, lambda: None, is_newest=is_newest)
        return verdict.findings[0].condition, verdict.step

    def settled(self, run: int = 0) -> str | None:
        found = self.memory.settled(run)
        return None if found is None else found.findings[0].condition


def moment(step: int, switches: int = 0):
    return SimpleNamespace(step=step, events=(None,) * switches)


def test_every_moment_has_its_own_verdict_and_is_read_once():
    page = Page()
    assert page.look(21) == ("index-collapse", 21)
    page.condition = "healthy"
    assert page.look(22) == ("healthy", 22)
    assert page.look(21) == ("index-collapse", 21)
    assert page.read == [21, 22]


def test_a_moment_that_has_not_been_read_has_no_verdict_least_of_all_anothers():
    page = Page()
    page.look(21)
    assert page.memory.known(0, moment(21)).step == 21
    assert page.memory.known(0, moment(22)) is None
    assert page.memory.known(1, moment(21)) is None
    assert page.memory.known(0, moment(21, switches=1)) is None


def test_what_a_frame_can_wait_for_is_cheap_and_one_slow_reading_does_not_change_that():
    page = Page()
    assert not page.memory.is_cheap
    page.cost = 2 * CHEAP_SECONDS
    page.look(1)
    assert not page.memory.is_cheap
    page.cost = CHEAP_SECONDS / 2
    page.look(2)
    assert page.memory.is_cheap
    page.cost = 2 * CHEAP_SECONDS
    page.look(3)
    assert page.memory.is_cheap


def test_remedies_change_when_two_readings_in_a_row_agree_and_the_past_does_not_count():
    page = Page()
    page.look(21)
    assert page.settled() == "index-collapse"
    page.condition = "healthy"
    page.look(22)
    page.look(7, is_newest=False)
    assert page.settled() == "index-collapse"
    page.condition = "dead-codes-far"
    page.look(23)
    assert page.settled() == "index-collapse"
    page.look(24)
    assert page.settled() == "dead-codes-far"
    assert page.settled(run=1) is None


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


def test_rows_are_told_apart_as_sorting_them_would():
    drawn = np.random.default_rng(0).integers(-1, 2, (400, 4)).astype(np.float32) * np.float32(0.5)
    assert distinct_rows(drawn) == len(np.unique(drawn, axis=0)) < len(drawn)
    assert distinct_rows(-drawn * 0) == 1


def test_the_first_moment_tells_a_codebook_that_never_moves():
    still = Trainer(default_recipe("plane", device="cpu", beta=0.0))
    start = still.snapshot()
    for _ in range(FIRST_STEPS):
        still.step()
    assert examined(still.snapshot(), still.recipe, start).what == ("no-gradient", "severe")
    assert "has changed" in examined(still.snapshot(), still.recipe, start).findings[0].title
