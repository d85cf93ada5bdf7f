"""`python -m app`: start the dashboard, or say in one sentence why it cannot start."""

import errno
import gc
import importlib
import os
import signal
import socket
import sys
import threading
from contextlib import suppress

from app.doors.start import begin, environment_words, make
from app.ending import end_on_hangup, own_exit_code
from app.main import app
from app.settings import shipped_settings
from app.temporary import remove_what_ended_servers_left
from vqcore.arguments import Parser

FIRST_PORT, PORTS_TO_TRY = 8501, 20


def main() -> int:
    """Serve until interrupted; exit code 2 for a bad option or a port that is not free."""
    options = vars(_parser().parse_args())
    wanted, address = options.pop("port"), options.pop("address")
    given = {name: value for name, value in options.items() if value not in (None, False)}
    try:
        begin(make(address=address, **environment_words(os.environ) | given))
        port = _find_port(address, wanted)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    threading.Thread(target=_load_early, daemon=True).start()
    signal.signal(signal.SIGTERM, _end)
    end_on_hangup()
    remove_what_ended_servers_left()
    with own_exit_code(), suppress(KeyboardInterrupt):
        app.run(config=shipped_settings() | {"server.port": port, "server.address": address})
    return 0


def _parser() -> Parser:
    parser = Parser(
        prog="vqscope",
        description="Start the VQ Scope dashboard.",
        epilog="VQ_SCOPE_HOSTS, VQ_SCOPE_TOKEN, VQ_SCOPE_NO_TOKEN=1 and VQ_SCOPE_FILES in the environment do so too, "
        "under `streamlit run` as well.",
    )
    parser.add_argument("--port", type=int, help=f"default: the first free one from {FIRST_PORT} up; 0: any free one")
    parser.add_argument(
        "--address",
        default="localhost",
        help="where to listen; default: localhost, which no other machine reaches; 0.0.0.0: on every network",
    )
    parser.add_argument(
        "--host",
        action="append",
        dest="hosts",
        metavar="NAME",
        help="another name of this server, such as a proxy's, with `:PORT` where that is no usual one; repeat it for "
        "more. Requests for other names are refused. With --address 0.0.0.0, this machine's own name and numeric "
        "addresses are accepted without it",
    )
    parser.add_argument(
        "--token",
        help="what visitors must bring in their link; default: a random one where other machines reach the server, "
        "and none on localhost. Set VQ_SCOPE_TOKEN instead to keep it out of the list of processes",
    )
    parser.add_argument("--no-token", action="store_true", help="let everybody in who reaches the server")
    parser.add_argument(
        "--files",
        action="append",
        metavar="FOLDER",
        help="the Doctor reads and writes below this folder only; repeat it for more. The default is the folder that "
        "the server is started in, on localhost every folder",
    )
    return parser


def _end(*_: object) -> None:
    """Handler that uvicorn passes a signal to once it has closed; else the process would die before `atexit`."""
    sys.exit(0)


def _load_early() -> None:
    """Import what the first page needs while Streamlit and the browser start: mainly torch, then k-means."""
    # A RuntimeError is that of a process that ends meanwhile; a page would import it again and say what is wrong.
    with suppress(RuntimeError):
        for module in ("app.sessions.registry", "sklearn.cluster"):
            importlib.import_module(module)
        gc.freeze()  # what modules hold stays: no collection has to search through it while a frame waits


def _find_port(address: str, wanted: int | None) -> int:
    """A free port at `address`; 0 lets the server choose one.

    Raises:
        ValueError: if no wanted port is free, or nothing can listen at `address`.
    """
    ports = [wanted] if wanted is not None else range(FIRST_PORT, FIRST_PORT + PORTS_TO_TRY)
    if not all(0 <= port < 65_536 for port in ports):
        raise ValueError(f"`--port` must be a number from 0 to 65535, but is {wanted}.")
    for port in ports:
        try:
            _bind(address, port)
        except OSError as error:
            last = error
        else:
            return port
    if last.errno == errno.EADDRNOTAVAIL:
        raise ValueError(f"`--address` must be an address of this machine, but {address!r} is not one.") from last
    named = ports[0] if len(ports) == 1 else f"{ports[0]} to {ports[-1]}"
    raise ValueError(f"`--port` must be free, but {named} at {address} is not ({last}). Name another.") from last


def _bind(address: str, port: int) -> None:
    """Raise OSError unless a server could listen there."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, port), family=family):
        pass


if __name__ == "__main__":
    sys.exit(main())
