"""How the learning rate changes with the step: warm-up, then a cosine to zero. Knows no optimizer."""

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vqcore.quantizer.options import Options, option_names
from vqcore.snapshot import Event

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def share_of_rate(options: Options, steps_done: int) -> float:
    """Which share of the learning rate the next step has, after `steps_done` steps.

    It rises in equal parts over `warmup_steps`, then falls with half a cosine until `cosine_steps` and stays at zero.

    >>> options = Options(warmup_steps=2, cosine_steps=6)
    >>> [round(share_of_rate(options, step), 3) for step in range(7)]
    [0.5, 1.0, 1.0, 0.854, 0.5, 0.146, 0.0]
    """
    if steps_done < options.warmup_steps:
        return (steps_done + 1) / options.warmup_steps
    if options.cosine_steps == 0:
        return 1.0
    falling = options.cosine_steps - options.warmup_steps
    passed = min(1.0, (steps_done - options.warmup_steps) / falling) if falling > 0 else 1.0
    return 0.5 * (1 + math.cos(math.pi * passed))


def rates(options: Options, events: Iterable[Event], steps: Ints) -> Floats:
    """(T,) the learning rate that each of `steps` (T,) had, from 1 up, begun with `options` and switched by `events`.

    >>> switched = Event(3, "main", "", (("learning_rate", 0.1),))
    >>> rates(Options(learning_rate=1.0, warmup_steps=2), [switched], np.arange(1, 6)).tolist()
    [0.5, 1.0, 1.0, 0.1, 0.1]
    """
    found = np.empty(len(steps))
    begins = 0
    for event in [*events, None]:
        ends = len(steps) if event is None else int(np.searchsorted(steps, event.step, side="right"))
        found[begins:ends] = [
            options.learning_rate * share_of_rate(options, int(at) - 1) for at in steps[begins:ends]
        ]
        if event is not None:
            begins = ends
            options = replace(options, **{name: value for name, value in event.changes if name in option_names()})
    return found
