"""The WebSocket of a page: a watcher asks for the next moment and is sent what has changed, once something has.

Nobody can command a session here: messages are only read as requests. The server keeps nothing of a
watcher but its newest request, and sends nothing that was not asked for.
"""

import logging
import operator
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field

import anyio
from anyio.abc import TaskGroup
from starlette.websockets import WebSocket, WebSocketDisconnect

from app.links.lesson_view import LessonView
from app.links.runs import RunView
from app.sessions.lesson_desk import desk as lesson_desk
from app.sessions.registry import registry
from app.sessions.run_desk import run_desk
from app.sessions.watchable import Published, Watchable
from app.stream.asking import Ask, read_ask
from app.stream.frames import afterwards, frame_of, shows_picture
from vqcore.training.status import State

LARGEST_REQUEST = 64 * 1024
"""Most characters of a message; a page's largest, with thousands of points chosen, has some 25,000."""

MOST_REQUESTS, PER_SECONDS = 120, 4.0
MOST_WATCHERS = 256
AT_ONCE = 2
"""Frames made at once: more threads would only compete for the interpreter."""

FRESH_SECONDS = 0.15
"""Seconds that a request to a running session waits for a moment newer than the current one."""

TICK_SECONDS = 0.03
"""Seconds between two checks whether a session has published: as cheap as reading the clock, and no thread waits."""

RECHECK_SECONDS, UMAP_RECHECK_SECONDS = 3.0, 0.5
"""Seconds after which a frame is made even if the session has published nothing: a verdict or a layout may be new."""

HEARTBEAT_SECONDS = 15.0
SEND_SECONDS, CLOSE_SECONDS = 20.0, 1.0
AWAKE_SECONDS = 30.0
"""Seconds between two looks at a session whose watcher asks for nothing, so that a hidden tab keeps it training."""

NOT_UNDERSTOOD, NO_TEXT, TOO_MUCH, TOO_LARGE, FULL, BROKEN, ENDED = 1007, 1003, 1008, 1009, 1013, 1011, 4404

log = logging.getLogger(__name__)
_drawing, _judging = anyio.CapacityLimiter(AT_ONCE), anyio.CapacityLimiter(1)
_watchers: set[int] = set()


