import re
from dataclasses import asdict, replace
from types import MappingProxyType

import numpy as np
import pytest
from evidence_building import D, K, N, around, counted, evidence, sound_codebook
from hypothesis import given, settings
from hypothesis import strategies as st

from vqcore.diagnostics import limits
from vqcore.diagnostics.advice import ADVICE
from vqcore.diagnostics.diagnosis import diagnose
from vqcore.diagnostics.evidence import ResponseEvidence, TrainingEvidence, UsageEvidence
from vqcore.diagnostics.finding import Condition
from vqcore.diagnostics.limits import CHANCE_OF_A_MISS, vectors_needed
from vqcore.diagnostics.snapshot_evidence import Setting, evidence_of
from vqcore.diagnostics.unused_findings import dead_codes_found
from vqcore.diagnostics.usage_findings import codes_carrying, index_collapse, not_enough_data
from vqcore.diagnostics.usage_sources import dead_codes
from vqcore.diagnostics.wording import digits, percent, share_of, times
from vqcore.quantizer.options import Options
from vqcore.snapshot import History
from vqcore.training.recipe import default_recipe
from vqcore.training.trainer import Trainer


@pytest.fixture
def generator():
    return np.random.default_rng(0)


def verdict(found) -> tuple[str, str]:
    return found[0].condition, found[0].severity


def conditions(found) -> dict[str, str]:
    return {finding.condition: finding.severity for finding in found}


def history(spread, task=0.1, commitment=0.01, **measured) -> History:
    steps = 5 * len(spread)
    flat = np.ones(steps, dtype=np.float32)
    curves = {"p_spread": spread} | measured
    return History(
        step=np.arange(1, steps + 1),
        losses=MappingProxyType({"task_loss": task * flat, "commitment_loss": commitment * flat}),
        measured_at=np.arange(5, steps + 1, 5),
        measured=MappingProxyType({name: np.asarray(curve, dtype=np.float32) for name, curve in curves.items()}),
    )


def test_a_codebook_that_serves_its_latents_is_healthy(generator):
    codebook = sound_codebook(generator)
    found = diagnose(evidence(codebook, around(codebook, generator)))
    assert verdict(found) == ("healthy", "healthy")


# How much use means something


@pytest.mark.parametrize("num_codes", [8, 9, 32, 100, 512, 2048, 16_384])
def test_even_use_gives_no_dead_code_at_the_least_number_of_vectors_and_one_fewer_is_not_enough(num_codes):
    needed = vectors_needed(num_codes)
    for seed in range(20):
        drawn = np.random.default_rng(seed).integers(num_codes, size=needed)
        enough = counted(np.bincount(drawn, minlength=num_codes))
        few = counted(np.bincount(drawn[1:], minlength=num_codes))
        for judged in (enough, few):
            assert index_collapse(judged) is None
            assert dead_codes_found(judged) is None
        assert not_enough_data(enough) is None
        said = not_enough_data(few)
        assert said is not None
        assert f"{needed:,}" in said.title
    if num_codes <= 512:
        assert [conditions(diagnose(one)) for one in (enough, few)] == [
            {"healthy": "healthy"},
            {"not-enough-data": "unknown"},
        ]


@settings(max_examples=30, deadline=None)
@given(num_codes=st.integers(8, 16_384), more=st.floats(0.05, 8), seed=st.integers(0, 2**32 - 1))
def test_even_use_is_never_called_collapse_or_death_at_any_number_of_vectors(num_codes, more, seed):
    num_vectors = max(1, int(more * num_codes))
    drawn = np.random.default_rng(seed).integers(num_codes, size=num_vectors)
    usage = UsageEvidence(np.bincount(drawn, minlength=num_codes), num_vectors, "drawn")
    dead = dead_codes(usage)
    if num_vectors < vectors_needed(num_codes):
        assert dead is None
    else:
        assert dead is not None
        assert not dead.any()


