"""Serves plot_page.py with what VQ Scope serves beside its pages."""

from pathlib import Path

import streamlit as st

from app.stream.routes import routes

app = st.App(Path(__file__).with_name("plot_page.py"), routes=routes())
