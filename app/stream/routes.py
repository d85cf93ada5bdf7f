"""What the server answers beside the pages: the road of live data, and Plotly's script out of the installed wheel."""

import importlib

import anyio
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from app.live_plot.plotly_script import script_name, script_path

A_YEAR = 31_536_000


async def live(socket: WebSocket) -> None:
    """The road of live data, loaded late: torch must not hold up the start of the server, nor its other answers."""
    road = await anyio.to_thread.run_sync(importlib.import_module, "app.stream.road")
    await road.live(socket)


async def plotly_script(_: Request) -> Response:
    """Plotly's script. Its name has its version, so a browser may keep it for good."""
    headers = {"Cache-Control": f"public, max-age={A_YEAR}, immutable"}
    return FileResponse(script_path(), media_type="text/javascript", headers=headers)


def routes() -> list[BaseRoute]:
    """All routes, at the root and below any base path: a proxy may strip it, and may put its own before it.

    Streamlit's base path is not asked for. To ask for one of its settings here would settle all of them, before the
    server is told where to listen.
    """
    made: list[BaseRoute] = []
    for prefix in ("", "/{base:path}"):
        made.append(WebSocketRoute(f"{prefix}/vq/live", live))
        made.append(Route(f"{prefix}/{script_name()}", plotly_script, methods=["GET", "HEAD"]))
    return made
