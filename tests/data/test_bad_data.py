"""What cannot be trained on is told in one sentence with its remedy; what is damaged in the middle is skipped."""

import gzip
import os
import pickle
import re
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vqcore.data import folders, parts
from vqcore.data.imageset import FileSet, shown
from vqcore.data.loading import load
from vqcore.data.opening import opened_images
from vqcore.training.recipe import default_recipe
from vqcore.training.trainer import Trainer


def save(path: Path, value: int = 100, size: int = 8) -> None:
    path.parent.mkdir(exist_ok=True)
    Image.new("L", (size, size), value).save(path)


def idx_of(folder: Path, images: bytes, labels: bytes) -> None:
    (folder / "train-images-idx3-ubyte").write_bytes(images)
    (folder / "train-labels-idx1-ubyte").write_bytes(labels)


def one_image(folder: Path) -> None:
    save(folder / "a.png")


def texts(folder: Path) -> None:
    (folder / "a.txt").write_text("a")


def objects(folder: Path) -> None:
    np.savez(folder / "a.npz", images=np.array([{}], dtype=object))


def fewer_labels(folder: Path) -> None:
    np.savez(folder / "a.npz", images=np.zeros((3, 8, 8), np.uint8), labels=np.arange(2))


def cut_idx(folder: Path) -> None:
    whole = struct.pack(">4I", 0x0803, 9, 28, 28) + bytes(9 * 784)
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(whole)[:-12])


def short_idx(folder: Path) -> None:
    idx_of(folder, struct.pack(">4I", 0x0803, 9, 28, 28) + bytes(100), b"")


def pickles(folder: Path) -> None:
    (folder / "test_batch").write_bytes(pickle.dumps({b"data": 1}))


def all_damaged(folder: Path) -> None:
    (folder / "a.png").write_bytes(b"")
    (folder / "b.png").write_bytes(b"\x89PNG")


def short_cifar(folder: Path) -> None:
    (folder / "test_batch.bin").write_bytes(bytes(3072))


def not_parquet(folder: Path) -> None:
    (folder / "a.parquet").write_bytes(b"PAR1")


def wild_values(folder: Path) -> None:
    np.save(folder / "a.npy", np.full((4, 8, 8), 3000.0))


@pytest.mark.parametrize(
    ("make", "name", "said"),
    [
        (lambda _: None, "", "holds nothing"),
        (texts, "", "only files of other kinds.*a.txt"),
        (one_image, "", "at least two images.*holds 1"),
        (one_image, "a.png", "is one"),
        (texts, "a.txt", "is none of them"),
        (texts, "missing", "there is nothing at"),
        (objects, "a.npz", "without Python objects"),
        (fewer_labels, "a.npz", "3 images and 2 labels"),
        (wild_values, "a.npy", "from 3000 to 3000"),
        (cut_idx, "", "cut short"),
        (short_idx, "", "cut short"),
        (short_cifar, "", "whole records"),
        (pickles, "", "pickles and are not opened"),
        (all_damaged, "", "can be decoded"),
        (not_parquet, "a.parquet", "cannot be read as one"),
    ],
)
def test_one_sentence_names_the_file_and_the_remedy(make, name, said, tmp_path: Path) -> None:
    make(tmp_path)
    with pytest.raises(ValueError, match=said) as refused:
        load(str(tmp_path / name), 8, "reconstruction", 0)
    sentence = str(refused.value)
    assert str(tmp_path) in sentence
    assert "\n" not in sentence
    assert re.search(r"(Add|Check|Name|Save|Get|Take|Convert|Rescale)\b[^.]*", sentence)


def test_a_classifier_is_refused_images_without_classes(tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / f"{number}.png")
    with pytest.raises(ValueError, match=r"needs classes, and .* has none. Put the images of each class"):
        Trainer(default_recipe("vit", device="cpu", data=str(tmp_path)))


@pytest.mark.parametrize(
    ("problem", "changes", "said"),
    [
        ("vqvae", {"image_size": 30}, "must be a multiple of 4 .* Try 28 or 32"),
        ("vit", {"width": 100}, "must be a multiple of 32"),
        ("resnet18", {"quantize_at": "block3"}, "must be one of stage1, .*'block3'"),
        ("patches", {"data": "digits"}, "can be chosen for vqvae, .* patches has its own"),
        ("vqvae", {"image_size": 1024}, "from 0 to 512"),
    ],
)
def test_a_network_is_refused_what_it_cannot_be_built_for(problem, changes, said) -> None:
    with pytest.raises(ValueError, match=said):
        default_recipe(problem, **changes)


def test_a_damaged_image_is_replaced_by_the_next_and_counted(tmp_path: Path) -> None:
    for number in range(12):
        save(tmp_path / f"{number:02}.png", 10 * number)
    (tmp_path / "05.png").write_bytes((tmp_path / "05.png").read_bytes()[:40])
    (tmp_path / "notes.txt").write_text("")
    data = load(str(tmp_path), 8, "reconstruction", 0)
    values = [
        [round((float(image.mean()) + 1) * 127.5) for image in part.batch(torch.arange(part.num_inputs)).inputs]
        for part in data
    ]
    seen = [value for part in values for value in part]
    assert len(seen) == 12
    assert set(seen) == {10 * number for number in range(12) if number != 5}
    images = opened_images(str(tmp_path))
    assert len(images.skipped) == 2
    assert "1 cannot be decoded (first: 05.png)" in images.skipped.said


