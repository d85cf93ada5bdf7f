"""How the server was started: where it listens, its names, who may come in, and which files are open.

`python -m app` sets it with `begin`. Under `streamlit run`, whose command line is Streamlit's, the environment does:
VQ_SCOPE_HOSTS, VQ_SCOPE_TOKEN, VQ_SCOPE_NO_TOKEN and VQ_SCOPE_FILES.
"""

import hashlib
import hmac
import os
import re
import secrets
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import streamlit as st

from app.doors.names import EVERYWHERE, LOCAL, Authority, Names, names_of, read_address

STARTED_IN = Path.cwd()
TOKEN = re.compile(r"[A-Za-z0-9._~-]{8,128}", re.ASCII)
OWNER, CLASS = "owner", "class"


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """How one server was started."""

    address: str = "localhost"
    names: Names = field(default_factory=lambda: Names(LOCAL))
    is_open: bool = False
    """Whether other machines reach it, directly or through a proxy."""

    token: str = ""
    """The token that opens everything; empty if none is asked for."""

    folders: tuple[Path, ...] = (Path("/"),)
    """Folders in which the Doctor may read and write files."""

    folder: Path = STARTED_IN
    """The folder that relative paths start from."""

    @property
    def class_token(self) -> str:
        """The token in shared links, which opens all pages but the Doctor; `token` cannot be derived from it."""
        return hmac.new(self.token.encode(), b"class", hashlib.sha256).hexdigest()[:32] if self.token else ""

    def role(self, token: str) -> str:
        """OWNER or CLASS by a visitor's token, compared in constant time; empty for an invalid one."""
        if not self.token:
            return OWNER
        brought = token.encode(errors="replace")
        is_owner = hmac.compare_digest(brought, self.token.encode())
        is_class = hmac.compare_digest(brought, self.class_token.encode())
        return OWNER if is_owner else CLASS if is_class else ""


def make(
    *,
    address: str,
    hosts: Sequence[str] = (),
    token: str | None = None,
    no_token: bool = False,
    files: Sequence[str] = (),
    folder: Path = STARTED_IN,
) -> Start:
    """The start that these options, from a command line or the environment, describe.

    Raises:
        ValueError: one sentence on the first invalid option.
    """
    told = tuple(_host(one) for one in hosts)
    is_open = not is_loopback(address) or any(one.name not in LOCAL for one in told)
    if token and no_token:
        raise ValueError("`--token` and `--no-token` exclude each other. Give one of them.")
    if token is not None and not TOKEN.fullmatch(token):
        raise ValueError(
            "`--token` must be 8 to 128 letters, digits, `-`, `_`, `.` or `~`. Leave it out for a random one."
        )
    if is_open and not token and not no_token:
        token = secrets.token_urlsafe(24)
    narrow = (folder,) if is_open else (Path(folder.anchor),)
    return Start(
        address=address,
        names=names_of(address, told, socket.gethostname()),
        is_open=is_open,
        token=token or "",
        folders=tuple(_folder(one, folder) for one in files) or narrow,
        folder=folder,
    )


def environment_words(environment: Mapping[str, str]) -> dict[str, Any]:
    """The options of `make` from the environment; a command line's take precedence.

    >>> environment_words({"VQ_SCOPE_HOSTS": "lab-pc, vq.example.org"})
    {'hosts': ['lab-pc', 'vq.example.org']}
    """
    words: dict[str, Any] = {
        "hosts": environment.get("VQ_SCOPE_HOSTS", "").replace(",", " ").split(),
        "token": environment.get("VQ_SCOPE_TOKEN", ""),
        "no_token": environment.get("VQ_SCOPE_NO_TOKEN", "") not in ("", "0"),
        "files": [one for one in environment.get("VQ_SCOPE_FILES", "").split(os.pathsep) if one],
    }
    return {name: value for name, value in words.items() if value}


def is_loopback(address: str) -> bool:
    """Whether a server at `address`, a name or a number, can be reached only from this machine.

    Raises:
        ValueError: if there is no such address.
    """
    if address in EVERYWHERE:
        return False
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        found = socket.getaddrinfo(address or None, None, family, socket.SOCK_STREAM) if address else []
    except (OSError, UnicodeError):
        found = []
    if not found:
        raise ValueError(
            f"`--address` must be a name or an address of this machine, but {address[:80]!r} is not one."
        )
    numbers = [read_address(str(where[0]).partition("%")[0]) for *_, where in found]
    return all(number is not None and number.is_loopback for number in numbers)


def _host(text: str) -> Authority:
    try:
        return Authority.read(text)
    except ValueError as error:
        raise ValueError(f"`--host` must be a name, with or without a port: {error}.") from error


def _folder(text: str, start: Path) -> Path:
    try:
        found = (start / Path(text).expanduser()).resolve(strict=True) if text else None
    except (OSError, RuntimeError, ValueError):
        found = None
    if found is None or not found.is_dir():
        raise ValueError(f"`--files` must be a folder, but {text[:200]!r} is not one.")
    return found


class _Begun:
    start: Start | None = None


def begin(start: Start) -> None:
    """Have this process serve as `start` says."""
    _Begun.start = start


def started() -> Start:
    """The start given to `begin`; else the one that the environment and Streamlit's options describe."""
    if _Begun.start is None:
        # Without an address, Streamlit listens everywhere.
        address = st.get_option("server.address") or "0.0.0.0"
        _Begun.start = make(address=address, **environment_words(os.environ))
    return _Begun.start
