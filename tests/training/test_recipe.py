import pytest

from vqcore.training.recipe import changed, default_recipe, parse_changes


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"num_codes": 0}, "`num_codes` must be a whole number from 1 to 65536, but got 0"),
        ({"batch_size": 0}, "`batch_size` must be"),
        ({"seed": -1}, "`seed` must be"),
        ({"code_init": "zeros"}, "`code_init` must be one of normal, kmeans, grid, but got 'zeros'"),
        ({"beta": 2}, "`beta` must be a number from 0 to 1"),
        ({"num_codes": 3, "affine_groups": 4}, "`affine_groups` must be at most num_codes=3, but got 4"),
        ({"colour": "red"}, "`colour` is not a setting or switch; choose from num_codes"),
    ],
)
def test_what_cannot_be_is_refused_by_name(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        default_recipe("digits", **changes)


def test_a_change_leaves_the_recipe_it_came_from():
    recipe = default_recipe("digits")
    other = changed(recipe, {"seed": 3, "sync": 0.5})
    assert (other.seed, other.options.sync, other.num_codes) == (3, 0.5, recipe.num_codes)
    assert (recipe.seed, recipe.options.sync) == (0, 0.0)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["sync"], "written key=value"),
        (["inner_steps=1.5"], "`inner_steps` must be a whole number, but got '1.5'"),
        (["sync=much"], "`sync` must be a number, but got 'much'"),
        (["num_codes=4"], "`num_codes` is not a switch.*needs a restart: use --set"),
        (["replace=later"], "written replace=now"),
    ],
)
def test_words_that_are_no_live_change_are_refused(words, sentence):
    with pytest.raises(ValueError, match=sentence):
        parse_changes(words, live_only=True)


def test_actions_are_for_a_running_training_only():
    assert parse_changes(["replace=now", "kmeans=now"], live_only=True) == {"replace": "now", "kmeans": "now"}
    with pytest.raises(ValueError, match="`replace` is not a switch"):
        parse_changes(["replace=now"])
