"""What the Runs page keeps beyond a browser tab: the folders that it lists and the runs that it has opened."""

import secrets
from pathlib import Path

import streamlit as st

from app.sessions.jobs import Kept
from app.sessions.recorded_run import OpenedRuns, RecordedRun
from app.sessions.run_folder import RunFolder

MOST_FOLDERS, MOST_OPENED = 8, 16


class RunDesk:
    """Folders by their path, and opened runs by theirs; each is found again by its id, which nobody can guess."""

    def __init__(self) -> None:
        self._folders: Kept[RunFolder] = Kept(MOST_FOLDERS, RunFolder.stop)
        self._opened: Kept[OpenedRuns] = Kept(MOST_OPENED, OpenedRuns.stop)

    def folder(self, root: Path) -> RunFolder:
        """The folder at `root`."""
        return self._folders.find_or_make(root, lambda: RunFolder(secrets.token_urlsafe(9), root))

    def opened(self, folders: tuple[tuple[str, Path], ...]) -> OpenedRuns:
        """The runs in these folders, each with its name on the page."""

        def make() -> OpenedRuns:
            runs = tuple(RecordedRun(folder, name) for name, folder in folders)
            return OpenedRuns(secrets.token_urlsafe(9), runs)

        return self._opened.find_or_make(folders, make)

    def find(self, watch_id: str) -> RunFolder | OpenedRuns | None:
        """What has this id."""
        every: tuple[RunFolder | OpenedRuns, ...] = (*self._folders.values(), *self._opened.values())
        return next((one for one in every if one.id == watch_id), None)

    def close(self) -> None:
        """Follow nothing any more."""
        self._folders.close()
        self._opened.close()


@st.cache_resource(show_spinner=False)
def run_desk() -> RunDesk:
    """The server's one."""
    return RunDesk()
