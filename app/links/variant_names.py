"""Valid names of variants, and values proposed for a switch that a fork changes."""

import re
from collections.abc import Mapping
from typing import Any, get_args, get_type_hints

from vqcore.quantizer.options import Options

LONGEST_NAME = 24
MOST_SEEDS = 50
MOST_STEPS = 100_000
"""Most steps of a training over seeds, which a link may ask for."""

NOT_IN_NAMES = re.compile(r"[;<>&\x00-\x1f\x7f-\x9f]")
TYPES = get_type_hints(Options)

PROPOSED: Mapping[str, Any] = {
    "affine": "running",
    "affine_groups": 4,
    "affine_lr_scale": 10.0,
    "sync": 0.5,
    "ema_decay": 0.9,
    "inner_steps": 1,
    "inner_lr": 10.0,
    "inner_momentum": 0.9,
    "alpha": 1.0,
    "beta": 0.5,
    "learning_rate": 3e-4,
    "adam_beta1": 0.5,
    "adam_beta2": 0.95,
    "weight_decay": 1e-4,
    "warmup_steps": 100,
    "cosine_steps": 1000,
    "quantize_from": 200,
    "replace_every": 20,
}
"""Values at which a switch has a visible effect, none of them its default."""


def read_name(name: str) -> str:
    """`name`, checked.

    Raises:
        ValueError: if it is too long, or has a character with a meaning in links or pages.
    """
    if len(name) > LONGEST_NAME or NOT_IN_NAMES.search(name):
        raise ValueError(
            f"A variant's name has at most {LONGEST_NAME} characters, none of them ; < > or &, but is {name[:40]!r}."
        )
    return name


def choices_of(switch: str) -> tuple[Any, ...]:
    """Allowed values of a switch with a few choices; empty for a number."""
    return (False, True) if TYPES[switch] is bool else get_args(TYPES[switch])


def proposal(switch: str, options: Options) -> Any:
    """A value for `switch` other than its current one."""
    now = getattr(options, switch)
    candidates = [PROPOSED.get(switch, now), *choices_of(switch), getattr(Options(), switch)]
    return next(value for value in candidates if value != now)
