"""Lightning's, transformers' and accelerate's own trainers record what a plain loop over the same batches would."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import accelerate
import pytest
import pytorch_lightning as lightning
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset
from transformers import Trainer, TrainingArguments

import vqcore
from vqcore.nn import VectorQuant
from vqcore.runs.reading import Run, load_run

STEPS, BATCH, RATE, EVERY = 12, 32, 0.1, 5
pytestmark = pytest.mark.filterwarnings("ignore")  # what the libraries warn of is theirs


class Model(lightning.LightningModule):
    """A quantizer behind a layer; answers as each of the libraries asks for a loss."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.encoder, self.quantizer = nn.Linear(6, 4), VectorQuant(4, 16)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        z, extra = self.quantizer(self.encoder(x))
        return {"loss": z.square().mean() + extra["loss"].mean()}

    def training_step(self, batch: dict[str, Tensor], _: int) -> Tensor:
        return self(**batch)["loss"]

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=RATE)


class Inputs(IterableDataset[dict[str, Tensor]]):
    """The same in every pass, one by one and in order."""

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        drawn = torch.randn(STEPS * BATCH, 6, generator=torch.Generator().manual_seed(1))
        return ({"x": row} for row in drawn)


def batches() -> DataLoader[dict[str, Tensor]]:
    return DataLoader(Inputs(), batch_size=BATCH)


def books(run: Run) -> list[tuple[int, list[Any]]]:
    return [(line["step"], [*line["codebooks"].values()]) for line in run.lines]


@pytest.fixture
def expected(tmp_path: Path) -> Run:
    model = Model()
    optimizer = model.configure_optimizers()
    with vqcore.watch(model, every=EVERY, out=tmp_path / "plain") as probe:
        for step, batch in enumerate(batches()):
            loss = model(**batch)["loss"]
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            probe.step(step, loss=loss, inputs=batch)
    return load_run(tmp_path / "plain")


def test_lightning(expected, tmp_path):
    callback = vqcore.lightning_callback(every=EVERY, out=tmp_path / "run")
    trainer = lightning.Trainer(
        max_steps=STEPS, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, default_root_dir=tmp_path, callbacks=[callback],
    )  # fmt: skip
    trainer.fit(Model(), batches())
    run = load_run(tmp_path / "run")
    assert (books(run), run.state) == (books(expected), "finished")
    assert run.curve("loss")[1].tolist() == expected.curve("loss")[1].tolist()
    for step in (0, EVERY):
        assert (run.inputs(step) == expected.inputs(step)).all()


def test_transformers(expected, tmp_path):
    arguments = TrainingArguments(
        tmp_path, max_steps=STEPS, per_device_train_batch_size=BATCH, optim="sgd", learning_rate=RATE, use_cpu=True,
        lr_scheduler_type="constant", max_grad_norm=0.0, report_to=[], logging_steps=1, save_strategy="no",
        disable_tqdm=True,
    )  # fmt: skip
    callback = vqcore.transformers_callback(every=EVERY, out=tmp_path / "run")
    Trainer(Model(), arguments, train_dataset=Inputs(), callbacks=[callback]).train()
    run = load_run(tmp_path / "run")
    assert (books(run), run.state) == (books(expected), "finished")


def test_accelerate(expected, tmp_path):
    model = Model()
    optimizer = model.configure_optimizers()
    tracker = vqcore.accelerate_tracker(model, optimizer, every=EVERY, out=tmp_path / "run")
    accelerator = accelerate.Accelerator(cpu=True, log_with=tracker)
    model, optimizer, loader = accelerator.prepare(model, optimizer, batches())
    accelerator.init_trackers("vq")
    for batch in loader:
        loss = model(**batch)["loss"]
        accelerator.log({"loss": loss.item()})
        accelerator.backward(loss)
        optimizer.step()
        optimizer.zero_grad()
    accelerator.end_training()
    run = load_run(tmp_path / "run")
    assert (books(run), run.state) == (books(expected), "finished")
    assert run.curve("loss")[1].tolist() == pytest.approx(expected.curve("loss")[1].tolist(), rel=1e-6)
