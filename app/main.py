"""What `streamlit run` serves: the pages' script, and beside it whatever else the server answers."""

from pathlib import Path

import streamlit as st

app = st.App(Path(__file__).with_name("script.py"))
