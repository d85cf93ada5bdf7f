"""The inputs that are shown to a hand on the map's vectors: sent on request, once a run, in few bytes."""

import io

import numpy as np
import pytest
from live_page_runs import entry_of, open_page, reach, step_of
from page_runs import click, page_data
from PIL import Image
from road_reading import frame, read_piece

from app.panels.map_inputs import MOST_BYTES

pytestmark = pytest.mark.usefixtures("sessions")


@pytest.mark.parametrize("problem", ["digits", "patches"])
def test_each_vector_finds_its_input_and_place_on_the_picture(problem):
    page = reach(open_page(problem=problem, paused="1"), lambda session: step_of(session) == 0)
    wanted = page_data(page, "conductor")["wanted"]
    assert "map-inputs" not in wanted  # until a hand is near
    ((revision, part),) = inputs_in(page, wanted=[*wanted, "map-inputs"])
    snapshot = entry_of(page).session.latest()
    rows, columns = part["places"]
    assert rows * columns == snapshot.vectors_per_input
    assert part["count"] == len(snapshot.monitor_inputs)
    assert len(part["image"]) <= MOST_BYTES
    sheet = np.asarray(Image.open(io.BytesIO(part["image"].tobytes())).convert("RGB"), dtype=float)
    given = part["count"] - 1
    top, left = given // part["columns"] * part["height"], given % part["columns"] * part["width"]
    shown = sheet[top : top + part["height"], left : left + part["width"]]
    true = (snapshot.monitor_inputs[given].transpose(1, 2, 0) + 1) * 127.5
    assert np.abs(shown - true).mean() < 12  # a JPEG where a PNG would be too large
    click(page, "step")
    reach(page, lambda session: step_of(session) == 1)
    assert inputs_in(page, wanted=[*wanted, "map-inputs"], have={"map-inputs": revision}) == []


def inputs_in(page, **changes):
    sent = frame(page, **changes).parts
    return [(revision, read_piece(data)) for key, revision, data in sent if key == "map-inputs"]
