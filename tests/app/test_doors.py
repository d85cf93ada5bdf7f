"""Who may come in, asked of the running server by a client that says what no browser would."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from raw_client import Client, ask, upgrade

from app.doors.start import make

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
STREAM = "/_stcore/stream"
SOCKETS = [STREAM, "/ours/socket"]
PATHS = ["/", "/doctor", "/_stcore/health", "/_stcore/host-config", "/static/index.html", "/ours/echo", "/none"]
TOKEN = "a-token-of-a-test"
CLASS_TOKEN = make(address="localhost", token=TOKEN).class_token
TOLD = "vq.example.org"


@dataclass(frozen=True)
class Server:
    port: int
    printed: str


@contextmanager
def serving(*words: str) -> Iterator[Server]:
    """The server with routes of ours, from when it has printed its address."""
    with running([str(HERE / "guarded_server.py"), "--port", "0", *words]) as server:
        yield server


@contextmanager
def running(words: list[str], **variables: str) -> Iterator[Server]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **variables}
    command = [sys.executable, *words]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        try:
            printed = ""
            while (found := re.search(r"http://localhost:(\d+)\S*\n", printed)) is None:
                line = process.stdout.readline()
                assert line, printed
                printed += line
            yield Server(int(found[1]), printed)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def local() -> Iterator[Server]:
    """As a person starts it."""
    with serving() as server:
        yield server


@pytest.fixture(scope="module")
def shared() -> Iterator[Server]:
    """One that others reach through a proxy, and that asks for a token."""
    with serving("--host", TOLD, "--token", TOKEN) as server:
        yield server


def cookie(server: Server, token: str = TOKEN) -> str:
    return f"vq-scope-{server.port}={token}"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "host", ["attacker.example", "attacker.example:{port}", "localhost.attacker.example", "", "a b"]
)
def test_a_request_for_another_name_is_refused(local: Server, path: str, host: str) -> None:
    assert ask(local.port, "GET", path, Host=host.format(port=local.port)).status in (400, 403)


@pytest.mark.parametrize(
    "host", ["localhost:{port}", "127.0.0.1:{port}", "[::1]:{port}", "LOCALHOST:{port}", "localhost"]
)
def test_a_request_for_a_name_of_this_machine_is_answered(local: Server, host: str) -> None:
    assert ask(local.port, "GET", "/", Host=host.format(port=local.port)).status == 200


@pytest.mark.parametrize("path", SOCKETS)
def test_a_socket_of_a_rebound_name_is_refused(local: Server, path: str) -> None:
    name = f"attacker.example:{local.port}"
    assert upgrade(local.port, path, Host=name, Origin=f"http://{name}").status == 403
    assert upgrade(local.port, path, Host=name).status == 403


@pytest.mark.parametrize("path", SOCKETS)
@pytest.mark.parametrize(
    "origin",
    [
        "http://attacker.example",
        "http://attacker.example:{port}",
        "http://localhost:1",  # another server on this machine
        "http://localhost",
        "https://localhost",
        "http://127.0.0.1:{port}",  # a page that came from another name than it asks for
        "http://localhost:{port}.attacker.example",
        "http://localhost:{port}@attacker.example",
        "file://",
        "null",
        "",
    ],
)
def test_a_page_of_another_origin_opens_no_socket_and_sends_nothing(local: Server, path: str, origin: str) -> None:
    origin = origin.format(port=local.port)
    assert upgrade(local.port, path, Origin=origin).status == 403
    assert ask(local.port, "POST", "/ours/echo", b"x", Origin=origin).status == 403
    assert ask(local.port, "PUT", "/_stcore/upload_file/a/b", b"x", Origin=origin).status == 403


@pytest.mark.parametrize("path", SOCKETS)
def test_the_page_itself_and_what_is_no_browser_open_a_socket(local: Server, path: str) -> None:
    assert upgrade(local.port, path, Origin=f"http://localhost:{local.port}").status == 101
    assert upgrade(local.port, path).status == 101


def test_a_socket_of_ours_carries_what_is_sent(local: Server) -> None:
    with Client(local.port) as client:
        headers = {"Host": f"localhost:{local.port}", "Origin": f"http://localhost:{local.port}"}
        assert client.upgrade("/ours/socket", headers).status == 101
        client.send(b"moved")
        assert client.receive() == b"moved"


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_page_may_link_here_but_not_load_or_frame_anything(local: Server, site: str) -> None:
    def answer(mode: str, dest: str) -> int:
        return ask(
            local.port, "GET", "/", Sec_Fetch_Site=site, Sec_Fetch_Mode=mode, Sec_Fetch_Dest=dest
        ).status  # fmt: skip

    assert answer("navigate", "document") == 200
    assert [answer("navigate", "iframe"), answer("no-cors", "image"), answer("no-cors", "script")] == [403] * 3


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_refuses_to_be_framed_and_to_tell_its_address(local: Server, path: str) -> None:
    for host in (f"localhost:{local.port}", "attacker.example"):
        headers = ask(local.port, "GET", path, Host=host).headers
        assert headers["content-security-policy"] == "frame-ancestors 'self'"
        assert headers["x-frame-options"] == "SAMEORIGIN"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"


def test_on_this_machine_alone_nobody_is_asked_for_a_token(local: Server) -> None:
    assert "token" not in local.printed
    answer = ask(local.port, "GET", "/?problem=plane&token=left-from-another")
    assert (answer.status, answer.headers["location"]) == (303, "./?problem=plane")
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", PATHS)
def test_without_its_token_nothing_of_a_shared_server_is_answered(shared: Server, path: str) -> None:
    assert f"?token={TOKEN}" in shared.printed
    assert ask(shared.port, "GET", path).status == 403
    assert ask(shared.port, "GET", f"{path}?token=another-token").status == 403
    for wrong in ("another-token", TOKEN[:-1], f"{TOKEN}x", "", "é"):
        assert ask(shared.port, "GET", path, Cookie=cookie(shared, wrong)).status == 403
    assert ask(shared.port, "GET", path, Cookie=f"vq-scope-1={TOKEN}").status == 403


def test_whoever_is_turned_away_is_told_how_to_come_in(shared: Server) -> None:
    answer = ask(shared.port, "GET", "/")
    assert answer.headers["content-type"].startswith("text/plain")
    assert b"Open the link that it printed" in answer.body


@pytest.mark.parametrize("path", SOCKETS)
def test_no_socket_without_a_token(shared: Server, path: str) -> None:
    origin = f"http://localhost:{shared.port}"
    assert upgrade(shared.port, path, Origin=origin).status == 403
    assert upgrade(shared.port, path, Origin=origin, Cookie=cookie(shared, "another-token")).status == 403
    assert upgrade(shared.port, path).status == 403


@pytest.mark.parametrize("token", [TOKEN, CLASS_TOKEN], ids=["own", "class"])
def test_a_token_in_the_address_becomes_a_cookie_that_opens_pages_and_sockets(shared: Server, token: str) -> None:
    answer = ask(shared.port, "GET", f"/doctor?path=a%2Fb&token={token}&rows=4")
    assert (answer.status, answer.headers["location"]) == (303, "./doctor?path=a%2Fb&rows=4")
    given, *attributes = answer.headers["set-cookie"].split("; ")
    assert given == cookie(shared, token)
    assert {"httponly", "samesite=lax"} <= {one.lower() for one in attributes}
    for path in ("/", "/_stcore/health", "/ours/echo"):
        assert ask(shared.port, "GET", path, Cookie=given).status == 200
    for path in SOCKETS:
        assert upgrade(shared.port, path, Origin=f"http://localhost:{shared.port}", Cookie=given).status == 101
        assert upgrade(shared.port, path, Origin="http://localhost:1", Cookie=given).status == 403


def test_a_class_link_does_not_take_its_own_token_from_whoever_has_it(shared: Server) -> None:
    answer = ask(shared.port, "GET", f"/?token={CLASS_TOKEN}", Cookie=cookie(shared))
    assert answer.status == 303
    assert "set-cookie" not in answer.headers


def test_the_address_without_its_token_never_leads_to_another_server(shared: Server) -> None:
    for path in ("//attacker.example/", "//attacker.example", "/\\attacker.example", "/a//b/..//"):
        answer = ask(shared.port, "GET", f"{path}?token={TOKEN}")
        assert answer.status == 303
        assert answer.headers["location"].startswith("./")
        assert "/" not in answer.headers["location"][2:]


def test_streamlits_own_command_starts_the_same_doors() -> None:
    words = ["-m", "streamlit", "run", str(ROOT / "app" / "main.py"), "--server.port", "0"]
    with running(words, VQ_SCOPE_TOKEN=TOKEN, VQ_SCOPE_HOSTS=TOLD) as server:
        assert f"localhost:{server.port}/?token={TOKEN}" in server.printed
        assert ask(server.port, "GET", "/").status == 403
        assert upgrade(server.port, STREAM).status == 403
        known = {"Cookie": cookie(server)}
        assert ask(server.port, "GET", "/", Host=TOLD, **known).status == 200
        assert ask(server.port, "GET", "/", Host="attacker.example", **known).status == 403
        assert upgrade(server.port, STREAM, Origin=f"http://localhost:{server.port}", **known).status == 101
        assert upgrade(server.port, STREAM, Origin="http://localhost:1", **known).status == 403


@pytest.mark.parametrize("path", SOCKETS)
def test_a_proxy_passes_on_under_its_own_name_or_under_this_machines(shared: Server, path: str) -> None:
    known = {"Cookie": cookie(shared)}
    assert upgrade(shared.port, path, Host=TOLD, Origin=f"https://{TOLD}", **known).status == 101
    assert upgrade(shared.port, path, Origin=f"https://{TOLD}", **known).status == 101
    assert upgrade(shared.port, path, Host=TOLD, Origin=f"https://{TOLD}:8443", **known).status == 403
    assert upgrade(shared.port, path, Origin=f"https://{TOLD}:8443", **known).status == 403
