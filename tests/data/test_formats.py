"""Each format, written by its own library, gives the same pixels and labels as were put in."""

import gzip
import json
import struct
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from vqcore.data.imageset import ImageSet
from vqcore.data.opening import opened_images
from vqcore.data.pictures import fitted

DRAW = np.random.default_rng(0)
COLOUR = DRAW.integers(0, 256, (7, 32, 32, 3), dtype=np.uint8)
GREY = DRAW.integers(0, 256, (7, 28, 28), dtype=np.uint8)
LABELS = np.array([0, 1, 2, 1, 0, 2, 1])


def pixels(images: ImageSet) -> np.ndarray:
    return np.stack(
        [fitted(image, images.channels, image.width) for image in map(images.picture, range(len(images)))]
    )


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">{1 + array.ndim}I", 0x0800 + array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


def test_a_folder_of_a_subfolder_a_class(tmp_path: Path) -> None:
    for number, (image, label) in enumerate(zip(COLOUR, LABELS, strict=True)):
        (tmp_path / "abc"[label]).mkdir(exist_ok=True)
        Image.fromarray(image).save(tmp_path / "abc"[label] / f"{number}.png")
    images = opened_images(str(tmp_path))
    order = np.argsort(LABELS, kind="stable")
    np.testing.assert_array_equal(pixels(images), COLOUR[order])
    assert images.labels.tolist() == LABELS[order].tolist()
    assert images.classes == ("a", "b", "c")


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx_files_as_mnist_has_them(tmp_path: Path, suffix: str) -> None:
    write = gzip.compress if suffix else bytes
    for part, rows in (("train", slice(0, 5)), ("t10k", slice(5, 7))):
        (tmp_path / f"{part}-images-idx3-ubyte{suffix}").write_bytes(write(idx(GREY[rows])))
        (tmp_path / f"{part}-labels-idx1-ubyte{suffix}").write_bytes(write(idx(LABELS[rows])))
    images = opened_images(str(tmp_path))
    np.testing.assert_array_equal(pixels(images)[..., 0], GREY)
    assert images.labels.tolist() == LABELS.tolist()
    assert [part.tolist() for part in images.split(seed=9)] == [[0, 1, 2, 3, 4], [5, 6]]


def test_cifar_10_and_100_as_their_binary_versions_have_them(tmp_path: Path) -> None:
    for name, files, lead in (
        ("10", ("data_batch_1.bin", "test_batch.bin"), ()),
        ("100", ("train.bin", "test.bin"), (9,)),
    ):
        folder = tmp_path / name
        folder.mkdir()
        for file, rows in zip(files, (slice(0, 5), slice(5, 7)), strict=True):
            records = [
                bytes([*lead, label]) + image.transpose(2, 0, 1).tobytes()
                for image, label in zip(COLOUR[rows], LABELS[rows], strict=True)
            ]
            (folder / file).write_bytes(b"".join(records))
        images = opened_images(str(folder))
        np.testing.assert_array_equal(pixels(images), COLOUR)
        assert images.labels.tolist() == LABELS.tolist()
        assert images.split(0)[1].tolist() == [5, 6]


@pytest.mark.parametrize("compressed", [False, True])
def test_an_npz_file_with_parts_and_labels(tmp_path: Path, compressed: bool) -> None:
    save = np.savez_compressed if compressed else np.savez
    parts = {"x_train": COLOUR[:5], "y_train": LABELS[:5, None], "x_test": COLOUR[5:], "y_test": LABELS[5:, None]}
    save(tmp_path / "a.npz", **parts)
    images = opened_images(str(tmp_path / "a.npz"))
    np.testing.assert_array_equal(pixels(images), COLOUR)
    assert images.labels.tolist() == LABELS.tolist()
    assert images.split(0)[1].tolist() == [5, 6]


@pytest.mark.parametrize(
    "stored",
    [
        COLOUR,
        COLOUR.transpose(0, 3, 1, 2),
        COLOUR / 255,
        COLOUR.astype(np.float32) / 127.5 - 1,
        COLOUR.astype(np.uint16) * 257,
        COLOUR.astype(np.int64),
    ],
    ids=["last", "first", "0 to 1", "-1 to 1", "16 bits", "whole numbers"],
)
def test_an_npy_file_in_every_way_that_pixels_are_kept(tmp_path: Path, stored: np.ndarray) -> None:
    np.save(tmp_path / "a.npy", stored)
    images = opened_images(str(tmp_path / "a.npy"))
    np.testing.assert_array_equal(pixels(images), COLOUR)
    assert images.labels is None


def test_parquet_as_the_hub_stores_it(tmp_path: Path) -> None:
    paths = [tmp_path / "image.png" for _ in COLOUR]
    rows = []
    for path, image in zip(paths, COLOUR, strict=True):
        Image.fromarray(image).save(path)
        rows.append({"bytes": path.read_bytes(), "path": path.name})
        path.unlink()
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    features = {"image": {"_type": "Image"}, "label": {"names": ["cat", "dog", "owl"], "_type": "ClassLabel"}}
    told = {"huggingface": json.dumps({"info": {"features": features}})}
    for name, part in (("train-00000-of-00001", slice(0, 5)), ("test-00000-of-00001", slice(5, 7))):
        table = pa.table({"image": pa.array(rows[part], kind), "label": LABELS[part]}).replace_schema_metadata(told)
        pq.write_table(table, tmp_path / f"{name}.parquet", row_group_size=2)
    images = opened_images(str(tmp_path))
    np.testing.assert_array_equal(pixels(images), COLOUR)
    assert (images.labels.tolist(), images.classes) == (LABELS.tolist(), ("cat", "dog", "owl"))
    assert images.split(0)[1].tolist() == [5, 6]


def test_pictures_that_cameras_and_printers_make(tmp_path: Path) -> None:
    """Rotated by EXIF, CMYK, 16 bits deep, animated, with a palette, transparent."""
    upright = COLOUR[0].copy()
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned clockwise by 90°
    Image.fromarray(np.rot90(upright)).save(tmp_path / "0.png", exif=exif)
    Image.new("CMYK", (32, 32), (0, 255, 255, 0)).save(tmp_path / "1.tif")
    Image.fromarray(GREY[0].astype(np.uint16) * 257).save(tmp_path / "2.png")
    first, second = (Image.new("RGB", (32, 32), colour) for colour in ("red", "blue"))
    first.save(tmp_path / "3.gif", save_all=True, append_images=[second])
    Image.new("RGBA", (32, 32), (0, 0, 0, 0)).save(tmp_path / "4.png")
    found = [fitted(image, 3, image.width) for image in map(opened_images(str(tmp_path)).picture, range(5))]
    np.testing.assert_array_equal(found[0], upright)
    assert found[1][0, 0].tolist() == found[3][0, 0].tolist() == [255, 0, 0]
    np.testing.assert_array_equal(found[2][..., 1], GREY[0])
    assert (found[4] == 255).all()
