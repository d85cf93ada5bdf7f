import csv
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.links import trajectories as trajectory_address
from app.links.command_line import command
from app.links.live import NUMBERS, RECIPE_NAMES, TEXTS, VIEWS, read, write
from vqcore.cli import main
from vqcore.snapshot import Event
from vqcore.starts.catalogue import find_start
from vqcore.training.commands import StepCommand, change
from vqcore.training.recipe import default_recipe
from vqcore.training.session import Session
from vqcore.training.trainer import Trainer

recipes = st.builds(
    default_recipe,
    st.sampled_from(["patches", "digits", "digits-classifier", "plane"]),
    seed=st.integers(0, 2**31 - 1),
    num_codes=st.integers(16, 65_536),
    code_init=st.sampled_from(["normal", "kmeans"]),
    affine=st.sampled_from(["off", "learned", "running", "matrix"]),
    affine_groups=st.integers(1, 16),
    sync=st.floats(0, 100),
    learning_rate=st.floats(0, 1e9),
    inner_steps=st.integers(0, 100),
    structure=st.sampled_from(["grouped", "residual"]),
    levels=st.sampled_from([1, 2]),
    share=st.booleans(),
    estimator=st.sampled_from(["straight-through", "rotation", "directional"]),
    codebook_update=st.sampled_from(["gradient", "ema"]),
    ema_decay=st.floats(0, 1),
    input_norm=st.sampled_from(["none", "unit", "capped", "tanh"]),
    codebook_norm=st.sampled_from(["none", "unit", "capped"]),
    bypass=st.booleans(),
    replace_onto=st.sampled_from(["random", "far", "busy"]),
)
views = st.fixed_dictionaries(
    {name: st.sampled_from(allowed) for name, allowed in VIEWS.items()}
    | {
        "select": st.sampled_from(["", "c3,7-9;v0-40", "c17"]),
        "pins": st.sampled_from(["", "3,40@2"]),
        "layers": st.sampled_from(["", "none", "P,Q"]),
        "variant": st.sampled_from(["", "sync=0.5"]),
        "earlier": st.sampled_from(["", "none", "2"]),
    }
    | {name: st.sampled_from([numbers.first, f"{numbers.lowest:g}"]) for name, numbers in NUMBERS.items()}
)


@given(
    recipe=recipes,
    view=views,
    paused=st.booleans(),
    session=st.none() | st.just("abc"),
    at=st.none() | st.integers(0, 10**15 - 1),
)
def test_what_is_written_is_read_again(recipe, view, paused, session, at):
    request = read(write(session, recipe, view, paused=paused, at=at))
    assert (request.session, request.recipe, request.view, request.at) == (session, recipe, view, at)
    assert request.paused == paused
    assert request.refused == ()


def test_an_empty_url_asks_for_nothing():
    request = read({})
    assert request.session is None
    assert request.recipe is None
    assert request.refused == ()
    assert write(None, default_recipe("digits"), {}, paused=False) == {"problem": "digits"}


@pytest.mark.parametrize("text", ["", "-1", "12.5", "1e3", "now", "٣", "9" * 16])
def test_a_step_that_is_none_is_named_and_the_page_is_live(text):
    request = read({"problem": "digits", "at": text})
    assert request.at is None
    assert request.refused == (f"`at` in the link must be a step from 0 up, but is {text!r}.",)


hostile = st.text() | st.sampled_from(
    ["nan", "-inf", "1e999", "9" * 5000, "cuda:99", "cpu:-1", "true", "0", "2", "1_0"]
)
names = st.sampled_from(["session", "problem", "paused", "at", *RECIPE_NAMES, *VIEWS, *TEXTS, *NUMBERS]) | st.text()


@given(st.dictionaries(names, hostile), st.sampled_from(["digits", "plane", None]))
def test_no_url_breaks_the_page_and_what_is_accepted_is_written_and_read_again(query, problem):
    request = read({**query, "problem": problem} if problem else query)
    assert all(len(sentence) <= 240 and len(sentence.splitlines()) == 1 for sentence in request.refused)
    unknown = set(query) - {"session", "problem", "paused", "at", *RECIPE_NAMES, *VIEWS, *TEXTS, *NUMBERS}
    assert bool(unknown) == any("means nothing" in text or "mean nothing" in text for text in request.refused)
    if request.recipe is not None:
        again = read(write(request.session, request.recipe, request.view, paused=request.paused, at=request.at))
        assert (again.recipe, again.view, again.paused) == (request.recipe, request.view, request.paused)
        assert again.at == request.at
        assert again.refused == ()


