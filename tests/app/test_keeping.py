"""*Keep as a run* on the Live page: a live session becomes a folder that the Runs page opens."""

import pytest
from live_page_runs import entry_of, open_page, reach, sentences, step_of
from page_runs import run
from streamlit.testing.v1 import AppTest

from app.doors.start import begin, make
from app.links import runs as address
from app.live import sidebar
from vqcore.runs.reading import load_run
from vqcore.training.commands import UntilCommand

pytestmark = pytest.mark.usefixtures("sessions")


def at_rest(**query: str) -> AppTest:
    return reach(open_page(problem="plane", paused="1", **query), lambda session: step_of(session) == 0)


def pressed(page: AppTest) -> str:
    page.button(key="keep_run").click()
    (said,) = sentences(run(page))
    return said


def test_a_session_is_kept_as_a_run_that_the_runs_page_opens(tmp_path):
    begin(make(address="localhost", folder=tmp_path))
    page = at_rest(num_codes="16")
    entry_of(page).session.send(UntilCommand(30))
    reach(page, lambda session: step_of(session) == 30)
    said = pressed(page)
    (folder,) = (tmp_path / "runs").iterdir()
    kept, shown = load_run(folder), entry_of(page).session.latest()
    assert (folder.name, kept.state, kept.lines[-1]["step"]) == ("plane-seed-0-step-30", "finished", 30)
    assert kept.lines[-1]["codebooks"]["quantizer"]["in_use"] == shown.held_out.in_use
    assert said == f"Kept {len(kept.snapshots)} moments in `runs/{folder.name}`. [Open it](./runs?run={folder.name})"
    assert address.read({"run": folder.name})[0].names == (folder.name,)


def test_a_session_is_not_kept_where_the_server_may_not_write(tmp_path):
    (tmp_path / "open").mkdir()
    begin(make(address="localhost", folder=tmp_path, files=[str(tmp_path / "open")]))
    said = pressed(at_rest())
    assert said.startswith("The run could not be kept: ")
    assert "--files FOLDER" in said
    assert not (tmp_path / "runs").exists()


def test_a_class_cannot_write_runs(monkeypatch):
    monkeypatch.setattr(sidebar, "is_owner", lambda: False)
    assert "keep_run" not in {button.key for button in at_rest().button}