def test_a_part_of_damaged_images_alone_is_named_with_its_file(tmp_path: Path) -> None:
    """Of three images one is held out: which of them is the damaged one decides whether there is a training."""
    said = []
    for damaged in range(3):
        folder = tmp_path / str(damaged)
        for number in range(3):
            save(folder / f"{number}.png")
        (folder / f"{damaged}.png").write_bytes(b"")
        data = load(str(folder), 8, "reconstruction", 0)
        try:
            assert len(data.train.whole().inputs) == 2
            assert len(data.held_out.whole().inputs) == 1
        except ValueError as refused:
            said.append((damaged, str(refused)))
    ((damaged, sentence),) = said
    assert f"{tmp_path / str(damaged)} none of the 1 " in sentence
    assert f"{damaged}.png the first. Convert them" in sentence


def test_no_path_is_not_taken_for_the_folder_of_the_process() -> None:
    with pytest.raises(ValueError, match="or a path, but is empty"):
        opened_images(" ")


def test_names_that_are_not_utf_8_and_links_in_a_loop(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for name in (b"\xff1.png", b"\xff2.png"):
        save(Path(os.fsdecode(os.fsencode(tmp_path) + b"/a/" + name)))
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to(tmp_path / "self")
    images = opened_images(str(tmp_path))
    assert len(images) == 2
    assert "a link to a folder above it (first: a/up)" in images.skipped.said
    assert shown(images._files[0]) == "a/\ufffd1.png"
    with pytest.raises(ValueError, match=r"there is nothing at .*self"):
        opened_images(str(tmp_path / "self"))


def test_a_folder_without_permission(tmp_path: Path, monkeypatch) -> None:
    save(tmp_path / "a" / "1.png")
    save(tmp_path / "a" / "2.png")
    (tmp_path / "locked").mkdir()
    real = os.scandir

    def scandir(path):
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(folders.os, "scandir", scandir)
    assert "a folder that may not be read (first: locked)" in opened_images(str(tmp_path)).skipped.said
    with pytest.raises(ValueError, match=r"locked may not\. Change its permissions"):
        opened_images(str(tmp_path / "locked"))


def test_a_picture_that_would_fill_the_memory_is_not_decoded(tmp_path: Path) -> None:
    save(tmp_path / "a.png", size=8)
    save(tmp_path / "b.png", size=8)
    Image.new("1", (9000, 9000)).save(tmp_path / "c.png")
    images = opened_images(str(tmp_path))
    with pytest.raises(ValueError, match="more than 64 million pixels"):
        images.picture(2)


def test_no_more_is_kept_decoded_than_is_allowed(tmp_path: Path, monkeypatch) -> None:
    """A set of 40 MB of pixels is passed through whole while a tenth of that may be kept."""
    monkeypatch.setattr(parts, "MOST_KEPT", 4_000_000)
    save(tmp_path / "a.png")
    images = FileSet(tmp_path, ["a.png"] * 40_000, 1, None, (), None)
    part = parts.LazyPart(parts.FittedImages(images, 32), np.arange(40_000), "reconstruction")
    tracemalloc.start()
    for start in range(0, 40_000, 4000):  # of each ten batches one: the others are like it
        part.batch(torch.arange(start, start + 32))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def test_an_empty_place_is_not_taken_for_a_black_image(tmp_path: Path) -> None:
    for number in range(4):
        save(tmp_path / f"{number}.png", 50 + number)
    train = load(str(tmp_path), 8, "reconstruction", 0).train
    once, again = (train.batch(torch.tensor([2, 0, 2])).inputs for _ in range(2))
    assert torch.equal(once, again)
    assert float(once.min()) > -1


def test_the_split_is_the_seeds_alone_and_keeps_parts_apart(tmp_path: Path) -> None:
    for number in range(30):
        save(tmp_path / f"{number}.png", number)
    images = opened_images(str(tmp_path))
    train, held_out = images.split(4)
    assert sorted([*train, *held_out]) == list(range(30))
    assert len(held_out) == 3
    assert held_out.tolist() == images.split(4)[1].tolist() != images.split(5)[1].tolist()


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    save(tmp_path / "b.png")
    os.mkfifo(tmp_path / "c.png")
    os.mkfifo(tmp_path / "d.npy")
    images = opened_images(str(tmp_path))
    assert len(images) == 2
    assert "neither a file nor a folder (first: " in images.skipped.said
    with pytest.raises(ValueError, match="is a pipe or a device"):
        opened_images(str(tmp_path / "d.npy"))


def test_a_file_that_is_shortened_meanwhile_is_an_error_and_not_the_end_of_the_process(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((9, 64, 64), np.uint8))
    images = opened_images(str(tmp_path / "a.npy"))
    os.truncate(tmp_path / "a.npy", 200)
    with pytest.raises(ValueError, match="changed while it was being read"):
        images.picture(5)


def test_the_strides_of_grey_images_are_those_of_channels_first(tmp_path: Path) -> None:
    """With others torch's convolutions end the process in the backward pass: one channel can have either."""
    for number in range(4):
        save(tmp_path / f"{number}.png", 50 + number)
    for part in (*load(str(tmp_path), 8, "reconstruction", 0), *load("digits", 16, "classification", 0)):
        inputs = part.batch(torch.arange(2)).inputs
        assert inputs.stride() == torch.empty(inputs.shape).stride()
