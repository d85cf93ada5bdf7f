"""The script that runs for every visitor: page settings, style and pages."""

from pathlib import Path

import streamlit as st

from app.doors.announcing import warning
from app.doors.start import started
from app.doors.visitor import is_owner
from app.ending import will_exit_with
from app.live_plot.component import preload_plotly
from app.panels.lecture_places import begin, shows

SIDEBAR_PIXELS = 280
REACH_HELP = "Other machines can reach this server. The lines that it printed at its start say what they may do."

if st.runtime.exists():  # a server and no test; `python -m app` knows its code better
    will_exit_with(1)  # as `streamlit run` does after Ctrl-C
st.set_page_config(
    page_title="VQ Scope",
    page_icon=str(Path(__file__).with_name("icon.svg")),
    layout="wide",
    initial_sidebar_state=SIDEBAR_PIXELS,
)
st.html(Path(__file__).with_name("style.css"))
preload_plotly()
# Pages by path: what they import, torch above all, is loaded while the browser is already busy with the above.
pages = [
    st.Page("live/page.py", title="Live", url_path="live", default=True),
    st.Page("compare/page.py", title="Side by side", url_path="compare"),
    st.Page("trajectories/page.py", title="Trajectories", url_path="trajectories"),
    st.Page("results/page.py", title="Results", url_path="results"),
    st.Page("lessons/page.py", title="Lessons", url_path="lessons"),
    *(
        [
            st.Page("runs/page.py", title="Runs", url_path="runs"),
            st.Page("doctor/page.py", title="Doctor", url_path="doctor"),
        ]
        if is_owner()  # they open files of this machine
        else []
    ),
]
glossary = st.Page("lessons/glossary_page.py", title="Glossary", url_path="glossary")
page = st.navigation([*pages, glossary], position="hidden")
begin(page.title)
if shows("navigation"):
    with st.container(horizontal=True, gap="small", key="navigation"):  # style.css lays it beside a page's own title
        for entry in pages:
            st.page_link(entry, width="content")
        if is_owner() and (said := warning(started())):
            st.html(f"<div class='vq-reach' title='{REACH_HELP}'>{said}</div>")
page.run()
