"""The twin without the switch: the same training to the bit but for the switch, with its numbers in the story."""

import re
from dataclasses import asdict

import pytest
from live_page_runs import control, entry_of, open_page, reach, step_of
from page_runs import run
from road_reading import parts
from streamlit.testing.v1 import AppTest

from app.live.twin import TWIN, throwing
from app.panels.scene import through_variant
from app.sessions.entry import Entry
from vqcore.training.commands import (
    EndVariantCommand,
    ForkCommand,
    PauseCommand,
    StepCommand,
    UntilCommand,
    change,
    fork,
)
from vqcore.training.run import MOST_VARIANTS
from vqcore.training.status import State
from vqcore.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("sessions")


def paused_page() -> AppTest:
    page = reach(open_page(problem="plane", paused="1"), lambda session: step_of(session) == 0)
    entry_of(page).send(StepCommand())
    return reach(page, lambda session: step_of(session) == 1)


def keep_twin(page: AppTest) -> AppTest:
    (toggle,) = [toggle for toggle in page.toggle if toggle.label == "Keep a twin"]
    toggle.set_value(True)
    return run(page)


def throw_affine(page: AppTest, value: str = "running") -> AppTest:
    page.button_group(key=control(page, "affine")).set_value(value)
    return run(page)


def train_to(page: AppTest, step: int) -> AppTest:
    entry_of(page).send(UntilCommand(step))
    return reach(page, lambda session: session.status().state is State.PAUSED and step_of(session) == step)


def twin_said(page: AppTest) -> str:
    found = re.findall(r"twin without it: [^<]*", parts(page)["story"]["html"])
    return found[0] if found else ""


def test_the_twin_is_the_training_without_the_switch_and_told_at_the_same_step():
    page = train_to(throw_affine(keep_twin(paused_page())), 30)
    session = entry_of(page).session
    assert list(session.recipes) == ["main", TWIN]
    assert session.latest().events
    alone = Trainer(session.recipes["main"])
    for _ in range(30):
        alone.step()
    without = alone.snapshot().held_out
    assert asdict(session.latest(TWIN).held_out) == pytest.approx(asdict(without), rel=1e-5, nan_ok=True)
    assert twin_said(page) == f"twin without it: in use {without.in_use}, loss {without.task_loss:#.3g}"


def test_elsewhere_than_on_the_first_path_no_twin_is_kept_unless_asked():
    page = throw_affine(paused_page())
    assert list(entry_of(page).session.recipes) == ["main"]
    assert twin_said(page) == ""


def test_a_newer_switch_has_a_twin_of_its_own_in_place_of_the_earlier_one():
    page = train_to(throw_affine(keep_twin(paused_page())), 3)
    throw_affine(page, "learned")
    session = entry_of(page).session
    reach(page, lambda session: len(session.latest().events) == 2)
    assert list(session.recipes) == ["main", TWIN]
    assert [event.changes for event in session.latest(TWIN).events] == [(("affine", "running"),)]
    assert twin_said(page)


def test_a_fork_that_already_is_the_twin_is_used():
    page = paused_page()
    entry_of(page).send(fork("copy"))
    page = throw_affine(keep_twin(run(page)))
    assert list(entry_of(page).session.recipes) == ["main", "copy"]
    assert twin_said(page)


def test_a_forks_own_switch_is_held_against_the_parent():
    page = paused_page()
    entry_of(page).send(fork("running", affine="running"))
    assert twin_said(run(page)) == ""  # the parent has thrown nothing
    press_variant(page, "running")
    assert twin_said(page)


def press_variant(page: AppTest, name: str) -> None:
    (control,) = [group for group in page.button_group if group.label == "Variant shown"]
    control.set_value(name)
    run(page)


def test_before_every_switch_come_its_fork_and_what_makes_room_for_it(monkeypatch):
    page = keep_twin(paused_page())
    entry = _seen(page)
    monkeypatch.setattr("app.live.twin.st.session_state", {f"keep-twin-{entry.id}": True})
    thrown = change(sync=0.5)
    assert [type(one) for one in throwing(entry, thrown)] == [ForkCommand, type(thrown)]
    entry.send(*throwing(entry, thrown))
    entry.send(PauseCommand())
    assert [type(one) for one in throwing(entry, thrown)] == [EndVariantCommand, ForkCommand, type(thrown)]
    entry.session.send(EndVariantCommand(TWIN))
    for number in range(1, MOST_VARIANTS):
        entry.send(fork(f"beta {number}", beta=0.1 * number))
    assert len(entry.session.recipes) == MOST_VARIANTS
    assert throwing(entry, thrown) == [thrown]


def _seen(page: AppTest) -> Entry:
    return through_variant(entry_of(page), "main")
