"""A folder of images, with a subfolder for each class or without classes."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vqcore.data.imageset import FileSet, ImageSet, Skipped, shown
from vqcore.data.pictures import SUFFIXES, UnreadablePictureError, is_colour

TRAINING = ("train", "training")
HELD_OUT = ("test", "val", "valid", "validation", "held-out")
SAMPLED = 32
"""Files whose headers say whether a set has colours."""


def folder_of_images(root: Path) -> ImageSet:
    """All images below `root`. Subfolders `train` and `test` (or `val`) are its parts, others its classes.

    Raises:
        ValueError: if it holds no image that can be decoded, naming what is there instead.
        PermissionError: if `root` may not be listed.
    """
    skipped = Skipped()
    names = {entry.name for entry in os.scandir(root) if _is_folder(entry)}
    training, held_out = (next((part for part in parts if part in names), None) for parts in (TRAINING, HELD_OUT))
    if training and held_out:
        parts = [_images(root / training, training, skipped), _images(root / held_out, held_out, skipped)]
    else:
        parts = [_images(root, "", skipped)]
    files = [file for part in parts for file in part]
    if not files:
        found = f"only files of other kinds. {skipped.said}" if len(skipped) else "nothing"
        raise ValueError(
            f"`data` must be a folder of images ({', '.join(sorted(SUFFIXES))}), but {shown(root)} holds {found} "
            "Name the folder that holds the images."
        )
    folders = [_class_of(file, has_part=len(parts) == 2) for file in files]
    classes = tuple(sorted(set(folders), key=os.fsencode))
    labels = None
    if len(classes) > 1 and "" not in classes:
        order = {name: label for label, name in enumerate(classes)}
        labels = np.array([order[folder] for folder in folders], dtype=np.int64)
    held_out_from = len(parts[0]) if len(parts) == 2 else None
    channels = _channels(root, files)
    named = tuple(map(shown, classes)) if labels is not None else ()
    images = FileSet(root, files, channels, labels, named, held_out_from)
    images.skipped = skipped
    return images


def _images(folder: Path, prefix: str, skipped: Skipped) -> list[str]:
    """Paths relative to the root, sorted by their bytes, so that every machine has the same order."""
    return sorted(_walked(folder, prefix, skipped, set()), key=os.fsencode)


def _walked(folder: Path, prefix: str, skipped: Skipped, above: set[tuple[int, int]]) -> Iterator[str]:
    stat = folder.stat()
    identity = (stat.st_dev, stat.st_ino)
    if identity in above:  # a link that leads back up
        skipped.add("a link to a folder above it", shown(prefix))
        return
    try:
        entries = list(os.scandir(folder))
    except PermissionError:
        if not above:
            raise
        skipped.add("a folder that may not be read", shown(prefix))
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        path = f"{prefix}/{entry.name}" if prefix else entry.name
        if _is_folder(entry):
            yield from _walked(Path(entry.path), path, skipped, above | {identity})
        elif not _is_file(entry):
            skipped.add("neither a file nor a folder", shown(path))
        elif os.path.splitext(entry.name)[1].lower() in SUFFIXES:  # noqa: PTH122 -- a Path each costs a second for 10⁵ files
            yield path
        else:
            skipped.add("not an image", shown(path))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Whether it can be read to its end: a pipe would have the training wait for ever."""
    try:
        return entry.is_file()
    except OSError:
        return False


def _class_of(file: str, *, has_part: bool) -> str:
    """The first folder below the root, or below its part; empty for a file that lies in none."""
    folders = file.split("/")[int(has_part) : -1]
    return folders[0] if folders else ""


def _channels(root: Path, files: list[str]) -> int:
    decodable = False
    for index in np.unique(np.linspace(0, len(files) - 1, SAMPLED).astype(int)):
        try:
            if is_colour(root / files[index]):
                return 3
            decodable = True
        except UnreadablePictureError:
            continue
    if not decodable:
        raise ValueError(
            f"`data` must be a folder of images, but none of {min(len(files), SAMPLED)} looked at in {shown(root)} "
            f"can be decoded, the first of them {shown(files[0])}. Convert them to PNG or JPEG."
        )
    return 1
