"""Where a control is drawn under a lecture link: in its place, in its place but disabled, or nowhere."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import streamlit as st

from app.links import lecture
from app.links.lecture import GROUPS, Limits
from app.page_state import state_of
from app.wording import as_written

LOCKED_TIP = "Locked by this lecture link"
HOLDERS = ("container", "columns")
"""Methods of a container that make further containers."""

NO_LIMITS = Limits()


@dataclass(slots=True)
class LectureState:
    """What is kept for one visitor. Changed in place by `begin`."""

    limits: dict[str, Limits] = field(default_factory=dict)
    """Those in the URL when the visitor first came to each page."""

    page: str = ""
    """The page that is being drawn."""

    has_dialog: bool = False
    """Whether the dialog that builds a lecture link is open on it."""


def begin(page: str) -> None:
    """Have `page` drawn under its limits: those in the URL when this browser first came to it."""
    state = state_of(LectureState)
    if page not in state.limits:
        state.limits[page], refused = lecture.read(st.query_params, page)
        for sentence in refused:
            st.toast(as_written(sentence), icon=":material/link_off:", duration="long")
    state.has_dialog = state.has_dialog and state.page == page
    state.page = page


def has_dialog() -> bool:
    """Whether the dialog that builds a lecture link is open: a run of the script without it would close it."""
    return state_of(LectureState).has_dialog


def keep_dialog(is_open: bool) -> None:
    """Open it, or know that it is dismissed."""
    state_of(LectureState).has_dialog = is_open


def query() -> dict[str, str]:
    """The limits in force, as the URL has them."""
    return lecture.write(_limits(), _page())


def shows(*groups: str) -> bool:
    """Whether any of these groups is shown."""
    return not _limits().hidden.issuperset(groups)


def place(control: str, within: Any = st) -> Any:
    """Where to draw `control`: `within`, `within` with everything disabled, or nowhere."""
    group = _group_of(control)
    if group in _limits().hidden:
        return NOWHERE
    return Locked(within) if group in _limits().locked else within


def is_locked(control: str) -> bool:
    """Whether `control` is drawn, but disabled."""
    return isinstance(place(control), Locked)


def row(
    *controls: str,
    spec: Sequence[float] | None = None,
    gap: Literal["xsmall", "small", "medium"] = "small",
    **layout: Any,
) -> list[Any]:
    """Places beside each other, one for each control; what is hidden leaves no gap."""
    widths = dict(zip(controls, spec or [1] * len(controls), strict=True))
    seen = [control for control in controls if place(control) is not NOWHERE]
    columns = (
        dict(zip(seen, st.columns([widths[name] for name in seen], gap=gap, **layout), strict=True)) if seen else {}
    )
    return [place(control, columns[control]) if control in columns else NOWHERE for control in controls]


class Locked:
    """A place where every control is drawn disabled and says why."""

    def __init__(self, within: Any) -> None:
        self._within = within

    def __getattr__(self, name: str) -> Callable[..., Any]:
        draw = getattr(self._within, name)
        if name in HOLDERS:
            return partial(_holder, draw)
        return partial(_disabled, draw)


class Nowhere:
    """A place where nothing is drawn; it cannot be used in a `with`."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("__"):
            raise AttributeError(name)
        return _nothing


NOWHERE = Nowhere()


def _holder(draw: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    made = draw(*arguments, **named)
    return [Locked(part) for part in made] if isinstance(made, list) else Locked(made)


def _disabled(draw: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    return draw(*arguments, **named | {"disabled": True, "help": LOCKED_TIP})


def _nothing(*_: Any, **__: Any) -> None:
    return None


def _page() -> str:
    return state_of(LectureState).page


def _limits() -> Limits:
    state = state_of(LectureState)
    return state.limits.get(state.page, NO_LIMITS)


def _group_of(control: str) -> str | None:
    groups = GROUPS.get(_page(), {})
    return next((name for name, group in groups.items() if control in group.controls), None)
