"""The Trajectories page's sidebar: from controls to a setting, and back when it changes elsewhere."""

from dataclasses import replace
from typing import Any

import streamlit as st

from app.links.trajectories import NAMES, STEPS
from app.page_state import is_drawn, said_by
from app.panels.lecture_places import NOWHERE, row, shows
from app.panels.lecture_places import place as at
from app.trajectories.state import trajectories_state
from app.wording import TRAJECTORY_HELP
from vqcore.problems.landscapes import LANDSCAPES
from vqcore.trajectories.setting import METHODS, Setting

STEP_SIZES = {"learning_rate": 0.01, "noise": 0.1, "alpha": 0.1, "beta": 0.05, "nu": 0.1, "inner_share": 0.1}
PLACED_BY = {"starts": ("landscape", "seed", "points"), "codes": ("landscape", "seed", "num_codes")}
"""Settings whose change makes dragged places meaningless."""


def adopt(setting: Setting) -> None:
    """Set every control to `setting`: recreated, since a value pushed into a control may be lost."""
    state = trajectories_state()
    state.setting = state.adopted = setting
    state.generation += 1


def place(**places: Any) -> None:
    """Put starts or codes elsewhere, None for the seed's own."""
    pairs: dict[str, Any] = {
        name: tuple(map(tuple, value)) if value is not None else None for name, value in places.items()
    }
    state = trajectories_state()
    state.setting = replace(state.in_force, **pairs)


def choose() -> str | None:
    """Draw the controls and put in force what they say; a sentence where that cannot be."""
    state = trajectories_state()
    if not any(is_drawn(control_key(name)) for name in NAMES):
        adopt(state.in_force)  # back from another page, which drops the controls' own memory
    chosen = _draw(state.adopted)
    before = state.in_force
    for name, causes in PLACED_BY.items():
        if any(cause in chosen and chosen[cause] != getattr(before, cause) for cause in causes):
            chosen[name] = None
    try:
        state.setting = replace(before, **chosen)
    except ValueError as error:
        return str(error)
    return None


def control_key(name: str) -> str:
    """The key of one control as it is drawn now.

    That of the landscape stays, since it has the others recreated: Streamlit keeps a control that went on the page,
    greyed, while the reader's hand is on it.
    """
    return f"trajectory-{name}" + ("" if name == "landscape" else f"-{trajectories_state().generation}")


def _draw(shown: Setting) -> dict[str, Any]:
    """Values of the controls on the page; a hidden one has none."""
    names, chosen = list(LANDSCAPES), dict[str, Any]()
    landscape = at("landscape").selectbox(
        "Landscape",
        names,
        index=names.index(shown.landscape),
        format_func=lambda name: LANDSCAPES[name].title,
        on_change=_change_landscape,
        **_control("landscape"),
    )
    if shows("landscape"):
        chosen["landscape"] = landscape
    if shows("methods"):
        st.caption("METHODS")
    methods = at("methods").pills(
        "Methods",
        list(METHODS),
        selection_mode="multi",
        default=list(shown.methods),
        label_visibility="collapsed",
        **_control("methods"),
    )
    if shows("methods"):
        chosen["methods"] = tuple(name for name in METHODS if name in (methods or ()))
    if shows("setting", "rates", "weights", "alternating", "sync"):
        st.caption("SETTING · computes again")
    chosen |= _row(shown, seed="Seed", points="Points")
    chosen |= _row(shown, num_codes="Codes K", steps="Steps")
    encoder = at("encoder").segmented_control(
        "Encoder", ["free", "mlp"], default=shown.encoder, required=True, width="stretch", **_control("encoder")
    )
    if shows("setting"):
        chosen["encoder"] = encoder
    chosen |= _row(shown, learning_rate="Learning rate", noise="Noise")
    chosen |= _row(shown, alpha="α", beta="β")
    chosen |= _row(shown, inner_steps="Inner steps", inner_share="Inner share")
    return chosen | _row(shown, nu="Sync ν")


def _row(shown: Setting, **labels: str) -> dict[str, Any]:
    """Number inputs beside each other, without bounds: the setting checks them and answers in a sentence."""
    columns = row(*labels)
    return {
        name: _number(column, shown, name, text)
        for column, (name, text) in zip(columns, labels.items(), strict=True)
        if column is not NOWHERE
    }


def _number(column: Any, shown: Setting, name: str, label: str) -> Any:
    value = getattr(shown, name)
    step = STEP_SIZES.get(name, 1)
    form = {"format": "%g", "placeholder": f"{shown.surface.learning_rate:g}"} if name in STEP_SIZES else {}
    return column.number_input(label, value=value, step=step, **form, **_control(name))


def _control(name: str) -> dict[str, Any]:
    return {"key": control_key(name), "help": TRAJECTORY_HELP[name]}


def _change_landscape() -> None:
    """Another landscape has other places, and a learning rate and a length of its own."""
    landscape = said_by(control_key("landscape"))
    changes = {
        "landscape": landscape,
        "steps": STEPS[landscape],
        "learning_rate": None,
        "starts": None,
        "codes": None,
    }
    adopt(replace(trajectories_state().in_force, **changes))
