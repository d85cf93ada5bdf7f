"""The live verdict on moments whose numbers are broken, or nearly so: a sentence, and nothing in the log."""

# M monitor vectors, K codes, D features

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

from app.sessions.verdict_memory import examined
from vqcore.diagnostics.code_facts import MOST_NEIGHBOURS, code_facts, errors_of
from vqcore.snapshot import Snapshot
from vqcore.training.finite import NonFiniteError
from vqcore.training.recipe import default_recipe
from vqcore.training.trainer import Trainer

pytestmark = pytest.mark.filterwarnings("error")

RECIPE = default_recipe("digits", device="cpu", num_codes=16, code_init="kmeans", replace_every=20)
VALUES = (0.0, 0.1, np.nan, np.inf, -np.inf, 1e36, 3.4e38, 1e-30, 1e-41)


@pytest.fixture(scope="module")
def moment() -> Snapshot:
    trainer = Trainer(RECIPE)
    for _ in range(210):
        trainer.step()
    return trainer.snapshot()


def first(snapshot: Snapshot, start: Snapshot | None = None):
    found = examined(snapshot, RECIPE, start).findings
    assert all(np.isfinite(number.value) for one in found for number in one.numbers)
    return found[0]


def filled(values: np.ndarray, value: float, rows: slice = slice(None)) -> np.ndarray:
    changed = values.copy()
    changed[rows] = value
    return changed


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("rows", [slice(None), slice(0, 3)], ids=["all rows", "three rows"])
@pytest.mark.parametrize("name", ["z_e", "codebook", "both"])
def test_a_moment_with_any_values_is_judged(moment, value, rows, name):
    changes = {one: filled(getattr(moment, one), value, rows) for one in ("z_e", "codebook") if name in (one, "both")}
    finding = first(replace(moment, **changes), moment)
    if not np.isfinite(value):
        assert (finding.condition, finding.severity) == ("broken-numbers", "severe")
        every = len(changes.get("codebook", moment.z_e))
        assert f"{every if rows == slice(None) else 3:,} of {every:,}" in finding.title
    elif rows == slice(None) and name == "z_e":
        assert finding.condition == "embedding-collapse"


@pytest.mark.parametrize("value", VALUES)
def test_what_is_said_of_single_codes_brings_no_warning(moment, value):
    broken = replace(
        moment,
        z_e=filled(moment.z_e, value, slice(0, 40)),
        codebook=filled(moment.codebook, value, slice(0, 3)),
    )
    for code in (0, 5):
        assert len(code_facts(broken, code).neighbours) == MOST_NEIGHBOURS
    of_vectors, of_codes = errors_of(broken)
    sound = moment.codes > 2
    sound[:40] = False
    np.testing.assert_array_equal(of_vectors[sound], errors_of(moment)[0][sound])
    assert len(of_codes) == moment.num_codes


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("rows", [slice(None), slice(-3, None)], ids=["all rows", "the last three"])
def test_curves_with_any_values_are_judged(moment, value, rows):
    curves = {
        table: MappingProxyType(
            {name: filled(column, value, rows) for name, column in getattr(moment.history, table).items()}
        )
        for table in ("losses", "measured")
    }
    first(replace(moment, history=replace(moment.history, **curves)))


@pytest.mark.parametrize("learning_rate", [1e3, 1e6, 1e9])
def test_a_session_that_diverges_is_judged_to_its_last_moment(learning_rate):
    """Until the trainer stops it, as it does before weights become NaN."""
    trainer = Trainer(RECIPE)
    start = trainer.snapshot()
    trainer.apply({"learning_rate": learning_rate})
    for _ in range(60):
        try:
            trainer.step()
            snapshot = trainer.snapshot()
        except (NonFiniteError, ValueError):
            break
        finding = first(snapshot, start)
        assert finding.title
    assert finding.severity == "severe"


def test_a_point_has_no_relative_error_but_the_evaluation_goes_on():
    trainer = Trainer(RECIPE)
    for parameter in trainer.model.parameters():
        parameter.data.zero_()
    held_out = trainer.evaluate()
    assert held_out.relative_error is None
    assert np.isfinite(held_out.quantization_error)
    assert first(trainer.snapshot()).condition == "embedding-collapse"
