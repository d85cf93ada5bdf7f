"""What is trained side by side: variants of one problem as a frozen value, as URL text and as recipes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.links.reading import read_choices, read_paused
from app.links.selection import read_choice
from app.links.variant_names import MOST_SEEDS, MOST_STEPS, read_name
from app.wording import cut, ignored_names
from vqcore.quantizer.options import option_names
from vqcore.training.recipe import (
    Recipe,
    changed,
    default_recipe,
    differences,
    parse_changes,
    resolve_device,
    written,
)
from vqcore.training.run import MOST_VARIANTS

OWN = ("num_codes", "code_init", *option_names())
"""What variants may differ in; anything else would change their data, its order or the clock."""

COMMON = ("seed", "device", "batch_size", "structure", "levels", "share")
PLACES = tuple(f"v{place}" for place in range(1, MOST_VARIANTS + 1))
CURVES = ("perplexity", "active codes", "task loss", "‖z_e−z_q‖²")
VIEWS: Mapping[str, tuple[str, ...]] = {
    "curve": CURVES,
    "of": ("this run", "seeds"),
    "smoothing": ("1", "5", "25", "100"),
    "scale": ("log", "linear"),
    "level": tuple(str(level) for level in range(1, 17)),
}
"""The view controls and their allowed values; the first is the default."""

MOST = {"seeds": MOST_SEEDS, "steps": MOST_STEPS}
"""How many steps and seeds to train in the background; empty: none."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A name, and what differs from the problem's defaults."""

    name: str
    changes: tuple[tuple[str, Any], ...] = ()

    @property
    def text(self) -> str:
        """The changes as words of the command line: `affine=running sync=0.5`."""
        return " ".join(f"{name}={written(value)}" for name, value in self.changes)


@dataclass(frozen=True, kw_only=True, slots=True)
class Setup:
    """Variants of one problem, on one seed and data order.

    Raises:
        ValueError: for no variant or too many, a duplicate name, or a change that variants cannot differ in.
    """

    problem: str
    common: tuple[tuple[str, Any], ...] = ()
    """Settings shared by all that are not the problem's defaults."""

    variants: tuple[Variant, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.variants) <= MOST_VARIANTS:
            raise ValueError(f"Side by side takes 1 to {MOST_VARIANTS} variants, but got {len(self.variants)}.")
        names = [read_name(variant.name) for variant in self.variants]
        if twice := [name for name in names if names.count(name) > 1 or not name]:
            raise ValueError(f"Each variant needs its own name, but got {twice[0]!r} twice or an empty one.")
        for variant in self.variants:
            for name, _ in variant.changes:
                if name not in OWN:
                    raise ValueError(
                        f"`{name}` cannot differ between variants, which share data and clock; "
                        f"they can differ in {', '.join(OWN)}."
                    )
        self.recipes()

    def recipes(self) -> dict[str, Recipe]:
        """The recipe that each variant begins with, by its name."""
        base = default_recipe(self.problem, **dict(self.common))
        return {variant.name: changed(base, dict(variant.changes)) for variant in self.variants}

    @property
    def seed(self) -> int:
        """Of all."""
        return int(dict(self.common).get("seed", 0))


def read_variant(name: str, words: str) -> Variant:
    """A variant from its name and `key=value` words.

    >>> read_variant("moving", "affine=running sync=0.5")
    Variant(name='moving', changes=(('affine', 'running'), ('sync', 0.5)))

    Raises:
        ValueError: as `parse_changes` does.
    """
    return Variant(name.strip(), tuple(parse_changes(words.replace(",", " ").split()).items()))


def setup_of(recipes: Mapping[str, Recipe]) -> Setup:
    """The set-up that begins these recipes again; shared settings are taken from the first."""
    first = next(iter(recipes.values()))
    default = default_recipe(first.problem)
    return Setup(
        problem=first.problem,
        common=tuple(differences(first, default, COMMON).items()),
        variants=tuple(
            Variant(name, tuple(differences(recipe, default, OWN).items())) for name, recipe in recipes.items()
        ),
    )


