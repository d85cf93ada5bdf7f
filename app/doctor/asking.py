"""The request of the Doctor page, and the controls that override how a file is read."""

import streamlit as st

from app.doctor.case import overruled
from app.doctor.state import doctor_state
from app.links import doctor as doctor_address
from app.links.doctor import Asked
from app.sessions.registry import registry

BY_RULE = "as the rules find it"
MOST_AXES = 9


def ask(asked: Asked, *, afresh: bool = False) -> None:
    """Put this on the page; `afresh` examines again what was examined before."""
    state = doctor_state()
    if afresh:
        registry().cases.drop(asked)
        state.shown = None
    state.put(asked)


def reread(asked: Asked, keys: list[str], *, of_codes: bool) -> None:
    """Controls that overrule how the file is read, `of_codes` with that of their levels."""
    generation = doctor_state().generation
    known = list(dict.fromkeys([BY_RULE, *([asked.codebook] if asked.codebook else []), *keys]))
    with st.form(f"doctor-reread-{generation}", border=False):
        first, second, third = st.columns([0.56, 0.22, 0.22], gap="small", vertical_alignment="bottom")
        key = first.selectbox(
            "Codebook key",
            known,
            index=1 if asked.codebook else 0,
            accept_new_options=True,
            key=f"doctor-key-{generation}",
            help="Only this tensor, whether or not a rule recognizes it; `container/key` if the key is ambiguous",
        )
        axes = ["as read", *doctor_address.AXES]
        axis = second.selectbox(
            "Axis",
            axes,
            index=axes.index(asked.axis) if asked.axis else 0,
            key=f"doctor-axis-{generation}",
            help="K,D: one row per code. D,K: one column per code",
        )
        rows = third.number_input(
            "Rows",
            value=asked.rows,
            min_value=1,
            step=1,
            placeholder="all",
            key=f"doctor-rows-{generation}",
            help="Codes per codebook, if several codebooks are in one tensor",
        )
        level_axis = _level_axis(asked, generation) if of_codes else asked.level_axis
        if st.form_submit_button("Read so", icon=":material/check:", key="doctor-reread-apply"):
            chosen = "" if key in (None, BY_RULE) else key.strip()
            ask(overruled(asked, codebook=chosen, axis=axis or "", rows=rows, level_axis=level_axis))
            st.rerun()


def _level_axis(asked: Asked, generation: int) -> int | None:
    chosen: int | None = st.number_input(
        "Axis of the codes' levels",
        value=asked.level_axis,
        min_value=0,
        max_value=MOST_AXES,
        step=1,
        placeholder="by the shape and the library",
        key=f"doctor-level-axis-{generation}",
        help="For the codes given: the axis, counted from 0, along which there is one code of each codebook",
    )
    return chosen
