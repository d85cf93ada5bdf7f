"""What to train: problem, seed, sizes and live options as one frozen value, and its parsing from text."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, get_args

import torch

from vqcore.models.problems import NETWORKS, OWN
from vqcore.problems.catalogue import find_problem
from vqcore.problems.problem import Problem
from vqcore.quantizer.grid import values_of_grid
from vqcore.quantizer.options import Options, check_whole, option_names

CodeInit = Literal["normal", "kmeans", "grid"]
Structure = Literal["vector", "grouped", "residual"]
MAX_CODES = 65_536
MAX_LEVELS = 16
MAX_IMAGE_SIZE = 512
MAX_WIDTH = 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """Everything a training starts from. The same recipe and commands give the same numbers on one device.

    Raises:
        ValueError: for a value outside its range.
    """

    problem: str
    seed: int = 0
    device: str = "auto"
    """`auto`, `cpu`, `mps`, `cuda` or `cuda:1`…"""

    num_codes: int
    batch_size: int
    code_init: CodeInit = "normal"
    """Code vectors start as draws from N(0, 1), as k-means centres of training latents, or as a grid between −1 and
    1. With α = 0, and z_e bounded by tanh, the grid stays and this is finite scalar quantization."""

    structure: Structure = "vector"
    """One code per vector, one for each of several groups of its features, or several that add up."""

    levels: int = 1
    """How many groups or residual levels, 1…16; each has a codebook of `num_codes` unless they share one."""

    share: bool = False
    """Whether all groups or levels use one codebook."""

    data: str = OWN
    """The images: photos, digits, fashion or a path; own: the problem's. This and the three that follow only for the
    problems whose network takes any images."""

    image_size: int = 0
    """Edge of the square images in pixels; 0: the problem's own."""

    width: int = 0
    """Features of the network's first stage; 0: as published."""

    quantize_at: str = OWN
    """Where in the network the quantizer stands; own: the problem's choice."""

    options: Options = field(default_factory=Options)

    def __post_init__(self) -> None:
        check_whole("image_size", self.image_size, 0, MAX_IMAGE_SIZE)
        check_whole("width", self.width, 0, MAX_WIDTH)
        dim = problem_of(self).dim
        check_whole("seed", self.seed, 0, 2**31 - 1)
        check_whole("num_codes", self.num_codes, 1, MAX_CODES)
        check_whole("batch_size", self.batch_size, 1, 4096)
        if self.code_init not in get_args(CodeInit):
            raise ValueError(
                f"`code_init` must be one of {', '.join(get_args(CodeInit))}, but got {self.code_init!r}."
            )
        if self.structure not in get_args(Structure):
            raise ValueError(
                f"`structure` must be one of {', '.join(get_args(Structure))}, but got {self.structure!r}."
            )
        check_whole("levels", self.levels, 1, MAX_LEVELS)
        if self.structure == "vector" and self.levels > 1:
            raise ValueError(
                f"`levels` above 1 need structure=grouped or structure=residual, but got {self.levels} with "
                "structure=vector."
            )
        if self.structure == "grouped" and dim % self.levels != 0:
            raise ValueError(
                f"`levels` must divide the {dim} features of {self.problem} if structure=grouped, "
                f"but got {self.levels}."
            )
        if self.code_init == "grid":
            values_of_grid(self.num_codes, dim // (self.levels if self.structure == "grouped" else 1))
        if not isinstance(self.share, bool):
            raise ValueError(f"`share` must be true or false, but got {self.share!r}.")
        if self.options.affine_groups > self.num_codes:
            raise ValueError(
                f"`affine_groups` must be at most num_codes={self.num_codes}, but got {self.options.affine_groups}."
            )


IMAGE_SETTINGS = ("data", "image_size", "width", "quantize_at")
"""Settings of problems whose network takes any images."""

SETTINGS = (*IMAGE_SETTINGS, "num_codes", "batch_size", "code_init", "structure", "levels", "share")
"""Settings that need a restart, besides problem, seed and device."""


def settings_of(problem: str) -> tuple[str, ...]:
    """Those of `SETTINGS` that the problem called `problem` leaves open."""
    return SETTINGS if problem in NETWORKS else tuple(name for name in SETTINGS if name not in IMAGE_SETTINGS)


def problem_of(recipe: Recipe) -> Problem:
    """The problem that `recipe` trains, with its images and its network as chosen. Reads no file."""
    return find_problem(recipe.problem, **{name: getattr(recipe, name) for name in IMAGE_SETTINGS})


ACTIONS = ("replace", "kmeans")
"""Actions of `--at STEP` besides throwing a switch, written replace=now."""


def default_recipe(problem: str, **changes: Any) -> Recipe:
    """The recipe a problem starts with. `changes` are recipe fields or live options by name.

    Raises:
        ValueError: for an unknown problem, or what `changed` refuses.
    """
    found = find_problem(problem)
    recipe = Recipe(problem=problem, num_codes=found.num_codes, batch_size=found.batch_size, options=found.options)
    return changed(recipe, changes)


def changed(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """`recipe` with recipe fields or live options replaced by name.

    Raises:
        ValueError: for a name that is neither, or a value outside its range.
    """
    options = {name: value for name, value in changes.items() if name in option_names()}
    own = {name: value for name, value in changes.items() if name not in option_names()}
    known = {f.name for f in fields(Recipe)} - {"options"}
    for name in own:
        if name not in known:
            raise ValueError(
                f"`{name}` is not a setting or switch; choose from "
                f"{', '.join([*settings_of(recipe.problem), *option_names()])}."
            )
    return replace(recipe, options=replace(recipe.options, **options), **own)


def setting_of(recipe: Recipe, name: str) -> Any:
    """The value of a recipe field or live option by its name."""
    return getattr(recipe.options if name in option_names() else recipe, name)


def differences(recipe: Recipe, other: Recipe, names: Iterable[str]) -> dict[str, Any]:
    """How `recipe` differs from `other` in the recipe fields and live options `names`."""
    values = {name: setting_of(recipe, name) for name in names}
    return {name: value for name, value in values.items() if value != setting_of(other, name)}


def parse_changes(pairs: list[str], *, live_only: bool = False) -> dict[str, Any]:
    """Values for `key=value` words, each in the type of its setting or switch.

    >>> parse_changes(["affine=running", "sync=0.5", "replace_every=20"])
    {'affine': 'running', 'sync': 0.5, 'replace_every': 20}

    Raises:
        ValueError: for a word without `=`, an unknown name, or an invalid number; with `live_only`, for a
            setting that only a restart can change.
    """
    types: dict[str, Any] = {f.name: f.type for f in fields(Options)}
    if not live_only:
        types |= {f.name: f.type for f in fields(Recipe) if f.name in ("seed", *SETTINGS)}
    changes: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise ValueError(f"A change is written key=value, for example affine=running, but got {pair!r}.")
        if live_only and name in ACTIONS:
            if text != "now":
                raise ValueError(f"`{name}` acts at once and is written {name}=now, but got {pair!r}.")
            changes[name] = text
            continue
        if name not in types:
            restarts = " It needs a restart: use --set." if name in SETTINGS else ""
            raise ValueError(f"`{name}` is not a switch; choose from {', '.join(types)}.{restarts}")
        changes[name] = _parse(name, text, types[name])
    return changes


def written(value: Any) -> str:
    """A setting's or switch's value as `parse_changes` reads it.

    >>> written(True), written(0.5), written("running")
    ('true', '0.5', 'running')
    """
    return str(value).lower() if isinstance(value, bool) else str(value)


def resolve_device(name: str) -> torch.device:
    """The device for a name; `auto` is CUDA, else MPS, else the CPU.

    Raises:
        ValueError: for a device this machine does not have.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", torch.cuda.current_device())
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    present = {
        "cpu": 1,
        "mps": int(torch.backends.mps.is_available()),
        "cuda": torch.cuda.device_count(),
    }
    if device is None or (device.index or 0) >= present.get(device.type, 0):
        here = [kind for kind, count in present.items() if count]
        raise ValueError(f"`device` must be auto or one this machine has ({', '.join(here)}), but got {name!r}.")
    return device


def _parse(name: str, text: str, kind: Any) -> Any:
    if kind is bool:
        values = {"true": True, "false": False}
        if text.lower() not in values:
            raise ValueError(f"`{name}` must be true or false, but got {text!r}.")
        return values[text.lower()]
    if kind in (int, float):
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if value != value:
            noun = "a whole number" if kind is int else "a number"
            raise ValueError(f"`{name}` must be {noun}, but got {text!r}.")
        return value
    return text
