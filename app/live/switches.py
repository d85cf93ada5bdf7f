"""The live switches of the variant that the page shows: each is in force on the next step."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from app.live.controls import already, default, is_gone, key, value
from app.live.twin import throw
from app.sessions.entry import Entry
from vqcore.quantizer.companions import with_companions
from vqcore.training.commands import change


@dataclass(frozen=True, slots=True)
class LiveBoard:
    """Wires them to the session; see `app.panels.switches`."""

    entry: Entry

    def default(self, name: str) -> Any:
        """See `Board`."""
        return default(name)

    def value(self, name: str) -> Any:
        """See `Board`."""
        return value(name)

    def wired(self, name: str) -> dict[str, Any]:
        """See `Board`."""
        return {"key": key(name), "on_change": _throw, "args": (self.entry, name, key(name))}

    def replace_now(self) -> dict[str, Any]:
        """See `Board`."""
        return {"key": "replace_now", "on_click": throw, "args": (self.entry, change(replace="now"))}


def _throw(entry: Entry, name: str, drawn: str) -> None:
    if is_gone(drawn, name):
        return
    new, options = value(name), entry.one.status().recipe.options
    if not already(entry, getattr(options, name) == new):
        throw(entry, change(**with_companions(partial(getattr, options), name, new)))
