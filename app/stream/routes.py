"""What the server serves besides the pages: the live WebSocket, and Plotly's script from the installed wheel."""

import importlib

import anyio
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from app.live_plot.plotly_script import script_name, script_path

A_YEAR = 31_536_000


async def live(socket: WebSocket) -> None:
    """The live WebSocket, imported late so that torch holds up neither the server's start nor its other answers."""
    road = await anyio.to_thread.run_sync(importlib.import_module, "app.stream.road")
    await road.live(socket)


async def plotly_script(_: Request) -> Response:
    """Plotly's script. Its name contains its version, so that a browser may cache it forever."""
    headers = {"Cache-Control": f"public, max-age={A_YEAR}, immutable"}
    return FileResponse(script_path(), media_type="text/javascript", headers=headers)


def routes() -> list[BaseRoute]:
    """All routes, at the root and below any base path: a proxy may strip it, and may put its own before it.

    Streamlit's base path is not read. Reading one of its settings here would fix all of them, before the
    server is told where to listen.
    """
    made: list[BaseRoute] = []
    for prefix in ("", "/{base:path}"):
        made.append(WebSocketRoute(f"{prefix}/vq/live", live))
        made.append(Route(f"{prefix}/{script_name()}", plotly_script, methods=["GET", "HEAD"]))
    return made
