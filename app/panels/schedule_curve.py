"""The learning rate through time, where a schedule changes it: a panel below the other curves."""

# T points

from collections.abc import Sequence

import numpy as np

from app.figures.curves import MOST_POINTS, Curve, Panel
from app.theme import role
from vqcore.quantizer.options import Options
from vqcore.snapshot import Event
from vqcore.training.schedule import rates

SCHEDULED = ("warmup_steps", "cosine_steps")


def schedule_panels(options: Options, events: Sequence[Event], until: int) -> list[Panel]:
    """One panel up to the step `until`, of a training begun with `options`; none where there is no schedule.

    >>> schedule_panels(Options(), [], 100), len(schedule_panels(Options(warmup_steps=5), [], 100))
    ([], 1)
    """
    switched = [dict(event.changes) for event in events]
    is_scheduled = any(getattr(options, name) or any(changes.get(name) for changes in switched) for name in SCHEDULED)
    if not is_scheduled or until < 1:
        return []
    steps = np.unique(np.linspace(1, until, min(until, MOST_POINTS)).round().astype(np.int64))
    values = rates(options, events, steps).astype(np.float32)
    ones = np.ones_like(steps)
    curve = Curve(
        label="learning rate",
        colour=role("marker"),
        steps=steps,
        rows=ones,
        finite=ones,
        low=values,
        values=values,
        high=values,
        is_held_out=True,  # exact: never smoothed
    )
    return [Panel(title="", curves=[curve])]
