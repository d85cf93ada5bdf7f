"""Reports for programs: JSON by its schema, and JUnit XML."""

from xml.etree import ElementTree

import jsonschema
import numpy as np
import pytest
import torch
from doctor_files import K, codebook, kept, latents, saved
from test_doctor_command import said

from vqcore.cli import main
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
