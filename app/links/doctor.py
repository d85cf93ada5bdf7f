"""The Doctor page's link: what is examined, how it is read, and which codebook is looked at."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal

from app.links import codec
from app.links.codec import Field

Axis = Literal["", "K,D", "D,K"]
Plane = Literal["PCA", "UMAP"]
AXES: tuple[Axis, ...] = ("K,D", "D,K")
MAPS: tuple[Plane, ...] = ("PCA", "UMAP")
LONGEST_PATH = 4096
MOST_ROWS = 2**31
UP = "a whole number from {} up"


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What is to be examined. One of `path`, `upload` and `example` says what; none of them: nothing yet."""

    path: str = ""
    """On the server's machine."""

    latents: str = ""
    """Of `path`: a file of latents, or of codes."""

    upload: str = ""
    """The id of files that were dropped."""

    example: str = ""
    """A training made on the spot."""

    codebook: str = ""
    """The key to read as a codebook, over what the rules find."""

    axis: Axis = ""
    rows: int | None = None
    level_axis: int | None = None
    """Of codes: the axis along which there is one of each codebook."""

    def __bool__(self) -> bool:
        return bool(self.path or self.upload or self.example)


NAMES = tuple(field.name for field in fields(Asked))

TABLE: tuple[Field, ...] = (
    *(codec.text(name, longest=LONGEST_PATH) for name in ("path", "latents", "upload", "example", "codebook")),
    codec.choice("axis", AXES, "", expected=" or ".join(AXES)),
    codec.whole_number("rows", None, 1, MOST_ROWS - 1, expected=UP.format(1)),
    codec.whole_number("level_axis", None, 0, 99, expected=UP.format(0)),
    codec.whole_number("look", 0, 1, MOST_ROWS - 1, expected=UP.format(1)),
    codec.choice("map", MAPS, expected=" or ".join(MAPS)),
)


@dataclass(frozen=True, slots=True)
class DoctorLink:
    """What a URL asks for."""

    asked: Asked
    look: int
    """Which codebook, counted from 1; 0 for the one with the worst verdict."""

    map: Plane
    """The plane of its map."""

    refused: tuple[str, ...]
    """A sentence for whatever could not be used."""


def read(query: Mapping[str, str]) -> DoctorLink:
    """What `query` asks for.

    >>> read({"path": "model.pt", "rows": "many"}).refused
    ("`rows` in the link must be a whole number from 1 up, but is 'many'.",)
    """
    values, refused = codec.read(query, TABLE)
    asked = Asked(**{name: values[name] for name in NAMES})
    return DoctorLink(asked, values["look"], values["map"], tuple(refused))


def write(asked: Asked, look: int = 0, plane: str = "PCA") -> dict[str, str]:
    """The query that `read` turns into the same.

    >>> write(Asked(path="model.pt", rows=64), 2)
    {'path': 'model.pt', 'rows': '64', 'look': '2'}
    >>> write(Asked(path="model.pt", latents="codes.npy", level_axis=0))
    {'path': 'model.pt', 'latents': 'codes.npy', 'level_axis': '0'}
    """
    return codec.write({name: getattr(asked, name) for name in NAMES} | {"look": look, "map": plane}, TABLE)
