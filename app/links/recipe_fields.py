"""A problem and its settings and switches, as fields of a link."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from app.links.codec import Field
from vqcore.training.recipe import Recipe, changed, default_recipe, parse_changes, resolve_device, written


def _read_problem(text: str) -> str:
    return default_recipe(text).problem


PROBLEM = Field("problem", None, _read_problem)


def recipe_fields(names: Iterable[str]) -> list[Field]:
    """Settings and switches by name; None for what the problem itself has."""
    return [Field(name, None, partial(_read, name), written) for name in names]


def said_of_recipe(values: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Those of `names` that the link says."""
    return {name: values[name] for name in names if values[name] is not None}


def read_recipe(values: Mapping[str, Any], names: Iterable[str]) -> tuple[Recipe, list[str]]:
    """The recipe of `values`, and a sentence for each value that does not go together with those before it."""
    recipe, refused = default_recipe(values["problem"]), []
    for name, value in said_of_recipe(values, names).items():
        try:
            recipe = changed(recipe, {name: value})
        except ValueError as error:
            refused.append(str(error))
    return recipe, refused


def without_problem(name: str) -> str:
    """Says that `name` needs a problem beside it."""
    return f"`{name}` in the link has no effect without a `problem` and was ignored."


def _read(name: str, text: str) -> Any:
    if name == "device":
        resolve_device(text)
        return text
    return parse_changes([f"{name}={text}"])[name]
