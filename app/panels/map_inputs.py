"""The held-out inputs that the map's vectors come from, as one small picture. Knows no page."""

import math
from typing import Any

import numpy as np

from app.figures.examples import pictures
from app.figures.picture_sheet import columns_of, image_file, sheet
from app.panels.part import Part
from app.panels.scene import Scene

MOST_BYTES = 48_000
"""Of the picture, which is sent once a run, to who points at the map."""

MOST_SIDE = 64
"""Pixels of one input's longer side."""

ROWS = 8


def inputs_part(scene: Scene) -> Part | None:
    """Where each input lies on the picture, and how its vectors lie in it; None where inputs are no images."""
    snapshot = scene.snapshot
    inputs = snapshot.monitor_inputs
    if inputs is None or scene.problem.task == "plane":
        return None

    def make() -> dict[str, Any]:
        every = math.ceil(max(inputs.shape[-2:]) / MOST_SIDE)
        tiles = pictures(inputs)[:, ::every, ::every, : inputs.shape[1]]
        count, height, width = tiles.shape[:3]
        columns = columns_of(count, most_rows=ROWS)
        places = snapshot.code_maps.shape[1:]
        return {
            "image": np.frombuffer(image_file(sheet(tiles, columns), MOST_BYTES), np.uint8),
            "count": count,
            "columns": columns,
            "height": height,
            "width": width,
            "places": list(places) if len(places) == 2 else [1, snapshot.vectors_per_input],
        }

    return Part(f"{scene.entry.watch_id} {scene.status.run} inputs", make, is_shared=True)
