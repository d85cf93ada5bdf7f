"""The road of live data against a client written by hand: what it sends, to whom, and whom it sends away."""

import json
import re
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress

import numpy as np
import psutil
import pytest
from road_watching import CHARTS, SECONDS, WANTED, Watcher, serving_the_road, view, watching
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from app.live_plot.plotly_script import script_name, script_path
from app.sessions.entry import Entry
from app.sessions.registry import Registry
from app.stream import frames, road
from vqcore.training.commands import PauseCommand, ResumeCommand, StepCommand
from vqcore.training.recipe import default_recipe
from vqcore.training.status import State
from vqcore.training.training_loop import TrainingLoop

PLANE = default_recipe("plane", device="cpu", num_codes=8)
DIGITS = default_recipe("digits", device="cpu")


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving_the_road() as running:
        yield running


def begun(sessions: Registry, recipe=PLANE, *, paused: bool = True) -> Entry:
    entry = sessions.begin(recipe, paused=paused)
    assert entry.session.wait(lambda session: session.latest() is not None, SECONDS)
    return entry


@pytest.fixture
def entry(sessions: Registry) -> Entry:
    return begun(sessions)


@pytest.fixture
def watcher(port: int, entry: Entry) -> Iterator[Watcher]:
    with watching(port, entry.id) as found:
        yield found


def soon(is_so: Callable[[], bool]) -> bool:
    """Whether it comes true within ten seconds."""
    for _ in range(200):
        if is_so():
            return True
        threading.Event().wait(0.05)
    return False


def step_of(watcher: Watcher) -> int:
    """The step that the story says."""
    (step,) = re.findall(r"<b>Step ([\d,]+)</b>", watcher.parts["story"]["html"])
    return int(step.replace(",", ""))


def trace(part: dict, name: str) -> dict:
    (found,) = [one for one in part["figure"]["data"] if one.get("name") == name]
    return found


def test_a_first_frame_has_all_that_is_wanted_with_the_numbers_of_the_snapshot(entry, watcher):
    sent = watcher.next(now=True)
    assert {*CHARTS, "status", "tiles", "time-bar", "story", "map-said", "bars-said"} <= set(sent)
    snapshot = entry.session.latest()
    points = trace(sent["map-plot"], "P")
    assert isinstance(points["x"], np.ndarray)
    np.testing.assert_allclose(points["x"], snapshot.z_e[:, 0], rtol=1e-4)  # the plane is drawn as it is
    np.testing.assert_allclose(points["y"], snapshot.z_e[:, 1], rtol=1e-4)
    np.testing.assert_array_equal(points["text"], snapshot.codes)
    assert sent["status"]["state"] == "paused"


def test_what_has_not_changed_is_not_sent_again(watcher):
    watcher.next(now=True)
    while watcher.next(now=True):  # the verdict is read after the first frame
        pass
    assert watcher.header["parts"] == []


def test_a_request_waits_until_there_is_news_and_is_then_sent_that_alone(entry, watcher):
    watcher.next(now=True)
    while watcher.next(now=True):
        pass
    before = dict(watcher.have)
    watcher.ask()
    with pytest.raises(TimeoutError):
        watcher.read(0.4)
    entry.session.send(StepCommand())
    sent = watcher.read()
    while step_of(watcher) != 1:
        sent |= watcher.next()
    assert {"story", "tiles", "map-plot"} <= set(sent)
    assert all(watcher.have[key] != before.get(key) for key in sent)


def test_another_view_is_answered_at_once_though_an_older_request_waits(watcher):
    watcher.next(now=True)
    while watcher.next(now=True):
        pass
    watcher.ask()
    watcher.ask(now=True, view=view(bars="gradient"))
    sent = watcher.read(5)
    assert watcher.header["n"] == watcher.number
    assert "bars-plot" in sent
    assert "map-plot" not in sent


def test_a_running_session_is_followed_moment_by_moment(port, sessions):
    entry = begun(sessions, paused=False)
    with watching(port, entry.id) as watcher:
        steps = []
        for _ in range(5):
            watcher.next()
            steps.append(step_of(watcher))
    assert steps == sorted(steps)
    assert steps[-1] > steps[0]


@pytest.fixture
def charts_made(monkeypatch) -> list[str]:
    """The revision of every chart that is drawn and encoded."""
    made, make = [], frames.piece

    def counted(value):
        made.extend([value["revision"]] if "revision" in value else [])
        return make(value)

    monkeypatch.setattr(frames, "piece", counted)
    return made


