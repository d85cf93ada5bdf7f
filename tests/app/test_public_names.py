"""The app keeps to what Streamlit makes public: a release may rename anything else without a word."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

APP = Path(__file__).parents[2] / "app"
WITHOUT_A_PUBLIC_WAY = {
    # Streamlit keeps an uploaded file in memory for as long as its visitor's session or longer, unless it is told.
    ("uploads.py", "streamlit.runtime.scriptrunner.get_script_run_ctx"),
    ("uploads.py", "streamlit.runtime.uploaded_file_manager.UploadedFile"),
}
SOURCES = [path for path in APP.rglob("*.py") if "bench" not in path.parts]


def private_names(source: str) -> list[str]:
    """What `source` takes from Streamlit, or sets on it, that begins with an underscore."""
    tree, bound = ast.parse(source), set[str]()
    found = []
    for node in ast.walk(tree):
        for name, path in _imported(node):
            bound.add(name)
            found += [path for part in path.split(".") if part.startswith("_")]
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and _root(node) in bound:
            found.append(ast.unparse(node))
    return found


def _imported(node: ast.AST) -> Iterator[tuple[str, str]]:
    """The name that each import of Streamlit binds, and the whole path of what it is."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            if alias.name.split(".")[0] == "streamlit":
                yield alias.asname or "streamlit", alias.name
    elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "streamlit":
        for alias in node.names:
            yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _root(node: ast.Attribute) -> str:
    value: ast.expr = node
    while isinstance(value, ast.Attribute | ast.Call):
        value = value.value if isinstance(value, ast.Attribute) else value.func
    return value.id if isinstance(value, ast.Name) else ""


@pytest.mark.parametrize(
    "source",
    [
        "from streamlit.runtime.app_session import AppSession\nAppSession._clear_queue = 1",
        "import streamlit as st\nst.session_state._new_session_state",
        "from streamlit.runtime._private import x",
        "from streamlit.runtime.scriptrunner import get_script_run_ctx\nget_script_run_ctx()._enqueue",
    ],
)
def test_the_search_finds_private_names(source):
    assert private_names(source)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(APP)))
def test_no_private_name_of_streamlit_is_used(path):
    assert private_names(path.read_text(encoding="utf-8")) == []


def test_nothing_of_streamlit_is_imported_but_its_public_package():
    taken = {
        (path.name, name)
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for _, name in _imported(node)
        if name != "streamlit"
    }
    assert taken == WITHOUT_A_PUBLIC_WAY


def test_no_page_runs_by_the_clock():
    assert [path.name for path in SOURCES if "run_every" in path.read_text(encoding="utf-8")] == []


def test_one_style_sheet_names_what_is_streamlits_own():
    names = ("data-testid", ".stM", ".stS", ".stV", ".stH", ".stP", ".stB", ".stT", ".stC", ".stA", ".stD", ".stE")
    naming = [path.name for path in APP.rglob("*.css") if any(name in path.read_text() for name in names)]
    assert naming == ["style.css"]
