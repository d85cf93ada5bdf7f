"""What `streamlit run` serves: the pages' script, and beside it whatever else the server answers."""

import streamlit as st

app = st.App("script.py")