class RefusedError(Exception):
    """A watcher is disconnected, with this close code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass
class Desk:
    """The newest request of one watcher."""

    newest: Ask | None = None
    came: anyio.Event = field(default_factory=anyio.Event)
    times: deque[float] = field(default_factory=lambda: deque(maxlen=MOST_REQUESTS))
    judging: bool = False
    """Whether what the last frame did not wait for is still being computed."""

    def put(self, ask: Ask) -> None:
        """Replace the previous request, answered or not."""
        self.newest = ask
        self.came.set()

    async def take(self) -> Ask:
        """Wait for the newest request that has not been taken."""
        await self.came.wait()
        self.came = anyio.Event()
        assert self.newest is not None
        ask, self.newest = self.newest, None
        return ask


async def live(socket: WebSocket) -> None:
    """Serve one watcher until it leaves or is disconnected."""
    await socket.accept()
    watcher = id(socket)
    try:
        if len(_watchers) >= MOST_WATCHERS:
            raise RefusedError(FULL, "This server has as many watchers as it can serve. Try again later.")
        _watchers.add(watcher)
        await _serve(socket)
    except RefusedError as refused:
        with suppress(WebSocketDisconnect, RuntimeError), anyio.move_on_after(CLOSE_SECONDS):  # it may not read this
            await socket.close(refused.code, str(refused)[:120])
    except WebSocketDisconnect:
        pass
    finally:
        _watchers.discard(watcher)


async def _serve(socket: WebSocket) -> None:
    desk, ends = Desk(), list[Exception]()
    async with anyio.create_task_group() as tasks:

        async def until_it_ends(work: object) -> None:
            try:
                await work  # type: ignore[misc]
            except (RefusedError, WebSocketDisconnect) as end:
                ends.append(end)
                tasks.cancel_scope.cancel()

        tasks.start_soon(until_it_ends, _listen(socket, desk))
        tasks.start_soon(until_it_ends, _answer_all(socket, desk, tasks))
    raise ends[0]


async def _listen(socket: WebSocket, desk: Desk) -> None:
    """Read requests as they come, so that a newer one is known while an older one waits."""
    while True:
        received = await socket.receive()
        if received["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(received.get("code", 1005))
        text = received.get("text")
        if text is None:
            raise RefusedError(NO_TEXT, "A request must be a text.")
        if len(text) > LARGEST_REQUEST:
            raise RefusedError(TOO_LARGE, f"A request may have at most {LARGEST_REQUEST:,} characters.")
        now = time.monotonic()
        if len(desk.times) == MOST_REQUESTS and now - desk.times[0] < PER_SECONDS:
            raise RefusedError(TOO_MUCH, f"A page may ask at most {MOST_REQUESTS} times in {PER_SECONDS:g} s.")
        desk.times.append(now)
        try:
            desk.put(read_ask(text))
        except ValueError as error:
            raise RefusedError(NOT_UNDERSTOOD, f"{error}.") from error


async def _answer_all(socket: WebSocket, desk: Desk, tasks: TaskGroup) -> None:
    last: Ask | None = None
    while True:
        ask = None
        while ask is None:
            with anyio.move_on_after(AWAKE_SECONDS):
                ask = await desk.take()
            if ask is None and last is not None and (watched := _found(last)) is not None:
                watched.look()
        last = ask
        await _answer(socket, desk, tasks, ask)


async def _answer(socket: WebSocket, desk: Desk, tasks: TaskGroup, ask: Ask) -> None:
    """Send the next frame; nothing if the watcher meanwhile asks for another."""
    watched = _find(ask)
    published = watched.published()
    is_running = any(status.state is State.RUNNING for status in published)
    watched.look(at_picture=shows_picture(ask, is_running=is_running))
    if not ask.now and is_running:
        await _news(watched, published, desk, FRESH_SECONDS)
    ends_at = time.monotonic() + HEARTBEAT_SECONDS
    is_impatient = ask.view.controls.get("map") == "UMAP" or "film-said" in ask.wanted
    recheck = UMAP_RECHECK_SECONDS if is_impatient else RECHECK_SECONDS
    while True:
        published = watched.published()
        try:
            frame = await anyio.to_thread.run_sync(frame_of, watched, ask, limiter=_drawing)
        except Exception as error:
            log.exception("A frame could not be made")
            raise RefusedError(BROKEN, "This moment could not be drawn; the server's log says why.") from error
        left = ends_at - time.monotonic()
        if ask.now or left <= 0 or frame.is_news(ask):
            await _send(socket, frame.packed(ask.number))
            if not desk.judging:
                tasks.start_soon(_judge, desk, watched, ask)
            return
        if await _news(watched, published, desk, min(recheck, left)):
            return
        watched = _find(ask)


async def _judge(desk: Desk, watched: Watchable, ask: Ask) -> None:
    desk.judging = True
    try:
        await anyio.to_thread.run_sync(afterwards, watched, ask, limiter=_judging)
    except Exception:
        log.exception("What a frame shows could not be judged")
    finally:
        desk.judging = False


def _find(ask: Ask) -> Watchable:
    watched = _found(ask)
    if watched is None:
        raise RefusedError(ENDED, "This session has ended.")
    return watched


def _found(ask: Ask) -> Watchable | None:
    if isinstance(ask.view, LessonView):
        return lesson_desk().find_run(ask.session) or lesson_desk().find_followed(ask.session)
    if isinstance(ask.view, RunView):
        return run_desk().find(ask.session)
    return registry().find_any(ask.session)


async def _news(watched: Watchable, published: tuple[Published, ...], desk: Desk, seconds: float) -> bool:
    """Wait a bounded time until the session has published more; returns whether the watcher asks for another."""
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at and _are_same(watched.published(), published):
        with anyio.move_on_after(TICK_SECONDS):
            await desk.came.wait()
            return True
    return False


def _are_same(now: tuple[Published, ...], before: tuple[Published, ...]) -> bool:
    return len(now) == len(before) and all(map(operator.is_, now, before))


async def _send(socket: WebSocket, data: bytes) -> None:
    try:
        with anyio.fail_after(SEND_SECONDS):
            await socket.send_bytes(data)
    except TimeoutError as error:
        raise RefusedError(TOO_MUCH, "A page must read what it has asked for.") from error
    except RuntimeError as error:  # already closed on the other side
        raise WebSocketDisconnect(1006) from error
