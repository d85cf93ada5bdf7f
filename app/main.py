"""What `streamlit run` runs: page settings, style, and the pages there are."""

from pathlib import Path

import streamlit as st

from app.views import live

SIDEBAR_PIXELS = 280

st.set_page_config(
    page_title="VQ Scope",
    page_icon=str(Path(__file__).with_name("icon.svg")),
    layout="wide",
    initial_sidebar_state=SIDEBAR_PIXELS,
)
st.html(Path(__file__).with_name("style.css"))
st.navigation([st.Page(live.page, title="Live", url_path="live", default=True)], position="hidden").run()
