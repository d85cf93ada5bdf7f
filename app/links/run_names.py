"""How a link names the run whose curves lie behind those of the run on show."""

import re

NONE, UNQUANTIZED = "none", "unquantized"
_NUMBERED = re.compile(r"[1-9]\d{0,5}( .{1,60})?")


def run_name(run: int, variant: str, *, is_first: bool) -> str:
    """The name of a variant of a run, counted from 0; the first variant needs no name.

    >>> run_name(0, "main", is_first=True), run_name(2, "with sync", is_first=False)
    ('1', '3 with sync')
    """
    return f"{run + 1}" if is_first else f"{run + 1} {variant}"


def read_run_name(text: str) -> str:
    """`text`, if it names a run, the network without quantization, none of them, or nothing.

    >>> read_run_name("2"), read_run_name("none"), read_run_name("")
    ('2', 'none', '')

    Raises:
        ValueError: for any other text.
    """
    if text in ("", NONE, UNQUANTIZED) or _NUMBERED.fullmatch(text):
        return text
    raise ValueError(
        f"`earlier` in the link must be none, {UNQUANTIZED} or the number of a run, counted from 1, but is {text!r}."
    )
