"""How latents are got out of a model, on the Doctor page: code to copy for the library that is chosen."""

import streamlit as st

from vqcore.doctor.collecting import RECIPES, whole_recipe

ASKED = "How do I get latents out of my model?"
PROBE = (
    "In a training of VQ Scope, or a model whose quantizer `vqcore.watch` knows, one call does it: "
    "`vqcore.collect_latents(model, batches)`."
)


def how_to_collect(place: str) -> None:
    """The answer; `place` tells it from another one on the page."""
    library = st.selectbox("Library", list(RECIPES), key=f"doctor-library-{place}")
    st.caption(f"Give it a `model` and some `batches`; it writes `z_e.npy`. {PROBE}")
    st.code(whole_recipe(library), language="python")
