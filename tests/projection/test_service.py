"""Laws of the service, with the real worker and with small programs that stand in for a broken one."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pytest

from vqcore.projection.child import Child
from vqcore.projection.service import ProjectionService, State, pause_after
from vqcore.projection.worker import STUCK_CODE

WARM_UP_SECONDS = 120
FIT_SECONDS = 60
SLACK_SECONDS = 5
"""What a busy machine may add."""

# A worker that is ready at once and dies of the first request it reads
DIES_OF_A_REQUEST = (
    "import sys; from vqcore.projection.wire import *;"
    "write_message(sys.stdout.buffer, Ready(seconds=0.0)); read_message(sys.stdin.buffer);"
    "sys.exit('Out of beans.')"
)
# A worker that is ready at once and answers each request with its start or, without one, with its points
ECHOES = """
import sys
from vqcore.projection.wire import *
write_message(sys.stdout.buffer, Ready(seconds=0.0))
while request := read_message(sys.stdin.buffer):
    warm = request.start is not None
    coordinates = request.start + 1 if warm else request.points[:, :2]
    write_message(
        sys.stdout.buffer, FitResult(id=request.id, coordinates=coordinates, seconds=0.0, warm=warm)
    )
"""
# A worker that is ready at once, says of each request that it is half done, and answers only a cancel
NEVER_FINISHES = """
import sys
from vqcore.projection.wire import *
write_message(sys.stdout.buffer, Ready(seconds=0.0))
while message := read_message(sys.stdin.buffer):
    said = Cancelled(id=message.id) if isinstance(message, Cancel) else Progress(id=message.id, done=5, total=10)
    write_message(sys.stdout.buffer, said)
"""
# A worker that is ready at once, never reads and cannot be asked to end
DEAF = """
import signal, sys, time
from vqcore.projection.wire import *
signal.signal(signal.SIGTERM, signal.SIG_IGN)
write_message(sys.stdout.buffer, Ready(seconds=0.0))
time.sleep(600)
"""


def running(code, pause=pause_after):
    return ProjectionService(partial(Child, command=(sys.executable, "-c", code)), pause)


def points(count=80, width=6, seed=0):
    return np.random.default_rng(seed).normal(size=(count, width))


@pytest.fixture(scope="module")
def service():
    with ProjectionService() as service:
        service.start()
        assert service.wait_until_ready(WARM_UP_SECONDS), service.status.sentence
        yield service


def test_a_layout_comes_back_with_its_tag_and_cannot_be_changed(service):
    assert service.request("tag", points(), tag=40)
    layout = service.wait("tag", FIT_SECONDS)
    assert (layout.tag, layout.warm, layout.coordinates.shape) == (40, False, (80, 2))
    assert layout.coordinates.dtype == np.float32
    assert layout.seconds > 0
    with pytest.raises(ValueError, match="read-only"):
        layout.coordinates[0] = 0


def test_the_second_layout_starts_warm_and_moves_less_than_a_fresh_one(service):
    def moved(layout):
        return np.linalg.norm(layout.coordinates - first.coordinates, axis=1).mean() / first.coordinates.std()

    service.request("warm", points(300))
    first = service.wait("warm", FIT_SECONDS)
    drifted = points(300) + 0.05 * points(300, seed=1)
    service.request("warm", drifted)
    warm = service.wait("warm", FIT_SECONDS)
    service.reset("warm")
    service.request("warm", drifted, seed=1)
    cold = service.wait("warm", FIT_SECONDS)
    assert (warm.warm, cold.warm) == (True, False)
    assert moved(warm) < moved(cold) / 2


def test_of_many_requests_the_newest_one_wins(service):
    for step in range(20):
        service.request("many", points(200), tag=step)
    assert service.wait("many", FIT_SECONDS).tag == 19


def test_what_cannot_be_laid_out_gets_a_sentence_and_the_next_request_a_layout(service):
    service.request("bad", points() * np.nan)
    assert service.wait("bad", FIT_SECONDS) is None
    assert "finite" in service.error("bad")
    service.request("bad", points())
    assert service.wait("bad", FIT_SECONDS) is not None
    assert service.error("bad") is None


def test_a_killed_worker_comes_back_and_answers_what_was_in_flight(service):
    pid = service.pid
    service.request("killed", points(), tag="before")
    os.kill(pid, signal.SIGKILL)
    assert service.wait("killed", WARM_UP_SECONDS).tag == "before"
    assert service.pid != pid
    assert not psutil.pid_exists(pid)
    assert service.status.state is State.READY


def test_asking_takes_no_time_while_the_worker_is_stopped(service):
    os.kill(service.pid, signal.SIGSTOP)
    began = time.monotonic()
    for _ in range(10):
        service.request("stopped", points(5000, 32))
    assert time.monotonic() - began < 1
    os.kill(service.pid, signal.SIGCONT)
    service.forget("stopped")


def test_closing_leaves_no_process_and_refuses_what_waits():
    service = ProjectionService()
    assert service.request("a", points())
    while service.pid is None:  # the courier is starting it
        with service._changed:
            service._changed.wait(1)
    pid = service.pid
    began = time.monotonic()
    service.close()
    service.close()
    assert time.monotonic() - began < 1
    assert not psutil.pid_exists(pid)
    assert service.wait("a", 0) is None
    assert "stopped" in service.error("a")
    assert not service.request("a", points())
    with pytest.raises(RuntimeError, match="closed"):
        service.start()


def test_a_request_that_its_worker_dies_of_twice_gets_a_sentence_and_the_worker_comes_back():
    with running(DIES_OF_A_REQUEST, pause=lambda deaths: 0.0) as service:
        assert service.request("a", points())
        assert service.wait("a", WARM_UP_SECONDS) is None
        assert "Out of beans." in service.error("a")
        assert service.wait_until_ready(WARM_UP_SECONDS)
        assert service.request("a", points())


def test_however_often_a_worker_dies_it_comes_back(tmp_path):
    deaths = 6
    dies_first = f"""
