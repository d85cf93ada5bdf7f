"""A chart of a scene: a key that changes when there is something new to draw, and the drawing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.links.selection import Focus
from app.panels.scene import Scene
from vqcore.snapshot import Snapshot

UPPER, LOWER = 265, 213
"""Heights in pixels of the two rows of charts: with the time bar, tiles and verdict above they fill 900 pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart of one moment, drawn only if somebody lacks it."""

    title: str
    said: tuple[str, ...]
    """The lines below it."""

    warning: str = ""
    """The last line below it, if something could not be done."""

    revision: str
    """Equal if there is nothing new to draw."""

    drawing: Callable[[], dict[str, Any]]
    height: int
    file_name: str
    selectable: str | bool = False
    selected: Mapping[str, list[int]] | None = None
    is_late: bool = False
    """Whether it shows an earlier moment than the page, as its caption says: it is dimmed."""

    @property
    def caption(self) -> str:
        """The lines below it, as one text."""
        return " · ".join(filter(None, (*self.said, self.warning)))


def file_name(chart: str, scene: Scene, snapshot: Snapshot) -> str:
    """File name for saving the chart."""
    level = f"-level-{snapshot.level + 1}" if len(snapshot.levels) > 1 else ""
    return f"{scene.status.recipe.problem}-{chart}{level}-step-{snapshot.step}"


def moment(scene: Scene, snapshot: Snapshot, focus: Focus | None = None) -> str:
    """A key that changes when there is something new to draw; the same for all who watch the session."""
    status = scene.status
    run = f"{scene.entry.watch_id} {status.run} {snapshot.variant} {len(snapshot.events)} {hash(status.recipe)}"
    return f"{run} {snapshot.step} {snapshot.level} {hash(focus)}"
