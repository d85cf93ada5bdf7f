"""What the server prints at its start, and says on every page if other machines can reach it."""

import socket

import streamlit as st

from app.doors.names import EVERYWHERE, LOCAL, Authority
from app.doors.start import Start

NOBODY = "192.0.2.1"
"""An address that nobody has (RFC 5737): only the route to it is looked up, nothing is sent."""


def announcement(start: Start) -> str:
    """The lines to print: where the pages are, and who can reach them."""
    lines = ["", *(f"  VQ Scope: {url}" for url in _urls(start)), ""]
    if start.is_open:
        lines += [f"  {sentence}" for sentence in _on_others(start)] + [""]
    return "\n".join(lines)


def warning(start: Start) -> str:
    """The line on the page; empty if no other machine can reach it."""
    if not start.is_open:
        return ""
    return "open to other machines, by link" if start.token else "open to other machines, without a token"


def _on_others(start: Start) -> list[str]:
    folders = ", ".join(map(str, start.folders))
    if not start.token:
        return [
            "OPEN TO OTHER MACHINES, WITHOUT A TOKEN: anyone who can reach this port can train here and, on the "
            "Doctor",
            f"page, read checkpoints and write repaired copies below {folders}.",
        ]
    return [
        "Open to other machines: anyone with this link can train here and, on the Doctor page, read checkpoints",
        f"and write repaired copies below {folders}. Links made on the pages open everything but the Doctor.",
        "Without https, others on the network can read the token.",
    ]


def _urls(start: Start) -> list[str]:
    scheme = "https" if st.get_option("server.sslCertFile") else "http"
    port, path = st.get_option("server.port"), (st.get_option("server.baseUrlPath") or "").strip("/")
    path = f"/{path}/" if path else "/"
    query = f"?token={start.token}" if start.token else ""
    named = [one for one in start.names.told if one.name not in LOCAL]
    if start.address in EVERYWHERE:
        names = ["localhost", own_address(), *(one.name for one in named)]
        return [f"{scheme}://{as_host(name)}:{port}{path}{query}" for name in dict.fromkeys(names)]
    here = f"{scheme}://{as_host(start.address)}:{port}{path}{query}"
    return [here, *(f"https://{_spelled(one)}{path}{query}  (through your proxy)" for one in named)]


def own_address() -> str:
    """The address at which other machines reach this one, by its routes; else its name."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.connect((NOBODY, 9))
            return str(asking.getsockname()[0])
    except OSError:
        return socket.gethostname()


def as_host(name: str) -> str:
    """`name` as a URL has it: a numeric address of IPv6 in brackets."""
    return f"[{name}]" if ":" in name else name


def _spelled(told: Authority) -> str:
    return as_host(told.name) + ("" if told.port is None else f":{told.port}")
