"""Over hundreds of frames, every step, every count and every verdict on the screen is that of one moment.

A screen is what a browser shows that has been sent these frames: each part stays until a newer one comes for it.
"""

# K codes

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from road_reading import read_arrays, read_piece
from screen_reading import (
    WANTED,
    counts_drawn,
    loss_drawn,
    losses_said,
    newest_said,
    pictures_said,
    state_said,
    steps_said,
    text,
    tile,
    used_said,
    value,
)

from app.links import live as address
from app.links.live_view import View, write_view
from app.sessions.entry import Entry
from app.sessions.registry import Registry
from app.stream.asking import read_ask
from app.stream.frames import afterwards, frame_of
from vqcore.starts.catalogue import STARTS
from vqcore.training import publisher
from vqcore.training.commands import PauseCommand, ResumeCommand, SpeedCommand, UntilCommand, change, fork
from vqcore.training.recipe import Recipe, default_recipe
from vqcore.training.session import Session
from vqcore.training.status import State

SECONDS = 60
CARDS = {start.title: start.recipe(device="cpu") for start in STARTS}
SMALL: dict[str, Any] = {"num_codes": 32, "batch_size": 16, "device": "cpu"}
PROBLEMS = {
    "plane": default_recipe("plane", **SMALL),
    "digits": default_recipe("digits", **SMALL),
    "digits-classifier": default_recipe("digits-classifier", **SMALL),
    "patches": default_recipe("patches", **SMALL),
    "residual": default_recipe("digits", structure="residual", levels=2, **SMALL),
}
RUNNING, STANDING = 12, 3


@dataclass
class Screen:
    """A page on a session, whose browser asks for frames and keeps what it is sent."""

    entry: Entry
    parts: dict[str, Any] = field(default_factory=dict)
    have: dict[str, str] = field(default_factory=dict)
    arrays: dict[str, list[Any]] = field(default_factory=dict)
    controls: dict[str, str] = field(default_factory=lambda: {"bars": "usage", "curves": "learning"})
    at: int | None = None
    number: int = 0

    @property
    def session(self) -> Session:
        return self.entry.session

    def look(self) -> dict[str, Any]:
        """The screen after one more frame, and what is worked out once that has been sent."""
        self.number += 1
        view = View(address.read({}).view | self.controls, at=self.at, run=self.session.status().run)
        asked = {"n": self.number, "session": self.entry.id, "view": write_view(view), "wanted": [*WANTED]}
        more = {"have": self.have, "controls": "", "hands": {}, "now": False}
        ask = read_ask(json.dumps(asked | more))
        self.session.latest()  # the wish for a newer moment, as the road has it
        for key, revision, data in frame_of(self.entry, ask).parts:
            before = self.arrays.get(key)
            self.parts[key], self.have[key] = read_piece(data, before=before), revision
            self.arrays[key] = read_arrays(data, before=before)
        afterwards(self.entry, ask)
        return self.parts

    def wait(self, until: Callable[[Session], bool]) -> None:
        assert self.session.wait(until, SECONDS), self.session.status()

    def obey(self, *commands: Any) -> None:
        ticket = [self.session.send(command) for command in commands][-1]
        self.wait(lambda session: session.status().commands_done >= ticket)

    def step_on(self) -> None:
        """Wait for a newer moment of a session that runs."""
        before = self.session.latest().step
        self.wait(lambda session: session.latest().step > before)


def agrees(screen: dict[str, Any], *, failed: bool = False) -> None:
    """The law of a screen, whatever it shows."""
    steps, newest, used, losses = steps_said(screen), newest_said(screen), used_said(screen), losses_said(screen)
    assert len(set(steps.values())) == 1, steps
    assert len(set(newest.values())) == 1, newest
    assert len(set(used.values())) == 1, used
    assert len(set(losses.values())) == 1, losses
    drawn = loss_drawn(screen) if math.isfinite(loss_drawn(screen)) else math.nan
    assert value(losses["tiles"]) == pytest.approx(drawn, rel=6e-3, nan_ok=True)
    shares = counts_drawn(screen)[counts_drawn(screen) > 0] / counts_drawn(screen).sum()
    perplexity = math.exp(-(shares * np.log(shares)).sum())
    label = next(one["label"] for one in screen["tiles"]["tiles"] if one["label"].startswith("perplexity"))
    assert value(tile(screen, label)) == pytest.approx(perplexity, rel=6e-3)
    pictures = pictures_said(screen)
    assert len(set(pictures)) <= 1, pictures
    if pictures and pictures[0] != steps["story"]:
        assert len(pictures) == 2, "pictures that lag say their step"
        assert screen["status"]["state"] == "running"
    look, word = state_said(screen)
    assert "healthy" not in (look, word) or not failed
    if (step := next(iter(steps.values()))) < 20:
        assert word in ("too early to judge", "warning", "failed"), (step, word)


