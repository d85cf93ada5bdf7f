"""The picture as it is sent: the images and codes of the model itself, in few bytes and little time."""

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from fake_projection import FakeProjection
from PIL import Image
from road_reading import read_piece

from app.figures.picture_sheet import image_file, sheet
from app.links import live as address
from app.links.live_view import View, focus_of
from app.links.selection import Choice
from app.panels.picture import picture_parts
from app.panels.scene import scene_of
from app.sessions.entry import Entry
from app.stream.wire import piece
from vqcore.problems.datasets import held_out_strips
from vqcore.training.commands import ExperimentCommand, StepCommand, change, fork
from vqcore.training.experiment_plan import ExperimentPlan
from vqcore.training.recipe import default_recipe
from vqcore.training.session import Session
from vqcore.training.trainer import Trainer

SECONDS = 60
PHOTOGRAPHS = default_recipe("patches", device="cpu", num_codes=64, batch_size=4, code_init="kmeans")


@contextmanager
def begun(recipe, steps: int = 0) -> Iterator[Entry]:
    """A paused session after some steps, each looked at with its picture."""
    session = Session(recipe, paused=True)
    session.start()
    entry = Entry("id", session)
    try:
        pictured(entry)
        for _ in range(steps):
            ticket = session.send(StepCommand())
            assert session.wait(lambda s, ticket=ticket: s.status().commands_done >= ticket, SECONDS)
            pictured(entry)
        yield entry
    finally:
        session.stop()


def pictured(entry: Entry) -> None:
    """Wait for the picture of the present moment of all variants."""
    session = entry.session
    assert session.wait(lambda s: s.latest() is not None, SECONDS)
    entry.look(at_picture=True)
    if session.latest().monitor_inputs.shape[-1] == 32:
        assert session.wait(
            lambda s: all(one.picture and one.picture.step == one.step for one in s.latest_of_all().values()), SECONDS
        )


def sent(entry: Entry, at: int | None = None, choice: Choice | None = None, **controls: str) -> dict[str, bytes]:
    """Each part of the panel as it goes over the wire."""
    view = View(address.read({}).view | controls, focus_of(choice or Choice(), (), ""), at=at)
    scene = scene_of(entry, view)
    assert scene is not None
    parts = picture_parts(scene, FakeProjection(), with_places=True)
    return {key: piece(part.make()).written() for key, part in parts.items()}


def read(entry: Entry, **settings) -> dict[str, dict]:
    return {key: read_piece(data) for key, data in sent(entry, **settings).items()}


def pixels(told: np.ndarray) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(told.tobytes())).convert("RGB")).astype(int)


def direct(trainer: Trainer) -> tuple[np.ndarray, np.ndarray]:
    """decode(quantize(encode(x))) of the whole images beside each other, in pixels, and their codes."""
    with torch.no_grad():
        z_e = trainer.model.eval().encode(held_out_strips())
        quantized, _ = trainer.quantizer.eval().quantize(z_e)
        outputs = trainer.model.decode(quantized.z_q)
    shown = ((outputs.clamp(-1, 1) + 1) * 127.5).numpy()
    return np.concatenate(list(shown.transpose(0, 2, 3, 1)), 1), quantized.codes.flatten().numpy()


def test_reconstruction_and_codes_are_those_of_the_network_itself_now_and_at_earlier_steps():
    trainer = Trainer(PHOTOGRAPHS)
    with begun(PHOTOGRAPHS, 2) as entry:
        for step in range(3):
            told = read(entry, at=step)["picture"]
            (variant,) = told["variants"]
            outputs, codes = direct(trainer)
            trainer.model.train()
            trainer.quantizer.train()
            assert (told["step"], variant["step"], told["late"]) == (step, step, False)
            assert np.array_equal(variant["codes"], codes)
            apart = np.abs(pixels(variant["image"]) - outputs)
            assert (apart.mean() < 1.5, apart.max() < 40) == (True, True)  # JPEG's rounding
            trainer.step()
        given = read(entry)["picture-given"]
        strips = ((held_out_strips() + 1) * 127.5).numpy()
        original = np.concatenate(list(strips.transpose(0, 2, 3, 1)), 1)
        assert np.abs(pixels(given["image"]) - original).max() < 1e-3
        assert "CC BY 2.0" in given["credit"]


