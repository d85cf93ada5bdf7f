"""A script that takes a while and says how many of its runs have been under way at once."""

import time

import streamlit as st


@st.cache_resource
def runs() -> dict[str, int]:
    return {"now": 0, "most": 0}


running = runs()
running["now"] += 1
running["most"] = max(running["most"], running["now"])
time.sleep(0.2)
running["now"] -= 1
st.text(f"at most {running['most']} at once")
