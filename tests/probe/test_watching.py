"""What the probe records is what the library itself did, and the training is the same with and without it."""

import copy
import io
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from diffusers.models.autoencoders.vae import VectorQuantizer as DiffusersQuantizer
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from vector_quantize_pytorch import GroupedResidualVQ, ResidualVQ, SimVQ, VectorQuantize

import vqcore
from vqcore.nn import GroupVectorQuant, ResidualVectorQuant, VectorQuant
from vqcore.quantizer.grouped import GroupedQuantizer
from vqcore.quantizer.layer import VectorQuantizer
from vqcore.quantizer.options import Options
from vqcore.quantizer.residual import ResidualQuantizer

K, D = 16, 4


class Model(nn.Module):
    def __init__(self, quantizer: nn.Module) -> None:
        super().__init__()
        self.encoder = nn.Linear(6, D)
        self.quantize = quantizer

    def forward(self, x: Tensor) -> object:
        return self.quantize(self.encoder(x))


class Library(NamedTuple):
    """A quantizer of some library, and how that library itself tells its tables and codes."""

    make: Callable[[], nn.Module]
    tables: Callable[[nn.Module], list[Tensor]]
    codes: Callable[[object], list[Tensor]]
    shape: tuple[int, ...] = (3, 40)
    """Of z_e without its features."""

    channels_first: bool = False


def levels(codes: Tensor) -> list[Tensor]:
    return list(codes.flatten(0, -2).T)


