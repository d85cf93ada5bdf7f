"""What P, C, Q, a code and perplexity are: explained beside the map, where they first appear."""

from typing import Any

import streamlit as st

from app.glossary import BASIC


def glossary(place: Any) -> None:
    """A popover with each word's meaning; its formulas on demand, and a way to all other words."""
    with place.popover(
        "What is what?", icon=":material/help:", help="What is what?", type="tertiary", key="glossary"
    ):
        for term in BASIC:
            st.markdown(f"**{term.word}**: {term.text}.")
        if st.toggle("Formulas", key="glossary-formulas"):
            for term in BASIC:
                st.latex(term.formula)
        st.markdown("[All words](./glossary)")
