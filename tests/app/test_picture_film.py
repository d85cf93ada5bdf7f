"""The film of the timeline: every kept moment a frame, in a small file that says whose images it shows."""

import io
import time
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from app.figures.animation import animated_gif
from app.figures.film import HEIGHT, MARGIN, TITLE, _font, _in_room
from app.panels.picture_film import LAST_MILLISECONDS, SWITCH_MILLISECONDS, Film, _plane, film_file
from app.panels.picture_subject import subject_of
from vqcore.training.recipe import default_recipe
from vqcore.training.trainer import Trainer

MOMENTS = 40


def filmed(problem: str, count: int) -> Film:
    """The moments of a short run in which a switch is thrown half-way."""
    trainer, moments = Trainer(default_recipe(problem, device="cpu", batch_size=4)), []
    for place in range(count):
        if place == count // 2:
            trainer.apply({"replace_every": 2})
        trainer.step()
        snapshot = trainer.snapshot()
        (picture,) = trainer.pictures() or (None,)
        snapshot = replace(snapshot, picture=picture)
        subject = subject_of(snapshot, trainer.problem)
        assert subject is not None
        moments.append((snapshot, subject))
    return Film(tuple(moments), trainer.events, trainer.problem)


def test_each_moment_is_a_frame_with_its_picture_and_the_file_names_the_photographers():
    film, told = filmed("patches", MOMENTS), []
    began = time.thread_time()
    file = film_file(film, lambda doing, share: told.append((doing, share)))
    assert (time.thread_time() - began) * 200 / MOMENTS < 10
    assert len(file) * 200 / MOMENTS < 5_000_000
    assert [share for _, share in told] == sorted(share for _, share in told)
    assert {doing for doing, _ in told} == {"drawing the moments", "writing the file"}
    gif, durations = Image.open(io.BytesIO(file)), []
    assert gif.n_frames == MOMENTS
    assert b"CC BY 2.0" in gif.info["comment"]
    for place, (_, subject) in enumerate(film.moments):
        gif.seek(place)
        durations.append(gif.info["duration"])
        frame = np.asarray(gif.convert("RGB")).astype(int)
        shown = np.concatenate(list(subject.outputs), 1)
        found = frame[TITLE : TITLE + HEIGHT, MARGIN : MARGIN + shown.shape[1]]
        assert np.abs(found - shown).mean() < 8  # as few colours as a GIF has
    assert durations[MOMENTS // 2 - 1] == SWITCH_MILLISECONDS  # of the step at which it is thrown
    assert durations[-1] == LAST_MILLISECONDS
    assert set(durations[:-1]) - {SWITCH_MILLISECONDS} == {durations[0]}


@pytest.mark.parametrize("problem", ["digits", "digits-classifier"])
def test_sheets_are_filmed_too(problem):
    gif = Image.open(io.BytesIO(film_file(filmed(problem, 3), lambda doing, share: None)))
    assert gif.n_frames == 3


def test_a_file_that_would_be_too_large_has_fewer_colours():
    noise = np.random.default_rng(0).integers(0, 256, (12, 80, 80, 3), dtype=np.uint8)
    frames = [Image.fromarray(each) for each in noise]
    sizes = [len(list(animated_gif(frames, [60] * 12, "", most))[-1]) for most in (10**6, 60_000)]
    assert sizes[1] <= 60_000 < sizes[0]


@pytest.mark.parametrize("words", ["affine rate × 10, sync ν = 0.5, α = 0, β 0.9 … μ", "replacement every 20, " * 30])
def test_words_on_a_frame_stay_in_it_and_have_a_letter_each(words):
    font = _font(12)
    shown = _in_room(words, 300)
    assert font.getlength(shown) <= 300
    assert shown.startswith(words.split("×")[0][:12])
    missing = bytes(font.getmask("\U0010fffd"))
    assert all(bytes(font.getmask(letter)) != missing for letter in shown)


def test_no_moment_of_a_film_leaves_its_map():
    """Whatever the other moments are: of a percentile of all of them a single one could lie beside it."""
    whole = filmed("digits", 12)
    moved = [0.0, 0.0, 0.0, 50.0] + [0.0] * 8
    far = [(replace(one, z_e=one.z_e + by), seen) for by, (one, seen) in zip(moved, whole.moments, strict=True)]
    place = _plane(Film(tuple(far), whole.events, whole.problem))
    for snapshot, _ in far:
        inside = ((place(snapshot.z_e) >= 0) & (place(snapshot.z_e) <= 1)).all(1)
        assert inside.mean() > 0.95
