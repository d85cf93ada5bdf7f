"""What pages need of access control: who the visitor is, and links to share."""

from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit, urlunsplit

import streamlit as st

from app.doors.announcing import as_host, own_address
from app.doors.guard import BROWSER, role_of
from app.doors.names import EVERYWHERE, LOCAL
from app.doors.start import OWNER, Start, started


def is_owner() -> bool:
    """Whether this visitor may use the Doctor, which reads and writes files of this machine."""
    start = started()
    return not start.token or role_of(st.context.cookies.items(), start) == OWNER


def browser() -> str:
    """The visitor's browser, the same in all its tabs; empty for one that keeps no cookies."""
    return str(dict(st.context.cookies.items()).get(BROWSER, ""))


def reachable(url: str, start: Start) -> str:
    """`url` with this machine's address on the network in place of `localhost`, if others can reach it there."""
    parts = urlsplit(url)
    if not start.is_open or start.address not in EVERYWHERE or parts.hostname not in LOCAL:
        return url
    port = "" if parts.port is None else f":{parts.port}"
    return urlunsplit(parts._replace(netloc=f"{as_host(own_address())}{port}"))


def is_reached_by_others() -> bool:
    """Whether other machines can open a link of this server."""
    return started().is_open


def shared_link(query: Mapping[str, str], *, safe: str = "") -> str:
    """This page's address with `query`, to share: under a name that others reach, with the class token if needed."""
    token = started().class_token
    here = reachable((st.context.url or "").partition("?")[0], started())
    return f"{here}?{urlencode({**query, **({'token': token} if token else {})}, safe=safe)}"
