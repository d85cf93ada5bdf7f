"""The Trajectories page's sidebar: from controls to a setting, and back when it changes elsewhere."""

from dataclasses import replace
from typing import Any

import streamlit as st

from app.links.trajectories import NAMES, STEPS
from app.panels.lecture_places import NOWHERE, row, shows
from app.panels.lecture_places import place as at
from app.wording import TRAJECTORY_HELP
from vqcore.problems.landscapes import LANDSCAPES
from vqcore.trajectories.setting import METHODS, Setting

IN_FORCE = "trajectory-setting"
ADOPTED = "trajectory-adopted"
GENERATION = "trajectory-generation"
STEP_SIZES = {"learning_rate": 0.01, "noise": 0.1, "alpha": 0.1, "beta": 0.05, "nu": 0.1, "inner_share": 0.1}
PLACED_BY = {"starts": ("landscape", "seed", "points"), "codes": ("landscape", "seed", "num_codes")}
"""Settings whose change makes dragged places meaningless."""


def adopt(setting: Setting) -> None:
    """Set every control to `setting` by recreating it, since a value pushed into a control may be lost."""
    st.session_state[IN_FORCE] = st.session_state[ADOPTED] = setting
    st.session_state[GENERATION] = st.session_state.get(GENERATION, 0) + 1


def in_force() -> Setting | None:
    """The setting whose paths are shown; None on the first visit."""
    setting: Setting | None = st.session_state.get(IN_FORCE)
    return setting


def place(**places: Any) -> None:
    """Move starts or codes; None: the seed's own places."""
    pairs = {name: tuple(map(tuple, value)) if value is not None else None for name, value in places.items()}
    st.session_state[IN_FORCE] = replace(st.session_state[IN_FORCE], **pairs)


def choose() -> str | None:
    """Draw the controls and apply them; returns a sentence if that is impossible."""
    if not any(
        control_key(name) in st.session_state for name in NAMES
    ):  # back from another page, which drops the controls' own memory
        adopt(st.session_state[IN_FORCE])
    shown: Setting = st.session_state[ADOPTED]
    chosen = _draw(shown)
    before: Setting = st.session_state[IN_FORCE]
    for name, causes in PLACED_BY.items():
        if any(cause in chosen and chosen[cause] != getattr(before, cause) for cause in causes):
            chosen[name] = None
    try:
        st.session_state[IN_FORCE] = replace(before, **chosen)
    except ValueError as error:
        return str(error)
    return None


def control_key(name: str) -> str:
    """The key of one control as it is drawn now."""
    return f"trajectory-{name}-{st.session_state.get(GENERATION, 0)}"


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
    """Another landscape has other places, and its own learning rate and length."""
    landscape = st.session_state[control_key("landscape")]
    before: Setting = st.session_state[IN_FORCE]
    changes = {
        "landscape": landscape,
        "steps": STEPS[landscape],
        "learning_rate": None,
        "starts": None,
        "codes": None,
    }
    adopt(replace(before, **changes))
