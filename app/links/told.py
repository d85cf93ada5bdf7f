"""Values read from an untrusted message."""

from collections.abc import Mapping
from typing import Any

from app.links.codec import Field

MOST = 2**53
"""Browsers hold whole numbers exactly up to it."""


def a(kind: type, told: Mapping[str, Any], name: str) -> Any:
    """The value of this name, which must be exactly of this kind.

    Raises:
        ValueError: where it is not.
    """
    found = told.get(name)
    if type(found) is not kind:
        raise ValueError(f"`{name}` must be a {kind.__name__}")
    return found


def whole(told: Mapping[str, Any], name: str) -> int:
    """The value of this name, which must be a whole number from 0 to 2^53.

    Raises:
        ValueError: where it is not.
    """
    found: int = a(int, told, name)
    if not 0 <= found < MOST:
        raise ValueError(f"`{name}` must be from 0 to 2^53")
    return found


def control(told: Mapping[str, Any], field: Field) -> str:
    """What a view control says, which is what a link may say of it.

    Raises:
        ValueError: where it is not.
    """
    text: str = a(str, told, field.name)
    try:
        field.read(text)
    except ValueError:
        if field.expected:
            raise ValueError(f"`{field.name}` must be {field.expected}") from None
        raise
    return text
