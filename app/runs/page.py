"""The Runs page: the runs below a folder, one of them in the views of the Live page, or several compared."""

from pathlib import Path

import streamlit as st

from app.links import runs as address
from app.live_plot.address import show_address
from app.live_plot.conductor import script_caller
from app.panels.head import brand
from app.roots import resolve_readable
from app.runs.listed import list_view
from app.runs.opened import opened_view
from app.runs.state import RunsState, runs_state
from app.sessions.run_desk import run_desk
from app.wording import as_written
from vqcore.files.errors import CheckpointError, shown


def page() -> None:
    """The page, as a script."""
    state = runs_state()
    if not state.is_read:
        state.place, refused = address.read(st.query_params)
        state.refused, state.is_read = tuple(refused), True
    try:
        root = resolve_readable(Path(state.place.folder).expanduser())
    except CheckpointError as error:
        st.html(brand("Runs"))
        st.error(as_written(str(error)), icon=":material/folder_off:")
        _show_address(state)
        list_view(None)
        return
    if state.place.names:
        _opened(state, root)
    else:
        st.html(brand("Runs"))
        _refusals(state)
        list_view(run_desk().folder(root))
    script_caller("runs-caller")


def _opened(state: RunsState, root: Path) -> None:
    try:
        folders = tuple((name, _below(root, name)) for name in state.place.names)
    except CheckpointError as error:
        st.html(brand("Runs"))
        st.error(as_written(str(error)), icon=":material/folder_off:")
        st.button("All runs", icon=":material/list:", on_click=state.open, args=((),))
        _show_address(state)
        return
    _refusals(state)
    opened_view(run_desk().opened(folders))


def _below(root: Path, name: str) -> Path:
    """The folder of the run called `name`, which lies below `root` wherever links lead.

    Raises:
        CheckpointError: if it does not.
    """
    found = resolve_readable(root / name).resolve()
    inner = root.resolve()
    if found != inner and not found.is_relative_to(inner):
        raise CheckpointError(f"`{shown(name)}` must lie below the folder of runs. Choose one from the list.")
    return found


def _refusals(state: RunsState) -> None:
    for sentence in state.refused:
        st.warning(as_written(sentence), icon=":material/link_off:")


def _show_address(state: RunsState) -> None:
    show_address(address.write(state.place), key="runs-address")


page()