import sys, pathlib
folder = pathlib.Path({str(tmp_path)!r})
starts = len(list(folder.iterdir()))
(folder / str(starts)).touch()
if starts < {deaths}:
    sys.exit("Not yet.")
"""
    asked = []

    def pause(count):
        asked.append(count)
        return 0.01 * count

    with running(dies_first + ECHOES, pause=pause) as service:
        service.request("a", points(), tag="after all")
        assert service.wait("a", WARM_UP_SECONDS).tag == "after all"
        assert asked == [*range(1, deaths + 1)]
        assert service.status.state is State.READY


def test_while_it_waits_to_be_started_again_it_says_so_and_a_start_does_not_wait():
    deaths = []

    def pause(count):
        deaths.append(count)
        return 600.0

    with running("raise SystemExit('No umap here.')", pause=pause) as service:
        service.start()
        _wait_for_words(service, "No umap here.) and starts again in 600 s.")
        service.request("a", points())
        assert service.is_busy("a")
        assert service.pid is None
        assert service.has_stopped
        service.start()
        with service._changed:
            assert service._changed.wait_for(lambda: len(deaths) == 2, WARM_UP_SECONDS)


def test_a_worker_that_is_stopped_is_replaced_within_ten_seconds(service):
    assert service.wait_until_ready(WARM_UP_SECONDS)
    pid = service.pid
    os.kill(pid, signal.SIGSTOP)
    stopped_at = time.monotonic()
    _next_pid(service, pid)
    took = time.monotonic() - stopped_at
    assert took < 10 + SLACK_SECONDS
    service.request("replaced", points(), tag="after")
    assert service.wait("replaced", WARM_UP_SECONDS).tag == "after"
    assert not psutil.pid_exists(pid)


@pytest.mark.parametrize(("moves", "code"), [(True, 0), (False, STUCK_CODE)])
def test_a_worker_whose_layout_makes_no_progress_ends_itself(moves, code):
    program = f"""
import time
from vqcore.projection import worker
worker.STUCK_PROCESSOR_SECONDS = 0.5
pulse = worker.Pulse(lambda message: None)
pulse.moved()
while time.process_time() < 4:
    if {moves}:
        pulse.moved()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code
    assert ("no progress" in done.stderr) == (not moves)


def test_a_worker_that_answered_between_its_deaths_is_started_again_each_time():
    with running(ECHOES) as service:
        for step in range(3):
            service.request("a", points(), tag=step)
            assert service.wait("a", WARM_UP_SECONDS).tag == step
            pid = service.pid
            os.kill(pid, signal.SIGKILL)
            _next_pid(service, pid)
        assert service.wait_until_ready(WARM_UP_SECONDS)


def test_a_program_that_cannot_be_run_is_tried_again_later_and_says_why():
    with ProjectionService(partial(Child, command=("/no/such/python",)), lambda deaths: 600.0) as service:
        service.start()
        _wait_for_words(service, "could not be started")
        assert service.status.state is State.RESTARTING


