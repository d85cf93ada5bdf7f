"""A page's link as a table of fields: one way to read it, and one to write it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.wording import cut, ignored_names

MOST_DIGITS = 15
"""Of a whole number: browsers hold those exactly up to 2⁵³."""


@dataclass(frozen=True, slots=True)
class Field:
    """One name that a link may have."""

    name: str
    default: Any
    """What a link without this name means."""

    read: Callable[[str], Any]
    """The value that a text means.

    Raises:
        ValueError: if it means none.
    """

    write: Callable[[Any], str] = str
    """The text that `read` turns into the same value."""

    expected: str = ""
    """Ends the sentence "`name` in the link must be …"; empty if `read` raises a whole sentence."""

    instead: str = ""
    """What becomes of a value that cannot be used, if there is something to say of it."""


Table = Sequence[Field]


class PartlyUsedError(ValueError):
    """Raised by a field's `read` with a sentence, if a part of the text means something."""

    def __init__(self, sentence: str, part: Any) -> None:
        super().__init__(sentence)
        self.part = part


def read(query: Mapping[str, str], table: Table, *, beside: Collection[str] = ()) -> tuple[dict[str, Any], list[str]]:
    """What `query` says, whatever it holds.

    Args:
        query: of a URL.
        table: what the page's link may say.
        beside: names that others read from the same URL.

    Returns:
        A value for each field, and a sentence for each name or value that cannot be used.
    """
    known = {field.name for field in table}
    refused = ignored_names([name for name in query if name not in known and name not in beside])
    values = {field.name: field.default for field in table}
    for field in table:
        if field.name in query:
            try:
                values[field.name] = field.read(query[field.name])
            except PartlyUsedError as error:
                values[field.name] = error.part
                refused.append(str(error))
            except ValueError as error:
                refused.append(cut(_refusal(field, query[field.name]) if field.expected else str(error)))
    return values, refused


def write(values: Mapping[str, Any], table: Table) -> dict[str, str]:
    """The query that `read` turns into the same values; what is missing or at its default is left out."""
    said = [(field, values[field.name]) for field in table if field.name in values]
    return {field.name: field.write(value) for field, value in said if value != field.default}


def text(name: str, default: str | None = "", *, longest: int | None = None) -> Field:
    """Any text, of at most `longest` characters."""

    def short(said: str) -> str:
        if longest is not None and len(said) > longest:
            raise ValueError(f"`{name}` in the link must have at most {longest} characters, but has {len(said)}.")
        return said

    return Field(name, default, short)


def checked_text(name: str, check: Callable[[str], object], *, expected: str = "", default: str = "") -> Field:
    """A text that `check` accepts: it raises ValueError for any other."""

    def accepted(said: str) -> str:
        check(said)
        return said

    return Field(name, default, accepted, expected=expected)


def choice(
    name: str, allowed: Sequence[str], default: str | None = None, *, expected: str = "", instead: str = ""
) -> Field:
    """One of a few words, the first of them by default."""

    def one_of(said: str) -> str:
        if said not in allowed:
            raise ValueError(said)
        return said

    first = allowed[0] if default is None else default
    return Field(name, first, one_of, expected=expected or f"one of {', '.join(allowed)}", instead=instead)


def flag(name: str) -> Field:
    """Yes as 1, no as 0, and no by default."""

    def is_yes(said: str) -> bool:
        if said not in ("0", "1"):
            raise ValueError(said)
        return said == "1"

    return Field(name, False, is_yes, lambda value: str(int(value)), "0 or 1")


def whole_number(
    name: str, default: int | None, lowest: int, highest: int, *, expected: str = "", instead: str = ""
) -> Field:
    """A whole number in decimal digits, within bounds."""

    def number(said: str) -> int:
        if not (said.isascii() and said.isdecimal() and len(said) <= MOST_DIGITS and lowest <= int(said) <= highest):
            raise ValueError(said)
        return int(said)

    return Field(
        name, default, number, expected=expected or f"a whole number from {lowest} to {highest:,}", instead=instead
    )


def _refusal(field: Field, said: str) -> str:
    instead = f": {field.instead}" if field.instead else ""
    return f"`{field.name}` in the link must be {field.expected}, but is {said!r}{instead}."
