"""Lecture links: which groups of controls a URL hides or locks, on which page.

This keeps a page calm and protects nothing: editing the link brings every control back.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from app.links import codec
from app.links.codec import Field, PartlyUsedError
from app.wording import LONGEST_NAME, NAMES_SAID, cut

HIDE, LOCK, ONLY = "hide", "lock", "only"
NAMES = (HIDE, LOCK, ONLY)
"""Parameters of a URL: groups of controls, separated by commas. `only` hides all other groups of the page."""


class Group(NamedTuple):
    """Controls that are shown, locked or hidden together."""

    title: str
    controls: tuple[str, ...] = ()
    lockable: bool = True
    """Whether it can be shown disabled."""


LIVE, TRAJECTORIES, LESSONS = "Live", "Trajectories", "Lessons"
LINKS = Group("Link, CLI and HTML", ("link", "command", "save-html"))
NAVIGATION = Group("Links to the other pages", lockable=False)

SWITCHES: dict[str, Group] = {
    "affine": Group("Affine map", ("affine", "affine_groups", "affine_lr_scale")),
    "alternating": Group("Inner steps", ("inner_steps", "inner_lr", "inner_momentum")),
    "sync": Group("Sync ν", ("sync",)),
    "replacement": Group("Replacement", ("replace_every", "replace_onto", "replace_now")),
    "weights": Group("α and β", ("alpha", "beta")),
    "rates": Group("Learning rate", ("learning_rate",)),
    "schedule": Group(
        "Optimizer and schedule",
        ("warmup_steps", "cosine_steps", "adam_beta1", "adam_beta2", "weight_decay", "quantize_from"),
    ),
    "practitioners": Group(
        "What practitioners use",
        ("codebook_update", "ema_decay", "estimator", "input_norm", "codebook_norm", "bypass"),
    ),
}
"""The live switches."""

GROUPS: dict[str, dict[str, Group]] = {
    LIVE: {
        "problem": Group("Problem", ("problem",)),
        "transport": Group("Play, pause, step", ("play", "step")),
        "restart": Group(
            "Restart and its settings",
            (
                *("restart", "undo", "data", "image_size", "width", "quantize_at", "structure", "levels", "share"),
                *("num_codes", "batch_size", "seed", "code_init"),
            ),
        ),
        "speed": Group("Speed", ("speed",)),
        "fork": Group("Fork", ("fork",)),
        **SWITCHES,
        "links": Group("Link, CLI, HTML, keep as a run", (*LINKS.controls, "keep_run")),
        "view": Group("Choices at the charts", ("view",)),
        "time": Group("Going back in time", lockable=False),
        "navigation": NAVIGATION,
    },
    TRAJECTORIES: {
        "landscape": Group("Landscape", ("landscape",)),
        "methods": Group("Methods", ("methods",)),
        "setting": Group("Seed, points, codes, steps", ("seed", "points", "num_codes", "steps", "encoder")),
        "rates": Group("Learning rate, noise", ("learning_rate", "noise")),
        "weights": Group("α and β", ("alpha", "beta")),
        "alternating": Group("Inner steps", ("inner_steps", "inner_share")),
        "sync": Group("Sync ν", ("nu",)),
        "places": Group("Reset places", ("places",)),
        "seeds": Group("Run over seeds", ("seeds",)),
        "links": LINKS,
        "navigation": NAVIGATION,
    },
    LESSONS: {
        "list": Group("All lessons", ("list",)),
        "glossary": Group("Glossary", ("glossary",)),
        "seed": Group("Seed", ("seed",)),
        "restart": Group("Restart", ("restart",)),
        "sweep": Group("Over more seeds", ("sweep",)),
        "skip": Group("Skip", ("skip",)),
        "links": Group("Link and class", ("link", "class"), lockable=False),
        "navigation": NAVIGATION,
    },
}
"""Groups by page, in the order of the screen."""

OTHERS = {"navigation": NAVIGATION}
"""Groups of any other page."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Which of a page's controls are hidden and which are locked; all others are shown."""

    hidden: frozenset[str] = frozenset()
    locked: frozenset[str] = frozenset()


class Preset(NamedTuple):
    """A preset of a lecture link."""

    title: str
    limits: Limits
    collapses: bool = False
    """Whether it opens the run that collapses instead of the one on the page."""


def read(query: Mapping[str, str], page: str) -> tuple[Limits, list[str]]:
    """The limits that `query` sets on `page`, and sentences on names that could not be used."""
    groups = GROUPS.get(page, OTHERS)
    values, refused = codec.read({name: query[name] for name in NAMES if name in query}, table(groups))
    hidden = set(values[HIDE])
    if values[ONLY]:
        hidden |= set(groups) - set(values[ONLY])
    loose = [name for name in values[LOCK] if not groups[name].lockable]
    if loose:
        refused.append(f"`{LOCK}` in the link cannot name {', '.join(loose)}: these can only be shown or hidden.")
    return Limits(frozenset(hidden), frozenset(values[LOCK]) - hidden - set(loose)), refused


def write(limits: Limits, page: str) -> dict[str, str]:
    """The shortest query that `read` turns back into the same limits."""
    groups = GROUPS.get(page, OTHERS)
    hidden = [name for name in groups if name in limits.hidden]
    kept = [name for name in groups if name not in limits.hidden]
    locked = [name for name in kept if name in limits.locked]
    is_shorter_by_rest = 0 < len(kept) < len(hidden)
    said = {ONLY: kept} if is_shorter_by_rest else {HIDE: hidden}
    return codec.write(said | {LOCK: locked}, table(groups))


def only(*names: str) -> Limits:
    """Everything on the Live page hidden but these."""
    return Limits(frozenset(GROUPS[LIVE]) - set(names))


def presets(page: str) -> list[Preset]:
    """Presets of lecture links, the plain one first."""
    found = [Preset("This run, every control", Limits())]
    if page == LIVE:
        methods = ("affine", "replacement", "alternating", "sync")
        found += [
            Preset(
                f"A run that collapses, with one switch: {SWITCHES[name].title}",
                only("transport", name, "view", "time"),
                collapses=True,
            )
            for name in methods
        ]
        found.append(
            Preset("This run, all switches locked", Limits(frozenset({"links", "navigation"}), frozenset(SWITCHES)))
        )
    return [*found, Preset("The charts alone", Limits(frozenset(GROUPS[page])))]


def table(groups: Collection[str]) -> tuple[Field, ...]:
    """What a link may say of the controls of a page with these groups."""
    return tuple(Field(name, [], partial(_known, name, groups), ",".join) for name in NAMES)


def _known(parameter: str, groups: Collection[str], text: str) -> list[str]:
    """The groups that `text` names."""
    names = [name.strip() for name in text.split(",")]
    known, unknown = [name for name in names if name in groups], [name for name in names if name not in groups]
    if unknown:
        said = ", ".join(repr(cut(name, LONGEST_NAME)) for name in unknown[:NAMES_SAID])
        more = f" and {len(unknown) - NAMES_SAID} more" if len(unknown) > NAMES_SAID else ""
        raise PartlyUsedError(
            f"`{parameter}` in the link may name {', '.join(groups)}, but not {said}{more}.", part=known
        )
    return known
