import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.address import NUMBERS, VIEWS, command, read, write
from vqcore.cli import main
from vqcore.snapshot import Event
from vqcore.training.recipe import default_recipe
from vqcore.training.trainer import Trainer

recipes = st.builds(
    default_recipe,
    st.sampled_from(["patches", "digits", "digits-classifier", "plane"]),
    seed=st.integers(0, 2**31 - 1),
    num_codes=st.integers(16, 65_536),
    code_init=st.sampled_from(["normal", "kmeans"]),
    affine=st.sampled_from(["off", "learned", "running"]),
    affine_groups=st.integers(1, 16),
    sync=st.floats(0, 100),
    learning_rate=st.floats(0, 1e9),
    inner_steps=st.integers(0, 100),
    structure=st.sampled_from(["grouped", "residual"]),
    levels=st.sampled_from([1, 2]),
    share=st.booleans(),
    estimator=st.sampled_from(["straight-through", "rotation"]),
    codebook_update=st.sampled_from(["gradient", "ema"]),
    ema_decay=st.floats(0, 1),
    input_norm=st.sampled_from(["none", "unit", "capped"]),
    codebook_norm=st.sampled_from(["none", "unit", "capped"]),
    bypass=st.booleans(),
    replace_onto=st.sampled_from(["random", "far", "busy"]),
)
views = st.fixed_dictionaries(
    {name: st.sampled_from(allowed) for name, allowed in VIEWS.items()}
    | {name: st.sampled_from([numbers.first, f"{numbers.lowest:g}"]) for name, numbers in NUMBERS.items()}
)


@given(recipe=recipes, view=views, paused=st.booleans(), session=st.none() | st.just("abc"))
def test_what_is_written_is_read_again(recipe, view, paused, session):
    request = read(write(session, recipe, view, paused=paused))
    assert (request.session, request.recipe, request.view) == (session, recipe, view)
    assert request.paused == paused
    assert request.refused == ()


def test_an_empty_url_asks_for_nothing():
    request = read({})
    assert request.session is None
    assert request.recipe is None
    assert request.refused == ()
    assert write(None, default_recipe("digits"), {}, paused=False) == {"problem": "digits"}


@given(st.dictionaries(st.sampled_from(["problem", "beta", "seed", "map", "scale", "affine"]), st.text()))
def test_no_url_breaks_the_page(query):
    request = read({"problem": "digits", **query})
    assert all("\n" not in sentence for sentence in request.refused if "\n" not in str(query))


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
