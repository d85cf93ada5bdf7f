"""The film of the timeline: every kept moment a frame, in a small file that says whose images it shows."""

import io
import time
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from app.figures.animation import animated_gif
from app.figures.film import HEIGHT, MARGIN, TITLE
from app.panels.picture_film import LAST_MILLISECONDS, SWITCH_MILLISECONDS, Film, film_file
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
