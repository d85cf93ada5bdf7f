"""The picture as it is sent: the images and codes of the model itself, in few bytes and little time."""

import base64
import io
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch
from fake_projection import FakeProjection
from PIL import Image
from road_reading import read_piece
from road_watching import view

from app.figures.picture_sheet import image_file, sheet
from app.links import live as address
from app.links.live_view import View, focus_of
from app.links.selection import Choice
from app.panels.picture import picture_parts
from app.panels.picture_parts import Seen, seen_part
from app.panels.picture_subject import Subject, subject_of
from app.panels.readings import below_picture
from app.panels.scene import scene_of
from app.panels.still_picture import stills
from app.sessions.entry import Entry
from app.stream.asking import Ask, read_ask
from app.stream.frames import frame_of, shows_picture
from app.stream.wire import piece
from vqcore.problems.catalogue import find_problem
from vqcore.problems.datasets import held_out_strips
from vqcore.training.commands import ExperimentCommand, ResumeCommand, StepCommand, change, fork
from vqcore.training.experiment_plan import ExperimentPlan
from vqcore.training.recipe import default_recipe
from vqcore.training.session import Session
from vqcore.training.status import State
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
        chosen = read(entry, choice=Choice(vectors=(0, 5, 77)))["picture"]["variants"][0]["lit"]
        assert chosen == {"places": [0, 5, 77]}  # not all that have their codes
        both = read(entry, choice=Choice(vectors=(5,), codes=(3,)))["picture"]["variants"][0]["lit"]["places"]
        assert both == sorted({5, *np.flatnonzero(snapshot.codes == 3).tolist()})
        assert read(entry, choice=Choice(codes=(3,)))["picture"]["variants"][0]["lit"] == [3]


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
        problem = find_problem("digits-classifier")
        long = replace(problem, classes=tuple(f"{name} as it is called at length" for name in problem.classes))
        captions = subject_of(snapshot, long).captions
        assert max(map(len, captions)) <= len("12345678… 100%, is 12345678…")
        assert all(found[1:9] == " as it …" for found in captions)


@pytest.mark.parametrize(("name", "truth"), [("7", "1"), ("trouser", None), ("n02124075 Egyptian cat", "n02123045")])
def test_words_below_a_small_picture_are_no_wider_than_it_and_keep_the_probability(name, truth):
    lines = below_picture(f"{name} · 100%", truth).split("<br>")
    assert "100%" in "".join(lines)
    assert max(map(len, lines)) <= 9
    assert "…" in lines[0] or lines[0].startswith(name)
    assert [line[:5] for line in lines if line.startswith("is ")] == ([] if truth is None else [f"is {truth}"[:5]])


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
    assert len(written) <= most
    image = Image.fromarray(noisy[..., 0] if shape[-1] == 1 else noisy)
    every = [_jpeg(image, quality) for quality in (95, 90, 85, 75, 60, 40, 20)]
    if written[:3] == every[0][:3]:
        half = Image.open(io.BytesIO(written)).size == (shape[1] // 2, shape[0] // 2)
        assert written == next((each for each in every if len(each) <= most), written if half else None)


def _jpeg(image: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="jpeg", quality=quality, subsampling=0)
    return buffer.getvalue()


def test_a_saved_file_has_original_reconstruction_and_codes_to_the_pixel():
    def read_url(source: str) -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))).convert("RGB")).astype(
            int
        )

    with begun(PHOTOGRAPHS) as entry:
        snapshot, trainer = entry.session.latest(), Trainer(PHOTOGRAPHS)
        original, reconstruction, codes = stills(subject_of(snapshot, trainer.problem), snapshot.num_codes)
    assert [each.label for each in (original, reconstruction, codes)] == ["original", "reconstruction", "codes"]
    outputs, chosen = direct(trainer)
    assert np.abs(read_url(reconstruction.source) - outputs).max() <= 0.51
    strips = (trainer.problem.whole().movedim(1, -1).numpy() + 1) * 127.5  # (2, 192, 128, 3)
    assert np.abs(read_url(original.source) - np.concatenate(list(strips), 1)).max() <= 0.51
    shown = read_url(codes.source)
    by_code = {int(code): shown[4 * row, 4 * column] for row, column, code in places_of(chosen)}
    assert all(
        (shown[4 * row + 3, 4 * column + 3] == by_code[int(code)]).all() for row, column, code in places_of(chosen)
    )
    assert len({tuple(colour) for colour in by_code.values()}) == len(by_code)


def places_of(codes: np.ndarray) -> list[tuple[int, int, int]]:
    """Row, column and code of each place of two images beside each other."""
    grid = np.concatenate(list(codes.reshape(2, 48, 32)), 1)
    return [(row, column, int(grid[row, column])) for row in range(48) for column in range(64)]


def test_four_variants_with_codes_of_their_own_take_no_larger_a_frame_than_one():
    random = np.random.default_rng(3)
    given = random.integers(0, 256, (2, 192, 128, 3), dtype=np.uint8)  # as hard to compress as can be
    seen = [
        Seen(
            name=name,
            label=name,
            subject=Subject(
                step=1, given=given, outputs=given, codes=random.integers(0, 512, (2, 48, 32)), is_whole=True
            ),
            num_codes=512,
        )
        for name in "abcd"
    ]
    written = piece(seen_part(seen, 0, 1, ("", ""), "", "").make()).written()
    assert len(written) <= 25_000
    for each, told in zip(seen, read_piece(written)["variants"], strict=True):
        bits = np.unpackbits(told["codes"]["packed"], bitorder="little")[: 9 * 3072].reshape(3072, 9)
        assert np.array_equal(bits @ (1 << np.arange(9)), each.subject.codes.ravel())


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


def test_a_picture_is_wished_for_when_the_answer_is_to_hold_it():
    def told(number: int, have: dict[str, str], *, now: bool = False) -> Ask:
        asked = {"n": number, "session": "id", "view": view(), "wanted": ["picture"], "have": have, "controls": ""}
        return read_ask(json.dumps(asked | {"hands": {}, "now": now}))

    def holds(ask: Ask) -> bool:
        return any(key == "picture" for key, _, _ in frame_of(entry, ask).parts)

    old = {"picture": "old"}
    asks = [told(1, old), told(2, old), told(1, {}), told(1, old, now=True)]
    with begun(default_recipe("patches", device="cpu", num_codes=16, batch_size=4), steps=1) as entry:
        paused = [holds(ask) for ask in asks]
        assert paused == [shows_picture(ask, is_running=False) for ask in asks] == [True] * 4
        entry.session.send(ResumeCommand())
        assert entry.session.wait(lambda s: s.status().state is State.RUNNING, SECONDS)
        running = [holds(ask) for ask in asks]
        assert running == [shows_picture(ask, is_running=True) for ask in asks] == [False, True, True, True]
