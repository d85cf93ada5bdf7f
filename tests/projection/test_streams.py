"""Laws of the turns: newest wins, every stream is served, a lost request is sent once more."""

import numpy as np
import pytest

from vqcore.projection.streams import Streams
from vqcore.projection.wire import FitError, FitRequest, FitResult


def fit(count=5, width=3):
    return FitRequest(id=0, points=np.zeros((count, width), np.float32))


def answer(request, value=1.0):
    return FitResult(
        id=request.id,
        coordinates=np.full((len(request.points), 2), value, np.float32),
        seconds=0.1,
        warm=request.start is not None,
    )


@pytest.fixture
def streams():
    return Streams()


def test_of_one_stream_only_the_newest_request_is_taken(streams):
    for tag in range(3):
        streams.ask("a", fit(), tag)
    streams.settle(answer(streams.take()))
    assert streams.latest("a").tag == 2
    assert streams.take() is None


def test_one_request_is_in_flight_at_a_time(streams):
    streams.ask("a", fit(), 0)
    streams.ask("b", fit(), 0)
    assert streams.take() is not None
    assert streams.take() is None


def test_a_stream_that_asks_again_and_again_does_not_keep_others_waiting(streams):
    served = []
    for name in "abc":
        streams.ask(name, fit(), None)
    for _ in range(6):
        streams.ask("a", fit(), None)
        request = streams.take()
        served.append(next(name for name in "abc" if streams.busy(name) and request is not None))
        streams.settle(answer(request))
    assert streams.latest("b") is not None
    assert streams.latest("c") is not None


def test_the_next_layout_begins_where_the_last_one_ended(streams):
    streams.ask("a", fit(), 0)
    first = streams.take()
    assert first.start is None
    streams.settle(answer(first, 4.0))
    streams.ask("a", fit(), 1)
    assert (streams.take().start == 4).all()


@pytest.mark.parametrize("shape", [(6, 3), (5, 4)])
def test_points_of_another_shape_begin_afresh(streams, shape):
    streams.ask("a", fit(), 0)
    streams.settle(answer(streams.take()))
    streams.ask("a", fit(*shape), 1)
    assert streams.take().start is None


def test_a_reset_begins_afresh_and_leaves_the_picture(streams):
    streams.ask("a", fit(), 0)
    streams.settle(answer(streams.take()))
    streams.reset("a")
    streams.ask("a", fit(), 1)
    assert streams.latest("a").tag == 0
    assert streams.take().start is None


def test_a_reset_during_a_fit_holds_for_the_next_one(streams):
    streams.ask("a", fit(), 0)
    request = streams.take()
    streams.reset("a")
    streams.settle(answer(request))
    streams.ask("a", fit(), 1)
    assert streams.take().start is None


def test_an_error_leaves_the_last_layout_and_goes_with_the_next(streams):
    streams.ask("a", fit(), 0)
    streams.settle(answer(streams.take()))
    streams.ask("a", fit(), 1)
    streams.settle(FitError(id=streams.take().id, sentence="No."))
    assert (streams.error("a"), streams.latest("a").tag) == ("No.", 0)
    streams.ask("a", fit(), 2)
    streams.settle(answer(streams.take()))
    assert streams.error("a") is None


def test_a_forgotten_stream_stays_forgotten_when_its_answer_comes(streams):
    streams.ask("a", fit(), 0)
    request = streams.take()
    streams.forget("a")
    streams.settle(answer(request))
    assert streams.latest("a") is None
    assert not streams.busy("a")


def test_a_lost_request_is_first_in_turn_once_and_then_an_error(streams):
    streams.ask("a", fit(), 0)
    streams.ask("b", fit(), 0)
    lost = streams.take().id
    streams.retry("Lost.")
    assert streams.take().id == lost
    streams.retry("Lost.")
    assert streams.error("a") == "Lost."
    assert streams.take().id != lost


def test_a_lost_request_gives_way_to_a_newer_one(streams):
    streams.ask("a", fit(), 0)
    streams.take()
    streams.ask("a", fit(), 1)
    streams.retry("Lost.")
    streams.settle(answer(streams.take()))
    assert streams.latest("a").tag == 1
    assert streams.take() is None


def test_a_late_answer_to_a_lost_request_is_dropped(streams):
    streams.ask("a", fit(), 0)
    request = streams.take()
    streams.retry("Lost.")
    streams.settle(answer(request))
    assert streams.latest("a") is None


def test_refusing_all_leaves_nobody_waiting(streams):
    for name in "ab":
        streams.ask(name, fit(), 0)
    streams.take()
    streams.refuse_all("Off.")
    assert [streams.error(name) for name in "ab"] == ["Off.", "Off."]
    assert not any(streams.busy(name) for name in "ab")
