"""Lessons as they run without a browser: what is recorded, counted, printed and written."""

import json

import numpy as np
import pytest
from scipy.stats import entropy

from demos.__main__ import main
from demos.catalogue import lessons
from demos.lesson import Claim, Finding, Lesson, Step, Training, TryIt
from demos.lesson_1_quantizer import LESSON
from demos.measures import curve, held_out_loss, in_use, moved, perplexity_now, relative_error_now
from demos.record import BrokeDownError
from demos.recorded import recorded_counts
from demos.report import table
from demos.running import Examined, StoppedError, answer, record, records
from vqcore.training.evaluation import evaluating
from vqcore.training.trainer import Trainer

SMALL = {"num_codes": 8, "batch_size": 64}
SWITCHED = Training(problem="plane", changes=SMALL, switches={3: {"affine": "running"}})


def small(name, trainings, *steps):
    return Lesson(
        name=name,
        title=name,
        about=name,
        trainings=trainings,
        steps=steps,
        try_it=TryIt(text="Try.", training=SWITCHED),
        known=(),
        contested=(),
    )


def look(name, at, **settings):
    return Step(title=f"{name} at {at}", text="Look.", shows=(name,), at=at, **settings)


def test_moments_are_those_of_the_bare_trainer_with_its_switches():
    found = record(small("one", {"run": SWITCHED}, look("run", 6, reads=(("run", 3),)), look("run", 2)), 5)
    trainer = Trainer(SWITCHED.recipe(5))
    for step in range(1, 7):
        trainer.step()
        if step == 3:
            trainer.apply({"affine": "running"})
        if step in (2, 3, 6):
            moment = found.at("run", step)
            assert moment.step == step
            assert np.array_equal(moment.codebook, trainer.snapshot().codebook)
            assert np.array_equal(moment.z_e, trainer.snapshot().z_e)
    assert found.at("run", 6).events == trainer.events


def test_records_end_at_the_step_at_which_nobody_wants_them():
    asked = []
    with pytest.raises(StoppedError):
        records(
            [small("one", {"run": SWITCHED}, look("run", 1_000_000))], 0, stop=lambda: asked.append(1) or asked[4:]
        )
    assert len(asked) == 5


def test_what_two_lessons_look_at_is_trained_once_and_shortened_alike():
    plain = Training(problem="plane", changes=SMALL)
    first = small("first", {"a": plain, "b": SWITCHED}, look("a", 8), look("b", 8))
    second = small("second", {"c": Training(problem="plane", changes=dict(SMALL))}, look("c", 16))
    trained = []
    both = records([first, second], 0, shorten=4, shown=lambda keys: trained.extend(keys) or trained)
    assert len(trained) == 2
    assert both[0].at("a", 8).step == 2
    assert both[1].at("c", 16).step == 4
    assert [event.step for event in both[0].at("b", 8).events] == [1]


def test_a_training_that_breaks_down_keeps_its_good_moments_and_says_so():
    wild = Training(problem="plane", changes={**SMALL, "learning_rate": 1e9})
    found = record(small("wild", {"run": wild}, look("run", 0), look("run", 50)), 0)
    assert found.at("run", 0).step == 0
    with pytest.raises(BrokeDownError, match=r"'run' broke down.* at step \d"):
        found.at("run", 50)


def test_measures_agree_with_plain_arithmetic():
    found = record(small("one", {"run": SWITCHED}, look("run", 0), look("run", 12)), 1)
    before, after = found.at("run", 0), found.at("run", 12)
    assert in_use(after) == len(set(after.codes.tolist()))
    assert perplexity_now(after) == pytest.approx(np.exp(entropy(np.unique(after.codes, return_counts=True)[1])))
    trainer = Trainer(SWITCHED.recipe(1))
    for step in range(1, 13):
        trainer.step()
        trainer.apply(SWITCHED.switches.get(step, {}))
    with evaluating(trainer.model, trainer.quantizer):
        z_q = trainer.quantizer(trainer.model.encode(trainer.monitor.inputs)).z_q
        loss = trainer.problem.loss(trainer.model.decode(z_q), trainer.monitor.targets)
    assert held_out_loss(after) == pytest.approx(float(loss))
    apart = [np.linalg.norm(z - after.codebook[code]) ** 2 for z, code in zip(after.z_e, after.codes, strict=True)]
    assert relative_error_now(after) == pytest.approx(
        np.mean(apart) / np.trace(np.cov(after.z_e.T, bias=True)), rel=1e-4
    )
    way = moved(before, after)
    assert way.c_mean <= np.linalg.norm(after.codebook - before.codebook, axis=1).mean() + 1e-6
    assert way.p_mean == pytest.approx(np.hypot(*(after.z_e.mean(0) - before.z_e.mean(0))), rel=1e-5)


