"""A short form of `python -m vqcore bench doctor`, on seeds that no threshold was set on."""

from dataclasses import replace
from typing import get_args

from vqcore.bench.doctor import JUDGED_SEEDS, bench_doctor, false_alarms, judge, matrix_table, recalls
from vqcore.diagnostics.diagnosis import diagnose
from vqcore.diagnostics.finding import Condition
from vqcore.gallery.catalogue import GALLERY, MADE, MET, TWINS


def test_the_gallery_shows_every_condition():
    assert {exhibit.condition for exhibit in GALLERY} == set(get_args(Condition))
    assert len({exhibit.name for exhibit in GALLERY}) == len(GALLERY)


def test_every_condition_is_named_on_a_seed_not_seen_before():
    one_each = {exhibit.condition: exhibit for exhibit in MADE} | {"moves-though-frozen": MET[0]}
    judged = judge(one_each.values(), JUDGED_SEEDS[:1])
    found = recalls(judged)
    assert sum(found.values()) / len(found) >= 0.9, {name: share for name, share in found.items() if share < 1}
    assert not false_alarms(judged)


def test_what_was_met_is_named_and_a_sound_twin_never():
    made = {one.name: one.condition for one in GALLERY}
    assert {one.name for one in MET} <= {one.twin_of for one in TWINS}
    for one in judge([*MET, *(twin for twin in TWINS if not twin.trained)], JUDGED_SEEDS[:1]):
        assert one.verdict == one.exhibit.condition, (one.exhibit.name, [found.title for found in one.findings])
        if one.exhibit.twin_of:
            accused = {found.condition for found in one.findings if found.severity in ("severe", "warning")}
            assert made[one.exhibit.twin_of] not in accused, one.exhibit.name


def test_a_draw_is_never_trained_in_a_file_and_no_fault_before_the_first_step():
    exhibit = next(one for one in GALLERY if one.name == "digits, never trained, in a file")
    drawn = exhibit.make(JUDGED_SEEDS[0])
    assert diagnose(drawn)[0].condition == "never-trained"
    at_step_0 = replace(drawn, training=replace(drawn.training, steps=0))
    assert "never-trained" not in {one.condition for one in diagnose(at_step_0)}


def test_the_matrix_adds_up(monkeypatch):
    few = [one for one in GALLERY if one.name in ("zeros", "100 latents", "a NaN")]
    monkeypatch.setattr("vqcore.bench.doctor.judge", lambda seeds: judge(few, seeds))
    report = bench_doctor([5, 6])
    assert report["runs"] == sum(cell["runs"] for cell in report["confusion"]) == 6
    assert report["macro_recall"] == 1.0
    assert len(matrix_table(report).splitlines()) == 2 + 3 + 1