class LikeEncodec(nn.Module):
    """EnCodec's codebook by its buffers and results; like it, it moves its table within the forward."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("inited", torch.ones(1))
        self.register_buffer("cluster_size", torch.zeros(K))
        self.register_buffer("embed", torch.randn(K, D))
        self.register_buffer("embed_avg", self.embed.clone())

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        codes = torch.cdist(x, self.embed).argmin(-1)
        z_q = self.embed[codes] + x - x.detach()
        self.cluster_size.mul_(0.9).add_(torch.bincount(codes.flatten(), minlength=K), alpha=0.1)
        self.embed.mul_(0.9)
        return z_q, codes


LIBRARIES = {
    "vector": Library(
        lambda: VectorQuantize(dim=D, codebook_size=K), lambda one: [one.codebook], lambda out: [out[1]]
    ),
    "vector, learnable": Library(
        lambda: VectorQuantize(dim=D, codebook_size=K, learnable_codebook=True, ema_update=False),
        lambda one: [one.codebook],
        lambda out: [out[1]],
    ),
    "heads": Library(
        lambda: VectorQuantize(dim=D, codebook_size=K, heads=2, separate_codebook_per_head=True, codebook_dim=2),
        lambda one: list(one.codebook),
        lambda out: levels(out[1]),
    ),
    "residual": Library(
        lambda: ResidualVQ(dim=D, codebook_size=K, num_quantizers=3),
        lambda one: list(one.codebooks),
        lambda out: levels(out[1]),
    ),
    "grouped residual": Library(
        lambda: GroupedResidualVQ(dim=D, codebook_size=K, num_quantizers=2, groups=2),
        lambda one: [table for group in one.rvqs for table in group.codebooks],
        lambda out: [codes for group in out[1] for codes in levels(group)],
    ),
    "SimVQ": Library(lambda: SimVQ(dim=D, codebook_size=K), lambda one: [one.codebook], lambda out: [out[1]]),
    "diffusers": Library(
        lambda: DiffusersQuantizer(K, D, beta=0.25),
        lambda one: [one.embedding.weight],
        lambda out: [out[2][2]],
        (3, 4, 10),
        True,
    ),
    "as EnCodec's": Library(
        lambda: LikeEncodec(),
        lambda one: [one.embed],
        lambda out: [out[1]],
    ),
    "own": Library(lambda: VectorQuantizer(K, D), lambda one: [one.codebook()], lambda out: [out.codes]),
    "own, normalized": Library(
        lambda: VectorQuantizer(K, D, Options(input_norm="unit", codebook_norm="unit")),
        lambda one: [one.codebook()],
        lambda out: [out.codes],
    ),
    "own levels": Library(
        lambda: ResidualQuantizer(K, D, 3),
        lambda one: [part.codebook() for part in one.parts],
        lambda out: levels(out.codes),
    ),
    "own groups": Library(
        lambda: GroupedQuantizer(K, D, 2, share=True),
        lambda one: [one.parts[0].codebook()] * 2,
        lambda out: levels(out.codes),
    ),
    "VQTorch": Library(
        lambda: VectorQuant(D, K, dim=-1), lambda one: [one.get_codebook()], lambda out: [out[1]["q"]]
    ),
    "VQTorch groups": Library(
        lambda: GroupVectorQuant(D, 2 * K, groups=2, share=False, dim=-1),
        lambda one: list(one.get_codebook().chunk(2)),
        lambda out: [codes - K * at for at, codes in enumerate(levels(out[1]["q"]))],
    ),
    "VQTorch levels": Library(
        lambda: ResidualVectorQuant(D, K, groups=2, dim=-1),
        lambda one: [one.get_codebook()] * 2,
        lambda out: levels(out[1]["q"]),
    ),
}


class Bare(nn.Module):
    """A library's quantizer behind one linear layer, in the library's arrangement of axes."""

    def __init__(self, library: Library) -> None:
        super().__init__()
        self.encoder, self.quantize, self.library = nn.Linear(6, D), library.make(), library

    def forward(self, x: Tensor) -> object:
        z_e = self.encoder(x)
        return self.quantize(z_e.movedim(-1, 1) if self.library.channels_first else z_e)


def loss_of(out: object) -> Tensor:
    found = list(vqcore_tensors(out))
    return torch.stack([one.float().square().mean() for one in found if one.requires_grad]).sum()


def vqcore_tensors(out: object) -> Iterator[Tensor]:
    if isinstance(out, Tensor):
        yield out
    elif isinstance(out, dict | tuple | list):
        for one in out.values() if isinstance(out, dict) else out:
            yield from vqcore_tensors(one)


@pytest.fixture(autouse=True)
def same_start() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("name", LIBRARIES)
def test_recorded_tables_codes_and_usage_are_the_librarys_own(name, tmp_path):
    library = LIBRARIES[name]
    model = Bare(library).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with vqcore.watch(model, every=1, sample=50, out=tmp_path / "run") as probe:
        for step in range(3):
            optimizer.zero_grad()
            tables = [one.detach().float().clone() for one in library.tables(model.quantize)]
            out = model(torch.randn(*library.shape, 6))
            loss = loss_of(out)
            loss.backward()
            optimizer.step()
            probe.step(step, loss=loss)
            probe.flush()
            recorded = vqcore.load_run(probe.folder).snapshot(step)
            assert len(recorded) == len(tables)
            for book, table, codes in zip(recorded.values(), tables, library.codes(out), strict=True):
                assert np.array_equal(book.table, table)
                assert np.array_equal(book.counts, torch.bincount(codes.flatten(), minlength=K))
                assert book.z_e.shape == (50, table.shape[1])
                distances = np.square(book.z_e[:, None].astype(np.float64) - book.table).sum(2)
                assert np.array_equal(book.codes, distances.argmin(1))
    run = vqcore.load_run(probe.folder)
    assert run.state == "finished"
    assert run.curve("loss")[1][-1] == pytest.approx(float(loss.detach()))
    assert run.curve("vectors", run.codebooks[0])[1].tolist() == [120.0] * 3


def test_the_gradient_of_the_table_is_recorded(tmp_path):
    model = Model(VectorQuantizer(K, D))
    with vqcore.watch(model, every=1, out=tmp_path / "run") as probe:
        loss_of(model(torch.randn(30, 6))).backward()
        probe.step()
        probe.flush()
    expected = model.quantize.raw_codebook.grad.norm(dim=1)
    assert expected.count_nonzero() > 0
    assert np.array_equal(vqcore.load_run(probe.folder).snapshot()["quantize"].gradient_norm, expected)


def test_z_e_is_a_sample_without_repetition_of_what_came_in(tmp_path):
    model = Model(VectorQuantize(dim=D, codebook_size=K))
    x = torch.randn(5, 32, 6)
    with vqcore.watch(model, every=1, sample=100, out=tmp_path / "run") as probe:
        model(x)
        probe.step()
    z_e = vqcore.load_run(probe.folder).snapshot()["quantize._codebook"].z_e
    inputs = {tuple(row) for row in model.encoder(x).detach().flatten(0, 1).tolist()}
    assert len({tuple(row) for row in z_e.tolist()} & inputs) == 100


def trained(quantizer: Callable[[], nn.Module], out: Path | None) -> tuple[list[bytes], list[bytes], bytes]:
    """Losses, weights and the random state after a training with random replacement, with a probe if `out`."""
    torch.manual_seed(3)
    model = Model(quantizer())
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    probe = None if out is None else vqcore.watch(model, every=2, sample=16, out=out)
    losses = []
    for step in range(12):
        optimizer.zero_grad()
        loss = loss_of(model(torch.randn(8, 16, 6)))
        loss.backward()
        optimizer.step()
        losses.append(loss.detach().numpy().tobytes())
        if probe is not None:
            probe.step(step, loss=loss)
    if probe is not None:
        probe.close()
        assert probe.dropped + len(vqcore.load_run(probe.folder).lines) == 6
    weights = [one.numpy().tobytes() for one in model.state_dict().values()]
    return losses, weights, torch.get_rng_state().numpy().tobytes()


@pytest.mark.parametrize(
    "quantizer",
    [
        lambda: VectorQuantize(dim=D, codebook_size=64, kmeans_init=True, threshold_ema_dead_code=2),
        lambda: VectorQuant(D, 64, dim=-1, replace_freq=2, affine_lr=1.0, sync_nu=0.5),
        lambda: ResidualVQ(dim=D, codebook_size=16, num_quantizers=3, quantize_dropout=True),
    ],
    ids=["EMA", "VQTorch", "residual with dropout"],
)
def test_a_training_is_the_same_bit_for_bit_with_and_without(quantizer, tmp_path):
    assert trained(quantizer, None) == trained(quantizer, tmp_path / "run")


@pytest.mark.parametrize("reentrant", [True, False])
def test_gradient_checkpointing_is_counted_once(tmp_path, reentrant):
    model = Model(VectorQuantize(dim=D, codebook_size=K, learnable_codebook=True, ema_update=False))
    with vqcore.watch(model, every=1, out=tmp_path / "run") as probe:
        x = torch.randn(4, 25, 6, requires_grad=True)
        loss_of(checkpoint(model, x, use_reentrant=reentrant)).backward()
        probe.step()
    (line,) = vqcore.load_run(probe.folder).lines
    told = line["codebooks"]["quantize._codebook"]
    assert (told["vectors"], told["forwards"], told["recomputed"]) == (100, 1, 1)


def test_accumulated_batches_are_counted_together_and_evaluation_not_at_all(tmp_path):
    model = Model(VectorQuantize(dim=D, codebook_size=K))
    expected = torch.zeros(K, dtype=torch.int64)
    with vqcore.watch(model, every=1, out=tmp_path / "run") as probe:
        for _ in range(3):
            _, codes, _ = model(torch.randn(4, 25, 6))
            expected += torch.bincount(codes.flatten(), minlength=K)
        model.eval()(torch.randn(4, 25, 6))
        probe.step()
    book = vqcore.load_run(probe.folder).snapshot()["quantize._codebook"]
    assert np.array_equal(book.counts, expected)
    assert len(book.z_e) == 100


def test_padding_counts_for_no_code(tmp_path):
    model = Model(VectorQuantize(dim=D, codebook_size=K))
    mask = torch.arange(25) < torch.tensor([[3], [25], [10], [0]])
    with vqcore.watch(model, every=1, out=tmp_path / "run") as probe:
        z_e = model.encoder(torch.randn(4, 25, 6))
        _, codes, _ = model.quantize(z_e, mask=mask)
        probe.step()
    book = vqcore.load_run(probe.folder).snapshot()["quantize._codebook"]
    assert np.array_equal(book.counts, torch.bincount(codes[mask].flatten(), minlength=K))


def test_bfloat16_under_autocast_is_recorded_in_full_precision_and_said(tmp_path):
    model = Model(DiffusersQuantizer(K, D, beta=0.25))
    with vqcore.watch(model, every=1, out=tmp_path / "run") as probe:
        with torch.autocast("cpu", torch.bfloat16):
            z_e = model.encoder(torch.randn(4, 5, 5, 6)).movedim(-1, 1)
            codes = model.quantize(z_e)[2][2]
        probe.step()
    run = vqcore.load_run(probe.folder)
    assert run.lines[0]["codebooks"]["quantize"]["z_e_dtype"] == "bfloat16"
    book = run.snapshot()["quantize"]
    assert np.array_equal(book.counts, torch.bincount(codes.flatten(), minlength=K))
    assert {tuple(row) for row in book.z_e.tolist()} == {
        tuple(row) for row in z_e.movedim(1, -1).reshape(-1, D).float().tolist()
    }


def test_without_step_forwards_in_training_are_counted(tmp_path):
    model = Model(VectorQuantize(dim=D, codebook_size=K))
    with vqcore.watch(model, every=4, out=tmp_path / "run") as probe:
        for _ in range(43):
            model(torch.randn(4, 6))
            probe.flush()
    assert [line["step"] for line in vqcore.load_run(probe.folder).lines] == [0, 32, 36, 40]


def test_a_copy_and_a_saved_model_are_not_watched(tmp_path):
    model = Model(VectorQuantize(dim=D, codebook_size=K))
    with vqcore.watch(model, every=1, out=tmp_path / "run") as probe:
        saved = io.BytesIO()
        torch.save(model, saved)
        saved.seek(0)
        for other in (copy.deepcopy(model), torch.load(saved, weights_only=False)):
            other(torch.randn(7, 6))
        model(torch.randn(5, 6))
        probe.step()
    assert vqcore.load_run(probe.folder).curve("vectors", "quantize._codebook")[1].tolist() == [5]


def test_an_error_inside_is_said_once_and_ends_the_watching(tmp_path, capsys):
    class Strange(nn.Module):
        n_e = K

        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(K, D)

        def forward(self, z_e: Tensor) -> Tensor:
            return z_e

    model = Model(Strange())
    probe = vqcore.watch(model, every=1, out=tmp_path / "run")
    capsys.readouterr()
    for _ in range(3):
        model.quantize(torch.randn(5, D + 1))
        probe.step()
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "no axis of the shape (5, 5) has the codebook's 4 features" in said
    assert not model.quantize._forward_hooks
    assert not model.quantize._forward_pre_hooks
    probe.close()


def test_a_slow_disk_drops_steps_and_never_holds_up_the_training(tmp_path, monkeypatch):
    model, gate = Model(VectorQuantize(dim=D, codebook_size=K)), threading.Event()
    probe = vqcore.watch(model, every=1, out=tmp_path / "run")
    save = probe._recorder._writer.save
    monkeypatch.setattr(probe._recorder._writer, "save", lambda *given: gate.wait(60) and save(*given))
    for step in range(10):
        model(torch.randn(5, 6))
        probe.step(step)
    gate.set()
    probe.close()
    run = vqcore.load_run(probe.folder)
    assert 1 <= len(run.lines) <= 2
    assert probe.dropped == 10 - len(run.lines)
    assert f"{probe.dropped} recorded steps were dropped" in run.notes[-1]


def test_a_full_disk_is_said_once_and_the_training_goes_on(tmp_path, monkeypatch, capsys):
    model = Model(VectorQuantize(dim=D, codebook_size=K))
    probe = vqcore.watch(model, every=1, out=tmp_path / "run")

    def full(*_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(probe._recorder._writer, "save", full)
    capsys.readouterr()
    for step in range(3):
        model(torch.randn(5, 6))
        probe.step(step)
        probe.flush()
    probe.close()
    assert capsys.readouterr().err.count("No space left on device") == 1
    run = vqcore.load_run(probe.folder)
    assert run.notes == ("3 recorded steps could not be written.",)


@pytest.mark.parametrize("error", [ValueError("the loss is\nnan <b>"), KeyboardInterrupt()])
def test_a_training_that_dies_says_of_what(tmp_path, error):
    with pytest.raises(type(error)), vqcore.watch(Model(VectorQuantizer(K, D)), out=tmp_path / "run"):
        raise error
    run = vqcore.load_run(tmp_path / "run")
    assert run.state == "died"
    assert run.ending.startswith(type(error).__name__)


def test_a_model_without_a_quantizer_is_said_and_trains_on(tmp_path, capsys):
    probe = vqcore.watch(nn.Linear(6, 4), out=tmp_path / "run")
    probe.step()
    probe.close()
    assert "has no quantizer that is recognized" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_named_module_is_watched_though_nothing_recognizes_it(tmp_path):
    class Words(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rows = nn.Parameter(torch.randn(K, D))

        def forward(self, z_e: Tensor) -> Tensor:
            return self.rows[torch.cdist(z_e, self.rows).argmin(1)]

    model = Model(Words())
    with vqcore.watch(model, every=1, names=["quantize"], out=tmp_path / "run") as probe:
        model(torch.randn(30, 6))
        probe.step()
    book = vqcore.load_run(probe.folder).snapshot()["quantize"]
    assert np.array_equal(book.table, model.quantize.rows.detach())
    assert np.array_equal(book.codes, np.square(book.z_e[:, None] - book.table).sum(2).argmin(1))
    with pytest.raises(ValueError, match="must be modules of the model, but got 'quantise'"):
        vqcore.watch(model, names=["quantise"], out=tmp_path / "other")
    with pytest.raises(ValueError, match="with one table of codes"):
        vqcore.watch(model, names=[""], out=tmp_path / "other")


def test_without_hooks_tables_and_ema_counts_are_read_in_step(tmp_path):
    model = Model(VectorQuantize(dim=D, codebook_size=K))
    with vqcore.watch(model, every=1, hooks=False, out=tmp_path / "run") as probe:
        assert not model.quantize._codebook._forward_hooks
        model(torch.randn(30, 6))
        probe.step()
    run = vqcore.load_run(probe.folder)
    book = run.snapshot()["quantize._codebook"]
    assert run.about["codebooks"][0]["reason"] == "`hooks=False` was given"
    assert np.array_equal(book.table, model.quantize.codebook)
    assert np.array_equal(book.ema_counts, model.quantize._codebook.cluster_size[0])
    assert (book.z_e, book.codes, book.counts) == (None, None, None)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_whole_graph_compiled_after_watch_still_compiles_and_tables_are_read(tmp_path, capsys):
    model = Model(VectorQuantizer(K, D))
    probe = vqcore.watch(model, every=1, out=tmp_path / "run")
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    for step in range(2):
        compiled(torch.randn(30, 6))
        probe.step(step)
        probe.flush()
    probe.close()
    assert "ran no forward in training mode that a hook could see" in capsys.readouterr().err
    book = vqcore.load_run(probe.folder).snapshot()["quantize"]
    assert np.array_equal(book.table, model.quantize.codebook().detach())
    assert book.counts is None
    vqcore.watch(compiled, out=tmp_path / "other").close()
    assert "the model is compiled already" in capsys.readouterr().err
