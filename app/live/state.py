"""What the controls show, and how they stay in step with the session and the URL."""

from contextlib import suppress
from typing import Any

import streamlit as st

from app.figures.map_layers import write_layers
from app.links import live as address
from app.live import choice as choice_state
from app.live import variant as variants
from app.panels.head import view_key
from app.sessions.entry import Entry
from vqcore.quantizer.options import option_names
from vqcore.training.commands import RestartCommand
from vqcore.training.recipe import SETTINGS, Recipe, changed, setting_of
from vqcore.training.status import Status

RESTARTING = ("seed", *SETTINGS)
"""What only a restart can change."""


def adopt(recipe: Recipe) -> None:
    """Set every control to `recipe`, before the controls are drawn.

    The controls are recreated under new keys with these values as their defaults: a value pushed into a
    control that the browser has not drawn yet can be lost, and the browser then reports a zero.
    """
    st.session_state["adopted"] = st.session_state["asked"] = recipe
    st.session_state["generation"] = st.session_state.get("generation", 0) + 1


def in_step(entry: Entry, status: Status) -> bool:
    """Whether the controls match the session; a command on its way counts as obeyed.

    What only a restart can change may differ: it waits for the next restart.
    """
    if entry.session.commands_pending() > 0:
        return True
    try:
        return shown() == status.recipe
    except ValueError:  # settings that do not go together
        return False


def shown() -> Recipe | None:
    """The recipe that the controls say is in force; None before they are drawn."""
    asked: Recipe | None = st.session_state.get("asked")
    if asked is None:
        return None
    values = _values("problem", *option_names())
    told = {name: value for name, value in values.items() if value != setting_of(asked, name)}
    return changed(asked, told) if told else asked


def asked_for() -> Recipe | None:
    """The recipe that a restart with all settings would use.

    Raises:
        ValueError: if the settings do not fit together.
    """
    recipe, settings = shown(), _values(*RESTARTING)
    if settings.get("structure") == "vector":
        settings |= {"levels": 1, "share": False}
    return None if recipe is None else changed(recipe, settings)


def restart(entry: Entry, recipe: Recipe) -> None:
    """Begin again with `recipe`."""
    st.session_state["asked"] = recipe
    go_live()
    entry.send(RestartCommand(recipe))


def already(entry: Entry, is_so: bool) -> bool:
    """Whether the session already is as a control wants it, so that nothing need be sent.

    Recreated controls (`adopt`) can report their first value as a change.
    """
    return is_so and entry.session.commands_pending() == 0


def step_chosen() -> int | None:
    """The step that the reader went back to; None if the page is live."""
    step: int | None = st.session_state.get("at")
    return step


def go_to(step: int) -> None:
    """Have the page show this step while training goes on."""
    st.session_state["at"] = step


def go_live() -> None:
    """Have the page show the newest step again."""
    for name in ("at", "past", "past_run"):
        st.session_state.pop(name, None)


def key(name: str) -> str:
    """The key of the control for `name`, as it is drawn now."""
    return f"{name}-{st.session_state['generation']}"


def is_gone(drawn: str, name: str) -> bool:
    """Whether the control for `name` that was drawn under the key `drawn` has been recreated since.

    A slow browser still sends the old control's value, which Streamlit takes for a change.
    """
    return drawn != key(name)


def default(name: str) -> Any:
    """Initial value of the control for `name`."""
    return setting_of(st.session_state["adopted"], name)


def value(name: str) -> Any:
    """Value of the control for `name`, whether or not it is drawn yet."""
    return st.session_state.get(key(name), default(name))


def seen() -> dict[str, Any]:
    """Where the page puts its view for whoever saves it, from any thread."""
    kept: dict[str, Any] = st.session_state.setdefault("seen", {})
    return kept


def current_view(recipe: Recipe) -> dict[str, str]:
    """Value of every view control, as far as `recipe` has it; before it is drawn, the URL's first value."""
    first: dict[str, str] = st.session_state["first_view"]
    view = {name: st.session_state.get(view_key(name)) or first[name] for name in address.VIEWS}
    view |= {name: _number(name) for name in address.NUMBERS}
    view["level"] = str(level_shown(recipe) + 1)
    if recipe.levels == 1 and view["bars"] == "levels":
        view["bars"] = address.VIEWS["bars"][0]
    layers = st.session_state.get(view_key("layers"))
    view["layers"] = first["layers"] if layers is None else write_layers(layers)
    return view | choice_state.texts() | {"variant": variants.chosen_variant()}


def level_shown(recipe: Recipe) -> int:
    """Which group or level the page shows, from 0."""
    wanted = st.session_state.get(view_key("level")) or st.session_state["first_view"]["level"]
    return min(int(wanted), recipe.levels) - 1


def _number(name: str) -> str:
    """As in the URL; an emptied control stands at its default."""
    found = st.session_state.get(view_key(name), st.session_state["first_view"][name])
    return f"{found:g}" if isinstance(found, int | float) else found or address.NUMBERS[name].first


def _values(*names: str) -> dict[str, Any]:
    """Values of those controls that are drawn."""
    generation, drawn = st.session_state["generation"], {}
    for name in names:
        with suppress(KeyError):
            drawn[name] = st.session_state[f"{name}-{generation}"]
    return drawn
