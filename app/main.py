"""What `streamlit run` serves: the pages' script, and beside it the road of their live data."""

from pathlib import Path

import streamlit as st

from app.stream.routes import routes

app = st.App(Path(__file__).with_name("script.py"), routes=routes())
