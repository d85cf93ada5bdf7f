from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import entropy

from vqcore.training.finite import NonFiniteError
from vqcore.training.recipe import default_recipe
from vqcore.training.trainer import HELD_OUT_EVERY, MEASURE_EVERY, Trainer
from vqcore.training.usage_window import USAGE_WINDOW


def trainer(problem: str = "digits", **changes) -> Trainer:
    return Trainer(default_recipe(problem, device="cpu", **changes))


def run(subject: Trainer, steps: int) -> Trainer:
    for _ in range(steps):
        subject.step()
    return subject


def losses(subject: Trainer) -> np.ndarray:
    history = subject.snapshot().history
    return np.stack([history.losses[name] for name in sorted(history.losses)])


def scripted(**changes) -> Trainer:
    """A run in which every kind of switch is thrown."""
    subject = run(trainer(num_codes=32, **changes), 15)
    for change in (
        {"affine": "running"},
        {"sync": 0.5, "inner_steps": 2},
        {"replace": "now"},
        {"affine": "learned", "affine_groups": 2},
        {"replace_every": 5},
        {"kmeans": "now", "affine": "off"},
    ):
        subject.apply(change)
        run(subject, 6)
    return subject


def test_the_same_recipe_and_commands_give_bit_identical_curves():
    one, two = scripted(), scripted()
    assert losses(one).shape == (3, 51)
    assert np.array_equal(losses(one), losses(two))
    assert one.events == two.events
    assert not np.array_equal(losses(one), losses(scripted(seed=1)))


def test_taking_snapshots_and_evaluating_changes_nothing():
    watched, alone = trainer(affine="running", replace_every=5), trainer(affine="running", replace_every=5)
    for _ in range(12):
        watched.step()
        watched.snapshot()
        watched.evaluate()
        alone.step()
    assert np.array_equal(losses(watched), losses(alone))
    for name, value in watched.quantizer.state_dict().items():
        assert torch.equal(value, alone.quantizer.state_dict()[name]), name


def test_building_a_trainer_leaves_torchs_own_random_numbers_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    trainer()
    assert torch.equal(torch.rand(3), expected)


def test_what_is_measured_agrees_with_numpy():
    subject = trainer(num_codes=16)
    seen = []
    for _ in range(USAGE_WINDOW + 15):
        subject.step()
        seen.append(subject._last)
    history, metrics = subject.snapshot().history, subject.snapshot().metrics
    assert history.measured_at.tolist() == list(range(MEASURE_EVERY, USAGE_WINDOW + 16, MEASURE_EVERY))
    window = np.concatenate([step.levels[0].codes.numpy() for step in seen[-USAGE_WINDOW:]])
    counts = np.bincount(window, minlength=16)
    assert subject.snapshot().counts.tolist() == counts.tolist()
    assert metrics.perplexity == pytest.approx(np.exp(entropy(counts)), rel=1e-5)
    assert metrics.active_codes == np.count_nonzero(counts)

    last = seen[-1]
    z, c = last.z_e.reshape(-1, 16).double().numpy(), last.codebooks[0].double().numpy()
    error = np.square(z - c[last.levels[0].codes.numpy()]).sum(1).mean()
    assert metrics.quantization_error == pytest.approx(error, rel=1e-5)
    assert metrics.relative_error == pytest.approx(error / z.var(0).sum(), rel=1e-5)
    assert metrics.p_spread == pytest.approx(np.sqrt(z.var(0).mean()), rel=1e-5)
    assert metrics.c_spread == pytest.approx(np.sqrt(c.var(0).mean()), rel=1e-5)
    assert metrics.p_mean_norm == pytest.approx(np.linalg.norm(z.mean(0)), rel=1e-5)
    assert metrics.c_mean_norm == pytest.approx(np.linalg.norm(c.mean(0)), rel=1e-4, abs=1e-6)
    apart = np.sqrt(np.square(z.mean(0) - c.mean(0)).sum() + np.square(z.std(0) - c.std(0)).sum())
    assert metrics.moment_distance == pytest.approx(apart, rel=1e-5)


