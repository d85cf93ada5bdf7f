"""What the links of several pages say alike, and the sentence for a value that cannot be used."""

from collections.abc import Mapping, Sequence

_PAUSED = {"0": False, "1": True}


def read_paused(query: Mapping[str, str], refused: list[str]) -> bool:
    """Whether the link asks for a session that stands still."""
    value = query.get("paused", "0")
    if value not in _PAUSED:
        refused.append(f"`paused` in the link must be 0 or 1, but is {value!r}.")
    return _PAUSED.get(value, False)


def read_choices(
    query: Mapping[str, str], choices: Mapping[str, Sequence[str]], refused: list[str]
) -> dict[str, str]:
    """What the link says of each of `choices`, or the first of what it may be."""
    found = {}
    for name, allowed in choices.items():
        value = query.get(name, allowed[0])
        if value not in allowed:
            refused.append(f"`{name}` in the link must be one of {', '.join(allowed)}, but is {value!r}.")
        found[name] = value if value in allowed else allowed[0]
    return found
