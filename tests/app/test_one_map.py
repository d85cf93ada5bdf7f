"""The affine map drawn in lessons: arrows from raw code vectors to code vectors, the paper's toy, and the table."""

import math
import re

import numpy as np

from app.lessons import text as lesson_text
from app.panels.lesson_figures import step_figures
from demos.formulas import AFFINE_DRAWN
from demos.lesson import Lesson, Step, Training, TryIt
from demos.running import record, table_of
from vqcore.projection.pca import FrozenBasis
from vqcore.training.trainer import Trainer
from vqcore.trajectories.fixed_points import fixed_points

SMALL = {"num_codes": 8, "batch_size": 64}
PLAIN = Training(problem="plane", changes=SMALL)
MAPPED = Training(problem="plane", changes=SMALL, switches={3: {"affine": "running"}})
GROUPS = Training(problem="plane", changes=SMALL | {"structure": "grouped", "levels": 2})


def lesson(*steps: Step) -> Lesson:
    return Lesson(
        name="small",
        title="small",
        about="For tests.",
        trainings={"plain": PLAIN, "mapped": MAPPED, "groups": GROUPS},
        steps=steps,
        try_it=TryIt(text="Try.", training=PLAIN),
        known=(),
        contested=(),
    )


def trained(training: Training, steps: int, seed: int) -> Trainer:
    trainer = Trainer(training.recipe(seed))
    for step in range(1, steps + 1):
        trainer.step()
        trainer.apply(training.switches.get(step, {}))
    return trainer


def test_an_arrow_leads_from_every_raw_code_vector_to_what_the_map_makes_of_it() -> None:
    step = Step(title="Arrows", text="Look.", shows=("mapped",), at=9, panels=("arrows",))
    found = record(lesson(step), 4)
    part = trained(MAPPED, 9, 4).quantizer.parts[0]
    raw, codes = (each.detach().numpy() for each in (part.raw_codebook, part.codebook()))
    basis = FrozenBasis.fit(np.concatenate([raw, codes]))
    (figure,) = step_figures(step, found, bases={"mapped": basis})
    tails, tips, lines, _ = figure.plot["data"]
    ends = np.stack([lines["x"], lines["y"]], 1).reshape(8, 6, 2)
    np.testing.assert_allclose(ends[:, 0], basis.project(raw), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(ends[:, 1], basis.project(codes), rtol=1e-4, atol=1e-5)
    assert np.isnan(ends[:, 5]).all()
    assert np.array_equal(tails["x"], ends[:, 0, 0])
    assert np.array_equal(tips["x"], ends[:, 1, 0])
    heads = np.linalg.norm(ends[:, [2, 4]] - ends[:, [1]], axis=2)
    assert (heads > 0).all()
    assert (heads < np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1, keepdims=True)).all()


def test_without_a_map_an_arrow_has_no_length_and_the_formula_says_the_identity() -> None:
    step = Step(title="Arrows", text="Look.", shows=("plain",), at=2, panels=("arrows",))
    found = record(lesson(step), 0)
    (figure,) = step_figures(step, found)
    tails, tips, _, _ = figure.plot["data"]
    assert np.array_equal(tails["x"], tips["x"])
    assert AFFINE_DRAWN.here is not None
    assert AFFINE_DRAWN.here(found.at("plain", 2)) == "no map: s = 1, b = 0"


def test_the_formula_says_the_s_and_b_of_the_layer() -> None:
    step = Step(title="Arrows", text="Look.", shows=("mapped",), at=9, panels=("arrows",))
    moment = record(lesson(step), 4).at("mapped", 9)
    part = trained(MAPPED, 9, 4).quantizer.parts[0]
    scale, shift = (each.detach().numpy()[0] for each in part.affine.coefficients(part.options))
    assert AFFINE_DRAWN.here is not None
    assert AFFINE_DRAWN.here(moment) == (
        f"s between {scale.min():.2f} and {scale.max():.2f}, ‖b‖ = {np.linalg.norm(shift):.3g}"
    )


def test_the_toy_shows_at_each_moment_which_codes_have_moved() -> None:
    step = Step(title="Toy", text="Look.", shows=("plain",), panels=("toy",))
    (figure,) = step_figures(step, record(lesson(step), 6))
    data, labels = figure.plot["data"], [label["text"] for label in figure.plot["layout"]["annotations"][1:]]
    assert len(data) == 3 * len(labels) == 18
    for place, (affine, updates) in enumerate((affine, at) for affine in (False, True) for at in (0, 5, 20)):
        codes = fixed_points(6, affine=affine).codes
        moved = (np.abs(codes[updates].astype(float) - codes[0]) > 1e-9).any(1)
        points, never, those = data[3 * place : 3 * place + 3]
        assert len(points["x"]) == 512
        np.testing.assert_array_equal(never["x"], codes[updates][~moved, 0])
        np.testing.assert_array_equal(those["x"], codes[updates][moved, 0])
        assert re.fullmatch(rf"(no )?map, step {updates}: {moved.sum()} moved", labels[place])


def test_the_table_counts_the_bits_and_codes_of_all_groups() -> None:
    step = Step(title="Table", text="Look.", shows=("plain", "groups"), at=3, table=True)
    heads, plain, groups = table_of(step, record(lesson(step), 1))
    assert heads == ("", "bits a vector", "codes in use", "task loss")
    for row, training, levels in ((plain, PLAIN, 1), (groups, GROUPS, 2)):
        used = sum(len(np.unique(level.codes)) for level in trained(training, 3, 1).snapshots())
        assert row[1:3] == (f"{levels * math.log2(8):.3g}", f"{used} of {8 * levels}")
    shown = lesson_text.table([heads, plain, groups])
    assert shown.count("<tr>") == 3
    assert f"<td>{groups[2]}</td>" in shown
    assert table_of(Step(title="None", text="Look.", shows=("plain",), at=3), record(lesson(step), 1)) == []
