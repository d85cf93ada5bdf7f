"""The set-up as the reader is putting it together: nothing of it is trained before it is begun."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

from app.links.setup import Setup, Variant
from app.panels.setting_words import change_words, name_for
from vqcore.quantizer.companions import with_companions
from vqcore.training.recipe import default_recipe, setting_of

BASELINE = "baseline"
"""What a variant without changes is called first."""


@dataclass(slots=True)
class DraftVariant:
    """A name, empty for one that says what is changed, and what is other than the problem's default."""

    name: str
    changes: dict[str, Any] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """The changes in words."""
        return " · ".join(change_words(self.changes)) or "the problem's defaults"


class Draft:
    """Changed in place by the form's widgets, which show one variant at a time.

    Args:
        setup: what it begins as.
        number: which of the page's drafts it is.
    """

    def __init__(self, setup: Setup, number: int = 0) -> None:
        self.of = setup
        self.number = number
        self.problem = setup.problem
        self.common = dict(setup.common)
        self.variants = [DraftVariant(variant.name, dict(variant.changes)) for variant in setup.variants]
        self.edited = 0
        self._edits = 0
        self._taken_along: Counter[str] = Counter()
        self._shown: dict[str, Any] = {}
        self.edit(0)

    @property
    def seed(self) -> int:
        """Of all variants."""
        return int(self.common.get("seed", 0))

    @property
    def variant(self) -> DraftVariant:
        """The one that the widgets show."""
        return self.variants[self.edited]

    def edit(self, place: int) -> None:
        """Have the widgets show this variant: they are recreated, since each keeps what it began at."""
        self.edited = place
        self._edits += 1
        self._shown = dict(self.variant.changes)

    def key(self, name: str) -> str:
        """The key of a widget as it is drawn now.

        One that has others recreated is not recreated with them: Streamlit keeps a widget that went on the page,
        greyed, while the reader's hand is on it. The list of variants is, as soon as one has another name: Streamlit
        knows its options by what they are called.
        """
        called = crc32("\n".join(self.names()).encode())
        own = self._edits + self._taken_along[name]
        generation = {"problem": 0, "seed": 0, "edited": called}.get(name, own)
        return f"compare-{name}-{self.number}-{generation}"

    def default(self, name: str) -> Any:
        """What the widget of this setting or switch begins at."""
        return self._shown.get(name, self._usual(name))

    def take(self, name: str, value: Any) -> None:
        """Change the variant that the widgets show; the widget of what is changed along with it is recreated."""
        for changed, to in with_companions(self._now, name, value).items():
            self.variant.changes.pop(changed, None)
            if to != self._usual(changed):
                self.variant.changes[changed] = to
            if changed != name:
                self._taken_along[changed] += 1
                self._shown[changed] = to

    def take_problem(self, problem: str) -> None:
        """Learn something else; settings that only the former problem allows are given up."""
        self.problem = problem
        self.common = {name: value for name, value in self.common.items() if name in ("device", "seed")}
        self.edit(self.edited)

    def take_seed(self, seed: int) -> None:
        """Have all variants begin from `seed`."""
        self.common.pop("seed", None)
        if seed:
            self.common["seed"] = seed

    def add(self) -> None:
        """One more variant, with the problem's defaults."""
        self.variants.append(DraftVariant(""))
        self.edit(len(self.variants) - 1)

    def remove(self) -> None:
        """Give up the variant that the widgets show."""
        del self.variants[self.edited]
        self.edit(max(0, self.edited - 1))

    def names(self) -> list[str]:
        """Of all variants; those without a name of their own are called after what they change."""
        names = [variant.name.strip() for variant in self.variants]
        for place, variant in enumerate(self.variants):
            if not names[place]:
                is_plain = not variant.changes and BASELINE not in names
                names[place] = BASELINE if is_plain else name_for(variant.changes, names)
        return names

    def setup(self) -> Setup:
        """What it has become.

        Raises:
            ValueError: as `Setup` does.
        """
        variants = zip(self.names(), self.variants, strict=True)
        return Setup(
            problem=self.problem,
            common=tuple(self.common.items()),
            variants=tuple(Variant(name, tuple(variant.changes.items())) for name, variant in variants),
        )

    def is_begun(self) -> bool:
        """Whether what it has become is what it began as."""
        try:
            return self.setup() == self.of
        except ValueError:
            return False

    def _now(self, name: str) -> Any:
        return self.variant.changes.get(name, self._usual(name))

    def _usual(self, name: str) -> Any:
        return setting_of(default_recipe(self.problem), name)
