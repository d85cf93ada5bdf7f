"""The Doctor page's part of the URL: what is examined, how it is read, and which codebook is shown."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, NamedTuple

from app.wording import cut, ignored_names

AXES = ("K,D", "D,K")
MAPS: tuple[Literal["PCA", "UMAP"], ...] = ("PCA", "UMAP")
LONGEST_PATH = 4096
MOST_ROWS = 2**31


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
    """The key to read as the codebook, overriding the rules."""

    axis: Literal["", "K,D", "D,K"] = ""
    rows: int | None = None
    level_axis: int | None = None
    """For codes: the axis along which there is one code of each codebook."""

    def __bool__(self) -> bool:
        return bool(self.path or self.upload or self.example)


class Link(NamedTuple):
    """What a URL asks for."""

    asked: Asked
    look: int
    """Which codebook, counted from 1; 0: the one with the worst verdict."""

    map: Literal["PCA", "UMAP"]
    """The plane of its map."""

    refused: list[str]
    """A sentence for each value that could not be used."""


def read(query: Mapping[str, str]) -> Link:
    """What `query` asks for.

    >>> read({"path": "model.pt", "rows": "many"}).refused
    ["`rows` in the link must be a whole number from 1 up, but is 'many'."]
    """
    names = [field.name for field in fields(Asked)]
    known = (*names, "look", "map")
    refused = ignored_names([name for name in query if name not in known])
    asked, look, plane = Asked(), 0, MAPS[0]
    for name in (name for name in known if name in query):
        try:
            value = _parse(name, query[name])
        except ValueError as error:
            refused.append(cut(str(error)))
            continue
        if name == "look":
            look = value
        elif name == "map":
            plane = value
        else:
            asked = replace(asked, **{name: value})
    return Link(asked, look, plane, refused)


def write(asked: Asked, look: int = 0, plane: str = "PCA") -> dict[str, str]:
    """The query that `read` turns back into the same values.

    >>> write(Asked(path="model.pt", rows=64), 2)
    {'path': 'model.pt', 'rows': '64', 'look': '2'}
    >>> write(Asked(path="model.pt", latents="codes.npy", level_axis=0))
    {'path': 'model.pt', 'latents': 'codes.npy', 'level_axis': '0'}
    """
    values = {field.name: getattr(asked, field.name) for field in fields(Asked)} | {"look": look}
    values["map"] = plane if plane != MAPS[0] else ""
    return {name: str(value) for name, value in values.items() if value or (name == "level_axis" and value == 0)}


def _parse(name: str, text: str) -> Any:
    if name == "axis" and text not in AXES:
        raise ValueError(f"`axis` in the link must be K,D or D,K, but is {text!r}.")
    if name == "map" and text not in MAPS:
        raise ValueError(f"`map` in the link must be PCA or UMAP, but is {text!r}.")
    if name == "level_axis":
        if not (text.isascii() and text.isdigit() and len(text) <= 2):
            raise ValueError(f"`level_axis` in the link must be a whole number from 0 up, but is {text!r}.")
        return int(text)
    if name in ("rows", "look"):
        if not (text.isascii() and text.isdigit() and 1 <= int(text[:12]) < MOST_ROWS and len(text) <= 10):
            raise ValueError(f"`{name}` in the link must be a whole number from 1 up, but is {text!r}.")
        return int(text)
    if len(text) > LONGEST_PATH:
        raise ValueError(f"`{name}` in the link must have at most {LONGEST_PATH} characters, but has {len(text)}.")
    return text
