"""What is kept for one visitor between two runs of a page's script: the one module that knows the session state.

Each page keeps one value of a class of its own, which its script changes in place: Streamlit runs one script at a
time for each visitor. What a control says is kept by Streamlit itself, under the control's key.
"""

from typing import Any, TypeVar

import streamlit as st

Kept = TypeVar("Kept")


def state_of(kind: type[Kept]) -> Kept:
    """This visitor's one value of `kind`; made, without arguments, when it is first asked for."""
    key = kind.__name__
    if key not in st.session_state:
        st.session_state[key] = kind()
    kept: Kept = st.session_state[key]
    return kept


def is_drawn(key: str) -> bool:
    """Whether the control of this key says something."""
    return key in st.session_state


def said_by(key: str, otherwise: Any = None) -> Any:
    """What the control of this key says; `otherwise` before it is drawn."""
    return st.session_state.get(key, otherwise)


def set_control(key: str, value: Any) -> None:
    """Have the control of this key say `value`, before it is drawn."""
    st.session_state[key] = value
