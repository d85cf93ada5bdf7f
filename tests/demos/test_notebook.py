"""The notebook on the Python API: its cells, in order, in one namespace, and what they must show."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import demos
import vqcore

NOTEBOOK = Path(demos.__file__).with_name("watch_your_training.ipynb")


@pytest.fixture(scope="module")
def said() -> dict[str, Any]:
    """The names that the cells leave behind."""
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    namespace: dict[str, Any] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            exec(compile("".join(cell["source"]), f"{NOTEBOOK.name}:{cell['id']}", "exec"), namespace)
    return namespace


def test_the_run_holds_what_the_loop_did(said):
    assert said["run"].state == "finished"
    assert said["steps"].tolist() == list(range(0, 101, 20))
    recorded, counts = said["recorded"], np.zeros(64, dtype=int)
    distances = np.square(recorded.z_e[:, None].astype(float) - recorded.table.astype(float)).sum(2)
    np.add.at(counts, distances.argmin(1), 1)
    assert said["in_use"][-1] == (counts > 0).sum()


def test_the_collapse_is_named_by_the_alert_and_by_both_diagnoses(said):
    (alert,) = said["alerts"]
    conditions = {one.finding.condition for one in alert.onsets}
    for found in (vqcore.diagnose(said["run"]), vqcore.diagnose(said["model"], latents=said["latents"])):
        severe = {one.condition for one in found.findings if one.severity == "severe"}
        assert severe & conditions, found
