"""The Glossary page: every word that lessons underline, with its formula and where it was first said."""

from pathlib import Path

import streamlit as st

from app.glossary import GLOSSARY
from app.lessons import text as lesson_text
from app.panels.head import brand


def page() -> None:
    """The page, as a script."""
    for sheet in ("lessons.css", "words.css"):
        st.html(Path(__file__).with_name(sheet))
    st.html(brand())
    st.html(lesson_text.words_explained())
    for column, terms in zip(st.columns(2, gap="large"), (GLOSSARY[::2], GLOSSARY[1::2]), strict=True):
        with column:
            for term in terms:
                st.html(lesson_text.explained(term))
                if term.formula:
                    st.latex(term.formula)


page()
