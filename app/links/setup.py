"""What is trained side by side: variants of one problem as a frozen value, and as recipes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.links.variant_names import read_name
from vqcore.quantizer.options import option_names
from vqcore.training.recipe import (
    IMAGE_SETTINGS,
    Recipe,
    changed,
    default_recipe,
    differences,
    parse_changes,
    written,
)
from vqcore.training.run import MOST_VARIANTS

OWN = ("num_codes", "code_init", *option_names())
"""What variants may differ in; anything else would change their data, its order or the clock."""

COMMON = ("seed", "device", *IMAGE_SETTINGS, "batch_size", "structure", "levels", "share")
"""Settings that all variants share."""


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