@pytest.mark.parametrize("problem", ["digits", "digits-classifier"])
def test_held_out_numbers_of_a_step_agree_with_numpy_on_the_monitor_inputs(problem):
    subject = run(trainer(problem, num_codes=16), HELD_OUT_EVERY + 7)
    seen = subject.snapshot()
    inputs, targets = torch.tensor(seen.monitor_inputs), subject.monitor.targets.numpy()
    with torch.no_grad():
        z = subject.model.eval().encode(inputs).flatten(0, -2).double().numpy()
        found = np.square(z[:, None] - subject.quantizer.codebook().double().numpy()).sum(2)
        z_q = subject.quantizer.codebook()[found.argmin(1)].view(*subject.model.encode(inputs).shape)
        outputs = subject.model.decode(z_q).double().numpy()
    counts = np.bincount(found.argmin(1), minlength=16)
    error = found.min(1).mean()
    now = seen.held_out
    assert (now.in_use, seen.levels[0].held_out) == (np.count_nonzero(counts), now)
    assert now.in_use == len(np.unique(seen.codes))
    assert now.perplexity == pytest.approx(np.exp(entropy(counts)), rel=1e-5)
    assert now.quantization_error == pytest.approx(error, rel=1e-4)
    assert now.relative_error == pytest.approx(error / z.var(0).sum(), rel=1e-4)
    assert seen.monitor_outputs == pytest.approx(outputs, abs=1e-4)
    if problem == "digits":
        assert np.isnan(now.accuracy)
        assert now.task_loss == pytest.approx(np.square(outputs - targets).mean(), rel=1e-4)
    else:
        assert now.accuracy == pytest.approx((outputs.argmax(1) == targets).mean(), rel=1e-6)
        right = outputs[np.arange(len(targets)), targets]
        assert now.task_loss == pytest.approx((logsumexp(outputs, axis=1) - right).mean(), rel=1e-4)
    assert seen.history.held_out_at.tolist() == [HELD_OUT_EVERY, seen.step]


def test_a_switch_that_changes_the_codes_within_a_step_adds_a_held_out_row_and_another_look_does_not():
    subject = run(trainer(num_codes=64), 5)
    before = subject.snapshot()
    subject.restart_kmeans()
    after, again = subject.snapshot(), subject.snapshot()
    assert before.step == after.step == 5
    assert before.held_out.in_use < after.held_out.in_use == len(np.unique(after.codes))
    assert again.history.held_out_at.tolist() == [5, 5]
    assert again.history.points("held_out.in_use").mean.tolist() == [before.held_out.in_use, after.held_out.in_use]


def test_without_sync_only_assigned_codes_get_a_gradient_and_a_learned_map_reaches_all():
    subject = run(trainer(), 1)
    assigned = len(np.unique(subject._last.levels[0].codes.numpy()))
    assert 1 < assigned < 128
    snapshot = subject.snapshot()
    assert np.count_nonzero(snapshot.gradient_norm) == assigned
    assert snapshot.metrics.gradient_fraction == pytest.approx(assigned / 128)
    subject.apply({"affine": "learned"})
    assert run(subject, 1).snapshot().metrics.gradient_fraction == 1.0


@pytest.mark.parametrize("changes", [{"alpha": 0.5}, {"alpha": 50.0}, {"beta": 0.1}, {"beta": 0.99}], ids=str)
def test_under_adamw_alpha_and_beta_do_not_make_a_first_step_of_the_codes_larger(changes):
    def moved(**options) -> torch.Tensor:
        subject = trainer("plane", **options)
        before = subject.quantizer.codebook().detach().clone()
        subject.step()
        return (subject.quantizer.codebook().detach() - before).norm(dim=1)

    usual = moved()
    assert (usual > 0).sum() >= 5
    torch.testing.assert_close(moved(**changes), usual, rtol=0.01, atol=0)


