"""The Runs page's link: which folder, which of its runs, and what is looked at."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from app.links import codec
from app.links.codec import Field
from app.links.told import MOST, a, control, whole

DEFAULT_FOLDER = "runs"
LONGEST_PATH = 4096
MOST_RUNS = 4
"""Runs that are compared at once."""

MOST_CODEBOOKS = 4096
MOST_HANDS = 8
SEPARATOR = "\n"
"""Between the names of several runs; of a name that has it, the run cannot be linked to."""

VIEWS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"bars": ("time", "usage"), "rows": ("by birth", "by usage now"), "curves": ("learning", "error")}
)
"""The view controls, each with its values, the default first."""

CONTROLS = tuple(codec.choice(name, values) for name, values in VIEWS.items())
DEFAULTS = MappingProxyType({name: values[0] for name, values in VIEWS.items()})

TABLE: tuple[Field, ...] = (
    codec.text("folder", DEFAULT_FOLDER, longest=LONGEST_PATH),
    codec.text("run", "", longest=MOST_RUNS * LONGEST_PATH),
    codec.whole_number("codebook", 1, 1, MOST_CODEBOOKS),
    codec.whole_number("code", None, 0, MOST - 1, expected="a whole number from 0 up"),
    codec.whole_number("at", None, 0, MOST - 1, expected="a whole number from 0 up"),
    *CONTROLS,
)


@dataclass(frozen=True, slots=True)
class RunsLink:
    """Where a visitor is."""

    folder: str = DEFAULT_FOLDER
    names: tuple[str, ...] = ()
    """Of the runs that are open, as they lie below the folder; empty for the list."""

    view: "RunView" = field(default_factory=lambda: RunView())


@dataclass(frozen=True, slots=True)
class RunView:
    """What a watcher of opened runs looks at."""

    codebook: int = 1
    """Counted from 1."""

    code: int | None = None
    """The code whose card is open; None: the findings are shown."""

    at: int | None = None
    """The step to go back to; None: the newest."""

    controls: Mapping[str, str] = field(default_factory=lambda: DEFAULTS)
    hands: Mapping[str, int] = field(default_factory=dict)
    """Time of the reader's last click on each chart that the page has taken in, by key."""

    def at_step(self, step: int | None) -> "RunView":
        """The same at another step."""
        return replace(self, at=step)


def read(query: Mapping[str, str]) -> tuple[RunsLink, list[str]]:
    """The place in `query`, and a sentence for each value that cannot be used.

    >>> read({"run": "a", "bars": "pie"})[1]
    ["`bars` in the link must be one of time, usage, but is 'pie'."]
    """
    values, refused = codec.read(query, TABLE)
    names = tuple(filter(None, values["run"].split(SEPARATOR)))
    if len(names) > MOST_RUNS:
        refused.append(f"`run` in the link must name at most {MOST_RUNS} runs, but names {len(names)}.")
    view = RunView(values["codebook"], values["code"], values["at"], {name: values[name] for name in VIEWS})
    return RunsLink(values["folder"], names[:MOST_RUNS], view), refused


def write(link: RunsLink) -> dict[str, str]:
    """The query that `read` turns back into the same place."""
    view = link.view
    shown = {"codebook": view.codebook, "code": view.code, "at": view.at, **link.view.controls} if link.names else {}
    return codec.write({"folder": link.folder, "run": SEPARATOR.join(link.names), **shown}, TABLE)


def write_run_view(view: RunView) -> dict[str, Any]:
    """The view as JSON, for the road of live data."""
    told = {"codebook": view.codebook, "code": view.code, "at": view.at}
    return {"page": "runs", **told, "controls": dict(view.controls), "hands": dict(view.hands)}


def read_run_view(told: Mapping[str, Any]) -> RunView:
    """The view that `write_run_view` wrote.

    Raises:
        ValueError: for anything else, saying what is wrong.
    """
    controls, hands = a(dict, told, "controls"), a(dict, told, "hands")
    if len(hands) > MOST_HANDS:
        raise ValueError(f"`hands` must be at most {MOST_HANDS}")
    code, at = (None if told.get(name) is None else whole(told, name) for name in ("code", "at"))
    return RunView(
        whole(told, "codebook"),
        code,
        at,
        {one.name: control(controls, one) for one in CONTROLS},
        {str(key): whole(hands, key) for key in hands},
    )
