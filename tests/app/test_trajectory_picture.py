"""What the browser is given: the paths' own numbers, every line told from the others, one file without network."""

import base64
import json
import re

import numpy as np
import pytest

from app.theme import LIGHT
from app.trajectory_plot.picture import LOOKS, check_size, picture
from app.trajectory_plot.standalone import standalone_html
from vqcore.trajectories.lockstep import trajectories
from vqcore.trajectories.path import MEASURES
from vqcore.trajectories.setting import METHODS, Setting

KINDS = {"f4": np.float32, "u1": np.uint8, "i2": np.int16, "i4": np.int32}


def decoded(value: dict[str, str]) -> np.ndarray:
    flat = np.frombuffer(base64.b64decode(value["bdata"]), KINDS[value["dtype"]])
    return flat.reshape([int(size) for size in value["shape"].split(",")]) if "shape" in value else flat


def test_every_method_has_a_line_of_its_own() -> None:
    assert LOOKS.keys() == METHODS.keys()
    assert len({colour for colour, _ in LOOKS.values()}) == len(METHODS)
    assert {colour for colour, _ in LOOKS.values()} <= LIGHT.keys()
    assert len({dash for _, dash in LOOKS.values()}) >= len(METHODS) - 1  # no quantization is told by its width


def test_the_numbers_are_those_of_the_paths() -> None:
    setting = Setting(steps=20, points=2, methods=("STE", "alternating"))
    paths = trajectories(setting)
    found = picture(setting, paths)
    for given, path in zip(found["methods"], paths, strict=True):
        np.testing.assert_allclose(decoded(given["z_e"]), path.z_e, rtol=1e-6)
        np.testing.assert_array_equal(decoded(given["codes"]), path.codes)
        np.testing.assert_allclose(decoded(given["delays"]), path.delays, rtol=1e-5)
        np.testing.assert_allclose(decoded(given["measures"]["delay"]), path.measures()["delay"], rtol=1e-6)
    assert found["methods"][0]["inner_codebook"] is None
    assert [measure["key"] for measure in found["measures"]] == list(MEASURES)
    height = decoded(found["landscape"]["grid"])
    left, right, bottom, top = setting.surface.window
    assert height[0, -1] == pytest.approx(setting.surface.value(right, bottom), rel=1e-6)
    assert height[-1, 0] == pytest.approx(setting.surface.value(left, top), rel=1e-6)


def test_a_picture_too_large_for_a_browser_is_refused_with_what_to_lower() -> None:
    check_size(Setting())
    with pytest.raises(ValueError, match="Lower `steps` or `num_codes`"):
        check_size(Setting(steps=10_000, num_codes=256))


def test_the_standalone_page_needs_nothing_from_elsewhere() -> None:
    setting = Setting(steps=5, learning_rate=100.0)  # diverges: gaps must still be JSON
    page = standalone_html(setting, trajectories(setting))
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert data is not None
    assert json.loads(data.group(1))["methods"][0]["diverged_at"] is not None
    assert not re.search(r'(src|href)="(?!data:)|@import|import\(|fetch\(', page)
    assert set(re.findall(r"var\(--vq-(\w+)\)", page)) <= LIGHT.keys()