def test_the_chance_that_even_use_leaves_a_code_out_is_as_promised():
    num_codes, runs = 8, 20_000
    needed = vectors_needed(num_codes)
    drawn = np.random.default_rng(0).integers(num_codes, size=(runs, needed))
    missed = sum(len(set(row)) < num_codes for row in drawn.tolist())
    assert missed <= 2 * CHANCE_OF_A_MISS * runs
    shorter = sum(len(set(row)) < num_codes for row in drawn[:, : needed // 2].tolist())
    assert shorter > 10 * CHANCE_OF_A_MISS * runs  # so the number is not needlessly large


def test_use_of_unknown_size_is_no_use_to_judge_by():
    one = counted(np.array([100, 0, 0, 0, 0, 0, 0, 0]))
    assert one.usage is not None
    unknown = replace(one, usage=one.usage._replace(num_vectors=None))
    assert verdict(diagnose(unknown)) == ("not-enough-data", "unknown")
    assert verdict(diagnose(replace(one, usage=None))) == ("not-enough-data", "unknown")


def test_index_collapse_says_how_many_codes_carry_all(generator):
    counts = np.zeros(1024, dtype=int)
    counts[generator.choice(1024, 41, replace=False)] = 1600
    counts[counts == 0] = generator.integers(2, size=983) > 0.99
    found = diagnose(counted(counts, 65_536))
    assert verdict(found) == ("index-collapse", "severe")
    assert "41 of 1,024 codes carry 99%" in found[0].title


def test_a_long_tail_does_not_hide_a_collapse():
    counts = np.concatenate([[90_000, 60_000, 30_000], np.full(397, 40), np.zeros(112, int)]).astype(int)
    found = diagnose(counted(np.random.default_rng(0).permutation(counts)))
    assert verdict(found) == ("index-collapse", "severe")
    assert found[0].title == "Index collapse: 3 of 512 codes carry 90% of assignments."


def test_codes_that_carry_a_share_are_counted_from_the_most_used():
    assert codes_carrying(np.array([1, 97, 2]), 0.99) == 2
    assert codes_carrying(np.array([0, 5, 0]), 0.99) == 1
    assert codes_carrying(np.full(100, 7), 0.99) == 99


def test_dead_codes_far_from_the_latents_are_told_from_those_among_them(generator):
    codebook = sound_codebook(generator)
    z_e = around(codebook, generator)
    far = codebook.copy()
    far[::4] += 100
    assert conditions(diagnose(evidence(far, z_e)))["dead-codes-far"] == "warning"
    # Beside each of a few live codes lies one that is a little further from everything: behind it, as P sees it.
    crowded = np.concatenate([codebook, z_e[: K // 4]])
    counts = np.append(np.full(K, N // K), np.zeros(K // 4, dtype=int))
    mixed = generator.permutation(len(crowded))
    judged = evidence(crowded[mixed], z_e, usage=UsageEvidence(counts[mixed], N, "as if none had won"))
    assert conditions(diagnose(judged))["dead-codes-crowded"] == "warning"


def test_a_code_that_a_moving_average_has_nearly_forgotten_is_dead(generator):
    counts = np.full(64, 50.0)
    counts[::7] = 0.01
    one = counted(counts, 10_000)
    assert one.usage is not None
    found = diagnose(replace(one, usage=one.usage._replace(unused_below=0.5)))
    assert "10 of 64 codes are dead" in found[0].title


# The code vectors alone


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (lambda g: g.standard_normal((128, 16)), "N(0, 1)"),
        (lambda g: g.uniform(-1 / 128, 1 / 128, (128, 16)), "±1/K"),
        (lambda g: g.uniform(-0.3, 0.3, (128, 16)), "±0.3"),
        (lambda g: g.uniform(-1 / 16, 1 / 16, (128, 16)), "±1/D"),
        (lambda g: g.uniform(-1, 1, (128, 16)) * (6 / 144) ** 0.5, "±√(6/(K + D)), Xavier's"),
        (lambda g: g.uniform(-1, 1, (128, 16)) * (6 / 16) ** 0.5, "±√(6/D), Kaiming's"),
        (lambda g: g.standard_normal((128, 16)) / 128**0.5, "N(0, 1/K)"),
        (lambda g: g.standard_normal((128, 16)) / 4, "N(0, 1/D)"),
        (lambda g: g.standard_normal((128, 16)) * (2 / 144) ** 0.5, "N(0, 2/(K + D)), Xavier's"),
        (lambda g: g.standard_normal((128, 16)) * (2 / 16) ** 0.5, "N(0, 2/D), Kaiming's"),
        (lambda g: np.linalg.qr(g.standard_normal((128, 16)))[0], "orthogonal columns"),
        (lambda g: np.linalg.qr(g.standard_normal((64, 24)))[0].T, "orthogonal rows"),
        (lambda g: np.zeros((128, 16)), "all zeros"),
    ],
)
def test_an_initialization_is_recognized(start, name):
    seen = [diagnose(evidence(start(np.random.default_rng(seed)).astype(np.float32))) for seed in range(10)]
    recognized = [found for found in seen if verdict(found) == ("never-trained", "severe") and name in found[0].title]
    assert len(recognized) >= 9  # one draw in a hundred may look like something else


def test_trained_codes_are_not_taken_for_an_initialization(generator):
    normal = generator.standard_normal((128, 16))
    turned = normal @ generator.standard_normal((16, 16)) / 4  # of about unit spread, but correlated
    shifted = normal + 0.2
    skewed = np.linalg.qr(normal)[0] * np.linspace(1, 1.1, 16)
    for codebook in (turned, shifted, 1.3 * normal, np.sign(normal) * normal**2, skewed):
        assert "never-trained" not in conditions(diagnose(evidence(codebook.astype(np.float32))))


def test_one_nan_is_enough(generator):
    codebook = sound_codebook(generator)
    codebook[3, 2] = np.nan
    found = diagnose(evidence(codebook))
    assert [finding.condition for finding in found] == ["broken-numbers"]
    assert "1 of 64" in found[0].title


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_half_precision_is_broken_where_it_rounds_neighbours_together_and_no_sooner(generator, dtype):
    close = (1000 + 0.5 * generator.standard_normal((K, D))).astype(np.float16)  # steps of 0.5 up there
    kept = evidence(close.astype(np.float32), stored_dtype=dtype)
    assert verdict(diagnose(kept)) == ("broken-numbers", "severe")
    apart = sound_codebook(generator).astype(np.float16).astype(np.float32)
    assert "broken-numbers" not in conditions(diagnose(evidence(apart, stored_dtype=dtype)))


def test_copied_codes_are_counted(generator):
    codebook = sound_codebook(generator)
    codebook[10:15] = codebook[20:25]
    found = {finding.condition: finding for finding in diagnose(evidence(codebook))}
    assert found["duplicate-codes"].severity == "warning"
    assert found["duplicate-codes"].numbers[0].value == pytest.approx(10 / K)


def test_a_flag_that_is_off_means_the_codes_are_to_come(generator):
    waiting = evidence(np.zeros((K, D), np.float32), initialized=False)
    assert verdict(diagnose(waiting)) == ("initialization-pending", "severe")
    ready = evidence(sound_codebook(generator), initialized=True)
    assert "initialization-pending" not in conditions(diagnose(ready))


# Against the latents


@pytest.mark.parametrize(
    ("scale", "offset", "how"),
    [(1, 20, "in location:"), (12, 0, "in scale:"), (0.1, 20, "in location and in scale:")],
)
def test_a_codebook_far_away_is_said_to_be_so_in_place_or_in_scale(generator, scale, offset, how):
    codebook = sound_codebook(generator)
    z_e = around(codebook, generator)
    moved = (codebook - codebook.mean(0)) * scale + codebook.mean(0) + offset
    found = diagnose(evidence(moved.astype(np.float32), z_e))
    assert verdict(found) == ("codebook-far", "severe")
    assert f"far from the embeddings {how}" in found[0].title


def test_collapsed_latents_are_found_as_a_line_a_point_or_few_values(generator):
    codebook = sound_codebook(generator)
    z_e = around(codebook, generator)
    line = np.outer(z_e[:, 0], np.ones(D)) + 0.01 * z_e
    point = 5 + 1e-5 * z_e
    few = codebook[generator.integers(5, size=N)]
    for vectors, word, severity in (
        (line, "fill 1", "warning"),
        (point, "one point", "severe"),
        (few, "only 5 different", "severe"),
    ):
        found = {finding.condition: finding for finding in diagnose(evidence(codebook, vectors.astype(np.float32)))}
        assert found["embedding-collapse"].severity == severity
        assert word in found["embedding-collapse"].title


def test_too_few_different_latents_make_the_codebook_too_large(generator):
    codebook = sound_codebook(generator)
    half = around(codebook, generator, K // 2)[generator.integers(K // 2, size=N)]
    assert conditions(diagnose(evidence(codebook, half)))["oversized-codebook"] == "severe"
    some = around(codebook, generator, 5 * K)[generator.integers(5 * K, size=N)]
    assert conditions(diagnose(evidence(codebook, some)))["oversized-codebook"] == "warning"


def test_a_residual_level_that_leaves_its_input_as_it_was_is_idle(generator):
    residual = 0.1 * generator.standard_normal((N, D)).astype(np.float32)
    large = (5 + generator.standard_normal((K, D))).astype(np.float32)
    found = diagnose(evidence(large, residual, residual_level=2))
    assert verdict(found) == ("idle-level", "severe")
    assert "Level 3 does harm" in found[0].title
    with_zero = np.concatenate([large[:-1], np.zeros((1, D), np.float32)])
    assert "does nothing" in diagnose(evidence(with_zero, residual, residual_level=1))[0].title
    fitting = around(sound_codebook(generator), generator)
    assert "idle-level" not in conditions(diagnose(evidence(large, fitting, residual_level=0)))


# How it was trained


def test_a_codebook_that_did_not_move_gets_no_gradient(generator):
    codebook = sound_codebook(generator)
    z_e = around(codebook, generator)
    same = TrainingEvidence(steps=50, initial_codebook=codebook.copy())
    assert verdict(diagnose(evidence(codebook, z_e, training=same))) == ("no-gradient", "severe")
    none = TrainingEvidence(steps=50, gradient_norm=np.zeros(K))
    assert verdict(diagnose(evidence(codebook, z_e, training=none))) == ("no-gradient", "severe")
    for fine in (
        TrainingEvidence(steps=50, gradient_norm=np.zeros(K), moved_by="ema"),
        TrainingEvidence(steps=50, gradient_norm=np.eye(1, K)[0]),
        TrainingEvidence(steps=50, initial_codebook=codebook + 1),
        TrainingEvidence(steps=0, initial_codebook=codebook.copy()),
    ):
        assert verdict(diagnose(evidence(codebook, z_e, training=fine)))[0] == "healthy"


@pytest.mark.parametrize(
    ("spread", "task", "commitment", "beta", "condition"),
    [
        (np.linspace(1, 9, 60), 1.0, 0.5, 0.9, "runaway-embeddings"),
        (np.linspace(1, 9, 60), 1.0, 0.5, 1.0, "commitment-too-weak"),
        (np.linspace(1, 0.5, 60), 0.1, 1.0, 0.5, "commitment-too-strong"),
        (np.linspace(1, 0.5, 60), 10.0, 0.01, 0.5, "healthy"),
        (np.linspace(1, 9, 30), 1.0, 0.5, 1.0, "healthy"),  # 150 steps: every training begins so
        (np.append(np.linspace(1, 4, 20), np.full(40, 4)), 1.0, 0.5, 1.0, "healthy"),
    ],
)
def test_curves_tell_what_the_commitment_does(generator, spread, task, commitment, beta, condition):
    codebook = sound_codebook(generator)
    curves = history(spread, task, commitment)
    trained = TrainingEvidence(steps=len(curves.step), history=curves, alpha=1.0, beta=beta)
    found = diagnose(evidence(codebook, around(codebook, generator), training=trained))
    assert found[0].condition == condition


GROWING = np.interp(np.arange(60), [0, 29, 59], [1.0, 1.3, 1.9])


@pytest.mark.parametrize(
    ("error", "task", "severity"),
    [
        (np.interp(np.arange(60), [0, 29, 59], [0.9, 0.12, 0.04]), np.geomspace(1, 0.1, 300), "healthy"),
        (np.interp(np.arange(60), [0, 29, 59], [0.9, 0.23, 0.23]), np.geomspace(1, 0.1, 300), "severe"),
        (np.interp(np.arange(60), [0, 29, 59], [0.9, 0.12, 0.04]), np.geomspace(0.1, 1, 300), "severe"),
    ],
)
def test_embeddings_that_grow_are_ill_only_where_the_codes_lose_them_or_the_task_suffers(
    generator, error, task, severity
):
    codebook = sound_codebook(generator)
    curves = history(GROWING, task, commitment=0.5 * task, relative_error=error)
    trained = TrainingEvidence(steps=300, history=curves, alpha=1.0, beta=0.9)
    found = diagnose(evidence(codebook, around(codebook, generator), training=trained))
    assert found[0].severity == severity
    assert conditions(found)["runaway-embeddings"] == ("note" if severity == "healthy" else severity)


def test_replacement_recycles_where_chance_alone_outlasts_its_patience(generator):
    codebook = sound_codebook(generator)
    z_e = around(codebook, generator)
    hasty = TrainingEvidence(steps=100, replace_every=1, vectors_per_step=K, placed_at=np.arange(K) + 20)
    found = diagnose(evidence(codebook, z_e, training=hasty))
    assert verdict(found) == ("recycling-replacement", "warning")
    assert found[0].numbers[0].value == pytest.approx((1 - 1 / K) ** K)
    churning = replace(hasty, placed_at=np.where(np.arange(K) % 2, 99, 10))
    assert verdict(diagnose(evidence(codebook, z_e, training=churning))) == ("recycling-replacement", "severe")
    patient = replace(hasty, replace_every=20)
    assert verdict(diagnose(evidence(codebook, z_e, training=patient)))[0] == "healthy"


def test_a_decoder_that_gives_one_output_for_all_codes_stands_above_any_good_news_about_usage(generator):
    codebook = sound_codebook(generator)
    sound = evidence(codebook, around(codebook, generator))
    assert verdict(diagnose(sound))[0] == "healthy"
    deaf = replace(sound, response=ResponseEvidence(1e-12, 3.0, 96))
    assert verdict(diagnose(deaf)) == ("deaf-decoder", "severe")
    assert "healthy" not in [finding.condition for finding in diagnose(deaf)]
    assert verdict(diagnose(replace(sound, response=ResponseEvidence(1e-3, 3.0, 96))))[0] == "healthy"


def test_a_classifier_that_went_blind_and_has_all_its_codes_again_is_not_called_healthy():
    trainer = Trainer(default_recipe("digits-classifier", seed=3, device="cpu", learning_rate=3e-3))
    for step in range(140):
        if step == 100:
            trainer.apply({"replace_every": 20})
        trainer.step()
    seen = trainer.snapshot()
    assert seen.held_out.in_use > 100
    assert seen.held_out.accuracy < 0.2
    (first, *_) = diagnose(evidence_of(seen, Setting(alpha=5.0, beta=0.9, options=asdict(trainer.options))))
    assert (first.condition, first.severity) == ("deaf-decoder", "severe")
    assert "inner_momentum=0.9" in first.remedies[0].ours


# What every finding keeps


def test_every_condition_has_advice_and_every_remedy_is_one_that_training_takes():
    from typing import get_args

    from vqcore.training.recipe import parse_changes

    assert set(ADVICE) == set(get_args(Condition))
    for condition, advice in ADVICE.items():
        assert advice.cause
        assert (condition == "healthy") == (not advice.remedies)
        for remedy in advice.remedies:
            for pair in remedy.ours:
                if not pair.endswith("=…"):
                    parse_changes([pair], live_only=True)


def test_evidence_that_does_not_fit_the_codebook_is_refused(generator):
    codebook = sound_codebook(generator)
    with pytest.raises(ValueError, match=r"`counts` must be \(K,\) = \(64,\)"):
        diagnose(evidence(codebook, usage=UsageEvidence(np.ones(3), 3, "")))
    with pytest.raises(ValueError, match="`codebook` must be"):
        diagnose(evidence(np.empty((0, 4), np.float32)))


# What follows from what, and how it is said


@settings(max_examples=40, deadline=None)
@given(
    first=st.floats(1e-3, 1.0),
    times_half=st.floats(1.01 * limits.RAN_AWAY, 1e4),
    times_last=st.floats(0.5, 1e4),
    pull=st.floats(limits.STRONG_PULL + 0.01, 0.999),
)
def test_a_runaway_is_never_said_to_be_held_too_strongly(first, times_half, times_last, pull):
    """As latents run away their error grows with them, and with it the commitment's share of the loss."""
    spread = np.append(np.geomspace(first, first * times_half, 60), np.full(59, first * times_half))
    spread = np.append(spread, first * times_half * max(1, times_last))
    curves = history(spread, task=1.0, commitment=pull / (1 - pull) / 0.5)
    trained = TrainingEvidence(steps=len(curves.step), history=curves, alpha=5.0, beta=0.9)
    generator = np.random.default_rng(0)
    codebook = sound_codebook(generator)
    found = diagnose(evidence(codebook, around(codebook, generator), training=trained))
    assert verdict(found) == ("runaway-embeddings", "severe")
    assert "commitment-too-strong" not in conditions(found)


def test_a_runaway_at_its_500th_step_is_said_in_words_with_what_is_not_in_force():
    """Patches from k-means with running map, inner step, sync and replacement: its spread at 5 of its 500 steps."""
    spread = np.interp(np.arange(100), [0, 20, 30, 60, 80, 99], [0.189, 1.48, 4.41, 1.4, 7.41, 84.1])
    curves = history(spread, task=0.1, commitment=2.0)
    options = asdict(Options(affine="running", inner_steps=1, sync=0.5, replace_every=20))
    trained = TrainingEvidence(steps=500, history=curves, alpha=5.0, beta=0.9, options=options)
    generator = np.random.default_rng(0)
    codebook = sound_codebook(generator)
    (first, *_) = diagnose(evidence(codebook, around(codebook, generator), training=trained))
    assert first.condition == "runaway-embeddings"
    assert "445 times that at the start" in first.title
    assert [one.ours for one in first.remedies] == [
        ("input_norm=unit", "codebook_norm=unit"),
        ("alpha=20",),
        ("affine=off",),
    ]


@given(st.floats(1e-300, 1e300))
def test_no_sentence_has_an_exponent(value):
    for said in (percent(value), share_of(value, "it"), times(max(1.0, value))):
        assert not re.search(r"\de[+-]?\d", said)
    assert float(digits(value).replace(",", "")) == pytest.approx(value, rel=6e-3)
