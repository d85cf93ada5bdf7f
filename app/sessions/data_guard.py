"""Who may train on files of this machine, and on which: the owner, below the folders that are open.

Images that were dropped on a page are anybody's who has their name.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from app.doors.visitor import is_owner
from app.roots import resolve_readable
from app.sessions.dropped_images import DROPPED_IMAGES, is_dropped
from vqcore.data.loading import is_path
from vqcore.data.opening import check_paths_with
from vqcore.training.recipe import Recipe


def _located(path: Path) -> Path:
    return DROPPED_IMAGES.folder(str(path)) if is_dropped(str(path)) else resolve_readable(path)


check_paths_with(_located)


def check_data(recipes: Recipe | Mapping[str, Recipe] | Iterable[Recipe]) -> None:
    """Refuse, by ValueError, recipes of a visitor who is not the owner that name a path of this machine."""
    if isinstance(recipes, Recipe):
        recipes = (recipes,)
    found = recipes.values() if isinstance(recipes, Mapping) else recipes
    paths = [recipe.data for recipe in found if is_path(recipe.data) and not is_dropped(recipe.data)]
    if paths and not is_owner():
        raise ValueError(
            "`data` may name a path of this machine only in the owner's browser, whose link is in the terminal. "
            "Choose photos or digits, or drop images on the start page."
        )
