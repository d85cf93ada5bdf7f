"""A set-up in the making: what widgets are told, and what becomes of what they say."""

import pytest

from app.compare.draft import Draft
from app.links.setup import Setup, Variant, read_variant

TWO = Setup(
    problem="plane",
    common=(("seed", 3),),
    variants=(Variant("one"), read_variant("two", "num_codes=9 sync=0.5")),
)


def test_untouched_it_is_the_set_up_that_it_began_as():
    draft = Draft(TWO)
    assert draft.is_begun()
    assert draft.setup() == TWO


def test_a_widget_begins_at_what_its_variant_has_and_keeps_its_key_while_it_is_used():
    draft = Draft(TWO)
    assert draft.default("sync") == 0.0
    draft.edit(1)
    key = draft.key("sync")
    assert draft.default("sync") == 0.5
    draft.take("sync", 0.25)
    assert (draft.default("sync"), draft.key("sync")) == (0.5, key)  # what it began at: its own memory has the rest
    draft.edit(0)
    draft.edit(1)
    assert draft.default("sync") == 0.25
    assert draft.key("sync") != key


@pytest.mark.parametrize("use", [lambda draft: draft.edit(1), lambda draft: draft.take_problem("digits")])
def test_what_has_others_recreated_is_not_recreated_itself(use):
    draft = Draft(TWO)
    before = {name: draft.key(name) for name in ("problem", "seed", "edited", "sync")}
    use(draft)
    assert [name for name in before if draft.key(name) != before[name]] == ["sync"]


def test_the_list_of_variants_is_recreated_when_one_is_called_otherwise():
    draft = Draft(TWO)
    draft.add()
    key = draft.key("edited")
    draft.take("affine", "running")
    assert draft.key("edited") != key


def test_back_at_the_default_nothing_is_changed():
    draft = Draft(TWO)
    draft.edit(1)
    draft.take("sync", 0.0)
    assert dict(draft.setup().variants[1].changes) == {"num_codes": 9}
    assert not draft.is_begun()


def test_one_without_a_name_is_called_after_its_changes_and_never_as_another():
    draft = Draft(TWO)
    draft.add()
    assert draft.names() == ["one", "two", "baseline"]
    draft.take("affine", "running")
    assert draft.names() == ["one", "two", "affine running"]
    draft.add()
    draft.take("affine", "running")
    assert draft.names()[2:] == ["affine running", "affine running 2"]
    draft.remove()
    draft.remove()
    assert draft.setup() == TWO


def test_names_that_clash_are_refused_and_count_as_not_begun():
    draft = Draft(TWO)
    draft.variant.name = "two"
    assert not draft.is_begun()
    with pytest.raises(ValueError, match="'two' twice"):
        draft.setup()


def test_a_switch_takes_its_companion_along_whose_widget_alone_is_recreated():
    draft = Draft(TWO)
    before = {name: draft.key(name) for name in ("affine", "affine_lr_scale", "sync")}
    draft.take("affine", "learned")
    assert [name for name in before if draft.key(name) != before[name]] == ["affine_lr_scale"]
    assert draft.default("affine_lr_scale") == 10.0
    assert dict(draft.setup().variants[0].changes) == {"affine": "learned", "affine_lr_scale": 10.0}
    draft.take("affine_lr_scale", 1.0)
    draft.take("affine", "learned")
    assert dict(draft.setup().variants[0].changes) == {"affine": "learned"}  # on already: what was chosen stays
