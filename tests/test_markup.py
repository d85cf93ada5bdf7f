"""Templates: what is filled in stays text, in markup as in scripts."""

import ast
import json
from html.parser import HTMLParser
from pathlib import Path

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqcore.markup import fragment, template

ROOT = Path(__file__).parent.parent
PAGE = (
    '<p title="{{ text }}">{{ text }}</p><script type="application/json">{{ [text] | tojson }}</script>'
    "<script>{{ code | script }}</script>"
)
TEXTS = st.text(st.sampled_from("<>&'\"/!-scriptSCRIPT\u2028é \n"), max_size=40)


class Read(HTMLParser):
    """What a browser finds in a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.titles: list[str | None] = []
        self.texts = {"p": "", "script": ""}
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.titles += [value for name, value in attributes if name == "title"]

    def handle_data(self, data: str) -> None:
        self.texts[self.tags[-1]] += data


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("templates") / "page.html.j2"
    path.write_text(PAGE)
    return path


@given(text=TEXTS)
def test_what_is_filled_in_is_read_back_as_it_was_and_makes_no_markup(page: Path, text: str) -> None:
    found = Read(template(page).render(text=text, code=""))
    assert found.tags == ["p", "script", "script"]
    assert found.titles == [text]
    assert found.texts["p"] == text
    assert json.loads(found.texts["script"]) == [text]
    assert "<" not in found.texts["script"]


@pytest.mark.parametrize("code", ["x = '</script>'", "x = '</SCRIPT >'"])
def test_a_script_of_ours_does_not_end_before_its_end(page: Path, code: str) -> None:
    assert Read(template(page).render(text="", code=code)).tags == ["p", "script", "script"]
    assert template(page).render(text="", code=code).lower().count("</script") == 2


def test_what_a_template_needs_and_does_not_get_is_an_error(page: Path) -> None:
    with pytest.raises(jinja2.UndefinedError, match="text"):
        template(page).render(code="")


def test_a_fragment_is_what_one_macro_writes(tmp_path: Path) -> None:
    path = tmp_path / "words.html.j2"
    path.write_text("{% macro bold(text) %}<b>{{ text }}</b>{% endmacro %}nothing else")
    assert fragment(path, "bold", text="a<b") == "<b>a&lt;b</b>"


def test_no_module_escapes_html_by_hand() -> None:
    """A template cannot forget it."""
    for folder in ("vqcore", "app", "demos"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                assert "html" not in names, file
