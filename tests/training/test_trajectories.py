"""Paths over a loss surface, against gradient descent and closed forms written here."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from vqcore.problems.landscapes import LANDSCAPES, find_landscape
from vqcore.trajectories.lockstep import trajectories
from vqcore.trajectories.path import Path
from vqcore.trajectories.setting import METHODS, Setting

RATE, ALPHA, BETA = 0.04, 0.7, 0.8
FEW = Setting(steps=30, learning_rate=RATE, alpha=ALPHA, beta=BETA)
ONE_CODE_EACH = replace(
    FEW, points=2, num_codes=2, starts=((-2.0, 1.0), (2.0, -1.0)), codes=((-1.8, 0.7), (1.5, -1.2))
)


def path_of(setting: Setting, method: str) -> Path:
    (path,) = trajectories(replace(setting, methods=(method,)))
    return path


@pytest.mark.parametrize("name", LANDSCAPES)
def test_gradients_by_hand_are_the_derivatives(name):
    surface = find_landscape(name)
    left, right, bottom, top = surface.window
    points = np.random.default_rng(0).uniform([left, bottom], [right, top], (200, 2))
    tensor = torch.tensor(points, requires_grad=True)
    (gradient,) = torch.autograd.grad(surface.of(tensor).sum(), tensor)
    np.testing.assert_allclose(surface.gradient(points), gradient.numpy(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", LANDSCAPES)
def test_minima_are_flat_and_nothing_near_is_lower(name):
    surface = find_landscape(name)
    near = np.random.default_rng(1).normal(0, 0.05, (500, 2))
    for minimum in np.array(surface.minima):
        np.testing.assert_allclose(surface.gradient(minimum), 0, atol=1e-9)
        assert (surface.of(minimum + near) >= surface.of(minimum)).all()
    left, right, bottom, top = surface.window
    grid = np.stack(np.meshgrid(np.linspace(left, right, 300), np.linspace(bottom, top, 300)), -1)
    assert surface.of(grid).min() >= surface.lowest - 1e-12
    assert surface.holds(np.array(surface.minima))
    assert surface.holds(np.array(surface.start))


@pytest.mark.parametrize("name", LANDSCAPES)
def test_gradient_descent_from_the_start_is_stable_at_the_landscapes_own_rate(name):
    surface = find_landscape(name)
    point = np.array(surface.start)
    for _ in range(4000):
        point = point - surface.learning_rate * surface.gradient(point)
        assert surface.holds(point)
    assert surface.distance_to_minimum(point) < 0.02


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_without_quantization_the_path_is_gradient_descent(noise):
    setting = replace(FEW, points=3, noise=noise)
    path, surface = path_of(setting, "no quantization"), setting.surface
    point = setting.first_points()
    for step in range(setting.steps):
        np.testing.assert_allclose(path.z_e[step], point, atol=1e-12)
        point = point - RATE * (surface.gradient(point) + setting.noise_at_steps()[step])
    np.testing.assert_allclose(path.handed, surface.gradient(path.z_e[:-1]), atol=1e-12)


@pytest.mark.parametrize("method", ["STE", "alternating", "sync", "alternating + sync", "affine", "all", "EMA"])
@pytest.mark.parametrize("encoder", ["free", "mlp"])
def test_straight_through_hands_on_the_gradient_at_z_q(method, encoder):
    path = path_of(replace(ONE_CODE_EACH, encoder=encoder, noise=0.2), method)
    np.testing.assert_allclose(path.handed, path.surface.gradient(path.z_q), atol=1e-10)


def test_rotation_hands_on_the_turned_and_scaled_gradient():
    path = path_of(ONE_CODE_EACH, "rotation")
    for e, q, handed in zip(
        path.z_e[:-1].reshape(-1, 2), path.z_q.reshape(-1, 2), path.handed.reshape(-1, 2), strict=True
    ):
        turn = np.arctan2(q[1], q[0]) - np.arctan2(e[1], e[0])
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        expected = np.linalg.norm(q) / np.linalg.norm(e) * rotation.T @ path.surface.gradient(q)
        np.testing.assert_allclose(handed, expected, atol=1e-9)


@pytest.mark.parametrize(("method", "nu"), [("STE", 0.0), ("sync", 1.0), ("sync", 0.3)])
def test_codes_and_points_move_as_the_equations_say(method, nu):
    setting = replace(ONE_CODE_EACH, nu=nu)
    path = path_of(setting, method)
    z_e, codes = ONE_CODE_EACH.first_points(), ONE_CODE_EACH.first_codes()
    for step in range(setting.steps):
        assigned = np.argmin(np.square(z_e[:, None] - codes).sum(-1), 1)
        assert path.codes[step].tolist() == assigned.tolist()
        z_q = codes[assigned]
        slope = path.surface.gradient(z_q)
        pull = np.zeros_like(codes)
        np.add.at(pull, assigned, nu * slope + ALPHA * BETA * (z_q - z_e))
        z_e, codes = z_e - RATE * (slope + ALPHA * (1 - BETA) * (z_e - z_q)), codes - RATE * pull
        np.testing.assert_allclose(path.z_e[step + 1], z_e, atol=1e-10)
        np.testing.assert_allclose(path.codebook[step + 1], codes, atol=1e-10)


@pytest.mark.parametrize("landscape", LANDSCAPES)
@pytest.mark.parametrize("points", [1, 3])
def test_ema_moves_codes_to_the_points_that_the_step_quantized(landscape, points):
    setting = Setting(landscape=landscape, steps=120, points=points, methods=("EMA",))
    (path,) = trajectories(setting)
    surface, decay = path.surface, METHODS["EMA"]["ema_decay"]
    z_e, codes = setting.first_points(), setting.first_codes()
    counts = np.ones(len(codes))
    sums = codes.copy()
    for step in range(len(path.codes)):
        assigned = np.argmin(np.square(z_e[:, None] - codes).sum(-1), 1)
        assert path.codes[step].tolist() == assigned.tolist()
        used, z_q = np.bincount(assigned, minlength=len(codes)), codes[assigned]
        counts, sums = decay * counts + (1 - decay) * used, decay * sums
        np.add.at(sums, assigned, (1 - decay) * z_e)
        codes = np.where(used[:, None] > 0, sums / counts[:, None], codes)
        z_e = z_e - setting.rate * (surface.gradient(z_q) + setting.alpha * (1 - setting.beta) * (z_e - z_q))
        np.testing.assert_allclose(path.z_e[step + 1], z_e, rtol=0, atol=1e-12)
        np.testing.assert_allclose(path.codebook[step + 1], codes, rtol=0, atol=1e-12)


@pytest.mark.parametrize("encoder", ["free", "mlp"])
def test_without_quantization_nothing_is_late(encoder):
    path = path_of(replace(FEW, points=2, encoder=encoder, noise=0.2, nu=1.0), "no quantization")
    assert not path.measures()["delay"].any()


@pytest.mark.parametrize("method", ["STE", "alternating", "affine", "EMA", "rotation"])
def test_without_sync_a_code_is_late_by_the_whole_of_its_points_last_move(method):
    path = path_of(replace(FEW, points=3, noise=0.1), method)
    assert np.array_equal(path.delays, np.diff(path.z_e, axis=0))


@pytest.mark.parametrize("method", ["sync", "alternating + sync"])
def test_one_code_that_makes_every_move_of_its_one_point_is_never_late(method):
    tracking = replace(FEW, num_codes=1, nu=1.0, beta=1.0)
    path = path_of(tracking, method)
    np.testing.assert_allclose(path.delays, 0, atol=1e-12)
    assert np.abs(np.diff(path.z_e, axis=0)).max() > 0.01
    assert path_of(replace(tracking, nu=0.9), method).measures()["delay"].max() > 0.001


@pytest.mark.parametrize("nu", [0.3, 1.0, 3.0])
def test_the_delay_is_what_is_left_of_the_error_once_the_pull_to_the_old_place_is_taken_off(nu):
    path = path_of(replace(ONE_CODE_EACH, nu=nu, noise=0.1), "sync")
    for step in range(FEW.steps):
        assigned = path.codes[step]
        z_e, z_q = path.z_e[step], path.codebook[step][assigned]
        pull = np.zeros((2, 2))
        np.add.at(pull, assigned, RATE * ALPHA * BETA * (z_e - z_q))
        by_commitment_alone = z_q + pull[assigned]
        error = path.codebook[step + 1][assigned] - path.z_e[step + 1]
        np.testing.assert_allclose(path.delays[step], (by_commitment_alone - z_e) - error, atol=1e-12)


def test_through_an_affine_map_sync_moves_a_code_by_its_row_and_by_the_map():
    setting = replace(ONE_CODE_EACH, nu=0.7, steps=1)
    path = path_of(setting, "all")
    z_e, raw, assigned = setting.first_points(), path.inner_codebook[0], path.codes[0]
    slope = setting.surface.gradient(raw[assigned])
    moved_alone = []
    for nu in (0.7, 0.0):  # the map is the identity before the step, and alternating owns the rows
        row, on_code = np.zeros_like(raw), nu * slope + ALPHA * BETA * (raw[assigned] - z_e)
        np.add.at(row, assigned, nu * slope)
        scale, bias = 1 - RATE * (on_code * raw[assigned]).sum(0), -RATE * on_code.sum(0)
        moved_alone.append(((raw - RATE * row) * scale + bias)[assigned])
    np.testing.assert_allclose(path.codebook[1][assigned], moved_alone[0], atol=1e-12)
    np.testing.assert_allclose(path.carried[0], moved_alone[0] - moved_alone[1], atol=1e-12)


def test_alternating_to_convergence_puts_the_one_code_on_the_point():
    path = path_of(replace(FEW, num_codes=1, inner_share=1.0), "alternating")
    np.testing.assert_allclose(path.inner_codebook, path.z_e[:-1], atol=1e-12)
    np.testing.assert_allclose(path.measures()["gradient gap"], 0, atol=1e-9)


def test_alternating_to_convergence_puts_the_one_code_on_the_mean_of_many():
    path = path_of(replace(FEW, points=5, num_codes=1, inner_share=1.0), "alternating")
    np.testing.assert_allclose(path.inner_codebook[:, 0], path.z_e[:-1].mean(1), atol=1e-12)


def test_all_methods_begin_alike_and_a_seed_repeats_itself():
    setting = Setting(steps=5, points=3, encoder="mlp", methods=tuple(METHODS), noise=0.1)
    paths = trajectories(setting)
    for path, again in zip(paths, trajectories(setting), strict=True):
        np.testing.assert_allclose(path.z_e[0], setting.first_points(), atol=1e-12)
        np.testing.assert_allclose(path.codebook[0], setting.first_codes(), atol=1e-12)
        assert np.array_equal(path.z_e, again.z_e)
    other = trajectories(replace(setting, seed=1))
    assert not np.array_equal(other[0].z_e, paths[0].z_e)


def test_measures_follow_their_formulas():
    path = path_of(replace(FEW, points=2, num_codes=3), "alternating + sync")
    measures, surface = path.measures(), path.surface
    for step in range(FEW.steps):
        rows = {name: [] for name in measures}
        for point in range(2):
            z_e, handed, code = path.z_e[step, point], path.handed[step, point], path.codes[step, point]
            z_q, true = path.inner_codebook[step, code], surface.gradient(z_e)
            to_minimum = (
                [np.hypot(*(z_e - m)) for m in surface.minima],
                [np.hypot(*(z_q - m)) for m in surface.minima],
            )
            rows["loss"].append(surface.of(z_q) - surface.lowest)
            rows["z_e distance"].append(min(to_minimum[0]))
            rows["z_q distance"].append(min(to_minimum[1]))
            rows["gradient gap"].append(np.hypot(*(handed - true)) / np.hypot(*true))
            turn = np.arctan2(*handed) - np.arctan2(*true)
            rows["gradient angle"].append(abs(np.degrees(np.arctan2(np.sin(turn), np.cos(turn)))))
            rows["commitment error"].append(np.hypot(*(z_e - z_q)))
            rows["delay"].append(np.hypot(*(path.z_e[step + 1, point] - z_e - path.carried[step, point])))
        for name, values in rows.items():
            assert measures[name][step] == pytest.approx(np.mean(values), rel=1e-6, abs=1e-5), name


def test_the_summary_says_when_one_percent_was_reached_or_that_it_was_not():
    path = path_of(Setting(steps=200), "no quantization")
    excess = path.surface.of(path.z_e[:-1, 0])
    assert path.summary()["reached"] == np.argmax(excess <= 0.01 * excess[0])
    assert np.isnan(path_of(Setting(steps=3), "no quantization").summary()["reached"])


@pytest.mark.parametrize("landscape", LANDSCAPES)
def test_a_diverging_path_ends_at_its_last_near_point(landscape):
    for path in trajectories(Setting(landscape=landscape, learning_rate=100.0, steps=200, methods=tuple(METHODS))):
        ended = 200 if path.diverged_at is None else path.diverged_at
        assert len(path.z_e) == len(path.codebook) == ended + 1
        assert np.isfinite(path.z_e).all()
        assert np.isfinite(path.codebook).all()
        assert np.isfinite(path.handed).all()
        assert set(map(len, path.measures().values())) == {ended}
        if path.method == "no quantization":
            assert path.diverged_at is not None
        assert set(path.summary()) >= {"reached", "final loss", "gradient gap", "gradient angle", "delay"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"landscape": "bowl"}, ["`landscape`", "quadratic", "'bowl'"]),
        ({"methods": ("STE", "magic")}, ["`methods`", "alternating", "'magic'"]),
        ({"methods": ()}, ["`methods`", "none"]),
        ({"num_codes": 0}, ["`num_codes`", "from 1", "0"]),
        ({"starts": ((9.0, 0.0),)}, ["`starts`", "window of quadratic", "9.0"]),
        ({"codes": ((0.0, 0.0),)}, ["`codes`", "12"]),
        ({"encoder": "vit"}, ["`encoder`", "mlp", "'vit'"]),
        ({"learning_rate": float("nan")}, ["`learning_rate`", "nan"]),
        ({"inner_share": 2.0}, ["`inner_share`", "from 0 to 1", "2.0"]),
    ],
)
def test_a_setting_that_cannot_be_is_refused_in_one_sentence(changes, words):
    with pytest.raises(ValueError, match="must") as refusal:
        Setting(**changes)
    assert all(word in str(refusal.value) for word in words)


def test_it_can_be_stopped_within_a_method():
    asked = []
    assert trajectories(Setting(steps=250), stop=lambda: asked.append(1) or len(asked) == 3) == []
    assert len(asked) == 3


def test_it_can_be_stopped_between_methods():
    asked = []
    paths = trajectories(Setting(steps=2), stop=lambda: asked.append(1) or len(asked) > 2)
    assert [path.method for path in paths] == ["no quantization", "STE"]
