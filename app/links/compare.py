"""The link of the page side by side: which session, what it trains, and the view."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.links import codec
from app.links.codec import Field
from app.links.recipe_fields import PROBLEM, recipe_fields, said_of_recipe, without_problem
from app.links.selection_text import read_choice
from app.links.setup import COMMON, Setup, Variant, read_variant
from app.links.variant_names import MOST_SEEDS, MOST_STEPS
from app.wording import cut
from vqcore.training.run import MOST_VARIANTS

PLACES = tuple(f"v{place}" for place in range(1, MOST_VARIANTS + 1))
CURVES = ("perplexity", "in use", "task loss", "‖z_e−z_q‖²")
VIEWS: Mapping[str, tuple[str, ...]] = {
    "map": ("PCA", "UMAP"),
    "colour": ("role", "class", "usage", "age", "error", "gradient"),
    "curve": CURVES,
    "of": ("this run", "seeds"),
    "smoothing": ("1", "5", "25", "100"),
    "scale": ("log", "linear"),
    "aspect": ("free", "equal"),
    "examples": ("picture", "outputs"),
    "level": tuple(str(level) for level in range(1, 17)),
}
"""The view controls and their allowed values; the first is the default."""

MOST = {"seeds": MOST_SEEDS, "steps": MOST_STEPS}
"""How many steps and seeds to train in the background; empty: none."""


@dataclass(frozen=True, slots=True)
class CompareLink:
    """What a URL asks for."""

    session: str | None
    watch: str | None
    """Watch id of a session to follow."""

    setup: Setup | None
    paused: bool
    view: dict[str, str]
    refused: tuple[str, ...]
    """A sentence for each value that could not be used."""


def _read_variant(text: str) -> Variant:
    name, *words = text.split(";")
    return read_variant(name, " ".join(words))


def _write_variant(variant: Variant) -> str:
    return ";".join([variant.name, *variant.text.split()])


def _count(name: str, most: int) -> Field:
    """A number as a text, empty for none."""
    number = codec.whole_number(name, None, 1, most)
    return codec.checked_text(name, lambda text: text and number.read(text), expected=number.expected)


VIEW_TABLE: tuple[Field, ...] = (
    *(codec.choice(name, allowed) for name, allowed in VIEWS.items()),
    codec.checked_text("select", read_choice),
    *(_count(name, most) for name, most in MOST.items()),
)
"""All that a link says of the view: each value is a text."""

TABLE: tuple[Field, ...] = (
    codec.text("session", None),
    codec.text("watch", None),
    PROBLEM,
    *recipe_fields(COMMON),
    *(Field(place, None, _read_variant, _write_variant) for place in PLACES),
    *VIEW_TABLE,
    codec.flag("paused"),
)


def read(query: Mapping[str, str]) -> CompareLink:
    """What `query` asks for; unusable names and values are left out and named in `refused`."""
    values, refused = codec.read(query, TABLE)
    places = [place for place in PLACES if place in query]
    setup: Setup | None = None
    if values["problem"] is not None and all(values[place] is not None for place in places):
        setup, more = _read_setup(values, tuple(values[place] for place in places))
        refused += map(cut, more)
    elif "problem" not in query and places:
        refused.append(without_problem(places[0]))
    view = {field.name: values[field.name] for field in VIEW_TABLE}
    return CompareLink(values["session"], values["watch"], setup, values["paused"], view, tuple(refused))


def _read_setup(values: Mapping[str, Any], variants: tuple[Variant, ...]) -> tuple[Setup | None, list[str]]:
    """The set-up, and a sentence for each value that does not go together with those before it."""
    refused: list[str] = []
    try:
        setup = Setup(problem=values["problem"], variants=variants or (Variant("baseline"),))
    except ValueError as error:
        return None, [str(error)]
    for pair in said_of_recipe(values, COMMON).items():
        try:
            setup = replace(setup, common=(*setup.common, pair))
        except ValueError as error:
            refused.append(str(error))
    return setup, refused


def write(
    session: str | None, setup: Setup, view: Mapping[str, str], *, paused: bool, watch: str | None = None
) -> dict[str, str]:
    """The query that `read` turns back into the same values; defaults are left out.

    With `watch` for the page of one who follows a session, or for a link to do so.
    """
    trained = {"problem": setup.problem, **dict(setup.common), **dict(zip(PLACES, setup.variants, strict=False))}
    return codec.write({**view, **trained, "session": session, "watch": watch, "paused": paused}, TABLE)
