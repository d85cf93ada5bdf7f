"""Who may train on files of this machine, and on which: the owner, below the folders that are open."""

from collections.abc import Iterable, Mapping

from app.doors.visitor import is_owner
from app.roots import resolve_readable
from vqcore.data.loading import is_path
from vqcore.data.opening import check_paths_with
from vqcore.training.recipe import Recipe

check_paths_with(resolve_readable)


def check_data(recipes: Recipe | Mapping[str, Recipe] | Iterable[Recipe]) -> None:
    """Refuse, by ValueError, recipes of a visitor who is not the owner that name a path of this machine."""
    if isinstance(recipes, Recipe):
        recipes = (recipes,)
    found = recipes.values() if isinstance(recipes, Mapping) else recipes
    if any(is_path(recipe.data) for recipe in found) and not is_owner():
        raise ValueError(
            "`data` may name a path of this machine only in the owner's browser, whose link is in the terminal. "
            "Choose photos or digits."
        )
