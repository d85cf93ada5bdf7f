"""Laws of the turns: newest wins, every stream is served, a lost request is sent once more."""

import numpy as np
import pytest

from vqcore.projection.streams import Streams
from vqcore.projection.trustworthiness import Trust
from vqcore.projection.wire import Cancelled, FitError, FitRequest, FitResult, Progress


def fit(count=5, width=3, **parameters):
    return FitRequest(id=0, points=np.zeros((count, width), np.float32), **parameters)


def answer(request, value=1.0):
    return FitResult(
        id=request.id,
        coordinates=np.full((len(request.points), 2), value, np.float32),
        seconds=0.1,
        trust=[0.9, 2, 5, 5],  # a list, as JSON has it
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


def test_a_layout_comes_with_its_trust(streams):
    streams.ask("a", fit(), 0)
    streams.settle(answer(streams.take()))
    assert streams.latest("a").trust == Trust(0.9, 2, 5, 5)


@pytest.mark.parametrize("changed", [{"n_neighbors": 30}, {"min_dist": 0.5}])
def test_other_parameters_settle_from_the_last_layout_and_the_next_refreshes(streams, changed):
    streams.ask("a", fit(), 0)
    streams.settle(answer(streams.take(), 4.0))
    for resettle in (True, False):
        streams.ask("a", fit(**changed), 1)
        request = streams.take()
        assert request.resettle == resettle
        assert request.start is not None
        streams.settle(answer(request))


def test_what_is_in_flight_stays_wanted_while_the_same_is_asked_again(streams):
    streams.ask("a", fit(), 0)
    streams.take()
    streams.ask("a", fit(), 1)
    streams.ask("b", fit(min_dist=0.9), 1)
    assert streams.unwanted() is None


@pytest.mark.parametrize("newer", [fit(min_dist=0.9), fit(n_neighbors=4), fit(count=6), fit(width=4)])
def test_what_is_in_flight_is_unwanted_when_something_else_is_asked_in_its_place(streams, newer):
    streams.ask("a", fit(), 0)
    request = streams.take()
    streams.ask("a", newer, 1)
    assert streams.unwanted() == request.id
    streams.settle(Cancelled(id=request.id))
    assert streams.take().points.shape == newer.points.shape
    assert streams.unwanted() is None


def test_a_cancelled_stream_waits_for_nothing_and_keeps_its_picture(streams):
    streams.ask("a", fit(), 0)
    streams.settle(answer(streams.take()))
    streams.ask("a", fit(), 1)
    request = streams.take()
    streams.note(Progress(id=request.id, done=3, total=9))
    assert streams.progress("a").done == 3
    streams.ask("a", fit(), 2)
    streams.cancel("a")
    assert streams.unwanted() == request.id
    assert streams.progress("a") is None
    streams.settle(Cancelled(id=request.id))
    assert not streams.busy("a")
    assert streams.take() is None
    assert (streams.latest("a").tag, streams.error("a")) == (0, None)


def test_a_forgotten_stream_wants_nothing(streams):
    streams.ask("a", fit(), 0)
    request = streams.take()
    streams.forget("a")
    assert streams.unwanted() == request.id


def test_a_cancelled_request_is_not_sent_again_when_its_worker_died(streams):
    streams.ask("a", fit(), 0)
    streams.take()
    streams.cancel("a")
    streams.retry("Lost.")
    assert not streams.busy("a")


def test_progress_is_of_the_request_in_flight_alone(streams):
    streams.ask("a", fit(), 0)
    request = streams.take()
    assert streams.progress("a") is None
    streams.note(Progress(id=request.id - 1, done=3, total=9))
    assert streams.progress("a") is None
    streams.note(Progress(id=request.id, done=3, total=9))
    assert streams.progress("b") is None
    assert streams.progress("a").total == 9
    streams.settle(answer(request))
    assert streams.progress("a") is None
