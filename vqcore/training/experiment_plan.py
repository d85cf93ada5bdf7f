"""What is planned for the step at which a training pauses itself, and how far it has come, as frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from vqcore.snapshot import HeldOutMetrics

Stage = Literal["offered", "waiting", "training", "done", "broken"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ExperimentPlan:
    """Where a training pauses itself, and what can be tried there."""

    pause_at: int
    steps: int
    """Of each experiment."""

    changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Live options by the name of the experiment. One without changes is trained unasked while nothing else is."""


class Row(NamedTuple):
    """How far one experiment is."""

    name: str
    changes: Mapping[str, Any]
    stage: Stage
    run: int | None = None
    """Which of the session's runs it is; None before it has begun."""

    steps: int = 0
    """How many it has trained since the pause."""

    held_out: HeldOutMetrics | None = None
    """At its end."""

    seconds: float = 0.0
    """Of training since the pause."""

    is_touched: bool = False
    """Whether other switches were thrown in it too."""


def planned(plan: ExperimentPlan, waiting: tuple[str, ...]) -> tuple[Row, ...]:
    """The rows before the pause."""
    return tuple(
        Row(name, changes, "waiting" if name in waiting else "offered") for name, changes in plan.changes.items()
    )
