"""What P, C, Q, a code and perplexity are: explained beside the map, where they first appear."""

from typing import Any, NamedTuple

import streamlit as st


class Meaning(NamedTuple):
    """One word, explained."""

    word: str
    text: str
    formula: str


MEANINGS = (
    Meaning(
        "P",
        "the distribution of z_e, the vectors that the encoder gives to the quantizer",
        r"z_e = \mathrm{encoder}(x) \in \mathbb{R}^D",
    ),
    Meaning(
        "C",
        "the codebook: the distribution of all K code vectors, used or not",
        r"C = \{c_0, \dots, c_{K-1}\} \subset \mathbb{R}^D",
    ),
    Meaning(
        "Code",
        "the number of the code vector nearest to a z_e; the decoder gets that code vector, z_q, instead of z_e",
        r"k(z_e) = \operatorname*{arg\,min}_j \lVert z_e - c_j \rVert, \qquad z_q = c_{k(z_e)}",
    ),
    Meaning(
        "Q",
        "the distribution of the z_q: the code vectors in use, each counted as often as it is used",
        r"p_j = \frac{1}{N} \sum_{i=1}^{N} [\, k(z_{e,i}) = j \,]",
    ),
    Meaning(
        "Perplexity",
        "how many codes, used evenly, would be as diverse as the usage is: from 1, if all z_e share one code, to K",
        r"\mathrm{perplexity} = \exp\Bigl(-\sum_j p_j \ln p_j\Bigr)",
    ),
)


def glossary(place: Any) -> None:
    """A popover with each word's meaning; its formulas on demand."""
    with place.popover(
        "What is what?", icon=":material/help:", help="What is what?", type="tertiary", key="glossary"
    ):
        for meaning in MEANINGS:
            st.markdown(f"**{meaning.word}**: {meaning.text}.")
        if st.toggle("Formulas", key="glossary-formulas"):
            for meaning in MEANINGS:
                st.latex(meaning.formula)
