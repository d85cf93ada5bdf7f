"""How findings and their numbers are put together."""

from typing import Any

from vqcore.diagnostics.advice import ADVICE
from vqcore.diagnostics.finding import Condition, Finding, Number, Remedy, Severity

AS_TIMES = 10.0
"""From here on a share is written as a factor: "445 times" and not "44500%"."""


def found(
    condition: Condition, severity: Severity, title: str, *numbers: Number, remedies: tuple[Remedy, ...] | None = None
) -> Finding:
    """A finding with the advice for its condition; `remedies` if they depend on its numbers."""
    advice = ADVICE[condition]
    return Finding(
        condition=condition,
        severity=severity,
        title=title,
        numbers=numbers,
        cause=advice.cause,
        remedies=advice.remedies if remedies is None else remedies,
        source=advice.source,
    )


def count(name: str, value: Any, limit: str = "") -> Number:
    """A whole number."""
    return Number(name, float(value), f"{float(value):,.0f}", limit)


def ratio(name: str, value: float, limit: str = "") -> Number:
    """A number of three digits."""
    return Number(name, float(value), digits(value), limit)


def context(name: str, value: float, text: str, limit: str = "") -> Number:
    """A number with its own text."""
    return Number(name, float(value), text, limit)


def digits(value: float) -> str:
    """Three digits, and no exponent below a million.

    >>> digits(0.1234), digits(44_530.2), digits(4e7)
    ('0.123', '44,530', '4e+07')
    """
    return f"{value:,.0f}" if 999.5 <= abs(value) < 1e6 else f"{value:.3g}"


def percent(share: float) -> str:
    """A share as a person reads it.

    >>> percent(0.1), percent(0.004), percent(445), percent(1e-9)
    ('10%', '0.4%', '445 times', 'less than 0.001%')
    """
    if share >= AS_TIMES:
        return times(share)
    return "less than 0.001%" if 0 < share < 1e-5 else f"{100 * share:.3g}%"


def share_of(share: float, whole: str) -> str:
    """A share of `whole` as a person would say it.

    >>> share_of(0.8, "their first spread"), share_of(445, "their first spread")
    ('80% of their first spread', '445 times their first spread')
    """
    return f"{percent(share)} {whole}" if share >= AS_TIMES else f"{percent(share)} of {whole}"


def times(factor: float) -> str:
    """A factor of 1 or more as a person would say it.

    >>> times(1.5), times(44_530), times(1e36)
    ('1.5 times', '44,530 times', 'more than a million times')
    """
    return "more than a million times" if factor >= 1e6 else f"{digits(factor)} times"


def codes_in_all(num_codes: int) -> str:
    """K in a sentence.

    >>> codes_in_all(1), codes_in_all(1024)
    ('1 code', '1,024 codes')
    """
    return f"{num_codes:,} code{'' if num_codes == 1 else 's'}"
