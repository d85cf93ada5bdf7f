"""The Doctor page's link: what is examined, how it is read, and which codebook is looked at."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal

from app.links import codec
from app.links.codec import Field

Axis = Literal["", "K,D", "D,K"]
Told = str
"""One of `SEARCHES` or `STRUCTURES`; empty for what the file says."""

Plane = Literal["PCA", "UMAP"]
AXES: tuple[Axis, ...] = ("K,D", "D,K")
SEARCHES = ("euclidean", "cosine")
STRUCTURES = ("residual", "groups", "separate")
MAPS: tuple[Plane, ...] = ("PCA", "UMAP")
LONGEST_PATH = 4096
MOST_ROWS = 2**31
UP = "a whole number from {} up"


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What to examine: `path`, `upload` or `example`; nothing yet if all are empty."""

    path: str = ""
    """A file or folder on the server's machine."""

    latents: str = ""
    """A file of latents or codes, to go with `path`."""

    upload: str = ""
    """Id of the uploaded files."""

    example: str = ""
    """Name of an example that is trained on the spot."""

    codebook: str = ""
    """The keys to read as codebooks, overriding the rules; one a line."""

    axis: Axis = ""
    rows: int | None = None
    level_axis: int | None = None
    """For codes: the axis along which there is one code of each codebook."""

    search: Told = ""
    structure: Told = ""
    latents_key: str = ""
    latents_axis: int | None = None
    mask: str = ""
    """A file that says which latents or codes are data, and which padding."""

    def __bool__(self) -> bool:
        return bool(self.path or self.upload or self.example)


NAMES = tuple(field.name for field in fields(Asked))

TABLE: tuple[Field, ...] = (
    *(codec.text(name, longest=LONGEST_PATH) for name in ("path", "latents", "upload", "example", "codebook")),
    codec.choice("axis", AXES, "", expected=" or ".join(AXES)),
    codec.whole_number("rows", None, 1, MOST_ROWS - 1, expected=UP.format(1)),
    codec.whole_number("level_axis", None, 0, 99, expected=UP.format(0)),
    codec.choice("search", SEARCHES, "", expected=" or ".join(SEARCHES)),
    codec.choice("structure", STRUCTURES, "", expected=" or ".join(STRUCTURES)),
    codec.text("latents_key", longest=LONGEST_PATH),
    codec.whole_number("latents_axis", None, 0, 99, expected=UP.format(0)),
    codec.text("mask", longest=LONGEST_PATH),
    codec.whole_number("look", 0, 1, MOST_ROWS - 1, expected=UP.format(1)),
    codec.choice("map", MAPS, expected=" or ".join(MAPS)),
)


@dataclass(frozen=True, slots=True)
class DoctorLink:
    """What a URL asks for."""

    asked: Asked
    look: int
    """Which codebook, counted from 1; 0: the one with the worst verdict."""

    map: Plane
    """The plane of its map."""

    refused: tuple[str, ...]
    """A sentence for each value that could not be used."""


def read(query: Mapping[str, str]) -> DoctorLink:
    """What `query` asks for.

    >>> read({"path": "model.pt", "rows": "many"}).refused
    ("`rows` in the link must be a whole number from 1 up, but is 'many'.",)
    """
    values, refused = codec.read(query, TABLE)
    asked = Asked(**{name: values[name] for name in NAMES})
    return DoctorLink(asked, values["look"], values["map"], tuple(refused))


def write(asked: Asked, look: int = 0, plane: str = "PCA") -> dict[str, str]:
    """The query that `read` turns back into the same values.

    >>> write(Asked(path="model.pt", rows=64), 2)
    {'path': 'model.pt', 'rows': '64', 'look': '2'}
    >>> write(Asked(path="model.pt", latents="codes.npy", level_axis=0))
    {'path': 'model.pt', 'latents': 'codes.npy', 'level_axis': '0'}
    """
    return codec.write({name: getattr(asked, name) for name in NAMES} | {"look": look, "map": plane}, TABLE)
