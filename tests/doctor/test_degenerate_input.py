"""Whatever is given, however zero, constant, huge or tiny: a verdict without a warning, and valid reports."""

# N vectors, K codes, D features

import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from degenerate import CODEBOOKS, LATENTS, POINTS, codebook, latents, saved

from app.doctor.facts import facts_of
from app.figures.code_bars import usage_bars
from app.figures.histogram import Group, histogram
from app.figures.pcq_map import pcq_map
from app.figures.spectrum import Line, spectrum
from vqcore.checkpoints.reader import open_checkpoint
from vqcore.diagnostics.finding import Finding
from vqcore.doctor.examination import Examination, Examined, Request, examine
from vqcore.doctor.html_report import html_report
from vqcore.doctor.json_report import as_values
from vqcore.doctor.markdown_report import markdown_report
from vqcore.doctor.text_report import text_report
from vqcore.doctor.treatment import foretell, treat, treatment_text, treatment_values
from vqcore.files.errors import CheckpointError

pytestmark = pytest.mark.filterwarnings("error")

KEY = {"key": "quantize.embedding.weight", "axis": "K,D"}
COUNTS = {
    "zero": lambda k: np.zeros(k),
    "constant": lambda k: np.full(k, 9.0),
    "one code": lambda k: 50 * np.eye(1, k)[0],
    "denormal": lambda k: 1e-42 * np.arange(k),
    "huge": lambda k: 1e30 * np.arange(1, k + 1),
    "negative": lambda k: -1.0 - np.arange(k),
    "NaN": lambda k: np.full(k, np.nan),
}


def valid(values: dict) -> dict:
    """`values` through JSON, which knows no NaN."""
    return json.loads(json.dumps(values, allow_nan=False))


def check(findings: tuple[Finding, ...]) -> None:
    """Findings that a person can read: finite numbers, and no exponent in a sentence."""
    assert findings
    for finding in findings:
        assert all(np.isfinite(number.value) for number in finding.numbers)
        assert not re.search(r"nan|inf\b|\de[+-]?\d", finding.title), finding.title
        assert not re.search(r"(?<!of )\b1 (vectors|values|codes)\b", finding.title), finding.title


def check_reports(examination: Examination) -> None:
    values = valid(as_values(examination))
    for report in (text_report, markdown_report, html_report):
        text = report(examination)
        assert values["codebooks"][0]["findings"][0]["condition"] in text
        assert not re.search(r"\b(nan|inf)\b", " ".join(text.lower().split()).replace("nan or infinity", ""))


def figures_of(one: Examined) -> Iterator[dict]:
    """The charts of the Doctor page."""
    facts = facts_of(one.evidence, one.effective.search)
    if facts is None:
        return
    yield pcq_map(facts.plane)
    if facts.counts is not None and facts.counts.any():
        yield usage_bars(facts.counts, order="sorted", log=True)
    for values in (facts.norms, facts.neighbours, facts.assigned, facts.latent_norms, facts.stranded):
        if values is not None:
            assert np.isfinite(values).all()
            yield histogram([Group(label="", colour="", values=values, whole="")], title="")
    for spread in (facts.codebook_spread, facts.latent_spread):
        if spread is not None:
            yield spectrum([Line(label="", colour="", singular=spread.singular, rank=spread.rank)])


def check_charts(one: Examined) -> None:
    for figure in figures_of(one):
        for name in ("xaxis", "yaxis"):
            assert np.isfinite(figure["layout"][name].get("range", [0])).all()
        for trace in figure["data"]:
            assert len(trace["x"]) == 0 or np.isfinite(np.asarray(trace["x"], float)).any()


def check_remedies(path: Path, vectors: Path) -> None:
    """What a remedy would do is foretold and done, or refused in a sentence."""
    checkpoint = open_checkpoint(path, **KEY)
    out = path.parent / "out.pt"
    for ask in (
        partial(foretell, checkpoint, vectors),
        partial(treat, checkpoint, vectors, out, "align", force=True),
    ):
        said = ""
        try:
            treatment = ask()
        except CheckpointError as error:
            said = str(error)
            treatment = None
        assert treatment is not None or re.fullmatch(r"[^\n]+\.", said)
        if treatment is not None:
            valid(treatment_values(treatment))
            assert "nan" not in treatment_text(treatment)