@dataclass(frozen=True, slots=True)
class Request:
    """What a URL asks for."""

    session: str | None
    setup: Setup | None
    paused: bool
    view: dict[str, str]
    refused: tuple[str, ...]
    """A sentence for each value that could not be used."""


def read(query: Mapping[str, str]) -> Request:
    """What `query` asks for; unusable names and values are left out and named in `refused`."""
    known = {"session", "problem", "paused", "select", *COMMON, *PLACES, *VIEWS, *MOST}
    refused = ignored_names([name for name in query if name not in known])
    setup = _read_setup(query, refused)
    paused = read_paused(query, refused)
    view = read_choices(query, VIEWS, refused)
    for name, most in MOST.items():
        value = query.get(name, "")
        if value and not (value.isascii() and value.isdecimal() and 1 <= int(value[:9]) <= most):
            refused.append(f"`{name}` in the link must be a whole number from 1 to {most:,}, but is {value!r}.")
            value = ""
        view[name] = value
    view["select"] = query.get("select", "")
    try:
        read_choice(view["select"])
    except ValueError as error:
        refused.append(str(error))
        view["select"] = ""
    return Request(query.get("session"), setup, paused, view, tuple(map(cut, refused)))


def write(session: str | None, setup: Setup, view: Mapping[str, str], *, paused: bool) -> dict[str, str]:
    """The query that `read` turns back into the same values; defaults are left out."""
    query = {"session": session} if session else {}
    query["problem"] = setup.problem
    query |= {name: written(value) for name, value in setup.common}
    query |= {
        place: ";".join([variant.name, *variant.text.split()])
        for place, variant in zip(PLACES, setup.variants, strict=False)
    }
    query |= {name: view[name] for name, allowed in VIEWS.items() if view.get(name, allowed[0]) != allowed[0]}
    query |= {name: view[name] for name in ("select", *MOST) if view.get(name)}
    return query | ({"paused": "1"} if paused else {})


def _read_setup(query: Mapping[str, str], refused: list[str]) -> Setup | None:
    variants = [query[place] for place in PLACES if place in query]
    if "problem" not in query:
        if variants:
            refused.append(f"`{PLACES[0]}` in the link has no effect without a `problem` and was ignored.")
        return None
    try:
        read = [read_variant(*_parts(text)) for text in variants] or [Variant("baseline")]
        setup = Setup(problem=query["problem"], variants=tuple(read))
    except ValueError as error:
        refused.append(str(error))
        return None
    for name in COMMON:
        if name in query:
            try:
                setup = replace(setup, common=(*setup.common, *_common(name, query[name]).items()))
            except ValueError as error:
                refused.append(str(error))
    return setup


def _parts(text: str) -> tuple[str, str]:
    name, *words = text.split(";")
    return name, " ".join(words)


def _common(name: str, text: str) -> dict[str, Any]:
    if name == "device":
        resolve_device(text)
        return {"device": text}
    return parse_changes([f"{name}={text}"])


def _preset(problem: str, variants: Iterable[tuple[str, str]]) -> Setup:
    return Setup(problem=problem, variants=tuple(read_variant(name, words) for name, words in variants))


PRESETS: tuple[tuple[str, str, str, Setup], ...] = (
    (
        ":material/build:",
        "What practitioners do",
        "Baseline · affine running · replacement every 20 steps · EMA, on photographs.",
        _preset(
            "patches",
            [
                ("baseline", ""),
                ("affine running", "affine=running"),
                ("replacement 20", "replace_every=20"),
                ("EMA", "codebook_update=ema"),
            ],
        ),
    ),
    (
        ":material/article:",
        "The paper",
        "Baseline · affine · alternating · sync, the three methods one by one, from k-means centres.",
        _preset(
            "patches",
            [
                ("baseline", "code_init=kmeans"),
                ("affine", "code_init=kmeans affine=learned"),
                ("alternating", "code_init=kmeans inner_steps=1"),
                ("sync", "code_init=kmeans sync=0.5"),
            ],
        ),
    ),
    (
        ":material/flag:",
        "The start",
        "Codes drawn from N(0, 1) beside codes that start at k-means centres.",
        _preset("patches", [("random", ""), ("k-means", "code_init=kmeans")]),
    ),
)
"""Icon, title, what it compares, and the set-up."""
