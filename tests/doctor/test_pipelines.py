"""Reports for programs: JSON by its schema, and JUnit XML."""

import re
import shlex
from pathlib import Path
from typing import get_args
from xml.etree import ElementTree

import jsonschema
import numpy as np
import pytest
import torch
import yaml
from doctor_files import K, codebook, kept, latents, saved
from safetensors.torch import save_file
from test_doctor_command import said

from vqcore.cli import main
from vqcore.diagnostics.finding import Condition
from vqcore.doctor.json_schema import DOCUMENT


def test_every_kind_of_report_is_as_its_schema_says(capsys, tmp_path):
    jsonschema.Draft202012Validator.check_schema(DOCUMENT)
    assert said(capsys, "--schema") == DOCUMENT
    path, z_e = saved(tmp_path, codebook()), kept(tmp_path, latents(codebook()))
    run = tmp_path / "run"
    run.mkdir()
    for step in (1, 2):
        torch.save({"quantize.embedding.weight": torch.from_numpy(codebook(step))}, run / f"step={step}.pt")
    codes = kept(tmp_path, np.arange(K * 100) % K, "codes.npy")
    reports = [
        said(capsys, path, "--latents", z_e, "--what-if"),
        said(capsys, run, "--latents", z_e),
        said(capsys, "--codes", codes, "--num-codes", K),
    ]
    for report in reports:
        jsonschema.validate(report, DOCUMENT)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(reports[0] | {"severe": "no"}, DOCUMENT)


NOTES = ({"type", "message"}, set())
JUNIT = {
    "testsuite": (
        {"name", "tests", "failures", "errors"},
        {"time", "skipped", "timestamp", "hostname", "id", "package"},
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
    ),
    "testcase": (
        {"name"},
        {"time", "classname", "group"},
        {"skipped", "error", "failure", "system-out", "system-err"},
    ),
    "failure": (set(), *NOTES),
    "skipped": (set(), *NOTES),
    "system-out": (set(), set(), set()),
}
"""Of each element the attributes it must have and may have, and its children: junit-10.xsd of Jenkins's xUnit."""


def check_junit(one: ElementTree.Element) -> None:
    required, optional, children = JUNIT[one.tag]
    assert required <= set(one.attrib) <= required | optional
    assert {child.tag for child in one} <= children
    if one.tag == "testsuite":
        cases = one.findall("testcase")
        assert int(one.get("tests")) == len(cases)
        assert int(one.get("failures")) == sum(case.find("failure") is not None for case in cases)
        assert int(one.get("skipped")) == sum(case.find("skipped") is not None for case in cases)
        assert re.fullmatch(r"[0-9]*(\.[0-9]*)?", one.get("time"))
    for child in one:
        check_junit(child)


def _of_codes(folder: Path, how_many: int) -> list[object]:
    return ["--codes", kept(folder, np.arange(how_many) % 4), "--num-codes", 4 * how_many]


def _of_fsq(folder: Path) -> list[object]:
    levels = {"quantizer._levels": torch.tensor([8, 5, 5, 5]), "quantizer._basis": torch.tensor([1, 8, 40, 200])}
    torch.save(levels, folder / "fsq.pt")
    return [folder / "fsq.pt"]


@pytest.mark.parametrize(
    "words",
    [
        lambda folder: [saved(folder, codebook()), "--latents", kept(folder, latents(codebook()))],
        lambda folder: [saved(folder, codebook()), "--latents", kept(folder, latents(codebook())[:60])],
        lambda folder: _of_codes(folder, 9),
        lambda folder: _of_codes(folder, 9_000),
        _of_fsq,
    ],
    ids=["healthy", "too few", "a few codes", "collapsed codes", "no codebook"],
)
def test_every_junit_report_keeps_the_rules_of_the_public_schema(words, tmp_path):
    out = tmp_path / "junit.xml"
    code = main(["doctor", *map(str, words(tmp_path)), "--junit", str(out)])
    suite = ElementTree.parse(out).getroot()
    check_junit(suite)
    assert code == int(int(suite.get("failures")) > 0)


