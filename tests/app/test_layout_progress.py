"""The bar of a layout that takes long: from the worker's own count, with a way out."""

import numpy as np
from live_page_runs import open_page, reach, step_of
from road_reading import parts

from vqcore.projection.streams import Layout
from vqcore.projection.wire import Progress


def test_a_layout_in_the_making_is_told_of_while_its_plane_is_shown_and_given_up_with_it(sessions):
    page = reach(open_page(problem="digits", map="UMAP"), lambda session: step_of(session) >= 1)
    assert parts(page)["map-progress"] == {"id": None}
    now = sessions.projection
    stream, _, _ = now.requests[-1]
    now.in_progress[stream] = Progress(id=7, done=30, total=100)
    assert parts(page)["map-progress"] == {"id": 7, "share": 0.3, "said": "UMAP, epoch 30 of 100"}
    now.in_progress[stream] = Progress(id=7, done=0, total=100)
    assert parts(page)["map-progress"]["said"] == "UMAP, finding neighbours"
    page.button_group(key="view-map").set_value("PCA")
    page.run()
    assert stream in now.cancelled
    assert parts(page)["map-progress"] == {"id": None}


def test_a_umap_that_has_stopped_is_said_to_where_it_is_looked_at(sessions):
    page = reach(open_page(problem="digits", map="UMAP"), lambda session: step_of(session) >= 1)
    parts(page)  # which starts it, as the first frame does
    sessions.projection.has_stopped = True
    assert parts(page)["map-progress"] == {"id": "stopped", "share": None, "said": "UMAP has stopped."}
    sessions.projection.start()
    assert parts(page)["map-progress"] == {"id": None}


def test_a_plane_that_stands_in_for_umap_has_axes_of_its_own(sessions):
    page = reach(open_page(problem="digits", map="UMAP", paused="1"), lambda session: session.latest() is not None)
    instead = parts(page)["map-plot"]["figure"]["layout"]
    assert instead["xaxis"]["title"]["text"].startswith("PC 1")
    stream, points, tag = sessions.projection.requests[-1]
    sessions.projection.layouts[stream] = Layout(np.zeros((len(points), 2), np.float32), tag, 0.3, False)
    laid_out = parts(page)["map-plot"]["figure"]["layout"]
    assert laid_out["xaxis"]["title"]["text"] == "UMAP 1"
    assert laid_out["uirevision"] != instead["uirevision"]
