"""The request of the Doctor page, and the controls that override how a file is read."""

from typing import Any

import streamlit as st

from app.doctor.case import overruled
from app.doctor.state import doctor_state
from app.links import doctor as doctor_address
from app.links.doctor import Asked
from app.sessions.registry import registry

BY_RULE = "as the rules find it"
AS_READ = "as read"
MOST_AXES = 9
OVERRULED = (
    ("search", doctor_address.SEARCHES, "How codes are found, whatever the layout seems to say"),
    (
        "structure",
        doctor_address.STRUCTURES,
        "How several tables work together: on what the one before left over, each on a part of a vector, or alone",
    ),
)


def ask(asked: Asked, *, afresh: bool = False) -> None:
    """Put this on the page; `afresh` examines again what was examined before."""
    state = doctor_state()
    if afresh:
        registry().cases.drop(asked)
        state.shown = None
    state.put(asked)


def reread(asked: Asked, keys: list[str], *, of_codes: bool, of_latents: bool = False) -> None:
    """Controls that overrule how the file is read.

    Args:
        asked: the file.
        keys: of its tensors, the likeliest first.
        of_codes: whether codes are given, with levels along an axis.
        of_latents: whether latents are given, of an array and with an axis of features.
    """
    generation = doctor_state().generation
    named = list(filter(None, asked.codebook.split("\n")))
    with st.form(f"doctor-reread-{generation}", border=False):
        chosen = st.multiselect(
            "Codebook keys",
            list(dict.fromkeys([*named, *keys])),
            default=named,
            accept_new_options=True,
            placeholder=BY_RULE,
            key=f"doctor-key-{generation}",
            help="Only these tensors of all in the file, whether or not a rule recognizes them; several are the "
            "tables of one quantizer. `container/key` if a key is ambiguous",
        )
        told: dict[str, Any] = {"codebook": "\n".join(one.strip() for one in chosen)}
        told |= _how_it_is_stored(asked, generation) | _how_it_works(asked, generation)
        told["level_axis"] = _level_axis(asked, generation) if of_codes else asked.level_axis
        told |= _which_latents(asked, generation) if of_latents else {}
        told["mask"] = _mask(asked, generation) if of_codes or of_latents else asked.mask
        if st.form_submit_button("Read so", icon=":material/check:", key="doctor-reread-apply"):
            ask(overruled(asked, **told))
            st.rerun()


def _how_it_is_stored(asked: Asked, generation: int) -> dict[str, Any]:
    first, second = st.columns(2, gap="small", vertical_alignment="bottom")
    axes = [AS_READ, *doctor_address.AXES]
    axis = first.selectbox(
        "Axis",
        axes,
        index=axes.index(asked.axis) if asked.axis else 0,
        key=f"doctor-axis-{generation}",
        help="K,D: one row per code. D,K: one column per code",
    )
    rows = second.number_input(
        "Rows",
        value=asked.rows,
        min_value=1,
        step=1,
        placeholder="all",
        key=f"doctor-rows-{generation}",
        help="Codes per codebook, if several codebooks are in one tensor",
    )
    return {"axis": axis or "", "rows": rows}


def _how_it_works(asked: Asked, generation: int) -> dict[str, Any]:
    told: dict[str, Any] = {}
    places = st.columns(2, gap="small", vertical_alignment="bottom")
    for place, (name, known, about) in zip(places, OVERRULED, strict=True):
        options, now = [AS_READ, *known], getattr(asked, name)
        chosen = place.selectbox(
            name.capitalize(),
            options,
            index=options.index(now) if now else 0,
            key=f"doctor-{name}-{generation}",
            help=about,
        )
        told[name] = "" if chosen in (None, AS_READ) else chosen
    return told


def _which_latents(asked: Asked, generation: int) -> dict[str, Any]:
    first, second = st.columns(2, gap="small", vertical_alignment="bottom")
    key = first.text_input(
        "Latents' key",
        value=asked.latents_key,
        placeholder="the only one",
        key=f"doctor-latents-key-{generation}",
        help="Which array of the latents' file, if it holds several",
    )
    axis = second.number_input(
        "Latents' axis",
        value=asked.latents_axis,
        min_value=0,
        max_value=MOST_AXES,
        step=1,
        placeholder="by the width",
        key=f"doctor-latents-axis-{generation}",
        help="Which axis of the latents, counted from 0, holds the features",
    )
    return {"latents_key": key.strip(), "latents_axis": axis}


def _mask(asked: Asked, generation: int) -> str:
    return st.text_input(
        "Mask",
        value=asked.mask,
        placeholder="all are data",
        key=f"doctor-mask-{generation}",
        help="A file on this machine with a 1 for each vector or code that is data and a 0 for padding, in their "
        "shape without features or levels",
    ).strip()


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
