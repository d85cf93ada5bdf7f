"""Several counts of the same codebook: what one proves stands, whatever the others cannot tell."""

from dataclasses import replace

import numpy as np
from evidence_building import counted

from vqcore.diagnostics import limits
from vqcore.diagnostics.diagnosis import diagnose, diagnose_usage
from vqcore.diagnostics.evidence import Evidence, UsageEvidence
from vqcore.diagnostics.finding import Severity
from vqcore.diagnostics.usage_sources import one_block

ORDER: tuple[Severity, ...] = ("severe", "warning", "unknown", "healthy", "note")


def dead_tail(dead: int, each: int) -> np.ndarray:
    return np.append(np.full(256 - dead, each), np.zeros(dead, int))


def test_too_few_latents_leave_what_the_files_counts_prove():
    order = np.random.default_rng(0).permutation(256)
    alone = counted(dead_tail(199, 180)[order])
    few = UsageEvidence(dead_tail(199, 36)[order], 2_048, "at least once by the given latents")
    assert alone.usage is not None
    together = diagnose(replace(alone, usage=few, more_usage=(alone.usage._replace(window="in the file"),)))
    assert (together[0].condition, together[0].severity) == ("dead-codes-far", "severe")
    assert {f"used {window}" for window in ("in the file", few.window)} <= {one.name for one in together[0].numbers}
    assert together[0].title == diagnose(alone)[0].title


def test_more_sources_never_make_a_verdict_less_severe_unless_they_use_the_codes():
    generator = np.random.default_rng(0)
    for _ in range(60):
        counts = generator.integers(0, 60, 256) * (generator.random(256) < generator.random())
        alone = counted(counts)
        assert alone.usage is not None
        chosen = np.flatnonzero(counts) if counts.any() else np.arange(1)
        drawn = np.bincount(generator.choice(chosen, generator.integers(1, 6_000)), minlength=256)
        more = UsageEvidence(drawn, float(drawn.sum()), "given")
        together = diagnose(replace(alone, usage=more, more_usage=(alone.usage,)))
        assert ORDER.index(together[0].severity) <= ORDER.index(diagnose(alone)[0].severity) or (
            diagnose(alone)[0].severity == "unknown"
        )


def test_a_code_that_any_source_uses_is_not_dead():
    first, second = counted(dead_tail(128, 200)), dead_tail(128, 200)[::-1]
    assert first.usage is not None
    other = UsageEvidence(second, float(second.sum()), "given")
    found = diagnose(replace(first, more_usage=(other,)))
    assert "dead-codes-far" not in {one.condition for one in found}


def in_a_block(num_codes: int = 512, *, unused: int = 112, elsewhere: int = 9) -> np.ndarray:
    """Counts of even use, but for one block at the end and a few codes before it."""
    generator = np.random.default_rng(0)
    counts = generator.integers(20, 60, num_codes)
    counts[num_codes - unused :] = 0
    counts[generator.choice(num_codes - unused - 1, elsewhere, replace=False)] = 0
    return counts


def test_unused_codes_in_one_block_are_told_from_scattered_ones_with_what_chance_would_miss():
    block = in_a_block()
    said = {one.condition: one for one in diagnose(counted(block))}
    assert "112 of 512 codes are unused, in one block from 400 to 511" in said["unused-block"].title
    assert said["unused-block"].severity == "warning"
    assert "9 of 512 codes are dead" in said["dead-codes-far"].title
    expected = 512 * (1 - 1 / 512) ** int(block.sum())
    missed = next(one for one in said["unused-block"].numbers if "by chance" in one.name)
    assert abs(missed.value - expected) < 1e-6
    scattered = {one.condition for one in diagnose(counted(np.random.default_rng(0).permutation(block)))}
    assert scattered == {"dead-codes-far"}


def test_most_of_a_codebook_in_one_block_is_no_collapse_but_one_outside_it_is():
    """As of a tokenizer for images and video that was given images alone (Emu3 #59)."""
    extended = 10 * in_a_block(unused=480, elsewhere=0)
    assert {one.condition: one.severity for one in diagnose(counted(extended))} == {"unused-block": "warning"}
    collapsed = extended.copy()
    collapsed[:2] = 100_000
    (first, *_) = diagnose(counted(collapsed))
    assert (first.condition, first.severity) == ("index-collapse", "severe")
    assert "of 32 codes outside the unused block" in first.title
    of_one_code = np.append(9_000, np.zeros(511, int))
    assert "unused-block" not in {one.condition for one in diagnose(counted(of_one_code))}


def test_scattered_dead_codes_hardly_ever_look_like_a_block():
    generator = np.random.default_rng(0)
    seen = [
        one_block(generator.random(num_codes) < generator.random())
        for num_codes in (16, 64, 512, 4_096)
        for _ in range(1_000)
    ]
    assert sum(one is not None for one in seen) <= 4_000 * limits.CHANCE_OF_A_MISS


def test_a_random_part_of_enough_vectors_shows_a_collapse_but_a_mere_part_does_not():
    """30,000 of a million latents, of which even use would leave most of 262,144 codes untouched."""
    few, many = (np.bincount(np.arange(30_000) % used, minlength=262_144) for used in (300, 15_000))
    said = [
        {one.condition for one in diagnose_usage(Evidence(codebook=np.zeros((262_144, 1)), usage=usage))}
        for usage in (
            UsageEvidence(few, 30_000, "a part", drawn_from=1_000_000),
            UsageEvidence(many, 30_000, "a part", drawn_from=1_000_000),
            UsageEvidence(few, 30_000, "all there are"),
        )
    ]
    assert ["index-collapse" in each for each in said] == [True, False, False]
    assert all("not-enough-data" in each for each in said)
