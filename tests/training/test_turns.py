import threading
import time

import pytest

from vqcore.training.turns import MOST_HELD, SHARE_HELD, Turns


@pytest.mark.parametrize("at_once", [1, 2, 5])
def test_no_more_have_a_turn_than_may_and_all_get_theirs(at_once):
    turns, lock, working, seen, done = Turns(at_once), threading.Lock(), set(), [], []

    def work(name: int) -> None:
        for _ in range(50):
            with turns:
                with lock:
                    working.add(name)
                    seen.append(len(working))
                with lock:
                    working.discard(name)
        done.append(name)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(done) == list(range(8))
    assert max(seen) <= at_once


def test_whoever_waits_comes_before_who_has_just_had_a_turn():
    turns, order, ready = Turns(1), [], threading.Barrier(2)

    def wait_in_line() -> None:
        ready.wait()
        with turns:
            order.append("waiting")

    other = threading.Thread(target=wait_in_line)
    with turns:
        other.start()
        ready.wait()
        while not turns._waiting:  # until it stands in line
            pass
    with turns:
        order.append("again")
    other.join(20)
    assert order == ["waiting", "again"]


def test_a_turn_is_given_back_after_an_error():
    turns = Turns(1)
    with pytest.raises(ValueError, match="step"), turns:
        raise ValueError("step")
    with turns:
        pass


def holds_back(turns: Turns, seconds: float) -> bool:
    """Whether a turn asked for now is still waiting after `seconds`."""
    began = threading.Event()

    def work() -> None:
        with turns:
            began.set()

    thread = threading.Thread(target=work)
    thread.start()
    waits = not began.wait(seconds)
    thread.join(20)
    assert began.is_set()
    return waits


def test_no_turn_begins_while_they_are_held():
    turns = Turns(2)
    with turns.held():
        assert holds_back(turns, MOST_HELD / 3)
    assert not holds_back(turns, 10)


def test_a_turn_waits_no_longer_than_it_must():
    turns = Turns(1)
    with turns.held():
        assert not holds_back(turns, 20 * MOST_HELD)


def test_holds_take_no_more_than_their_share():
    turns = Turns(1)
    with turns.held():
        time.sleep(MOST_HELD / 2)
    with turns.held():
        assert not holds_back(turns, MOST_HELD / 3)
    time.sleep(MOST_HELD * (1 / SHARE_HELD - 1))
    with turns.held():
        assert holds_back(turns, MOST_HELD / 3)


def test_a_hold_within_a_hold_holds_nothing_longer():
    turns = Turns(1)
    with turns.held():
        with turns.held():
            pass
        assert holds_back(turns, MOST_HELD / 3)
    assert not holds_back(turns, 10)
