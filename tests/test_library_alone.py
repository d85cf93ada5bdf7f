"""The library in a training environment: torch and numpy are all that it needs."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

ALONE = """
import sys

DASHBOARD = "streamlit plotly umap sklearn scipy numba safetensors tqdm PIL threadpoolctl jinja2 markupsafe".split()


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in DASHBOARD:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Absent())
"""

LAYER = """
import torch
from vqcore.nn import GroupVectorQuant, ResidualVectorQuant, VectorQuant

for layer in (VectorQuant, GroupVectorQuant, ResidualVectorQuant):
    z_q, info = layer(feature_size=8, num_codes=16, dim=-1, affine_lr=2.0, sync_nu=0.5)(torch.randn(4, 6, 8))
    (z_q.sum() + info["loss"].sum()).backward()
    assert z_q.shape == (4, 6, 8)
"""


def run_alone(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", ALONE + code]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_its_layers_train_where_only_torch_and_numpy_are_installed():
    done = run_alone(LAYER)
    assert done.returncode == 0, done.stderr


PROBE = """
import tempfile
import torch
import vqcore
from vqcore.nn import VectorQuant

layer = VectorQuant(feature_size=8, num_codes=16, dim=-1)
with vqcore.watch(layer, every=1, out=f"{tempfile.mkdtemp()}/run") as probe:
    layer(torch.randn(4, 6, 8))
    probe.step(0, loss=0.5)
run = vqcore.load_run(probe.folder)
assert run.snapshot()["VectorQuant"].counts.sum() == 24, run
"""


def test_its_probe_records_where_only_torch_and_numpy_are_installed():
    done = run_alone(PROBE)
    assert done.returncode == 0, done.stderr


def test_naming_the_package_loads_no_torch():
    done = run_alone("import vqcore\nassert 'torch' not in sys.modules\n")
    assert done.returncode == 0, done.stderr


def test_k_means_without_scikit_learn_says_what_to_install():
    done = run_alone(
        "import numpy as np\nfrom vqcore.quantizer.kmeans import kmeans_codebook\n"
        "kmeans_codebook(np.random.default_rng(0).normal(size=(64, 4)), 8, seed=0)\n"
    )
    assert "pip install scikit-learn" in done.stderr


def test_an_html_report_without_jinja_is_one_sentence_before_anything_is_examined(tmp_path):
    without = "DASHBOARD = ['jinja2', 'markupsafe']\n"
    words = ["doctor", "no such file.pt", "--html", str(tmp_path / "report.html")]
    done = run_alone(f"{without}from vqcore.cli import main\nraise SystemExit(main({words!r}))\n")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "An HTML report needs Jinja2: pip install jinja2\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["version", "requires-python", "license"])
def test_both_distributions_say_the_same_of(name):
    both = [
        tomllib.loads((ROOT / path).read_text())["project"] for path in ("pyproject.toml", "vqcore/pyproject.toml")
    ]
    assert both[0][name] == both[1][name]


def test_the_library_asks_for_no_other_versions_than_the_dashboard_does():
    whole, library = [
        tomllib.loads((ROOT / path).read_text())["project"] for path in ("pyproject.toml", "vqcore/pyproject.toml")
    ]
    asked = {*library["dependencies"], *(one for extra in library["optional-dependencies"].values() for one in extra)}
    assert asked <= set(whole["dependencies"])
