"""Images in the binary files of CIFAR-10 and CIFAR-100."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vqcore.data.arrays import ArraySet, damaged
from vqcore.data.imageset import ImageSet, Ints, shown
from vqcore.data.rows import FileRows

CIFAR = {
    "test_batch.bin": (1, "data_batch_{}.bin", "batches.meta.txt"),
    "test.bin": (2, "train.bin", "fine_label_names.txt"),
}
"""By the held-out file: bytes of labels before each image, the training files, and the file of class names."""


def cifar_images(folder: Path) -> ImageSet | None:
    """CIFAR-10 or CIFAR-100 in its binary version; None where the folder holds none.

    Raises:
        ValueError: if a file is cut short, or if the folder holds the version for Python, which is pickled.
    """
    for held_out, (label_bytes, training, names) in CIFAR.items():
        if (folder / held_out).is_file():
            files = [folder / training.format(number) for number in range(1, 6)] if "{" in training else []
            files = [path for path in files or [folder / training] if path.is_file()] + [folder / held_out]
            records = [_cifar(path, label_bytes) for path in files]
            labels = np.concatenate([_labels_of(each, label_bytes - 1) for each in records])
            classes = _class_names(folder / names, int(labels.max()) + 1)
            held_out_from = sum(map(len, records[:-1])) or None

            def to_pixels(record: NDArray[Any], lead: int = label_bytes) -> NDArray[np.uint8]:
                return record[lead:].reshape(3, 32, 32).transpose(1, 2, 0)

            return ArraySet(shown(folder), records, 3, to_pixels, labels, classes, held_out_from)
    if (folder / "test_batch").is_file() or ((folder / "meta").is_file() and (folder / "train").is_file()):
        raise ValueError(
            f"`data` must be CIFAR's binary version, but {shown(folder)} holds the version for Python, whose files "
            "are pickles and are not opened. Take the archive whose name ends in -binary.tar.gz."
        )
    return None


def _cifar(path: Path, label_bytes: int) -> FileRows:
    record, length = label_bytes + 3072, path.stat().st_size
    if length == 0 or length % record:
        raise damaged(path, f"whole records of {record:,} bytes")
    return FileRows(path, 0, (length // record, record))


def _labels_of(records: FileRows, column: int) -> Ints:
    blocks = [records[start : start + 1000][:, column] for start in range(0, len(records), 1000)]
    return np.concatenate(blocks).astype(np.int64)


def _class_names(path: Path, count: int) -> tuple[str, ...]:
    names = path.read_text(errors="replace").split("\n") if path.is_file() else []
    names = [name.strip() for name in names if name.strip()]
    return tuple(names) if len(names) >= count else tuple(map(str, range(count)))