def test_a_pipeline_sees_a_test_for_each_codebook_failed_where_it_is_severe(tmp_path):
    far = codebook()
    far[4:] += 100
    key = 'a\x00<&>"quantize'
    state = {f"{key}.{level}.embedding.weight": torch.from_numpy(far if level else codebook()) for level in (0, 1)}
    path, out = tmp_path / "x.pt", tmp_path / "junit.xml"
    torch.save(state, path)
    counted = kept(tmp_path, latents(codebook()))
    words = [str(path), "--latents", str(counted), "--structure", "separate", "--junit", str(out)]
    code = main(["doctor", *words])
    suite = ElementTree.parse(out).getroot()
    cases = suite.findall("testcase")
    failures = [one for one in cases if one.find("failure") is not None]
    assert (len(cases), int(suite.get("tests")), int(suite.get("failures"))) == (2, 2, len(failures))
    assert code == int(bool(failures))
    for one in failures:
        assert one.find("failure").get("message").endswith(".")
    assert '<&>"quantize' in cases[0].get("name")


@pytest.mark.parametrize("is_ill", [False, True])
def test_the_action_of_the_documentation_stops_at_a_severe_finding_and_leaves_its_report(
    is_ill, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    text = (Path(__file__).parents[2] / "DOCTOR.md").read_text()
    (action,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    steps = yaml.safe_load(action)["jobs"]["doctor"]["steps"]
    (line,) = [one["run"] for one in steps if "vqcore doctor" in one.get("run", "")]
    words = shlex.split(line)[3:]
    folder = (tmp_path / words[1]).parent
    folder.mkdir()
    table = codebook()
    if is_ill:
        table[5] = np.nan
    save_file({"quantize.embedding.weight": torch.from_numpy(table)}, words[1])
    kept(folder, latents(codebook()), Path(words[3]).name)
    assert main(words) == int(is_ill)
    (report,) = [one["with"]["report_paths"] for one in steps if "report_paths" in one.get("with", {})]
    check_junit(ElementTree.parse(report).getroot())


def _asked(condition: str, folder: Path) -> list[object]:
    """Words that bring about one of the conditions of what was counted."""
    generator, table = np.random.default_rng(0), codebook()
    if condition == "colliding-codes":
        state = {f"quantizer.layers.{at}.embedding.weight": torch.from_numpy(codebook(at)) for at in range(3)}
        torch.save(state, folder / "levels.pt")
        items = np.repeat(generator.integers(K, size=(2_000, 1)), 3, axis=1)
        return [folder / "levels.pt", "--codes", kept(folder, items), "--level-axis", 1]
    if condition == "unused-block":
        extended = np.concatenate([table, 300 + table[: K // 2]])
        return [saved(folder, extended), "--codes", kept(folder, generator.integers(K, size=6_000))]
    z_e = latents(table)
    z_e[:1_500] = table[3]
    return [saved(folder, table), "--latents", kept(folder, z_e)]


@pytest.mark.parametrize("condition", ["padding-counted", "colliding-codes", "unused-block"])
def test_every_report_tells_of_what_was_counted(condition, capsys, tmp_path):
    outputs = [tmp_path / name for name in ("r.html", "r.md", "r.xml")]
    words = [*map(str, _asked(condition, tmp_path))]
    report = said(capsys, *words, "--html", outputs[0], "--md", outputs[1], "--junit", outputs[2])
    jsonschema.validate(report, DOCUMENT)
    found = next(one for one in report["codebooks"][0]["findings"] if one["condition"] == condition)
    assert found["severity"] == "warning"
    assert found["source"]
    assert main(["doctor", *words]) == 0
    for text in (capsys.readouterr().out, *(path.read_text() for path in outputs)):
        assert condition in text
        assert found["title"].split(":")[0] in " ".join(text.split())


def test_the_documentation_lists_every_condition():
    text = (Path(__file__).parents[2] / "DOCTOR.md").read_text()
    listed = re.findall(
        r"`([a-z-]+)`", "".join(line.split(" | ")[0] for line in text.splitlines() if line.startswith("| `"))
    )
    assert sorted(listed) == sorted(get_args(Condition))