def begun(sessions: Registry, recipe: Recipe, **more: Any) -> Screen:
    screen = Screen(sessions.begin(recipe, **more))
    screen.wait(lambda session: session.latest() is not None)
    return screen


def lived_through(sessions: Registry, recipe: Recipe) -> int:
    """Frames of one session, running, paused, looking back, forked, switched and failed; how many."""
    screen = begun(sessions, recipe)
    screen.obey(SpeedCommand(60.0))
    for _ in range(RUNNING):
        screen.step_on()
        agrees(screen.look())
    screen.wait(lambda session: session.latest().step >= 22)
    screen.obey(change(replace_every=5))
    for _ in range(RUNNING // 2):
        screen.step_on()
        agrees(screen.look())
    screen.obey(PauseCommand())
    for _ in range(STANDING):
        agrees(screen.look())
    kept = [moment.step for moment in screen.session.moments()]
    for screen.at in (0, kept[len(kept) // 2], kept[-2], kept[1]):
        for _ in range(2):
            agrees(screen.look())
    screen.at = None
    screen.obey(fork("other", sync=0.5), ResumeCommand())
    for screen.controls["variant"] in ("", "other"):
        for _ in range(RUNNING // 4):
            screen.step_on()
            agrees(screen.look())
    screen.controls["variant"] = ""
    screen.obey(change(learning_rate=1e9))
    screen.wait(lambda session: screen.entry.one.status().state is State.BROKEN)  # alone: the fork trains on
    for _ in range(STANDING):
        agrees(screen.look(), failed=True)
    stood = screen.session.latest().step
    screen.obey(change(learning_rate=1e-4))
    agrees(screen.look(), failed=True)
    assert screen.session.latest().step == stood  # the last good moment stays
    sessions.end(screen.entry.id)
    return screen.number


@pytest.fixture(autouse=True)
def published_when_wished(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session takes a snapshot whenever it is asked for one, so that few seconds are enough."""
    monkeypatch.setattr(publisher, "SHARE_PUBLISHED", 1.0)


LIVED = {**CARDS, **PROBLEMS}


@pytest.mark.parametrize("name", LIVED)
def test_every_step_and_count_on_the_screen_is_of_one_moment(sessions, name):
    frames = lived_through(sessions, LIVED[name])
    assert frames * len(LIVED) >= 300


def test_a_verdict_is_of_the_moment_shown_or_says_that_it_is_being_judged(sessions):
    screen = begun(sessions, PROBLEMS["digits"], paused=True)
    words = {}
    for step in (20, 21, 22):
        screen.obey(UntilCommand(step))
        screen.wait(lambda session, step=step: session.latest().step == step)
        words[step] = [state_said(screen.look()) for _ in range(2)]
    for at, seen in words.items():
        screen.at = at
        screen.look()
        assert state_said(screen.look()) == seen[1]
    assert all(
        first in (second, ("judging", "judging …"), ("warning", "warning")) for first, second in words.values()
    )
    assert words[20][1][0] != "judging"


def test_where_a_picture_rests_its_words_do_not(sessions):
    screen = begun(sessions, PROBLEMS["digits"])
    screen.controls |= {"bars": "time"}
    in_use = set()
    for _ in range(RUNNING):
        screen.step_on()
        words = {key: text(part) for key, part in screen.look().items() if key in ("story", "bars-said")}
        said = [re.search(r"([\d,]+) of 32(?! held)", each)[1] for each in words.values()]
        assert len(set(said)) == 1, words
        in_use.add(said[0])
    assert len(in_use) > 1  # else nothing would show what lags
