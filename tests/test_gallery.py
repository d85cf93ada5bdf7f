"""A short form of `python -m vqcore bench doctor`, on seeds that no threshold was set on."""

from typing import get_args

from vqcore.bench.doctor import JUDGED_SEEDS, bench_doctor, false_alarms, judge, matrix_table, recalls
from vqcore.diagnostics.finding import Condition
from vqcore.gallery import GALLERY


def test_the_gallery_shows_every_condition():
    assert {exhibit.condition for exhibit in GALLERY} == set(get_args(Condition))
    assert len({exhibit.name for exhibit in GALLERY}) == len(GALLERY)


def test_every_condition_is_named_on_a_seed_not_seen_before():
    one_each = {exhibit.condition: exhibit for exhibit in GALLERY}
    judged = judge(one_each.values(), JUDGED_SEEDS[:1])
    found = recalls(judged)
    assert sum(found.values()) / len(found) >= 0.9, {name: share for name, share in found.items() if share < 1}
    assert not false_alarms(judged)


def test_the_matrix_adds_up(monkeypatch):
    few = [one for one in GALLERY if one.name in ("zeros", "100 latents", "a NaN")]
    monkeypatch.setattr("vqcore.bench.doctor.judge", lambda seeds: judge(few, seeds))
    report = bench_doctor([5, 6])
    assert report["runs"] == sum(cell["runs"] for cell in report["confusion"]) == 6
    assert report["macro_recall"] == 1.0
    assert len(matrix_table(report).splitlines()) == 2 + 3 + 1
