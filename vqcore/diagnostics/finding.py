"""Results of a diagnosis: conditions, severities and the numbers behind them."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

Condition = Literal[
    "broken-numbers",
    "ranks-disagree",
    "initialization-pending",
    "never-trained",
    "no-gradient",
    "moves-though-frozen",
    "ema-bookkeeping",
    "deaf-decoder",
    "idle-level",
    "commitment-too-weak",
    "runaway-embeddings",
    "commitment-too-strong",
    "embedding-collapse",
    "padding-counted",
    "codebook-far",
    "oversized-codebook",
    "unreachable-threshold",
    "recycling-replacement",
    "unused-block",
    "duplicate-codes",
    "index-collapse",
    "dead-codes-far",
    "dead-codes-crowded",
    "colliding-codes",
    "not-enough-data",
    "healthy",
]
"""Causes before their effects: of two equally severe findings the earlier one comes first."""

Severity = Literal["severe", "warning", "unknown", "healthy", "note"]
"""Worst first. `unknown` is a question that the evidence cannot answer."""


class Number(NamedTuple):
    """A number that supports a finding."""

    name: str
    value: float
    text: str
    """The value as a person reads it."""

    limit: str = ""
    """Its threshold: "severe below 10% of K"; empty for context."""


class Remedy(NamedTuple):
    """What to try, for three libraries; empty where one has no such feature."""

    what: str
    ours: tuple[str, ...]
    """Option changes as `train --at` takes them."""

    vqtorch: str
    vector_quantize_pytorch: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One condition, named."""

    condition: Condition
    severity: Severity
    title: str
    """One sentence with the numbers that matter most."""

    numbers: tuple[Number, ...]
    cause: str
    remedies: tuple[Remedy, ...]
    source: str
    """Sources for the condition."""
