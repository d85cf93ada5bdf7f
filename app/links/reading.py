"""Parts of links that several pages share, and the sentence for an unusable value."""

from collections.abc import Mapping, Sequence

_PAUSED = {"0": False, "1": True}


def read_paused(query: Mapping[str, str], refused: list[str]) -> bool:
    """Whether the link asks for a paused session."""
    value = query.get("paused", "0")
    if value not in _PAUSED:
        refused.append(f"`paused` in the link must be 0 or 1, but is {value!r}.")
    return _PAUSED.get(value, False)


def read_choices(
    query: Mapping[str, str], choices: Mapping[str, Sequence[str]], refused: list[str]
) -> dict[str, str]:
    """The link's value for each of `choices`, or the first allowed one."""
    found = {}
    for name, allowed in choices.items():
        value = query.get(name, allowed[0])
        if value not in allowed:
            refused.append(f"`{name}` in the link must be one of {', '.join(allowed)}, but is {value!r}.")
        found[name] = value if value in allowed else allowed[0]
    return found
