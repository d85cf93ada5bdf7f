"""Names from links and files in a chart's CSV: no spreadsheet takes them for a formula, and numbers stay numbers."""

import csv
import io
import json
from pathlib import Path

from playwright.sync_api import BrowserContext

SCRIPTS = Path(__file__).parents[2] / "app" / "live_plot"
NUMBERS = [-0.5, 0.1, -1e-7, 2.5e30, 0.0]
FORMULAS = ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1+1", "\r=1+1", "\n=1+1", "＝1+1", '=HYPERLINK("x";"y")', "-"]
PLAIN = ["task loss", "1=1", "a-b", "-0.5", "+3", "-1e-3", 'a "b", c', "a;=1+1", "a\t=1+1"]


def table(browser: BrowserContext, traces: list[dict], title: str = "step") -> list[list[str]]:
    page = browser.new_page()
    for name in ("numbers.js", "chart_files.js"):
        page.add_script_tag(path=SCRIPTS / name)
    figure = {"data": traces, "layout": {"xaxis": {"title": {"text": title}}}}
    text = page.evaluate(f"csvOf({{figure: {json.dumps(figure)}}})")
    page.close()
    return list(csv.reader(io.StringIO(text, newline="")))


def test_what_could_begin_a_formula_gets_an_apostrophe_wherever_it_stands(browser: BrowserContext) -> None:
    traces = [
        {"name": name, "x": [1], "y": [2], "text": [name], "meta": {"columns": {"text": "=code"}}}
        for name in [*FORMULAS, *PLAIN]
    ]
    heading, *rows = table(browser, traces, title="@step")
    assert heading == ["trace", "'@step", "value", "'=code"]
    for row, name in zip(rows, [*FORMULAS, *PLAIN], strict=True):
        written = f"'{name}" if name in FORMULAS else name
        assert (row[0], row[3]) == (written, written)


def test_numbers_stay_numbers(browser: BrowserContext) -> None:
    _, *rows = table(browser, [{"name": "loss", "x": NUMBERS, "y": NUMBERS}])
    assert [(float(x), float(y)) for _, x, y in rows] == [(value, value) for value in NUMBERS]


def test_a_cell_stays_one_where_semicolons_or_tabs_part_cells(browser: BrowserContext) -> None:
    page = browser.new_page()
    page.add_script_tag(path=SCRIPTS / "chart_files.js")
    assert page.evaluate("['a;=1+1', 'a\\t=1+1', 'plain'].map((text) => cell(text))") == [
        '"a;=1+1"',
        '"a\t=1+1"',
        "plain",
    ]
    page.close()
