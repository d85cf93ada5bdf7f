"""What a switch does little without: values that are thrown along with it. Knows no training."""

from collections.abc import Callable
from typing import Any

from vqcore.quantizer.options import Options

COMPANIONS: dict[str, tuple[Callable[[Any], bool], dict[str, Any]]] = {
    "affine": (lambda value: value == "learned", {"affine_lr_scale": 10.0}),
    "inner_steps": (lambda value: value > 0, {"inner_momentum": 0.9}),
}
"""By switch, which of its values turn it on, and what goes with them, as VQTorch's examples have it. At a rate of 1
the learned map does little, and inner steps without momentum revive no code."""


def with_companions(now: Callable[[str], Any], name: str, value: Any) -> dict[str, Any]:
    """What throwing the switch `name` changes: where that turns it on, also companions still at their defaults.

    Args:
        now: gives the value in force of any option.
        name: of the switch, or of anything else, which has no companions.
        value: what it is to be.

    >>> with_companions(lambda name: getattr(Options(), name), "affine", "learned")
    {'affine': 'learned', 'affine_lr_scale': 10.0}
    """
    changes = {name: value}
    turns_on, others = COMPANIONS.get(name, (lambda _: False, {}))
    if turns_on(value) and not turns_on(now(name)):
        defaults = Options()
        changes |= {other: good for other, good in others.items() if now(other) == getattr(defaults, other)}
    return changes
