"""Images in Parquet files as the Hugging Face hub stores them: encoded, one a row, with a label beside."""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vqcore.data.imageset import ImageSet, Ints, shown
from vqcore.data.pictures import UnreadablePictureError, is_colour, opened
from vqcore.files.regular_files import RegularFile

HELD_OUT_NAMES = ("test", "val")
LABELS = ("label", "labels", "fine_label", "class", "target")
ROWS_AT_ONCE = 256
MOST_BYTES = 2**40


class EncodedSet(ImageSet):
    """Encoded images one after another in a file without a name, so that any of them can be read at once."""

    def __init__(
        self, name: str, bytes_of: np.memmap[Any, Any], ends: Ints, labels: Ints | None, classes: tuple[str, ...]
    ) -> None:
        super().__init__(name, 1, labels, classes)
        self._bytes, self._ends = bytes_of, ends

    def __len__(self) -> int:
        return len(self._ends)

    def encoded(self, index: int) -> bytes:
        """The file of one image."""
        start = int(self._ends[index - 1]) if index else 0
        return self._bytes[start : int(self._ends[index])].tobytes()

    def picture(self, index: int) -> Image.Image:
        """See `ImageSet.picture`; what cannot be decoded is counted."""
        try:
            return opened(self.encoded(index))
        except UnreadablePictureError as error:
            self.skipped.add(str(error), self.named(index))
            raise

    def named(self, index: int) -> str:
        """See `ImageSet.named`."""
        return f"row {index:,}"


def parquet_images(name: Path, files: list[Path]) -> ImageSet:
    """The images of Parquet files; files whose names begin with test or val are the held-out part.

    Raises:
        ValueError: if there is no column of images, or if a file is damaged.
        ModuleNotFoundError: without pyarrow.
    """
    try:
        # Late: it comes with streamlit, and not with the library alone.
        from pyarrow import ArrowException, parquet  # type: ignore[import-untyped]
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("Parquet files are read by pyarrow. Install it: pip install pyarrow") from error
    files = sorted(files, key=lambda path: (path.name.startswith(HELD_OUT_NAMES), path.name))
    lengths: list[int] = []
    labels: list[int] = []
    held_out_from: int | None = None
    classes: tuple[str, ...] = ()
    with tempfile.TemporaryFile() as spool:  # a map over it outlives it
        for path in files:
            if path.name.startswith(HELD_OUT_NAMES) and held_out_from is None:
                held_out_from = len(lengths)
            try:
                RegularFile(path)  # refuses one that is not open to us
                with parquet.ParquetFile(path) as table:
                    image, label = _columns(path, table.schema_arrow)
                    classes = _classes(table.schema_arrow, label) or classes
                    for batch in table.iter_batches(ROWS_AT_ONCE, columns=[image, *([label] if label else [])]):
                        lengths += [spool.write(_encoded(row)) for row in batch.column(image).to_pylist()]
                        labels += batch.column(label).to_pylist() if label else []
            except PermissionError:
                raise
            except (ArrowException, OSError) as error:
                raise ValueError(
                    f"`data` must be a Parquet file, but {shown(path)} cannot be read as one. Get the file again."
                ) from error
        return _opened_set(name, spool, lengths, labels, classes, held_out_from)


def _opened_set(
    name: Path, spool: Any, lengths: list[int], labels: list[int], classes: tuple[str, ...], held_out_from: int | None
) -> ImageSet:
    if not sum(lengths):
        raise ValueError(f"`data` must hold images, but {shown(name)} holds none. Name another file.")
    spool.flush()
    known = np.array([-1 if label is None else label for label in labels], dtype=np.int64)
    has_labels = len(known) == len(lengths) > 0 and bool((known >= 0).all())
    if has_labels and len(classes) <= int(known.max()):
        classes = tuple(map(str, range(int(known.max()) + 1)))
    images = EncodedSet(
        shown(name),
        np.memmap(spool, np.uint8, "r"),
        np.cumsum(lengths),
        known if has_labels else None,
        classes if has_labels else (),
    )
    images.held_out_from = held_out_from or None
    images.channels = 3 if any(_is_colour(images, index) for index in range(min(32, len(images)))) else 1
    return images


def _is_colour(images: EncodedSet, index: int) -> bool:
    try:
        return is_colour(images.encoded(index))
    except UnreadablePictureError:
        return False


def _columns(path: Path, schema: Any) -> tuple[str, str | None]:
    """The column of images, a struct with `bytes` or plain bytes, and that of labels if there is one."""
    for field in schema:
        kind = str(field.type)
        if kind.startswith("struct<bytes: binary") or kind in ("binary", "large_binary"):
            label = next((name for name in LABELS if name in schema.names), None)
            return field.name, label
    raise ValueError(
        f"`data` must be a Parquet file with a column of encoded images, but {shown(path)} has the columns "
        f"{', '.join(schema.names)}. Take one whose column is of the kind Image."
    )


def _encoded(row: Any) -> bytes:
    found = row.get("bytes") if isinstance(row, dict) else row
    return found or b""


def _classes(schema: Any, label: str | None) -> tuple[str, ...]:
    """Names that the hub's own description in the file gives its labels."""
    if label is None:
        return ()
    try:
        described = json.loads(schema.metadata[b"huggingface"])["info"]["features"][label]["names"]
    except (KeyError, TypeError, ValueError):
        return ()
    return tuple(map(str, described)) if isinstance(described, list) else ()