def test_places_of_whole_images_lie_where_the_plane_of_the_map_has_their_z_e():
    with begun(PHOTOGRAPHS) as entry:
        told, memory = read(entry)["picture-places"], entry.maps.by_level[0]
        z_e = entry.session.latest().picture.z_e.reshape(-1, 32).astype(np.float32)
        wanted = (z_e.astype(float) - memory.basis.centre) @ memory.basis.axes.T
        low, high = np.array(told["low"]), np.array(told["high"])
        found = low + np.stack([told["x"], told["y"]], 1) / told["grid"] * (high - low)
        assert np.abs(found - wanted).max() < 1e-3 * np.ptp(wanted, axis=0).max()


def test_a_frame_with_a_run_left_alone_is_small_and_cheap():
    with begun(PHOTOGRAPHS, 1) as entry:
        entry.session.send(fork("twin"), change(learning_rate=0.05), StepCommand())
        assert entry.session.wait(lambda s: s.latest("twin") is not None and s.latest().step == 2, SECONDS)
        pictured(entry)
        parts, spent = sent(entry), []
        assert len(parts["picture"]) <= 25_000
        told = read_piece(parts["picture"])
        assert [variant["label"] for variant in told["variants"]] == ["reconstruction", "left alone"]
        assert np.abs(pixels(told["variants"][0]["image"]) - pixels(told["variants"][1]["image"])).max() > 20
        for _ in range(8):
            began = time.thread_time()
            scene = scene_of(entry, View(address.read({}).view))
            piece(picture_parts(scene, FakeProjection(), with_places=False)["picture"].make())
            spent.append(time.thread_time() - began)
        assert min(spent) < 0.010


def test_chosen_codes_are_those_to_be_lit_for_codes_and_for_vectors():
    with begun(PHOTOGRAPHS) as entry:
        codes = entry.session.latest().codes
        assert read(entry, choice=Choice(codes=(3, 9)))["picture"]["variants"][0]["lit"] == [3, 9]
        lit = read(entry, choice=Choice(vectors=(0, 5, 77)))["picture"]["variants"][0]["lit"]
        assert lit == sorted({int(codes[vector]) for vector in (0, 5, 77)})
        assert read(entry)["picture"]["variants"][0]["lit"] is None


def test_digits_are_a_sheet_without_loss_whose_places_are_the_vectors_of_the_map():
    with begun(default_recipe("digits", device="cpu"), 1) as entry:
        told, snapshot = read(entry), entry.session.latest()
        (variant,) = told["picture"]["variants"]
        assert np.array_equal(variant["codes"], snapshot.codes)
        tiles = told["picture-given"]["tiles"]
        shown = pixels(variant["image"])[..., 0]
        for tile in range(tiles["count"]):
            row, column = divmod(tile, tiles["columns"])
            found = shown[row * 8 : row * 8 + 8, column * 8 : column * 8 + 8]
            exact = (snapshot.monitor_outputs[tile, 0].clip(-1, 1) + 1) * 127.5
            assert np.abs(found - exact).max() <= 0.5 + 1e-3
        assert told["picture-given"]["isSample"]


def test_a_classifier_is_a_sheet_with_answers_of_which_right_and_wrong_are_said():
    with begun(default_recipe("digits-classifier", device="cpu"), 2) as entry:
        told, snapshot = read(entry), entry.session.latest()
        (variant,) = told["picture"]["variants"]
        scores = torch.from_numpy(snapshot.monitor_outputs.copy()).softmax(1).numpy()
        for caption, is_right, score, truth in zip(
            variant["captions"], variant["right"], scores, snapshot.labels, strict=False
        ):
            answer = int(score.argmax())
            assert caption.startswith(f"{answer} {score[answer]:.0%}")
            assert is_right == (answer == truth)
            assert (f", is {truth}" in caption) != is_right
        assert {True, False} == set(variant["right"])


