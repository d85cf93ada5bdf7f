"""The sidebar's controls: what they show, and how they stay in step with the session. Draws nothing."""

from typing import Any

from app.live.experiments import begin_again
from app.live.state import live_state
from app.page_state import is_drawn, said_by
from app.sessions.data_guard import check_data
from app.sessions.entry import Entry
from vqcore.quantizer.options import option_names
from vqcore.training.recipe import SETTINGS, Recipe, changed, setting_of
from vqcore.training.status import Status

RESTARTING = ("seed", *SETTINGS)
"""What only a restart can change."""


def adopt(recipe: Recipe) -> None:
    """Set every control to `recipe`, before the controls are drawn.

    The controls are recreated, under new keys and with these values as their defaults: a value pushed into a
    control that the browser has not drawn yet can be lost, and the browser then reports a zero.
    """
    state = live_state()
    state.adopted = state.asked = recipe
    state.generation += 1


def in_step(entry: Entry, status: Status) -> bool:
    """Whether the controls match the session; a command on its way counts as obeyed.

    What only a restart can change may differ: it waits for the next restart.
    """
    if live_state().adopted is not None and entry.session.commands_pending() > 0:
        return True
    try:
        return shown() == status.recipe
    except ValueError:  # settings that do not go together
        return False


def shown() -> Recipe | None:
    """The recipe that the controls say is in force; None before they are drawn."""
    asked = live_state().asked
    if asked is None:
        return None
    values = _values("problem", *option_names())
    told = {name: value for name, value in values.items() if value != setting_of(asked, name)}
    return changed(asked, told) if told else asked


def asked_for() -> Recipe | None:
    """The recipe that a restart with all settings would use.

    Raises:
        ValueError: if the settings do not fit together, or name images that are not this visitor's.
    """
    recipe, settings = shown(), _values(*RESTARTING)
    if settings.get("structure") == "vector":
        settings |= {"levels": 1, "share": False}
    if recipe is None:
        return None
    wanted = changed(recipe, settings)
    check_data(wanted)
    return wanted


def restart(entry: Entry, recipe: Recipe) -> None:
    """Begin again with `recipe`."""
    state = live_state()
    state.asked = recipe
    state.go_live()
    entry.send(begin_again(entry, recipe))


def already(entry: Entry, is_so: bool) -> bool:
    """Whether the session already is as a control wants it, so that nothing need be sent.

    Controls that were recreated (`adopt`) can report their first value as a change.
    """
    return is_so and entry.session.commands_pending() == 0


def key(name: str) -> str:
    """The key of the control for `name`, as it is drawn now."""
    return f"{name}-{live_state().generation}"


def is_gone(drawn: str, name: str) -> bool:
    """Whether the control for `name` that was drawn under the key `drawn` has been recreated since.

    A slow browser still sends the old control's value, which Streamlit takes for a change.
    """
    return drawn != key(name)


def default(name: str) -> Any:
    """What the control for `name` starts at.

    Raises:
        LookupError: before any recipe is adopted.
    """
    recipe = live_state().adopted
    if recipe is None:
        raise LookupError("no recipe is adopted yet")
    return setting_of(recipe, name)


def value(name: str) -> Any:
    """Value of the control for `name`, whether or not it is drawn yet."""
    drawn = key(name)
    return said_by(drawn) if is_drawn(drawn) else default(name)


def _values(*names: str) -> dict[str, Any]:
    """Values of those controls that are drawn."""
    return {name: said_by(key(name)) for name in names if is_drawn(key(name))}
