"""The bar of a layout that takes long: there from one second on, from the worker's own count, with a way out."""

import time

from live_page_runs import open_page, reach, step_of
from page_runs import press, run

from vqcore.projection.wire import Progress


def bars(page):
    return [(element.proto.value, element.proto.text) for element in page.get("progress")]


def test_a_layout_of_over_a_second_has_a_bar_and_cancel_gives_it_up_for_pca(sessions):
    page = reach(open_page(problem="digits", map="UMAP"), lambda session: step_of(session) >= 1)
    assert bars(page) == []
    now = sessions.projection
    stream, _, _ = now.requests[-1]
    now.in_progress[stream] = Progress(id=7, done=30, total=100)
    page.session_state["layout_seen"] = (6, time.monotonic() - 100)
    assert bars(run(page)) == []  # this one has only begun, however long the one before took
    page.session_state["layout_seen"] = (7, time.monotonic() - 1)
    assert bars(run(page)) == [(30, "UMAP, epoch 30 of 100")]
    now.in_progress[stream] = Progress(id=7, done=0, total=100)
    assert bars(run(page)) == [(0, "UMAP, finding neighbours")]
    press(page, "cancel-layout")
    assert stream in now.cancelled
    assert page.button_group(key="view-map").value == "PCA"
    now.in_progress.clear()
    assert bars(run(page)) == []
    assert "layout_seen" not in page.session_state
