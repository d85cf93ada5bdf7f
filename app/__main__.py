"""`python -m app`: starts the dashboard, or says in one sentence why it cannot."""

import importlib
import signal
import socket
import sys
import threading
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from app.main import app
from vqcore.arguments import Parser

SETTINGS = Path(__file__).with_name(".streamlit") / "config.toml"
FIRST_PORT, PORTS_TO_TRY = 8501, 20


def main() -> int:
    """Serve until interrupted; exit code 2 where the address cannot be had."""
    parser = Parser(prog="vqscope", description="Start the VQ Scope dashboard.")
    parser.add_argument("--port", type=int, help=f"unless told, the first free one from {FIRST_PORT} up")
    parser.add_argument("--address", default="localhost", help="localhost unless told; 0.0.0.0 for every network")
    options = parser.parse_args()
    try:
        port = _find_port(options.address, options.port)
    except OSError as error:
        wanted = options.port or f"{FIRST_PORT} to {FIRST_PORT + PORTS_TO_TRY - 1}"
        print(
            f"`--port` must be free, but {wanted} at {options.address} is not ({error}). Name another.",
            file=sys.stderr,
        )
        return 2
    threading.Thread(target=_load_early, daemon=True).start()
    signal.signal(signal.SIGTERM, _end)
    with suppress(KeyboardInterrupt):
        app.run(config=shipped_settings() | {"server.port": port, "server.address": options.address})
    return 0


def shipped_settings() -> dict[str, Any]:
    """Streamlit's settings as the file beside this one has them, which it would look for where it was started."""
    return dict(_flat(tomllib.loads(SETTINGS.read_text(encoding="utf-8"))))


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _end(*_: object) -> None:
    """What uvicorn leaves a signal to once it has closed; without it, the process would be killed before `atexit`."""
    sys.exit(0)


def _load_early() -> None:
    """Load what the first page waits for, while Streamlit and the browser start: above all torch, then k-means."""
    for module in ("app.services", "sklearn.cluster"):
        importlib.import_module(module)


def _find_port(address: str, wanted: int | None) -> int:
    ports = [wanted] if wanted is not None else range(FIRST_PORT, FIRST_PORT + PORTS_TO_TRY)
    for port in ports:
        try:
            _bind(address, port)
        except OSError as error:
            last = error
        else:
            return port
    raise last


def _bind(address: str, port: int) -> None:
    """Raise OSError unless a server could listen there."""
    if not 0 < port < 65_536:
        raise OSError("a port is a number from 1 to 65535")
    with socket.create_server((address, port)):
        pass


if __name__ == "__main__":
    sys.exit(main())
