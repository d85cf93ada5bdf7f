"""Laws of the messages between the server and the UMAP process."""

import io
import os
import threading

import numpy as np
import pytest

from vqcore.projection.wire import (
    Cancel,
    Cancelled,
    FitError,
    FitRequest,
    FitResult,
    Progress,
    Ready,
    WireError,
    read_message,
    write_message,
)

POINTS = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
MESSAGES = [
    FitRequest(id=3, points=POINTS, start=POINTS[:, :2], n_neighbors=7, min_dist=0.25, seed=9, n_epochs=11),
    FitRequest(id=4, points=POINTS[:0]),
    FitRequest(id=5, points=POINTS, start=POINTS[:, 1:], resettle=True),
    FitResult(id=3, coordinates=POINTS[:, 1:], seconds=0.5, warm=True),
    Cancel(id=5),
    Progress(id=5, done=10, total=200),
    Cancelled(id=5),
    FitError(id=4, sentence="Ω is not finite.\n"),
    Ready(seconds=1.5),
]


def written(*messages):
    stream = io.BytesIO()
    for message in messages:
        write_message(stream, message)
    return stream.getvalue()


def same(one, other):
    names = type(one).__dataclass_fields__
    return type(one) is type(other) and all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in names
    )


def test_messages_come_out_as_they_went_in_one_after_the_other():
    stream = io.BytesIO(written(*MESSAGES))
    for message in MESSAGES:
        assert same(message, read_message(stream))
    assert read_message(stream) is None


def test_arrays_arrive_read_only():
    assert not read_message(io.BytesIO(written(MESSAGES[0]))).points.flags.writeable


def test_a_message_larger_than_the_pipe_passes_unbuffered_ends():
    read_end, write_end = os.pipe()
    message = FitRequest(id=1, points=np.ones((4000, 100), np.float32))
    with os.fdopen(read_end, "rb", 0) as source, os.fdopen(write_end, "wb", 0) as sink:
        thread = threading.Thread(target=write_message, args=(sink, message))
        thread.start()
        assert same(message, read_message(source))
        thread.join()


@pytest.mark.parametrize("cut", [1, 7, 20, -1])
def test_a_message_cut_short_is_an_error_not_an_end(cut):
    with pytest.raises(WireError, match="closed after"):
        read_message(io.BytesIO(written(MESSAGES[0])[:cut]))


@pytest.mark.parametrize(
    "header",
    [
        b"{",
        b"[]",
        b'{"kind": "Exec", "plain": {}, "shapes": {}}',
        b'{"kind": "Ready", "plain": {}, "shapes": {}}',
        b'{"kind": "FitRequest", "plain": {"id": 1}, "shapes": {"points": [9, 9]}}',
    ],
)
def test_a_header_that_names_no_message_is_an_error(header):
    with pytest.raises(WireError, match="could not be read"):
        read_message(io.BytesIO(len(header).to_bytes(4, "little") + bytes(4) + header))


def test_text_on_the_pipe_is_not_taken_for_a_length():
    with pytest.raises(WireError, match="beyond the limit"):
        read_message(io.BytesIO(b"Epochs completed: 0%"))
