"""Access control in front of every page, file and socket of the server, Streamlit's and ours alike."""

import secrets
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote_plus

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.doors.names import Authority, read_address
from app.doors.start import OWNER, Start, started

COOKIE = "vq-scope-"
"""Prefix of the port: a browser sends one server's cookies to all ports of its machine."""

BROWSER = "vq-browser"
"""The cookie that tells browsers apart: the address of a page alone, in a bookmark or a chat, controls nothing."""

A_MONTH = 30 * 24 * 3600

HEADERS = {
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # an address holds the id of a session
}
FRAMES = "frame-ancestors 'self'"

OTHER_NAME = "This server is not called {name}. Use the address that it printed, or start it with `--host {name}`."
OTHER_MACHINE = "This server accepts only its own machine. Start it with `--address` to let others in."
OTHER_PAGE = (
    "This request came from a page of another site, which is not allowed. Open the address that the server printed."
)
NO_TOKEN = (
    "This server asks for a token. Open the link that it printed at its start, which ends in `token=…`, or a "
    "link shared by somebody who has access."
)


class RefusedError(Exception):
    """Raised with the reason why a request is refused."""


class Guard:
    """ASGI middleware; routes behind it need no checks of their own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, refuse, or pass on."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        asked = HTTPConnection(scope)
        start, send = started(), _with_headers(send, _new_browser(asked))
        try:
            host = _check_place(asked, start)
            origin = _check_page(asked, host, start)
            entry = _check_token(asked, start)
        except RefusedError as error:
            await _refuse(scope, receive, send, str(error))
            return
        if entry is not None:
            await entry(scope, receive, send)
            return
        if origin is not None:  # checked: Streamlit would look up this machine's address on the internet
            MutableHeaders(scope=scope)["origin"] = f"{origin.partition(':')[0]}://{asked.headers['host']}"
        await self.app(scope, receive, send)


def _check_place(asked: HTTPConnection, start: Start) -> Authority:
    """Check that the request is meant for this server; returns the name it uses for the server."""
    names = asked.headers.getlist("host")
    try:
        if len(names) != 1:
            raise RefusedError("A request must name one host.")
        host = Authority.read(names[0])
    except ValueError as error:
        raise RefusedError(f"A request must name a host, but {error}.") from error
    if not start.names.include(host):
        raise RefusedError(OTHER_NAME.format(name=host.name))
    reached = read_address((asked.scope.get("server") or ("", 0))[0])
    if not start.is_open and reached is not None and not reached.is_loopback:
        raise RefusedError(OTHER_MACHINE)
    return host


def _check_page(asked: HTTPConnection, host: Authority, start: Start) -> str | None:
    """Check that no page of another site asks; returns the origin of the page, if a browser sent it.

    Clients other than browsers send none and are let in.
    """
    origins = asked.headers.getlist("origin")
    if any(not start.names.welcome(origin, host) for origin in origins) or len(origins) > 1:
        raise RefusedError(OTHER_PAGE)
    is_visit = (
        asked.headers.get("sec-fetch-mode", "navigate") == "navigate"
        and asked.headers.get("sec-fetch-dest", "document") == "document"
    )
    if asked.headers.get("sec-fetch-site") in ("cross-site", "same-site") and not is_visit:
        raise RefusedError(OTHER_PAGE)
    return origins[0] if origins else None


def _check_token(asked: HTTPConnection, start: Start) -> Response | None:
    """Check the token; if it is in the address, returns the answer that moves it into a cookie."""
    cookie = f"{COOKIE}{(asked.scope.get('server') or ('', 0))[1]}"
    role = start.role(asked.cookies.get(cookie, ""))
    brought = asked.query_params.get("token") if asked.scope.get("method") in ("GET", "HEAD") else None
    entering = start.role(brought) if brought else ""
    if not (role or entering):
        raise RefusedError(NO_TOKEN)
    if brought is None:
        return None
    answer = RedirectResponse(_without_token(asked.scope), status_code=303, headers={"Cache-Control": "no-store"})
    if start.token and entering and role != OWNER:
        assert brought is not None
        is_secure = asked.url.scheme == "https"
        answer.set_cookie(cookie, brought, httponly=True, samesite="lax", secure=is_secure)
    return answer


def _without_token(scope: Scope) -> str:
    """The same address without its token, relative: a proxy may serve it under another path."""
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    parts: list[bytes] = scope["query_string"].split(b"&")
    kept = b"&".join(part for part in parts if unquote_plus(part.partition(b"=")[0].decode("latin-1")) != "token")
    place = b"./" + path.partition(b"?")[0].rpartition(b"/")[2]
    return (place + (b"?" + kept if kept else b"")).decode("latin-1")


async def _refuse(scope: Scope, receive: Receive, send: Send, reason: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})  # a 403 to the client, as it was not accepted
    else:
        await PlainTextResponse(f"{reason}\n", 403, {"Cache-Control": "no-store"})(scope, receive, send)


def _new_browser(asked: HTTPConnection) -> str:
    """The cookie of a browser that opens a page and has none; empty for any other."""
    opens_a_page = asked.scope["type"] == "http" and "text/html" in asked.headers.get("accept", "")
    if not opens_a_page or asked.cookies.get(BROWSER):
        return ""
    cookie = Response()
    is_secure = asked.url.scheme == "https"
    cookie.set_cookie(
        BROWSER, secrets.token_urlsafe(18), max_age=A_MONTH, httponly=True, samesite="lax", secure=is_secure
    )
    return cookie.headers["set-cookie"]


def _with_headers(send: Send, cookie: str) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.update(HEADERS)
            headers.append("Content-Security-Policy", FRAMES)
            if cookie:
                headers.append("Set-Cookie", cookie)
        await send(message)

    return sending


def role_of(cookies: Iterable[tuple[str, Any]], start: Start) -> str:
    """OWNER or CLASS, from the cookies of a visitor who was let in."""
    roles = {start.role(str(value)) for name, value in cookies if name.startswith(COOKIE)} if start.token else {OWNER}
    return OWNER if OWNER in roles else next(filter(None, roles), "")
