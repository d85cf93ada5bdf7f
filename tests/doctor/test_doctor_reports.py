import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from doctor_files import codebook, kept, latents, saved

from vqcore.doctor.examination import Request, examine
from vqcore.doctor.html_report import html_report
from vqcore.doctor.json_report import as_values
from vqcore.doctor.markdown_report import escaped, markdown_report
from vqcore.doctor.parts import CodebookPart, VerdictPart, report_parts
from vqcore.doctor.text_report import text_report

HOSTILE = "quantize<script>alert(1)</script>|[x](https://evil.example)\n# **big** @someone.embedding.weight"


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen, self.attributes, self.text = set(), [], ""

    def handle_starttag(self, tag, attributes):
        self.seen.add(tag)
        self.attributes += attributes

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def examined(tmp_path):
    vectors = codebook()
    path = saved(tmp_path, vectors, key=HOSTILE)
    z_e = kept(tmp_path, latents(vectors[:4]))
    return examine(Request(path=path, latents=z_e, key=HOSTILE))


def said_in_order(examination):
    """What every report must tell, in the order in which it must, of the parts alone."""
    for part in report_parts(examination):
        if isinstance(part, VerdictPart):
            yield part.headline
        elif isinstance(part, CodebookPart):
            yield from (part.used, part.usage.window, *part.examined.read)
            for each in part.findings:
                yield each.finding.title
                yield from (number.text for number in each.finding.numbers)
                if each.advice is not None:
                    yield each.advice.cause
                    for remedy, written in each.advice.remedies:
                        yield from (remedy.what, *(line for _, line in written))
                    yield each.advice.source


def test_every_report_tells_all_parts_in_their_order(examined):
    tags = Tags()
    tags.feed(html_report(examined))
    markdown = re.sub(r"\\(.)", r"\1", markdown_report(examined)).replace("&lt;", "<").replace("&gt;", ">")
    said = list(said_in_order(examined))
    assert len(said) > 20
    for report in (text_report(examined), markdown, tags.text):
        squeezed, place = re.sub(r"\s", "", report).casefold(), 0
        for text in said:
            place = squeezed.find(re.sub(r"\s", "", text).casefold(), place)
            assert place >= 0, text


def test_json_has_every_number_and_remedy_that_the_parts_have(examined):
    values = json.loads(json.dumps(as_values(examined)))
    verdict, *_ = parts = list(report_parts(examined))
    (part,) = (each for each in parts if isinstance(each, CodebookPart))
    (book,) = values["codebooks"]
    assert values["verdict"] == verdict.headline
    assert book["usage"]["used"] == part.usage.used
    for told, each in zip(book["findings"], part.findings, strict=True):
        assert [number["text"] for number in told["numbers"]] == [number.text for number in each.finding.numbers]
        if each.advice is not None:
            assert [remedy["what"] for remedy in told["remedies"]] == [one.what for one, _ in each.advice.remedies]


def test_html_shows_a_hostile_name_as_text_and_asks_for_nothing(examined):
    page = html_report(examined)
    tags = Tags()
    tags.feed(page)
    assert not tags.seen & {"script", "img", "link", "iframe", "a"}
    assert not [name for name, _ in tags.attributes if name in ("src", "href") or name.startswith("on")]
    assert "<script>alert(1)</script>" in tags.text
    assert "Index collapse: 4 of 64 codes" in tags.text
    assert "default-src 'none'" in page


def test_the_bars_of_usage_have_the_heights_of_the_counts(examined):
    page = html_report(examined)
    counts = np.sort(examined.examined[0].evidence.usage.counts)[::-1]
    heights = [100 - float(top) for top in re.findall(r"H\d+V([\d.]+)H", page)]
    np.testing.assert_allclose(heights, 100 * counts / counts[0], atol=0.06)


def test_markdown_shows_a_hostile_name_as_text(examined):
    page = markdown_report(examined)
    assert "<script" not in page
    assert "[x](" not in page
    assert not re.search(r"(?<!\\)@someone", page)
    assert not re.search(r"https:(?!\\)", page)
    assert not [line for line in page.splitlines() if line.startswith("# ")]
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {7}


def test_what_markdown_escapes_reads_back_as_it_was():
    text = "a_b*c [d](e) `f` <g> & h|i"
    shown = re.sub(r"\\(.)", r"\1", escaped(text))
    assert shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == text


def test_every_report_begins_with_the_verdict_and_names_the_remedy(examined):
    text, page = text_report(examined), markdown_report(examined)
    assert text.splitlines()[0].startswith("VERDICT  Index collapse")
    assert "Index collapse" in page.splitlines()[0]
    for report in (text, page.replace("\\", ""), html_report(examined)):
        assert "replace_every=20" in report
        assert "kmeans_init=True" in report
        assert "N = 4,000, N/K = 62.5" in report
