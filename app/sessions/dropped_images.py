"""Images dropped on the start page: kept in temporary folders, and named in a recipe by an unguessable id."""

import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

from app.sessions.jobs import Kept
from app.sessions.uploads import MEGABYTE, UploadError, safe_name
from app.temporary import Folder

DROPPED = "dropped:"
"""What `data` begins with in a recipe that trains on dropped images."""

MOST_SETS = 16
"""Sets kept at once; one more takes the place of the one that has gone unused the longest."""

MOST_IMAGES = 500
MOST_MEGABYTES = 100
"""Of one set."""

GONE = (
    "`data` names images that were dropped on a page, and they are no longer kept: the server was restarted, or "
    "newer ones took their place. Drop them again."
)


class Sent(NamedTuple):
    """One file as a browser sends it."""

    name: str
    num_bytes: int
    content: BinaryIO


class DroppedImages:
    """Sets of images by unguessable id, in temporary folders that end with the server."""

    def __init__(self) -> None:
        self._folders: Kept[Folder] = Kept(MOST_SETS, Folder.remove)

    def put(self, files: Sequence[Sent]) -> str:
        """Keep `files` as one set; returns what `data` of a recipe calls it.

        Raises:
            UploadError: for too many or too large files, or where there is no space for them.
        """
        total = sum(file.num_bytes for file in files)
        if len(files) > MOST_IMAGES or total > MOST_MEGABYTES * MEGABYTE:
            raise UploadError(
                f"At most {MOST_IMAGES} images and {MOST_MEGABYTES} MB can be dropped, but these are {len(files):,} "
                f"images and {total / MEGABYTE:,.0f} MB. Drop fewer, or give the path of a folder."
            )
        try:
            folder = Folder()
            for number, file in enumerate(files):
                with (folder.path / f"{number:03} {safe_name(file.name)}").open("wb") as written:
                    shutil.copyfileobj(file.content, written, MEGABYTE)
        except OSError as error:
            raise UploadError(
                f"The images cannot be kept: {error.strerror or error}. Free disk space for temporary files."
            ) from error
        name = f"{DROPPED}{secrets.token_urlsafe(9)}"
        self._folders.find_or_make(name, lambda: folder)
        return name

    def folder(self, name: str) -> Path:
        """Where the set called `name` lies.

        Raises:
            ValueError: if it is no longer kept.
        """
        found = self._folders.find(name)
        if found is None:
            raise ValueError(GONE)
        return found.path


def is_dropped(data: str) -> bool:
    """Whether `data` of a recipe names dropped images, which any visitor may train on who knows the name."""
    return data.startswith(DROPPED)


DROPPED_IMAGES = DroppedImages()