def test_a_browser_that_keeps_the_images_of_a_classifier_gets_others_where_fewer_answers_are_shown_beside_a_twin():
    kept: dict[str, dict] = {}  # by revision, as a browser does

    def answers_and_images(entry: Entry) -> tuple[int, int]:
        parts = picture_parts(scene_of(entry, View(address.read({}).view)), FakeProjection(), with_places=False)
        given = kept.setdefault(parts["picture-given"].revision, parts["picture-given"].make())
        return len(parts["picture"].make()["variants"][0]["captions"]), given["tiles"]["count"]

    with begun(default_recipe("digits-classifier", device="cpu"), 1) as entry:
        alone = answers_and_images(entry)
        entry.session.send(fork("twin"), change(learning_rate=0.05), StepCommand())
        assert entry.session.wait(lambda s: s.latest("twin") is not None and s.latest().step == 2, SECONDS)
        beside = answers_and_images(entry)
    assert alone[0] == alone[1] > beside[0] == beside[1]


@pytest.mark.parametrize(("count", "columns"), [(5, 2), (1, 1), (6, 6)])
def test_tiles_lie_row_by_row_on_their_sheet(count, columns):
    tiles = np.random.default_rng(1).integers(0, 256, (count, 3, 4, 3), dtype=np.uint8)
    found = sheet(tiles, columns)
    for tile, pixels_of in enumerate(tiles):
        row, column = divmod(tile, columns)
        assert np.array_equal(found[3 * row : 3 * row + 3, 4 * column : 4 * column + 4], pixels_of)


@pytest.mark.parametrize("most", [3_000, 9_000, 24_000])
@pytest.mark.parametrize("shape", [(192, 256, 3), (424, 512, 3), (64, 64, 1)])
def test_an_image_has_no_more_bytes_than_it_may(shape, most):
    smooth = np.linspace(0, 255, np.prod(shape)).reshape(shape)
    noisy = (smooth + np.random.default_rng(2).normal(0, 12, shape)).clip(0, 255).astype(np.uint8)
    written = image_file(noisy, most)
    assert len(written) <= most or shape[0] > 192
    image = Image.fromarray(noisy[..., 0] if shape[-1] == 1 else noisy)
    every = [_jpeg(image, quality) for quality in (95, 90, 85, 75, 60, 40, 20)]
    if written[:3] == every[0][:3]:
        assert written == next((each for each in every if len(each) <= most), every[-1])


def _jpeg(image: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="jpeg", quality=quality, subsampling=0)
    return buffer.getvalue()


def test_an_experiment_is_held_against_the_run_that_was_left_alone_at_the_same_step():
    changes = {"Do nothing": {}, "Fast": {"learning_rate": 0.05}}
    recipe = default_recipe("patches", device="cpu", num_codes=16, batch_size=4)
    session = Session(recipe, plan=ExperimentPlan(pause_at=2, steps=3, changes=changes))
    session.start()

    def reach(until) -> None:
        def seen(s) -> bool:
            entry.look(at_picture=True)
            return until(s)

        assert session.wait(seen, SECONDS), session.status()

    entry = Entry("id", session)
    try:
        reach(lambda s: s.status().paused_run is not None)
        assert session.moments_left_alone() == ()
        reach(lambda s: any(row.name == "Do nothing" and row.stage == "done" for row in s.status().experiments))
        session.send(ExperimentCommand("Fast"))
        reach(lambda s: s.latest().step == 5 and s.latest().picture is not None and s.latest().picture.step == 5)
        told = read(entry)["picture"]
        assert [variant["label"] for variant in told["variants"]] == ["reconstruction", "left alone"]
        assert told["variants"][1]["step"] == 5
        alone = Trainer(recipe)
        for _ in range(5):
            alone.step()
        kept = session.moments_left_alone()[-1].snapshots["main"][0].picture
        assert np.abs(np.concatenate(list(kept.outputs), 1) - direct(alone)[0]).max() <= 0.51
        wanted, other = direct(alone)[0], session.latest().picture.outputs
        shown = pixels(told["variants"][1]["image"])
        assert np.abs(shown - wanted).mean() < np.abs(shown - np.concatenate(list(other), 1)).mean() / 3
    finally:
        session.stop()
