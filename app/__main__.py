"""`python -m app`: starts the dashboard, or says in one sentence why it cannot."""

import importlib
import os
import signal
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path

from app.ending import end_on_hangup, own_exit_code
from app.main import app
from app.temporary import remove_what_ended_servers_left
from vqcore.arguments import Parser

ROOT = Path(__file__).resolve().parent.parent
FIRST_PORT, PORTS_TO_TRY = 8501, 20


def main() -> int:
    """Serve until interrupted; exit code 2 where the address cannot be had."""
    parser = Parser(prog="python -m app", description="Start the VQ Scope dashboard.")
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
    os.chdir(ROOT)  # where Streamlit looks for .streamlit/config.toml
    signal.signal(signal.SIGTERM, _end)
    end_on_hangup()
    remove_what_ended_servers_left()
    with own_exit_code(), suppress(KeyboardInterrupt):
        app.run(config={"server.port": port, "server.address": options.address})
    return 0


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
