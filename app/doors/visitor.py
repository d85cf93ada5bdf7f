"""What pages need of access control: who the visitor is, and links to share."""

from collections.abc import Mapping
from urllib.parse import urlencode

import streamlit as st

from app.doors.guard import role_of
from app.doors.start import OWNER, started


def is_owner() -> bool:
    """Whether this visitor may use the Doctor, which reads and writes files of this machine."""
    start = started()
    return not start.token or role_of(st.context.cookies.items(), start) == OWNER


def shared_link(query: Mapping[str, str], *, safe: str = "") -> str:
    """This page's address with `query`, to share; with the class token if visitors need one."""
    token = started().class_token
    here = (st.context.url or "").partition("?")[0]
    return f"{here}?{urlencode({**query, **({'token': token} if token else {})}, safe=safe)}"