def test_what_an_owner_and_his_followers_see_alike_is_made_once(port, sessions, charts_made):
    entry = begun(sessions, DIGITS)
    entry.session.send(StepCommand())
    assert entry.session.wait(lambda session: session.latest().step == 1, SECONDS)
    with watching(port, entry.id) as owner:
        owner.next(now=True, wanted=CHARTS)
        for _ in range(3):
            with watching(port, sessions.follow(entry.watch_id).id) as follower:
                assert set(follower.next(now=True, wanted=CHARTS)) >= {*CHARTS}
                assert {key: follower.have[key] for key in CHARTS} == {key: owner.have[key] for key in CHARTS}
    assert len(charts_made) == len(set(charts_made)) == len(CHARTS)


def test_a_follower_who_chooses_a_plane_anew_changes_nobody_elses(port, sessions, charts_made):
    entry = begun(sessions, DIGITS)
    with watching(port, entry.id) as owner:
        before = owner.next(now=True, wanted=CHARTS)
        follower = sessions.follow(entry.watch_id)
        entry.session.send(StepCommand())
        assert entry.session.wait(lambda session: session.latest().step == 1, SECONDS)
        for memory in follower.maps.by_level.values():
            memory.ask_for_refit()
        with watching(port, follower.id) as watcher:
            watcher.next(now=True, wanted=CHARTS)
            assert "fitted at step 1" in watcher.parts["map-said"]["html"]
        owner.next(now=True, wanted=CHARTS)
        assert "fitted at step 0" in owner.parts["map-said"]["html"]
        assert set(before) >= {*CHARTS}


def test_a_follower_watches_and_whatever_he_sends_changes_nothing(port, sessions, entry):
    follower = sessions.follow(entry.watch_id)
    before = entry.session.status()
    with watching(port, follower.id) as watcher:
        watcher.next(now=True)
        assert watcher.parts["status"]["facts"][0] == "following a session"
        watcher.next(now=True, command="resume", send={"ChangeCommand": {"beta": 0.1}}, paused=False)
    for text in ('{"command": "resume"}', "resume", '["ResumeCommand"]'):
        with watching(port, follower.id) as watcher:
            watcher.connection.send(text)
            assert watcher.end()[0] == road.NOT_UNDERSTOOD
    with watching(port, entry.watch_id) as watcher:  # which is for links: it opens a page, not the road
        watcher.ask(now=True)
        assert watcher.end()[0] == road.ENDED
    after = entry.session.status()
    assert (after.state, after.commands_done, after.recipe) == (before.state, before.commands_done, before.recipe)


GOOD = {"n": 1, "session": "x", "view": view(), "wanted": [], "have": {}, "controls": "", "hands": {}, "now": True}
MALFORMED = {
    "nothing": "",
    "no JSON": "{",
    "a number": "7",
    "nested deeply": "[" * 30_000,
    "not a number it knows": json.dumps(GOOD).replace('"n": 1', '"n": NaN'),
    "no view": json.dumps(GOOD | {"view": None}),
    "an unknown plane": json.dumps(GOOD | {"view": view() | {"controls": view()["controls"] | {"map": "globe"}}}),
    "a level of text": json.dumps(GOOD | {"view": view() | {"level": "1"}}),
    "a negative step": json.dumps(GOOD | {"view": view() | {"at": -1}}),
    "a choice that is none": json.dumps(GOOD | {"view": view() | {"choice": "c9-3"}}),
    "too many parts": json.dumps(GOOD | {"wanted": ["x"] * 1000}),
    "a long session": json.dumps(GOOD | {"session": "x" * 1000}),
    "have of lists": json.dumps(GOOD | {"have": {"map-plot": []}}),
}


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED)
def test_a_message_of_the_wrong_shape_closes_its_own_socket_with_a_reason(port, watcher, text):
    with watching(port, "x") as other:
        other.connection.send(text)
        code, reason = other.end()
    assert code == road.NOT_UNDERSTOOD
    assert reason.endswith(".")
    assert watcher.next(now=True)


@pytest.mark.parametrize(
    ("sent", "code"), [(b"\0" * 10, road.NO_TEXT), ("x" * (road.LARGEST_REQUEST + 1), road.TOO_LARGE)]
)
def test_bytes_and_large_messages_are_refused(port, watcher, sent, code):
    with watching(port, "x") as other:
        other.connection.send(sent)
        assert other.end()[0] == code
    assert watcher.next(now=True)


def test_who_asks_without_end_is_sent_away(port, entry):
    with watching(port, entry.id) as watcher:
        for _ in range(road.MOST_REQUESTS + 1):
            watcher.ask(now=True, wanted=("status",))
        assert watcher.end()[0] == road.TOO_MUCH


