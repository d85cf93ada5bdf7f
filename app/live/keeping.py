"""*Keep as a run*: what a session remembers, written where the Runs page looks first."""

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from app.links import runs as address
from app.links.runs import DEFAULT_FOLDER, RunsLink
from app.roots import resolve_writable
from app.sessions.entry import Entry
from app.wording import as_written
from vqcore.files.errors import CheckpointError
from vqcore.runs.reading import load_run
from vqcore.session_record import keep, remembered

HELP = (
    f"Keep as a run: write this training below `{DEFAULT_FOLDER}`, in the folder that the server was started in: its "
    "curves so far, the moments that the time bar has, and its switches. The Runs page opens it, also after the "
    "session has ended."
)


def keep_button(where: Any, entry: Entry) -> None:
    """Draw it at `where`; obey it, and say what was written."""
    if where.button("Keep as a run", icon=":material/save:", key="keep_run", help=HELP, width="stretch"):
        said, icon = _kept(entry)
        st.toast(said, icon=icon, duration="long")


def _kept(entry: Entry) -> tuple[str, str]:
    """A sentence on what was written or why not, and its icon."""
    run = remembered(entry.session, entry.variant or None)
    if run is None:
        return "There is nothing to keep before the first moment.", ":material/info:"
    recipe, step = run.recipe, run.newest[0].step
    try:
        folder = keep(_place(f"{recipe.problem}-seed-{recipe.seed}-step-{step}"), run)
        moments = len(load_run(folder).snapshots)
    except (CheckpointError, OSError) as error:
        why = str(error) if isinstance(error, CheckpointError) else f"{error.strerror or error}."
        return as_written(f"The run could not be kept: {why}"), ":material/error:"
    link = f"./runs?{urlencode(address.write(RunsLink(names=(folder.name,))))}"
    many = f"{moments:,} moments" if moments > 1 else "one moment"
    return f"Kept {many} in `{DEFAULT_FOLDER}/{folder.name}`. [Open it]({link})", ":material/save:"


def _place(name: str) -> Path:
    """The folder of a run called `name`.

    Raises:
        CheckpointError: if the folder for runs is in none of those that the server may write to.
        OSError: if it cannot be made.
    """
    below = resolve_writable(Path(DEFAULT_FOLDER))
    below.mkdir(exist_ok=True)
    return resolve_writable(below / name)
