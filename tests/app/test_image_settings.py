"""The paper's networks on the Live page: images and network are chosen, and a restart trains them."""

from pathlib import Path

import numpy as np
import pytest
from live_page_runs import control, entry_of, open_page, reach
from page_runs import click, run
from PIL import Image

from vqcore.models.problems import description
from vqcore.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("sessions")


def test_images_of_ones_own_are_trained_after_a_restart(tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / str(number % 3)).mkdir(exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 255, (8, 8), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / str(number % 3) / f"{number}.png")
    (tmp_path / "notes *1*.txt").touch()
    page = open_page(problem="resnet18", width="4", image_size="8", num_codes="16", batch_size="4", paused="1")
    session = entry_of(page).session
    reach(page, lambda session: session.latest() is not None)
    trainer = Trainer(session.status().recipe)
    said = description(trainer.model, trainer.monitor.inputs)
    assert said in [caption.value for caption in page.sidebar.caption]
    page.text_input(key=control(page, "data")).set_value(str(tmp_path))
    page.selectbox(key=control(page, "quantize_at")).set_value("stage2")
    run(page)
    click(page, "apply", key="pending")
    reach(page, lambda session: session.status().recipe.data == str(tmp_path) and session.latest() is not None)
    snapshot = session.latest()
    assert snapshot.code_maps.shape[1:] == (4, 4)
    assert set(snapshot.labels.tolist()) <= {0, 1, 2}
    assert session.status().recipe.quantize_at == "stage2"
    (told,) = [caption.value for caption in page.sidebar.caption if "images" in caption.value]
    expected = "12 images in 3 classes, grey. Skipped: 1 not an image (first: notes *1*.txt)."
    assert told.replace("\\", "") == expected