def test_a_session_that_is_unknown_or_ends_is_told_by_a_code_of_its_own(port, sessions, entry):
    with watching(port, "never-there") as watcher:
        watcher.ask(now=True)
        assert watcher.end() == (road.ENDED, "This session has ended.")
    with watching(port, entry.id) as watcher:
        watcher.next(now=True)
        while watcher.next(now=True):
            pass
        watcher.ask()
        sessions.end(entry.id)
        with suppress(ConnectionClosed):  # which may have been told already
            watcher.ask()  # a verdict may have answered the one before
        assert watcher.end()[0] == road.ENDED


def test_who_never_reads_is_sent_away_and_the_server_keeps_little_for_him(port, sessions, monkeypatch):
    monkeypatch.setattr(road, "SEND_SECONDS", 0.5)
    entry = begun(sessions, DIGITS)
    deaf = socket.create_connection(("localhost", port))
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    with (
        watching(port, entry.id) as good,
        connect("ws://localhost/vq/live", sock=deaf, max_queue=1, close_timeout=0.1) as bad,
    ):
        good.next(now=True)
        lazy = Watcher(bad, entry.id)
        before = psutil.Process().memory_info().rss
        gone = threading.Event()
        for _ in range(road.MOST_REQUESTS - 1):
            lazy.ask(now=True)
            if gone.wait(0.02) or len(road._watchers) < 2:
                break
        assert soon(lambda: len(road._watchers) == 1)
        assert psutil.Process().memory_info().rss - before < 60 * 2**20
        assert good.next(now=True) is not None


def waits_for_news(watcher: Watcher) -> None:
    watcher.next(now=True, wanted=("status",))
    watcher.ask(wanted=("status",))


def breaks_off_its_request(watcher: Watcher) -> None:
    watcher.next(now=True, wanted=("status",))
    watcher.connection.socket.sendall(b"\x81\xfe\x10\x00" + bytes(4) + b'{"n": 2, "ses')  # of 4096 bytes


def reads_no_answer(watcher: Watcher) -> None:
    for _ in range(3):
        watcher.ask(now=True, wanted=CHARTS)


LEAVING = (waits_for_news, breaks_off_its_request, reads_no_answer)


def test_cut_sockets_leave_nothing_behind(port, sessions):
    entry = begun(sessions, DIGITS)

    def cut(leave: Callable[[Watcher], None]) -> None:
        with watching(port, entry.id) as watcher:
            leave(watcher)
            watcher.connection.socket.shutdown(socket.SHUT_RDWR)

    def held() -> tuple[int, int, int]:
        assert soon(lambda: not road._watchers)
        return process.num_fds(), threading.active_count(), process.memory_info().rss

    process = psutil.Process()
    for leave in LEAVING * 5:
        cut(leave)
    fds, threads, rss = held()
    for number in range(200):
        cut(LEAVING[number % 3])
    now = held()
    assert now[0] <= fds + 4
    assert now[1] <= threads + 4
    assert now[2] - rss < 30 * 2**20
    assert list(sessions._sessions) == [entry.id]
    with watching(port, entry.id) as watcher:
        assert watcher.next(now=True)


def test_five_hundred_commands_are_obeyed_each_once_and_in_order_while_the_session_is_watched(
    port, entry, monkeypatch
):
    obeyed, obey = [], TrainingLoop._obey
    monkeypatch.setattr(TrainingLoop, "_obey", lambda self, command: (obeyed.append(command), obey(self, command)))
    done = threading.Event()

    def watch() -> None:
        with watching(port, entry.id) as watcher:
            while not done.is_set():
                watcher.next()

    thread = threading.Thread(target=watch)
    thread.start()
    sent = [(PauseCommand(), ResumeCommand(), StepCommand())[turn % 3] for turn in range(500)]
    tickets = [entry.session.send(command) for command in sent]
    assert entry.session.wait(lambda session: session.status().commands_done >= tickets[-1], SECONDS)
    done.set()
    entry.session.send(StepCommand())  # news for a request that waits
    thread.join(SECONDS)
    assert not thread.is_alive()
    assert obeyed[:500] == sent
    assert entry.session.status().state in (State.RUNNING, State.PAUSED)


def test_both_roots_answer_and_plotlys_script_is_the_wheels_own_and_may_be_kept(port, entry):
    for root in ("", "/lab/scope"):
        with watching(port, entry.id, f"{root}/vq/live") as watcher:
            assert set(watcher.next(now=True)) >= {"status"}
        with urllib.request.urlopen(f"http://localhost:{port}{root}/{script_name()}") as answer:
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert answer.headers["Content-Type"].startswith("text/javascript")
            assert answer.read() == script_path().read_bytes()


def test_an_unknown_key_is_no_part(watcher):
    assert set(watcher.next(now=True, wanted=("status", "passwords"))) == {"status"}
    assert "passwords" not in WANTED
