"""What `streamlit run` serves: the pages' script, and beside it the WebSocket of their live data."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from app.doors.announcing import announcement
from app.doors.guard import Guard
from app.doors.start import started
from app.stream.routes import routes


@asynccontextmanager
async def serving(_: st.App) -> AsyncIterator[None]:
    """Says where the pages are, once the port is known."""
    print(announcement(started()), flush=True)
    yield


app = st.App(
    Path(__file__).with_name("script.py"),
    routes=routes(),
    middleware=[Middleware(Guard)],
    lifespan=serving,
)
