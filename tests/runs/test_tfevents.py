"""`vqscope watch` on TensorBoard's event files, as any training writes them."""

import json
import math
import sys

import numpy as np
import pytest

from vqcore.cli import main
from vqcore.runs import telling


def test_a_training_that_tells_tensorboard_is_watched(tmp_path, capsys, monkeypatch):
    pytest.importorskip("tensorboard", reason="tests/requirements.txt installs it")
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(tmp_path / "version_0"))

    def tell(step: int, **values: float) -> None:
        for name, value in values.items():
            writer.add_scalar(f"train/{name}", value, step)
        writer.flush()

    writer.add_histogram("codes", np.arange(9), 0)  # no scalar
    tell(0, loss=0.5, perplexity=300)
    later = [
        lambda: tell(50, loss=0.25),
        lambda: tell(50, perplexity=math.inf),  # the rest of a step comes a look later
        lambda: tell(100, loss=0.125),
        lambda: None,
    ]

    def wait(_: float) -> None:
        if not later:
            raise KeyboardInterrupt
        later.pop(0)()

    monkeypatch.setattr(telling.time, "sleep", wait)
    assert main(["watch", str(tmp_path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("step")] == [
        "step         0 · version_0 · train/loss 0.5 · train/perplexity 300",
        "step        50 · version_0 · train/loss 0.25 · train/perplexity inf",
        "step       100 · version_0 · train/loss 0.125",
    ]
    (began,) = [line for line in lines if line.startswith("  SEVERE")]
    assert began.startswith("  SEVERE  version_0/train/perplexity: ")
    assert began.endswith("since step 0 to 50")
    tell(150, perplexity=7)
    writer.close()
    assert main(["watch", str(tmp_path), "--once", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"]["severity"] == "unknown"


def test_where_tensorboard_is_missing_one_sentence_says_which_extra_to_install(tmp_path, capsys, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "tensorboard"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    (tmp_path / "events.out.tfevents.1.host").write_bytes(b"")
    assert main(["watch", str(tmp_path), "--once"]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.endswith("Install it with the extra of that name (pip install tensorboard).")