@pytest.mark.parametrize("quantity", ["held_out.in_use", "held_out.task_loss", "p_mean_norm", "task_loss"])
def test_one_seed_has_one_curve_whoever_watched(quantity):
    def trained(watched):
        trainer = Trainer(SWITCHED.recipe(2))
        trainer.snapshot()
        for step in range(1, 47):
            trainer.step()
            trainer.apply(SWITCHED.switches.get(step, {}))
            if step in watched:
                trainer.snapshot()
        return trainer.snapshot()

    alone, watched = (curve(trained(steps), quantity, [11]) for steps in ({11}, {2, 3, 7, 11, 13, 29, 40, 45}))
    assert alone.steps.tolist() == watched.steps.tolist()
    assert np.array_equal(alone.values, watched.values)
    assert alone.steps[-1] == 46
    assert {11, 40} <= set(alone.steps.tolist())


def test_the_table_counts_on_which_seeds_a_claim_held():
    claim = Claim("It holds.", lambda _: Finding(True, "", {}))
    lesson = small("one", {"run": SWITCHED}, look("run", 0, claims=(claim,)))

    def examined(held):
        return [
            Examined(1, lesson.steps[0], claim, None if held is None else Finding(held, "", {"n": 1}), "Why not.")
        ]

    (row,) = table([(lesson, seed, examined(held)) for seed, held in enumerate([True, False, True, None])])
    assert (row["held"], row["seeds"], row["failed_on"], row["errors"]) == (2, 4, [1], ["Why not."])


def printed(capsys, *words, code=0):
    assert main(words) == code
    out, err = capsys.readouterr()
    return out, err


def test_a_short_lesson_from_end_to_end(capsys):
    words = ("quantizer", "--quick", "--seed", "3")
    report = json.loads(printed(capsys, *words, "--json")[0])
    assert report["seed"] == 3
    assert report["claims"][0]["held"] is True
    begun = Trainer(LESSON.trainings["128 codes"].recipe(3)).snapshot()
    _, times = np.unique(begun.codes, return_counts=True)
    assert report["claims"][0]["numbers"] == {"most": times.max(), "least": times.min()}
    text, _ = printed(capsys, *words)
    for claim in report["claims"]:
        assert claim["claim"] in text
        assert claim["measured"] in text
        assert claim["measured"].startswith("Here" if claim["held"] else "Not on this seed")


def test_all_lessons_shortened_compute_every_claim_and_answer(capsys, monkeypatch):
    kept = []

    def keeping(*words, **settings):
        kept[:] = records(*words, **settings)
        return kept

    monkeypatch.setattr("demos.__main__.records", keeping)
    rows = json.loads(printed(capsys, "--all", "--quick", "--json")[0])["claims"]
    found, _ = lessons()
    assert [(row["lesson"], row["claim"]) for row in rows] == [
        (lesson.name, claim.says) for lesson in found for step in lesson.steps for claim in step.claims
    ]
    for row in rows:
        assert row["errors"] == []
        assert row["seeds"] == 1
        assert row["numbers"][0]
    for lesson, of_lesson in zip(found, kept, strict=True):
        for number, step in enumerate(lesson.steps, start=1):
            if step.question is not None:
                assert answer(number, step, step.question, of_lesson) in step.question.choices


