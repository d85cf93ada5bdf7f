"""A running Streamlit app and a tab on it, both of which remember what they complained about."""

import os
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import ConsoleMessage, Page, WebSocket

from app.settings import shipped_settings

ROOT = Path(__file__).parents[2]
COMPLAINT = re.compile(r"warning|traceback|exception|\berror\b", re.IGNORECASE)
HARMLESS = re.compile(r"GPU stall due to ReadPixels")
PROBED = re.compile(r"/\w+/_stcore/(health|host-config)$")
"""Where Streamlit's own script asks first when a page below the root is opened, to learn its base path."""


@dataclass
class Server:
    """A running app: what it runs, where it is and what it has said."""

    script: Path
    url: str
    log: Path
    process: subprocess.Popen[bytes]

    def complaints(self) -> list[str]:
        return [line for line in self.log.read_text().splitlines() if COMPLAINT.search(line)]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return int(free.getsockname()[1])


@contextmanager
def streamlit_server(script: Path, log: Path, base_path: str = "") -> Iterator[Server]:
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(script), f"--server.port={port}"]
    command += [f"--{name}={str(value).lower()}" for name, value in shipped_settings().items()]
    if base_path:
        command.append(f"--server.baseUrlPath={base_path}")
    url = f"http://localhost:{port}/{base_path}".rstrip("/")
    with _serving(command, url, log) as process:
        yield Server(script, url, log, process)


@contextmanager
def app_server(
    log: Path, *words: str, module: str = "tests.browser.soon_idle_server", port: int | None = None
) -> Iterator[Server]:
    """VQ Scope as a person starts it with these `words`, or as another `module` does; at a free port by default."""
    with program_server([sys.executable, "-m", module], log, *words, port=port) as server:
        yield server


@contextmanager
def program_server(
    program: list[str],
    log: Path,
    *words: str,
    port: int | None = None,
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """VQ Scope as `program` starts it."""
    port = port or free_port()
    url = f"http://localhost:{port}"
    with _serving([*program, "--port", str(port), *words], url, log, cwd, env) as process:
        yield Server(ROOT / "app" / "main.py", url, log, process)


@contextmanager
def _serving(
    command: list[str], url: str, log: Path, cwd: Path = ROOT, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """The process of `command` from when it answers at `url`; ended afterwards unless it has ended itself."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = {**(env if env is not None else {**os.environ, "PYTHONPATH": path}), "PYTHONUNBUFFERED": "1"}
    with log.open("w") as out:
        process = subprocess.Popen(command, cwd=cwd, stdout=out, stderr=subprocess.STDOUT, env=environment)
        try:
            _wait_until_up(f"{url}/_stcore/health", process, log)
            yield process
        finally:
            process.terminate()
            process.wait(timeout=20)


def _wait_until_up(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    stopped = False
    for _ in range(240):
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except urllib.error.HTTPError:  # it asks for a token
            return
        except OSError:  # not yet, or too busy for now
            pass
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.25)
            stopped = True
        if stopped:
            break
    raise RuntimeError(f"Streamlit did not come up at {address}:\n{log.read_text()}")


@dataclass
class Tab:
    """A page, what its console complained about and how much its websocket received."""

    page: Page
    problems: list[str] = field(default_factory=list)
    received: int = 0
    sent: int = 0
    """Messages that went to the server."""

    sent_to_script: int = 0
    """Those of them that have the page's script run: all but the requests for frames."""

    def __post_init__(self) -> None:
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.problems.append(f"page error: {error}"))
        self.page.on("websocket", self._listen)

    def _hear(self, message: ConsoleMessage) -> None:
        if PROBED.search(message.location.get("url", "")):
            return
        if message.type in ("error", "warning") and not HARMLESS.search(message.text):
            self.problems.append(f"console {message.type}: {message.text}")

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framereceived", self._count)
        socket.on("framesent", self._count_sent)
        if not socket.url.endswith("/vq/live"):
            socket.on("framesent", self._count_sent_to_script)

    def _count(self, payload: bytes | str) -> None:
        self.received += len(payload)

    def _count_sent(self, _: bytes | str) -> None:
        self.sent += 1

    def _count_sent_to_script(self, _: bytes | str) -> None:
        self.sent_to_script += 1
