"""How findings and their numbers are put together."""

from typing import Any

from vqcore.diagnostics.advice import ADVICE
from vqcore.diagnostics.finding import Condition, Finding, Number, Severity


def found(condition: Condition, severity: Severity, title: str, *numbers: Number) -> Finding:
    """A finding with the advice that belongs to its condition."""
    advice = ADVICE[condition]
    return Finding(
        condition=condition,
        severity=severity,
        title=title,
        numbers=numbers,
        cause=advice.cause,
        remedies=advice.remedies,
        source=advice.source,
    )


def count(name: str, value: Any, limit: str = "") -> Number:
    """A whole number."""
    return Number(name, float(value), f"{float(value):,.0f}", limit)


def ratio(name: str, value: float, limit: str = "") -> Number:
    """A number of three digits."""
    return Number(name, float(value), f"{value:.3g}", limit)


def context(name: str, value: float, text: str, limit: str = "") -> Number:
    """A number with a text of its own."""
    return Number(name, float(value), text, limit)


def percent(share: float) -> str:
    """A share as a person reads it.

    >>> percent(0.1), percent(0.004)
    ('10%', '0.4%')
    """
    return f"{100 * share:.3g}%"
