import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.sessions.jobs import Job, Kept

SECONDS = 20


class Closed:
    """Notes whether it was closed."""

    def __init__(self) -> None:
        self.closed = False

    def close(self) -> None:
        self.closed = True


def test_work_tells_how_far_it_is_and_what_came_of_it() -> None:
    told, go_on = threading.Event(), threading.Event()

    def work(progress):
        progress("counting", 0.5)
        told.set()
        assert go_on.wait(SECONDS)
        return 7

    job = Job(work).start()
    assert told.wait(SECONDS)
    assert job.is_running
    assert job.stage == ("counting", 0.5)
    go_on.set()
    assert job.wait(SECONDS)
    assert (job.result, job.problem, job.is_running, job.is_cancelled) == (7, "", False, False)


def test_cancelled_work_ends_at_its_next_word() -> None:
    begun, go_on, said = threading.Event(), threading.Event(), []

    def work(progress):
        begun.set()
        assert go_on.wait(SECONDS)
        progress("more", 0.1)
        said.append("too late")

    job = Job(work).start()
    assert begun.wait(SECONDS)
    job.cancel()
    assert not job.is_running
    go_on.set()
    assert job.wait(SECONDS)
    assert job.is_cancelled
    assert said == []


@pytest.mark.parametrize(("error", "is_ours"), [(ValueError("`a` must be 1."), False), (KeyError("x"), True)])
def test_a_failure_is_a_sentence_and_a_fault_of_ours_has_a_traceback(error: Exception, is_ours: bool) -> None:
    def work(_):
        raise error

    job = Job(work).start()
    assert job.wait(SECONDS)
    assert job.problem.endswith(".")
    assert ("Traceback" in job.details) is is_ours
    assert not job.is_cancelled


def test_a_disk_that_refuses_is_a_sentence_and_no_fault_of_ours() -> None:
    def work(_):
        raise OSError(28, "No space left on device", "/tmp/some.pt")

    job = Job(work).start()
    assert job.wait(SECONDS)
    assert job.problem == "The disk refused this at `/tmp/some.pt`: No space left on device."
    assert job.details == ""


def test_those_that_are_meant_are_let_go_and_the_others_stay() -> None:
    kept: Kept[Closed] = Kept(4, Closed.close)
    values = [kept.find_or_make(number, Closed) for number in range(4)]
    kept.drop_where(lambda value: value in values[1:3])
    assert [value.closed for value in values] == [False, True, True, False]
    assert kept.values() == (values[0], values[3])


def test_one_value_too_many_closes_the_one_unasked_for_longest() -> None:
    kept: Kept[Closed] = Kept(2, Closed.close)
    first, second, third = Closed(), Closed(), Closed()
    kept.find_or_make("first", lambda: first)
    kept.find_or_make("second", lambda: second)
    assert kept.find("first") is first
    kept.find_or_make("third", lambda: third)
    assert kept.find("second") is None
    assert second.closed
    assert not first.closed
    kept.drop("first")
    assert first.closed
    kept.close()
    assert third.closed
    assert kept.values() == ()


def test_what_is_let_go_may_take_long_and_keeps_nobody_waiting() -> None:
    ending, may_end = threading.Event(), threading.Event()

    def let_go(_: str) -> None:
        ending.set()
        assert may_end.wait(SECONDS)

    kept: Kept[str] = Kept(1, let_go)
    kept.find_or_make("old", lambda: "old")
    with ThreadPoolExecutor(2) as pool:
        try:
            made = pool.submit(kept.find_or_make, "new", lambda: "new")
            assert ending.wait(SECONDS)
            assert pool.submit(kept.find, "new").result(SECONDS) == "new"
            assert not made.done()
        finally:
            may_end.set()
        assert made.result(SECONDS) == "new"


def test_values_that_need_no_end_are_forgotten() -> None:
    kept: Kept[int] = Kept(3)
    for number in range(5):
        kept.find_or_make(number, lambda number=number: number)
    assert kept.values() == (2, 3, 4)
    assert kept.close() == (2, 3, 4)
    assert kept.values() == ()
