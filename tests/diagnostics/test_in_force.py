"""What is offered in the light of the options in force."""

from dataclasses import asdict, replace
from itertools import product

import numpy as np
import pytest
from evidence_building import K, around, evidence, sound_codebook

from vqcore.diagnostics.advice import ADVICE, AFFINE, HOLD, RELEASE, REPLACE
from vqcore.diagnostics.diagnosis import diagnose
from vqcore.diagnostics.evidence import TrainingEvidence
from vqcore.diagnostics.in_force import is_in_force, still_to_try
from vqcore.quantizer.options import Options, option_names
from vqcore.training.recipe import parse_changes

SETTINGS = [
    Options(
        affine=affine,
        affine_lr_scale=scale,
        replace_every=every,
        replace_onto=onto,
        alpha=alpha,
        beta=beta,
        input_norm=norm,
        codebook_norm=norm,
        bypass=bypass,
    )
    for (affine, scale), (every, onto), (alpha, beta), norm, bypass in product(
        [("off", 1.0), ("learned", 1.0), ("learned", 10.0), ("running", 1.0)],
        [(0, "random"), (5, "random"), (20, "far"), (500, "random")],
        [(5.0, 0.9), (5.0, 0.0), (5.0, 1.0), (0.3, 0.9), (1000.0, 0.1)],
        ["none", "unit"],
        [False, True],
    )
]


@pytest.mark.parametrize("condition", sorted(ADVICE.keys() - {"recycling-replacement"}))  # see below
def test_no_remedy_that_is_offered_is_in_force(condition):
    """Whatever the options: each change that is offered is one, and one that training takes."""
    for options in SETTINGS:
        for remedy in still_to_try(ADVICE[condition].remedies, asdict(options)):
            live = [change for change in remedy.ours if not change.endswith("=…")]
            changes = parse_changes(live, live_only=True) if live else {}
            switches = {name: value for name, value in changes.items() if name in option_names()}
            assert all(getattr(options, name) != value for name, value in switches.items()), (remedy, options)
            replace(options, **switches)  # within every option's range


def test_something_is_left_to_try_whatever_is_in_force():
    for condition, advice in ADVICE.items():
        if condition == "healthy":
            continue
        for options in SETTINGS:
            assert still_to_try(advice.remedies, asdict(options)), (condition, options)


def test_what_is_not_in_force_is_offered_as_it_is():
    off = asdict(Options(alpha=0.1, beta=1.0, affine="running"))
    for condition in ("index-collapse", "runaway-embeddings", "initialization-pending", "embedding-collapse"):
        offered = still_to_try(ADVICE[condition].remedies, off)
        expected = [one for one in ADVICE[condition].remedies if not set(one.ours) & set(AFFINE.ours)]
        assert {one.what for one in offered} == {one.what for one in expected if "affine=learned" not in one.ours}


def test_a_weight_in_force_that_was_not_enough_is_moved_the_right_way():
    default = Options()
    for remedy, moves_up in ((HOLD, True), (RELEASE, False)):
        for options in SETTINGS:
            (offered,) = still_to_try((remedy,), asdict(options))
            changed = replace(options, **parse_changes(list(offered.ours), live_only=True))
            before, after = (one.alpha * (1 - one.beta) for one in (options, changed))
            assert (after > before) if moves_up else (after < before or options.beta == 1), (remedy.what, options)
    (harder,) = still_to_try((HOLD,), asdict(default))
    assert harder.ours == ("alpha=20",)


def test_a_map_of_either_kind_in_force_keeps_the_other_from_being_offered():
    for kind in ("learned", "running"):
        offered = still_to_try(ADVICE["index-collapse"].remedies, asdict(Options(affine=kind)))
        assert not {"affine=running", "affine=learned"} & {change for one in offered for change in one.ours}
    (faster, *_) = [
        one
        for one in still_to_try(ADVICE["index-collapse"].remedies, asdict(Options(affine="learned")))
        if "affine_lr_scale=10" in one.ours
    ]
    assert "faster" in faster.what


def test_replacement_in_force_is_followed_by_where_it_moves_codes():
    on = asdict(Options(replace_every=20))
    assert [one.ours for one in still_to_try((REPLACE,), on)] == [("replace_onto=far",)]
    assert still_to_try((REPLACE,), asdict(Options(replace_every=20, replace_onto="far"))) == ()
    assert not is_in_force("replace_every=20", asdict(Options(replace_every=200)))


@pytest.mark.parametrize("every", [1, 2, 25])
def test_the_interval_that_is_advised_is_one_that_chance_does_not_outlast(every):
    generator = np.random.default_rng(0)
    codebook = sound_codebook(generator)
    hasty = TrainingEvidence(
        steps=100,
        replace_every=every,
        vectors_per_step=2,
        options=asdict(Options(replace_every=every)),
    )
    found = {one.condition: one for one in diagnose(evidence(codebook, around(codebook, generator), training=hasty))}
    (remedy,) = found["recycling-replacement"].remedies
    (advised,) = parse_changes(list(remedy.ours), live_only=True).values()
    assert advised > every
    assert (1 - 1 / K) ** (2 * advised) <= 0.05
    patient = replace(hasty, replace_every=advised)
    again = diagnose(evidence(codebook, around(codebook, generator), training=patient))
    assert "recycling-replacement" not in {one.condition for one in again}


def test_findings_offer_what_is_left_where_the_options_are_known_and_all_where_not():
    generator = np.random.default_rng(0)
    codebook = sound_codebook(generator)
    z_e = around(codebook[:3], generator)
    unknown = diagnose(evidence(codebook, z_e))
    known = diagnose(
        evidence(
            codebook, z_e, training=TrainingEvidence(options=asdict(Options(affine="running", replace_every=20)))
        )
    )
    assert [(one.condition, one.title) for one in unknown] == [(one.condition, one.title) for one in known]
    for one, other in zip(unknown, known, strict=True):
        assert one.remedies == ADVICE[one.condition].remedies
        assert "affine=running" not in {change for remedy in other.remedies for change in remedy.ours}
