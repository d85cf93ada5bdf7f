"""Files dropped on the Doctor page: moved to a temporary folder one by one, and examined together."""

import streamlit as st

from app.doctor.asking import ask
from app.doctor.state import doctor_state
from app.links.doctor import Asked
from app.sessions.registry import registry
from app.sessions.uploads import (
    MEGABYTE,
    MOST_MEGABYTES,
    MOST_MEGABYTES_TOGETHER,
    UNUSED_MINUTES,
    Dropped,
    Role,
    UploadError,
    free_sent,
)
from app.wording import as_written

LABELS: dict[Role, str] = {"checkpoint": "Checkpoint", "latents": "Latents or codes, optional"}
ABOUT = (
    f"Up to {MOST_MEGABYTES} MB per file, and {MOST_MEGABYTES_TOGETHER:,} MB for all files dropped on this server. "
    f"Removed after {UNUSED_MINUTES} minutes without use, when newer files take their place, or when the server ends."
)


def drop() -> None:
    """What was dropped so far, a place for the rest, and the button that examines it."""
    state = doctor_state()
    dropped = registry().uploads.find(state.dropped)
    for role in LABELS:
        if dropped is not None and role in dropped.files:
            _taken(dropped, role)
        else:
            _place(role)
    st.caption(ABOUT)
    is_there = dropped is not None and "checkpoint" in dropped.files
    if st.button("Examine the dropped files", key="doctor-examine-dropped", disabled=not is_there):
        ask(Asked(upload=state.dropped))
        state.dropped = ""
        st.rerun()


def _place(role: Role) -> None:
    state = doctor_state()
    key = f"doctor-drop-{role}-{state.drop_turn}"
    sent = st.file_uploader(LABELS[role], key=key, max_upload_size=MOST_MEGABYTES)
    if sent is None:
        return
    state.drop_turn += 1  # another key: an empty place, wherever there is one next
    try:
        state.dropped = registry().uploads.put(state.dropped, role, sent.name, sent, sent.size).id
    except UploadError as error:
        st.error(as_written(str(error)), icon=":material/error:")
    else:
        st.rerun()
    finally:
        free_sent(sent)


def _taken(dropped: Dropped, role: Role) -> None:
    path = dropped.files[role]
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"doctor-taken-{role}"):
        st.markdown(as_written(f"{path.name}, {path.stat().st_size / MEGABYTE:,.1f} MB"), width="stretch")
        if st.button("Remove", icon=":material/close:", key=f"doctor-take-back-{role}", type="tertiary"):
            registry().uploads.take_back(dropped, role)
            st.rerun()
