"""Whose images may be trained on: those below the folders that are open, and by the owner alone."""

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from app import roots
from app.doors.start import started
from app.sessions import data_guard
from vqcore.data.opening import opened_images
from vqcore.files.errors import CheckpointError
from vqcore.training.recipe import default_recipe

ON_DISK = default_recipe("vqvae", data="/home/somebody/faces")


def test_a_visitor_who_is_not_the_owner_names_no_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_guard, "is_owner", lambda: False)
    for recipes in (ON_DISK, {"main": ON_DISK}, [default_recipe("vqvae"), ON_DISK]):
        with pytest.raises(ValueError, match="only in the owner's browser"):
            data_guard.check_data(recipes)
    data_guard.check_data([default_recipe("vqvae", data="photos"), default_recipe("plane")])
    monkeypatch.setattr(data_guard, "is_owner", lambda: True)
    data_guard.check_data(ON_DISK)


def test_only_images_below_an_open_folder_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("open", "closed"):
        (tmp_path / folder).mkdir()
        for number in range(3):
            Image.new("L", (8, 8), 9).save(tmp_path / folder / f"{number}.png")
    (tmp_path / "open" / "out.png").symlink_to(tmp_path / "closed" / "0.png")
    start = replace(started(), folders=(tmp_path / "open",), folder=tmp_path)
    monkeypatch.setattr(roots, "started", lambda: start)
    images = opened_images(str(tmp_path / "open"))
    assert images.picture(0).size == (8, 8)
    with pytest.raises(ValueError, match="cannot be decoded"):
        images.picture(3)
    with pytest.raises(CheckpointError, match="must be below"):
        opened_images(str(tmp_path / "closed"))
