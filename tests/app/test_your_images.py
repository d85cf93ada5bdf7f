"""Images of one's own on the start page: dropped or named by a path, and by whom they can be trained on."""

import io

import numpy as np
import pytest
from live_page_runs import entry_of, open_page
from page_runs import run
from PIL import Image
from streamlit.testing.v1 import AppTest

from app.sessions import data_guard
from app.sessions.dropped_images import DROPPED_IMAGES, MOST_IMAGES, MOST_SETS, Sent, is_dropped
from app.sessions.registry import Registry
from app.sessions.uploads import UploadError
from vqcore.data.opening import opened_images
from vqcore.training.recipe import default_recipe

SECONDS = 60


def colours(count: int) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (count, 3), dtype=np.uint8)


def pngs(count: int) -> list[tuple[str, bytes, str]]:
    """As many images of 40 × 30, each of one colour."""
    files = []
    for number, colour in enumerate(colours(count)):
        written = io.BytesIO()
        Image.new("RGB", (40, 30), tuple(map(int, colour))).save(written, "png")
        files.append((f"{number:02}.png", written.getvalue(), "image/png"))
    return files


def sent(files: list[tuple[str, bytes, str]]) -> list[Sent]:
    return [Sent(name, len(content), io.BytesIO(content)) for name, content, _ in files]


def ask(page: AppTest) -> AppTest:
    """The page with its dialog open: there is no browser that keeps it, so that each run must ask for it."""
    page.button(key="own-ask").click()
    return page


def drop(page: AppTest, files: list[tuple[str, bytes, str]]) -> None:
    run(ask(page))
    assert page.button(key="own-begin").disabled
    page.file_uploader(key="own-images").set_value(files)
    run(ask(page))
    page.button(key="own-begin").click()
    run(ask(page))


def test_dropped_images_begin_a_run_that_trains_on_their_pixels(sessions: Registry) -> None:
    page = open_page()
    drop(page, pngs(12))
    session = entry_of(page).session
    assert session.wait(lambda s: s.latest() is not None and s.latest().step >= 1, SECONDS), session.status()
    inputs = session.latest().monitor_inputs
    assert inputs.shape[1:] == (3, 32, 32)
    pixels = np.round((inputs + 1) * 127.5).astype(np.uint8)
    seen = {tuple(image[:, 0, 0].tolist()) for image in pixels}
    assert seen <= {tuple(colour.tolist()) for colour in colours(12)}
    assert (pixels == pixels[:, :, :1, :1]).all()


def test_a_file_that_is_no_image_is_a_sentence_and_nothing_begins(sessions: Registry) -> None:
    page = open_page()
    drop(page, [("a.png", b"no image", "image/png")] * 2)
    (error,) = page.error
    assert "can be decoded" in error.value
    assert sessions._sessions == {}


def test_whoever_knows_their_name_may_train_on_dropped_images_and_on_no_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_guard, "is_owner", lambda: False)
    name = DROPPED_IMAGES.put(sent(pngs(3)))
    data_guard.check_data(default_recipe("vqvae", data=name))
    assert len(opened_images(name)) == 3
    with pytest.raises(ValueError, match="owner's browser"):
        data_guard.check_data(default_recipe("vqvae", data=str(DROPPED_IMAGES.folder(name))))
    with pytest.raises(ValueError, match="no longer kept"):
        opened_images(f"{name}/../..")


def test_the_sets_and_what_they_hold_are_bounded() -> None:
    first = DROPPED_IMAGES.put(sent(pngs(1)))
    folder = DROPPED_IMAGES.folder(first)
    assert [path.name for path in folder.iterdir()] == ["000 00.png"]
    names = [DROPPED_IMAGES.put(sent(pngs(1))) for _ in range(MOST_SETS)]
    assert len(set(names)) == MOST_SETS
    assert all(map(is_dropped, names))
    assert not folder.exists()
    with pytest.raises(ValueError, match="Drop them again"):
        DROPPED_IMAGES.folder(first)
    with pytest.raises(UploadError, match=f"At most {MOST_IMAGES} images"):
        DROPPED_IMAGES.put([Sent("a.png", 1, io.BytesIO(b""))] * (MOST_IMAGES + 1))
    with pytest.raises(UploadError, match="101 MB"):
        DROPPED_IMAGES.put([Sent("a.png", 101 * 2**20, io.BytesIO(b""))])
