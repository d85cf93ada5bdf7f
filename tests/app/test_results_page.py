"""The Results page: what a file says is what stands on the page, whatever the file holds."""

import json
import re
from pathlib import Path

import pytest
from page_runs import open_script, run

from app.figures.result_curves import CurvePanel, over_seeds, result_curves
from app.results import files
from vqcore.ablation import tables
from vqcore.ablation.results import read_results
from vqcore.cli import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    here = tmp_path_factory.mktemp("results")
    grid = [{"name": "plain", "set": {}}, {"name": "<b>sync</b>", "set": {"sync": 0.5}}]
    (here / "grid.json").write_text(json.dumps(grid))
    words = ["ablation", "digits", "--seeds", "2", "--steps", "20", "--device", "cpu"]
    assert main([*words, "--grid", str(here / "grid.json"), "--out", str(here / "out")]) == 0
    return here / "out"


def said(page) -> str:
    return " ".join(element.value for element in (*page.error, *page.caption, *page.markdown, *page.code))


def test_a_recorded_file_opens_with_its_table_curves_and_pictures(folder: Path) -> None:
    page = open_script("results/page.py", path=str(folder))
    results = read_results((folder / "results.json").read_bytes(), "")
    table = page.dataframe[0].value
    assert table.columns.tolist() == tables.headings(results)
    assert table.to_numpy().tolist() == tables.cells(results)
    assert results.about["command"] in said(page)
    assert [len(row.curve("held_out.task_loss")) for row in results.rows] == [2, 2]
    assert "results-curves" in {element.key for element in page.get("bidi_component")}
    assert len(page.get("image")) == 3
    page.multiselect(key="results-rows").set_value(["plain"])
    run(page)
    assert len(page.get("image")) == 2


@pytest.mark.parametrize("name", files.recorded_names())
def test_what_comes_with_the_product_opens_and_says_what_made_it(name: str) -> None:
    page = open_script("results/page.py", recorded=name)
    results = files.recorded(name)
    assert not page.error
    assert page.dataframe[0].value.to_numpy().tolist() == tables.cells(results)
    assert all(len(row.cells) >= 3 for row in results.rows)
    assert re.fullmatch(r"[0-9a-f]{12}", results.about["commit"])
    assert f"{results.about['command']}  # " in page.code[0].value
    assert len(page.get("image")) > 1


def test_a_click_opens_another_recorded_ladder_and_the_address_follows() -> None:
    page = open_script("results/page.py")
    for name in ("fashion", "digits"):
        page.button(key=f"results-recorded-{name}").click().run()
        page.run()
        assert [heading.value for heading in page.header] + [heading.value for heading in page.subheader] == [name]
        assert page.query_params["recorded"] in (name, [name])


def test_the_recorded_ladder_of_fashion_mnist_shows_the_papers_relations() -> None:
    page = open_script("results/page.py", recorded="fashion")
    (said,) = [each.value for each in page.markdown if "Beside the paper" in each.value]
    assert [line[0] for line in said.splitlines()[1:]] == ["✓"] * 4


@pytest.mark.parametrize(
    "content",
    ["", "[]", '{"format": 1, "about": {}, "rows": [{"name": "a", "set": {}, "cells": {"0": {"curves": [1]}}}]}'],
)
def test_a_file_that_is_none_is_one_sentence(content: str, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(content)
    page = open_script("results/page.py", path=str(tmp_path / "results.json"))
    assert "A result file is what" in page.error[0].value
    assert not page.dataframe


def test_a_file_with_broken_parts_shows_the_rest(folder: Path, tmp_path: Path) -> None:
    found = json.loads((folder / "results.json").read_bytes())
    found["rows"][0]["cells"]["0"] |= {"images": {"found": "!!", "given": "AAAA"}, "curves": {"held_out.in_use": {}}}
    (tmp_path / "results.json").write_text(json.dumps(found))
    page = open_script("results/page.py", path=str(tmp_path))
    assert len(page.dataframe) == 1
    assert not page.error


def test_files_of_this_machine_are_the_owners(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "is_owner", lambda: False)
    page = open_script("results/page.py", path=str(folder))
    assert "open only in the owner" in page.error[0].value
    assert not page.dataframe


def test_each_row_has_one_colour_in_both_panels_and_its_name_in_it() -> None:
    found = [over_seeds(name, place, [([1, 2], [2.0, 3.0])]) for place, name in enumerate(("plain", "<b>x</b>"))]
    figure = result_curves([CurvePanel(title="one", curves=found), CurvePanel(title="two", curves=found, log=True)])
    lines = [trace for trace in figure["data"] if "name" in trace]
    key = {each["text"]: each["font"]["color"] for each in figure["layout"]["annotations"] if "yshift" in each}
    assert key == {f"<b>{line['name']}</b>": line["line"]["color"] for line in lines}
    assert list(key) == ["<b>plain</b>", "<b>&lt;b&gt;x&lt;/b&gt;</b>"]
    assert len({line["line"]["color"] for line in lines}) == 2