def test_a_false_claim_and_one_that_raises_are_in_the_table_and_the_second_in_the_exit_code(capsys, monkeypatch):
    def raises(found):
        raise KeyError("no such moment")

    false = Claim("Pigs fly.", lambda _: Finding(False, "none was seen.", {"pigs": 0}))
    lesson = small("one", {"run": SWITCHED}, look("run", 1, claims=(false, Claim("It can be told.", raises))))
    monkeypatch.setattr("demos.__main__.lessons", lambda: ([lesson], []))
    text, _ = printed(capsys, "--all", "--seeds", "2", code=2)
    assert "0 of 2  step 1  Pigs fly.  (not on seed 0, 1)" in text
    assert "Step 1 (run at 1): the claim 'It can be told.' cannot be computed: KeyError('no such moment')" in text
    false_only = small("two", {"run": SWITCHED}, look("run", 1, claims=(false,)))
    monkeypatch.setattr("demos.__main__.lessons", lambda: ([false_only], []))
    printed(capsys, "--all", "--seeds", "1")


@pytest.mark.parametrize(
    ("words", "seeds"),
    [
        (("--seed-from", "100", "--seeds", "3"), [100, 101, 102]),
        (("--seed", "2147483647"), [2147483647]),
        (("--seed-from", "7"), [7, 8, 9, 10, 11]),
    ],
)
def test_any_seeds_are_counted_and_the_report_says_which_and_by_what(capsys, monkeypatch, words, seeds):
    odd = Claim("Its seed is odd.", lambda found: Finding(found.seed % 2 == 1, "", {}))
    lesson = small("one", {"run": SWITCHED}, look("run", 1, claims=(odd,)))
    monkeypatch.setattr("demos.__main__.lessons", lambda: ([lesson], []))
    report = json.loads(printed(capsys, "--all", "--json", *words)[0])
    (row,) = report["claims"]
    assert (report["first_seed"], report["last_seed"], row["seeds"]) == (seeds[0], seeds[-1], len(seeds))
    assert row["failed_on"] == [seed for seed in seeds if seed % 2 == 0]
    assert report["command"] == f"python -m demos --all --seed-from {seeds[0]} --seeds {len(seeds)}"
    if words[0] == "--seed-from":
        of_one = json.loads(printed(capsys, "one", "--json", *words)[0])
        assert of_one["claims"] == report["claims"]


def test_a_recorded_table_is_read_as_it_was_printed(capsys, monkeypatch, tmp_path):
    claim = Claim("Its seed is not 101.", lambda found: Finding(found.seed != 101, "", {}))
    lesson = small("one", {"run": SWITCHED}, look("run", 1, claims=(claim,)))
    monkeypatch.setattr("demos.__main__.lessons", lambda: ([lesson], []))
    out, _ = printed(capsys, "one", "--seed-from", "100", "--seeds", "3", "--json")
    (tmp_path / "recorded").mkdir()
    (tmp_path / "recorded" / "one.json").write_text(out, encoding="utf-8")
    monkeypatch.setattr("demos.recorded.files", lambda package: tmp_path)
    report, (count,) = json.loads(out), recorded_counts("one").values()
    assert count == (2, 3, 100, 102, report["commit"], report["date"])
    assert recorded_counts("of which nothing was recorded") == {}


def test_without_a_name_it_lists_the_lessons(capsys):
    out, err = printed(capsys)
    assert "collapse" in out
    assert err == ""


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["colapse"], "'colapse'"),
        (["quantizer", "--seed", "-1"], "--seed"),
        (["quantizer", "--seed", "1", "--seeds", "3"], "--seeds"),
        (["quantizer", "--html", "page.html"], "`vqscope handout NAME --html OUT`"),
        (["--all", "--seeds", "0"], "--seeds"),
        (["--seeds", "3"], "NAME or --all"),
        (["--all", "--seed", "1", "--seed-from", "2"], "`--seed-from`"),
        (["--all", "--seed-from", "-3"], "`--seed-from`"),
        (["--all", "--seed-from", "2147483647", "--seeds", "2"], "2147483648"),
        (["--all", "quantizer"], "NAME"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_exit_code_2(capsys, words, named):
    out, err = printed(capsys, *words, code=2)
    assert out == ""
    assert named in err
    assert err.count("\n") == 1
