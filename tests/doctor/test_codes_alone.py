"""`doctor --codes FILE --num-codes K`: usage is judged without a checkpoint, as with one."""

import numpy as np
import pytest
from doctor_files import K, codebook, kept, saved
from test_doctor_command import refused, said

GENERATOR = np.random.default_rng(0)
CODES = {
    "even": GENERATOR.integers(K, size=4_000),
    "collapsed": GENERATOR.integers(3, size=4_000),
    "half dead": 2 * GENERATOR.integers(K // 2, size=4_000),
    "half dead in one block": GENERATOR.integers(K // 2, size=4_000),
    "few": GENERATOR.integers(K, size=100),
    "all 0": np.zeros(4_000, int),
    "the same": np.broadcast_to(np.arange(K), (100, K)),
}


@pytest.mark.parametrize("kind", CODES)
def test_findings_are_those_of_the_same_codes_beside_a_sound_codebook(kind, capsys, tmp_path):
    given = kept(tmp_path, CODES[kind])
    code = int(kind in ("collapsed", "half dead", "all 0", "the same"))
    alone = said(capsys, "--codes", given, "--num-codes", K, code=code)
    (beside,) = said(capsys, saved(tmp_path, codebook()), "--codes", given, code=code)["codebooks"]
    assert alone["levels"][0]["findings"] == beside["findings"]
    assert alone["levels"][0]["usage"] == beside["usage"]
    assert (alone["schema"], alone["severe"]) == ("vqscope-doctor/1", bool(code))


def test_levels_lie_along_the_axis_that_is_told(capsys, tmp_path):
    given = kept(tmp_path, np.stack([CODES["even"], CODES["collapsed"]]))
    report = said(capsys, "--codes", given, "--num-codes", K, "--level-axis", 0, code=1)
    assert [one["usage"]["used"] for one in report["levels"]] == [K, 3]
    assert "Index collapse" in report["verdict"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "--codes FILE --num-codes K"),
        (("--num-codes", 4), "--codes FILE --num-codes K"),
        (("--codes", "codes.npy", "--num-codes", 4), "from 0 to 3"),
        (("--codes", "codes.npy", "--num-codes", K, "--level-axis", 3), "`--level-axis` must be an axis"),
        (("--codes", "codes.npy", "--num-codes", K, "--what-if"), "`--what-if` needs a checkpoint"),
    ],
)
def test_what_is_missing_is_named(words, sentence, capsys, tmp_path, monkeypatch):
    kept(tmp_path, CODES["even"], "codes.npy")
    monkeypatch.chdir(tmp_path)
    assert sentence in refused(capsys, *words)