@given(st.dictionaries(st.text(), hostile))
def test_no_url_breaks_the_trajectories_page(query):
    setting, refused = trajectory_address.read({"landscape": "himmelblau", **query})
    assert trajectory_address.read(trajectory_address.write(setting)) == (setting, ())
    assert all(len(sentence.splitlines()) == 1 for sentence in refused)


def test_what_a_link_says_in_vain_is_named():
    (unknown,) = read({"problem": "digits", "gamma": "1"}).refused
    assert unknown == "`gamma` in the link means nothing here and was ignored."
    (alone,) = read({"beta": "0.5"}).refused
    assert "`beta` in the link has no effect without a `problem`" in alone
    (paused,) = read({"problem": "digits", "paused": "yes"}).refused
    assert "`paused` in the link must be 0 or 1, but is 'yes'" in paused
    (device,) = read({"problem": "digits", "device": "cuda:99"}).refused
    assert "`device` must be auto or one this machine has" in device
    (many,) = read({f"name{i}": "" for i in range(2000)}).refused
    assert len(many) <= 240
    assert "1996 more" in many


def test_a_value_that_cannot_be_used_is_named_and_the_rest_kept():
    request = read({"problem": "digits", "beta": "2", "sync": "0.5", "map": "globe", "num_codes": "many"})
    assert request.recipe == default_recipe("digits", sync=0.5)
    assert request.view["map"] == "PCA"
    assert len(request.refused) == 3
    assert any("`beta` must be a number from 0 to 1" in sentence for sentence in request.refused)
    assert read({"problem": "celeba"}).recipe is None


def test_true_and_false_are_written_as_the_command_line_reads_them():
    recipe = default_recipe("digits", structure="residual", levels=3, share=True, bypass=True)
    query = write(None, recipe, {"level": "3"}, paused=False)
    assert query == {
        "problem": "digits",
        "structure": "residual",
        "levels": "3",
        "share": "true",
        "bypass": "true",
        "level": "3",
    }
    words = command(recipe, [Event(5, "main", "bypass false", (("bypass", False),))], 9)
    assert words.endswith("--set structure=residual levels=3 share=true bypass=true --at 5 bypass=false")


@pytest.mark.parametrize(
    "settings",
    [{"affine": "learned"}, {"structure": "residual", "levels": 3, "share": True, "codebook_update": "ema"}],
)
def test_the_command_repeats_the_run(capsys, settings):
    recipe = default_recipe("digits", device="cpu", seed=4, num_codes=24, **settings)
    trainer = Trainer(recipe)
    for step in range(12):
        if step == 5:
            trainer.apply({"sync": 0.25, "affine": "running"})
        if step == 8:
            trainer.apply({"replace": "now", "bypass": True})
        trainer.step()
    words = command(recipe, trainer.events, trainer.steps_done).removeprefix("python -m vqcore ").split()
    assert main([*words, "--json"]) == 0
    metrics = json.loads(capsys.readouterr().out)["metrics"]
    expected = {name: value for name, value in trainer.evaluate()._asdict().items() if value is not None}
    assert metrics == json.loads(json.dumps(expected))


def test_the_command_repeats_a_session_with_live_switches_bit_for_bit(tmp_path):
    recipe = default_recipe("digits", device="cpu", seed=3, num_codes=128, batch_size=4)
    session = Session(recipe, paused=True)
    session.start()
    # Two at one step, in an order that matters: the first moves codes unused for the window, not for 2 steps.
    now = change(replace="now")
    thrown = {6: [change(affine="running")], 9: [now, change(replace_every=2)], 12: [change(sync=0.5)]}
    try:
        for step in range(16):
            for command_ in thrown.get(step, ()):
                session.send(command_)
            ticket = session.send(StepCommand())
            assert session.wait(lambda session, ticket=ticket: session.status().commands_done >= ticket)
            session.latest()  # somebody watches
        snapshot = session.latest()
    finally:
        session.stop()
    assert [event.step for event in snapshot.events] == [6, 9, 9, 12]
    words = command(recipe, snapshot.events, snapshot.step).split()
    assert words[:4] == ["python", "-m", "vqcore", "train"]
    assert main([*words[3:], "--out", str(tmp_path / "run")]) == 0
    rows = list(csv.DictReader((tmp_path / "run" / "losses.csv").read_text().splitlines()))
    assert [int(row["step"]) for row in rows] == snapshot.history.step.tolist()
    for name, curve in snapshot.history.losses.items():
        assert [float(row[name]) for row in rows] == curve.tolist()


@pytest.mark.parametrize("seed", ["-1", "99999999999"])
def test_a_start_with_a_seed_that_cannot_be_begins_with_its_own_and_says_so(seed):
    link = read({"start": "photograph", "seed": seed})
    assert link.recipe == find_start("photograph").recipe()
    (said,) = link.refused
    assert "`seed`" in said
    assert seed in said
