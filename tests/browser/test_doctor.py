"""The Doctor page in a real browser: a file by its path, its verdict and charts, the table of remedies."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import psutil
import pytest
import torch
from live_page import wait_until
from playwright.sync_api import Page, expect
from real_app import Server, Tab

CHARTS = ("map", "usage", "norms", "neighbours", "spectrum", "distances")


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A collapsed codebook under a hostile name, and its latents."""
    generator = np.random.default_rng(0)
    codebook = generator.standard_normal((256, 16)).astype(np.float32)
    checkpoint, latents = tmp_path / "model.pt", tmp_path / "z_e.npy"
    torch.save({"<img src=x onerror=alert(1)>.quantize.embedding.weight": torch.from_numpy(codebook)}, checkpoint)
    z_e = codebook[generator.integers(4, size=8_000)] + 0.1 * generator.standard_normal((8_000, 16))
    np.save(latents, z_e.astype(np.float32))
    return checkpoint, latents


def test_a_file_is_examined_by_its_path_and_its_remedies_foretold(
    open_tab: Callable[..., Tab], server: Server, files: tuple[Path, Path]
) -> None:
    page = open_tab(server, "doctor").page
    page.get_by_role("textbox", name="Checkpoint on this machine").fill(str(files[0]))
    page.get_by_role("textbox", name="Latents or codes, optional").fill(str(files[1]))
    page.keyboard.press("Enter")
    expect(page.locator(".vq-verdict strong")).to_have_text(
        "Index collapse: 4 of 256 codes carry 99% of assignments."
    )
    drawn = [f"document.querySelector('.st-key-doctor-{name}-plot .js-plotly-plot')?._fullLayout" for name in CHARTS]
    wait_until(page, " && ".join(drawn))
    assert urlencode({"path": files[0], "latents": files[1]}) in page.url
    assert page.locator("img[src='x']").count() == 0
    page.get_by_role("button", name="Predict the effect of each remedy").click()
    rows = page.locator(".st-key-panel-doctor-what-if tr")
    expect(rows).to_have_count(5)
    expect(rows.nth(1)).to_contain_text("4 of 256")
    assert page.evaluate(
        "document.querySelector('.stMain').scrollWidth <= document.querySelector('.stMain').clientWidth"
    )


MEGABYTE = 1 << 20
LARGE = 40 * MEGABYTE


def drop(page: Page, role: str, file: Path) -> None:
    page.locator(f"[class*='st-key-doctor-drop-{role}'] input[type=file]").set_input_files(file)
    expect(page.locator(f".st-key-doctor-taken-{role}")).to_contain_text(file.name)


def test_dropped_files_are_examined_and_the_server_does_not_keep_them_in_memory(
    open_tab: Callable[..., Tab], server: Server, files: tuple[Path, Path], tmp_path: Path
) -> None:
    page = open_tab(server, "doctor").page
    page.get_by_role("button", name="Drop a file").click()
    process = psutil.Process(server.process.pid)
    large = tmp_path / "large.pt"
    large.write_bytes(bytes(LARGE))
    drop(page, "latents", files[1])
    before = process.memory_info().rss
    for _ in range(3):
        drop(page, "checkpoint", large)
        page.locator(".st-key-doctor-take-back-checkpoint button").click()
        expect(page.locator(".st-key-doctor-taken-checkpoint")).to_have_count(0)
    assert process.memory_info().rss - before < LARGE
    drop(page, "checkpoint", files[0])
    page.get_by_role("button", name="Examine the dropped files").click()
    expect(page.locator(".vq-verdict strong")).to_have_text(
        "Index collapse: 4 of 256 codes carry 99% of assignments."
    )