@pytest.mark.parametrize("groups", [1, 4, 16])
@pytest.mark.parametrize("changes", [{}, {"inner_steps": 1}, {"beta": 0.0, "sync": 0.0}], ids=str)
def test_a_code_is_reached_where_the_gradients_of_the_step_move_it(groups, changes):
    subject = trainer(num_codes=100, affine="learned", affine_groups=groups, affine_lr_scale=2.0, **changes)
    subject.step()
    last, affine = subject._last, subject.quantizer.affine
    raw = np.zeros((100, 16))
    for gradient in (subject.quantizer.raw_codebook.grad, *last.inner_gradients.values()):
        raw += 0 if gradient is None else gradient.numpy()
    moved = np.square(raw).sum(1) > 0
    for code, vector in enumerate(subject.quantizer.raw_codebook.detach().numpy()):
        group = next(g for g in range(groups) if 100 * g <= code * groups < 100 * (g + 1))
        by_map = [] if affine.scale.grad is None else [affine.scale.grad[group].numpy() * vector]
        by_map += [] if affine.bias.grad is None else [affine.bias.grad[group].numpy()]
        moved[code] |= any(np.abs(step).max() > 0 for step in by_map)
    assert subject.snapshot().metrics.gradient_fraction == pytest.approx(moved.mean())
    if not changes:  # every code of a group with a used one, and no other
        used = np.unique(last.levels[0].codes.numpy())
        assert np.array_equal(moved, np.isin(np.arange(100) * groups // 100, used * groups // 100))


def test_the_gradient_norm_counts_the_inner_steps():
    subject = trainer(inner_steps=1, sync=0.0)
    subject.step()
    assert subject.quantizer.raw_codebook.grad is None
    assert np.count_nonzero(subject.snapshot().gradient_norm) > 0


def test_held_out_numbers_agree_with_a_pass_written_here():
    subject = run(trainer("digits-classifier"), 30)
    found = subject.evaluate()
    with torch.no_grad():
        z_e = subject.model.encode(subject.held_out.inputs)
        flat, codebook = z_e.reshape(-1, 16), subject.quantizer.codebook()
        codes = torch.cdist(flat.double(), codebook.double()).argmin(1)
        scores = subject.model.decode(codebook[codes].view_as(z_e))
    counts = np.bincount(codes.numpy(), minlength=128)
    assert found.num_vectors == len(flat) == counts.sum()
    assert found.active_codes == np.count_nonzero(counts)
    assert found.perplexity == pytest.approx(np.exp(entropy(counts)), rel=1e-6)
    assert found.accuracy == pytest.approx((scores.argmax(1) == subject.held_out.targets).float().mean().item())
    error = (flat - codebook[codes]).square().sum(1).mean().item()
    assert found.quantization_error == pytest.approx(error, rel=1e-4)


def test_the_monitor_vectors_keep_their_identity():
    subject = run(trainer(), 3)
    first = subject.snapshot()
    run(subject, 3)
    second = subject.snapshot()
    assert np.array_equal(first.inputs, second.inputs)
    assert first.z_e.shape == second.z_e.shape
    assert not np.array_equal(first.z_e, second.z_e)


def test_a_snapshot_cannot_be_written_to_and_does_not_follow_the_training():
    subject = run(trainer(), 6)
    snapshot = subject.snapshot()
    codebook, losses_then = snapshot.codebook.copy(), snapshot.history.losses["task_loss"].copy()
    run(subject, 300)
    assert np.array_equal(snapshot.codebook, codebook)
    assert np.array_equal(snapshot.history.losses["task_loss"], losses_then)
    for array in (snapshot.codebook, snapshot.counts, snapshot.history.losses["task_loss"], snapshot.z_e):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_before_the_first_step_there_is_a_picture_and_no_number():
    snapshot = trainer().snapshot()
    assert snapshot.step == 0
    assert snapshot.z_e.shape == (96 * 16, 16)
    assert np.isnan(snapshot.metrics.task_loss)
    assert snapshot.window_vectors == 0


def test_folding_the_map_and_moving_codes_clear_the_optimizers_moments_of_what_moved():
    subject = run(trainer(affine="learned"), 10)
    subject.apply({"affine": "off"})
    assert subject.quantizer.raw_codebook not in subject.optimizer.state
    run(subject, 10)
    moments = subject.optimizer.state[subject.quantizer.raw_codebook].exp_avg
    before = moments.clone()
    assert before.abs().sum() > 0
    unused = subject.quantizer.steps_unused >= min(USAGE_WINDOW, subject.steps_done)
    assert 0 < unused.sum() < 128
    subject.apply({"replace": "now"})
    assert torch.equal(moments, torch.where(unused[:, None], 0, before))
    assert subject.snapshot().placed_at[unused.numpy()].tolist() == [20] * int(unused.sum())


def test_a_switch_is_in_force_on_the_next_step_and_recorded_with_its_step():
    plain, switched = run(trainer(), 10), run(trainer(), 10)
    switched.apply({"sync": 1.0})
    run(plain, 2), run(switched, 2)
    assert np.array_equal(losses(plain)[:, :11], losses(switched)[:, :11])
    assert not np.array_equal(losses(plain)[:, 11], losses(switched)[:, 11])
    (event,) = switched.events
    assert (event.step, event.label, event.changes) == (10, "sync 1", (("sync", 1.0),))


@pytest.mark.parametrize(
    "changes", [{"sync": 1.0, "beta": 7}, {"affine": "maybe"}, {"num_codes": 4}, {"affine_groups": 17}]
)
def test_a_refused_change_changes_nothing(changes):
    subject = run(trainer(), 2)
    before = subject.options
    with pytest.raises(ValueError, match="`"):
        subject.apply(changes)
    assert subject.options == before
    assert subject.events == ()


def test_replacement_before_the_first_step_is_refused():
    with pytest.raises(ValueError, match="no step has been trained yet"):
        trainer().apply({"replace": "now"})


def test_a_loss_that_is_not_finite_is_named_with_its_step_and_the_weights_stay_finite():
    subject = run(trainer(), 3)
    subject.apply({"learning_rate": 1e6})
    with pytest.raises(NonFiniteError, match=r"The .* became NaN or infinite at step \d+"):
        run(subject, 50)
    assert all(parameter.isfinite().all() for parameter in subject.model.parameters())
    assert np.isfinite(losses(subject)).all()
    assert subject.snapshot().step == subject.steps_done


def test_the_first_tensor_to_break_is_the_one_that_is_named():
    subject = run(trainer(), 3)
    with torch.no_grad():
        subject.model.encoder[0].bias[0] = float("nan")
    with pytest.raises(NonFiniteError, match="The encoder's output z_e became NaN or infinite at step 4"):
        subject.step()
    subject = run(trainer(), 3)
    with torch.no_grad():
        subject.model.decoder[0].bias[0] = float("inf")
    with pytest.raises(NonFiniteError, match="The decoder's output became"):
        subject.step()


def test_kmeans_start_puts_codes_where_the_latents_are_and_too_many_codes_are_refused():
    started, plain = trainer(code_init="kmeans"), trainer()
    assert started.evaluate().relative_error < 0.5 * plain.evaluate().relative_error
    with pytest.raises(ValueError, match="num_codes=60000"):
        trainer(code_init="kmeans", num_codes=60_000)


def test_a_device_that_is_not_there_is_refused():
    for name in ("cuda:97", "tpu"):
        with pytest.raises(ValueError, match=f"`device` must be auto or one this machine has .*{name}"):
            Trainer(replace(default_recipe("plane"), device=name))


@pytest.mark.parametrize("problem", ["patches", "digits", "digits-classifier", "plane"])
def test_every_problem_learns(problem):
    subject = trainer(problem, code_init="kmeans", replace_every=10)
    before = subject.evaluate().task_loss
    assert run(subject, 40).evaluate().task_loss < 0.8 * before
