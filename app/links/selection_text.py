"""What the reader has chosen and pinned, as short texts for the URL and whole ones for the road of live data."""

import base64
import binascii
import re
from collections.abc import Iterable, Sequence

import numpy as np

from app.links.selection import MOST_PINS, Choice, Pin, outside
from vqcore.training.recipe import MAX_CODES, MAX_LEVELS

LONGEST_TEXT = 1500
"""Most characters of a selection in the URL: browsers and proxies cut lines of a few thousand."""

LONGEST_PACKED = 40_000
"""Most characters of a selection on its way between a page and its WebSocket."""

LARGEST_ID = MAX_CODES - 1

RANGES = re.compile(r"\d{1,6}(-\d{1,6})?(,\d{1,6}(-\d{1,6})?)*")
PIN = re.compile(r"(\d{1,6})(?:@(\d{1,2}))?")


def write_choice(choice: Choice) -> str:
    """The choice as a text for `read_choice`; if it is too long, the codes alone or nothing.

    >>> write_choice(Choice(0, (4, 5, 6), (2,)))
    'c2;v4-6'
    """
    codes = "c" + _write_ids(choice.codes) if choice.codes else ""
    return next((text for text in (pack_choice(choice), codes) if len(text) <= LONGEST_TEXT), "")


def pack_choice(choice: Choice) -> str:
    """The whole choice as a text of at most `LONGEST_PACKED` characters, whatever its ids."""
    codes = "c" + _write_ids(choice.codes) if choice.codes else ""
    vectors = "v" + _write_ids(choice.vectors) if choice.vectors else ""
    return ";".join(filter(None, (codes, vectors)))


def read_choice(text: str, level: int = 0, *, longest: int = LONGEST_TEXT) -> Choice:
    """The choice that a text means.

    Raises:
        ValueError: for any text that `write_choice` does not write, naming the expected format.

    >>> read_choice("c2;v4-6")
    Choice(level=0, vectors=(4, 5, 6), codes=(2,))
    """
    found: dict[str, tuple[int, ...]] = {}
    for part in text.split(";") if text else ():
        if part[:1] not in ("c", "v") or part[0] in found or len(text) > longest:
            raise ValueError(_not_understood("select", text, "c3,7-9;v0-40 (codes, vectors)"))
        try:
            found[part[0]] = _read_ids(part[1:])
        except ValueError:
            raise ValueError(_not_understood("select", text, "c3,7-9;v0-40 (codes, vectors)")) from None
    return Choice(level, found.get("v", ()), found.get("c", ()))


def read_codes(text: str, num_codes: int) -> tuple[int, ...]:
    """The codes that a person typed: `17`, or `3, 7-9`.

    Raises:
        ValueError: if it is not a list of codes, or names a code outside 0…K−1.
    """
    try:
        codes = _read_ranges(text.replace(" ", ""))
    except ValueError:
        raise ValueError(f"Codes are whole numbers, as in 17 or 3, 7-9, but this is {_short(text)}.") from None
    if sentence := outside("code", tuple(code for code in codes if code >= num_codes), num_codes):
        raise ValueError(sentence)
    return codes


def write_pins(pins: Iterable[Pin]) -> str:
    """The pins in order, counting levels from 1: `17,4@2`."""
    return ",".join(f"{pin.code}@{pin.level + 1}" if pin.level else str(pin.code) for pin in pins)


def read_pins(text: str) -> tuple[Pin, ...]:
    """The pins that a text means.

    Raises:
        ValueError: if it is not a list of pins, or too long.

    >>> read_pins("17,4@2")
    (Pin(code=17, level=0), Pin(code=4, level=1))
    """
    pins: list[Pin] = []
    for part in text.split(",", MOST_PINS) if text else ():
        found = PIN.fullmatch(part)
        level = int(found[2] or 1) if found else 0
        if found is None or len(pins) == MOST_PINS or int(found[1]) > LARGEST_ID or not 1 <= level <= MAX_LEVELS:
            raise ValueError(_not_understood("pins", text, f"17,4@2 (codes, @ level), at most {MOST_PINS}"))
        pins.append(Pin(int(found[1]), level - 1))
    return tuple(dict.fromkeys(pins))


def _write_ids(ids: Sequence[int]) -> str:
    """Ids as ranges or as a bit set, whichever is shorter, in characters that a URL leaves as they are."""
    index = np.asarray(ids)
    starts = np.flatnonzero(np.diff(index, prepend=-2) != 1)
    runs = [(run[0], run[-1]) for run in np.split(index, starts[1:])]
    ranges = ",".join(f"{first}-{last}" if last > first else f"{first}" for first, last in runs)
    bits = np.zeros(index[-1] + 1, dtype=bool)
    bits[index] = True
    packed = "~" + base64.urlsafe_b64encode(np.packbits(bits).tobytes()).decode().rstrip("=")
    return min(ranges, packed, key=len)


def _read_ids(text: str) -> tuple[int, ...]:
    return _read_bits(text[1:]) if text.startswith("~") else _read_ranges(text)


def _read_ranges(text: str) -> tuple[int, ...]:
    if not RANGES.fullmatch(text):
        raise ValueError(text)
    found: set[int] = set()
    for part in text.split(","):
        first, last = (int(end) for end in (part if "-" in part else f"{part}-{part}").split("-"))
        if not first <= last <= LARGEST_ID:
            raise ValueError(text)
        found.update(range(first, last + 1))
    return tuple(sorted(found))


def _read_bits(text: str) -> tuple[int, ...]:
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError(text) from error
    bits = np.unpackbits(np.frombuffer(packed, np.uint8))
    return tuple(np.flatnonzero(bits).tolist())


def _not_understood(name: str, text: str, example: str) -> str:
    return f"`{name}` in the link must read like {example}, but is {_short(text)}."


def _short(text: str) -> str:
    """The text, without anything that a page could take for markup."""
    return "'" + re.sub(r"[^\w,;@~. -]", "?", text[:40]) + ("…'" if len(text) > 40 else "'")