def test_streams_do_not_share_layouts_and_another_number_of_points_begins_afresh():
    with running(ECHOES) as service:
        for stream, count, warm in [("a", 8, False), ("b", 8, False), ("a", 8, True), ("a", 9, False)]:
            service.request(stream, points(count))
            assert service.wait(stream, WARM_UP_SECONDS).warm == warm
        service.forget("a")
        assert service.latest("a") is None
        assert service.latest("b") is not None


def test_a_worker_that_does_not_listen_is_ended_within_a_second():
    service = running(DEAF)
    service.request("a", points(5000, 32))  # more than a pipe holds: the courier is stuck in the middle of it
    with service._changed:
        assert service._changed.wait_for(lambda: service.status.state is State.WORKING, WARM_UP_SECONDS)
    pid = service.pid
    began = time.monotonic()
    service.close()
    assert time.monotonic() - began < 1
    assert not psutil.pid_exists(pid)
    assert not service._courier.is_alive()


def _half_done(service, stream):
    deadline = time.monotonic() + WARM_UP_SECONDS
    while (progress := service.progress(stream)) is None:
        assert time.monotonic() < deadline
        with service._changed:
            service._changed.wait(0.05)
    assert (progress.done, progress.total) == (5, 10)


def test_a_cancel_ends_a_fit_and_the_worker_lives():
    with running(NEVER_FINISHES) as service:
        service.request("a", points())
        _half_done(service, "a")
        pid = service.pid
        service.cancel("a")
        assert service.progress("a") is None
        with service._changed:
            assert service._changed.wait_for(lambda: service.status.state is State.READY, WARM_UP_SECONDS)
        assert service.wait("a", 0) is None
        assert service.error("a") is None
        assert service.pid == pid


def test_other_parameters_end_the_fit_that_is_in_the_making():
    with running(NEVER_FINISHES) as service:
        service.request("a", points())
        _half_done(service, "a")
        first = service._streams._in_flight.fit.id
        service.request("a", points(), min_dist=0.9)
        with service._changed:
            assert service._changed.wait_for(
                lambda: service._streams._in_flight and service._streams._in_flight.fit.id > first, WARM_UP_SECONDS
            )
        assert service._streams._in_flight.fit.min_dist == 0.9


def test_the_caller_may_change_its_points_after_asking():
    mine = points(5)
    with running(ECHOES) as service:
        service.request("a", mine)
        expected = mine[:, :2].astype(np.float32)
        mine[:] = 0
        assert np.array_equal(service.wait("a", WARM_UP_SECONDS).coordinates, expected)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"points": np.zeros(3)}, "`points` must be a matrix"),
        ({"n_neighbors": 1}, "`n_neighbors` must be at least 2"),
        ({"min_dist": 1.5}, "`min_dist` must be between 0 and 1"),
        ({"seed": -1}, "`seed` must be between"),
    ],
)
def test_arguments_out_of_range_are_refused_before_anything_starts(changed, words):
    service = ProjectionService()
    with pytest.raises(ValueError, match=words):
        service.request("a", **{"points": points(), **changed})
    assert service.status.state is State.STOPPED


def test_the_service_loads_neither_umap_nor_torch():
    code = (
        "import sys, vqcore.projection.service;"
        "print([name for name in ('umap', 'torch', 'numba', 'sklearn') if name in sys.modules])"
    )
    run = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_a_killed_parent_leaves_no_worker_and_an_ordinary_end_neither(tmp_path):
    start = (
        "from vqcore.projection.service import ProjectionService as S; s = S(); s.start();"
        "c = s._changed; c.acquire(); c.wait_for(lambda: s.pid, 60); print(s.pid, flush=True); c.release();"
        "input()"  # the test looks the worker up while it surely lives
    )
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    for is_killed in (True, False):
        with subprocess.Popen(
            (sys.executable, "-c", start),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            env=environment,
        ) as parent:
            worker = psutil.Process(int(parent.stdout.readline()))
            if is_killed:
                parent.kill()
            _, complained = parent.communicate(b"\n", timeout=30)
        psutil.wait_procs([worker], timeout=10)
        assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE  # a container may lack a reaper
        assert complained == b""


def _next_pid(service, pid):
    with service._changed:
        assert service._changed.wait_for(lambda: service.pid not in (None, pid), WARM_UP_SECONDS)
    return service.pid


def _wait_for_words(service, words):
    with service._changed:
        heard = service._changed.wait_for(lambda: words in service.status.sentence, WARM_UP_SECONDS)
    assert heard, service.status.sentence