@pytest.mark.parametrize("codes", CODEBOOKS)
def test_any_latents_against_any_codebook_are_judged_drawn_and_treated(codes, tmp_path):
    table = codebook(codes)
    path = saved(tmp_path, table)
    for kind in LATENTS:
        np.save(tmp_path / "z.npy", latents(kind, table.shape[1]))
        examination = examine(Request(path=path, latents=tmp_path / "z.npy", **KEY))
        (one,) = examination.examined
        check(one.findings)
        check_reports(examination)
        check_charts(one)
        check_remedies(path, tmp_path / "z.npy")


@pytest.mark.parametrize("codes", CODEBOOKS)
def test_any_counts_are_judged_without_latents(codes, tmp_path):
    table = codebook(codes)
    num_codes = len(table)
    for make in COUNTS.values():
        with np.errstate(all="ignore"):
            path = saved(tmp_path, table, make(num_codes))
        examination = examine(Request(path=path))
        check(examination.examined[0].findings)
        check_reports(examination)
        check_charts(examination.examined[0])
    path = saved(tmp_path, table)
    for given in (np.zeros(500, int), np.arange(500) % num_codes):
        np.save(tmp_path / "codes.npy", given)
        examination = examine(Request(path=path, codes=tmp_path / "codes.npy", **KEY))
        check(examination.examined[0].findings)
        check_reports(examination)


def findings(folder: Path, table: np.ndarray, z_e: np.ndarray | None) -> dict[str, Finding]:
    path = saved(folder, table)
    if z_e is not None:
        np.save(folder / "z.npy", z_e)
    (one,) = examine(Request(path=path, latents=None if z_e is None else folder / "z.npy", **KEY)).examined
    return {finding.condition: finding for finding in one.findings}


@pytest.mark.parametrize("codes", [name for name in CODEBOOKS if "zero" not in name])
@pytest.mark.parametrize("kind", POINTS)
def test_latents_at_one_point_are_a_collapse_of_the_embeddings_before_all_else(kind, codes, tmp_path):
    table = codebook(codes)
    found = findings(tmp_path, table, latents(kind, table.shape[1]))
    (first, *_) = found.values()
    assert (first.condition, first.severity) == ("embedding-collapse", "severe")
    assert ("zero" in first.title) == (kind == "all zero")
    # A point has no variance for an error to be a share of, and too few values for no codebook in particular.
    assert not found.keys() & {"codebook-far", "oversized-codebook"}


def test_a_codebook_at_one_point_is_named_so_or_as_never_trained(tmp_path):
    z_e = latents("sound")
    assert findings(tmp_path, codebook("zero"), z_e)["never-trained"].severity == "severe"
    for name in ("constant", "constant in half precision", "two equal"):
        found = findings(tmp_path, codebook(name), z_e)
        assert found["duplicate-codes"].title.startswith("The codebook is one point")
        assert "broken-numbers" not in found  # equal codes are no evidence of rounding
    assert "duplicate-codes" not in findings(tmp_path, codebook("one code"), z_e)


@pytest.mark.parametrize("scale", [1e-41, 1e-30, 1e30])
def test_a_scale_changes_no_finding(scale, tmp_path):
    """The same latents and codes in another unit are as healthy or as sick, to the last number that has no unit."""
    plain = findings(tmp_path, codebook("sound"), latents("sound"))
    other = findings(tmp_path, codebook("sound") * np.float32(scale), latents("sound") * np.float32(scale))
    assert {name: one.severity for name, one in plain.items()} == {name: one.severity for name, one in other.items()}
    assert [one.title for one in plain.values()] == [one.title for one in other.values()]


def test_latents_that_vary_only_after_the_first_block_are_not_one_value():
    """A recording may begin in silence, and what counts as different is told by the first block that varies."""
    from vqcore.doctor.measuring import measure

    silence, sound = np.zeros((300, 4), np.float32), latents("sound", 4) * np.float32(1e-3)
    table = sound[:8]
    blocks = [silence, silence, sound]
    found = measure(blocks, sum(map(len, blocks)), table).latents
    assert found.distinct == 80  # ten a code, where counting may stop
    assert measure([silence, silence], 600, table).latents.distinct == 1
    each = measure([row[None] for row in sound[:50]], 50, table).latents  # one vector at a time
    assert each.distinct == len(np.unique(sound[:50], axis=0))


def test_codes_that_are_none_are_refused_in_a_sentence(tmp_path):
    np.save(tmp_path / "codes.npy", np.zeros(0, int))
    with pytest.raises(CheckpointError, match="holds no code"):
        examine(Request(path=saved(tmp_path, codebook("sound")), codes=tmp_path / "codes.npy", **KEY))
