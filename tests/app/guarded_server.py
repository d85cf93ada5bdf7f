"""`python guarded_server.py …`: the dashboard with a route and a socket of ours, which check nothing themselves."""

import sys
from pathlib import Path

import streamlit as st
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

import app.__main__ as program
from app import main


async def echo(request: Request) -> PlainTextResponse:
    return PlainTextResponse(await request.body())


async def echo_socket(asked: WebSocket) -> None:
    await asked.accept()
    await asked.send_bytes(await asked.receive_bytes())
    await asked.close()


program.app = st.App(
    Path(main.__file__).with_name("script.py"),
    routes=[Route("/ours/echo", echo, methods=["GET", "POST"]), WebSocketRoute("/ours/socket", echo_socket)],
    middleware=main.app._user_middleware,
    lifespan=main.serving,
)

if __name__ == "__main__":
    sys.exit(program.main())
