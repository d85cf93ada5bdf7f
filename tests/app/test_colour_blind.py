"""P, C, Q and dead codes are told apart by readers of every kind of colour vision, on light and on dark pages."""

import itertools

import numpy as np
import pytest

from app.theme import DARK, LIGHT

LEAST = 17
"""CIE 1976 ΔE between any two roles; about 2.3 is just noticeable side by side. Their shapes differ, too."""

VISION = {
    "normal": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
"""How a dichromat sees linear RGB: Machado, Oliveira and Fernandes 2009, severity 1."""

TO_XYZ = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
WHITE = [0.95047, 1, 1.08883]


def linear(colour: str) -> np.ndarray:
    parts = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    x, y, z = (
        np.cbrt(part) if part > 0.008856 else 7.787 * part + 16 / 116 for part in np.array(TO_XYZ) @ rgb / WHITE
    )
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_no_two_roles_of_the_map_look_alike(palette: dict[str, str], vision: str) -> None:
    seen = {
        name: lab(np.clip(np.array(VISION[vision]) @ linear(palette[name]), 0, 1)) for name in ("P", "C", "Q", "dead")
    }
    for one, other in itertools.combinations(seen, 2):
        assert np.linalg.norm(seen[one] - seen[other]) >= LEAST, (one, other)


def test_the_simulation_tells_red_from_green_only_with_all_cones() -> None:
    """A check that the matrices do what they are for: these two differ for a trichromat by far more."""
    red, green = linear("#C0392B"), linear("#5B7A1F")
    apart = {
        name: np.linalg.norm(lab(np.clip(matrix @ red, 0, 1)) - lab(np.clip(matrix @ green, 0, 1)))
        for name, matrix in VISION.items()
    }
    assert apart["deutan"] < apart["normal"] / 3
