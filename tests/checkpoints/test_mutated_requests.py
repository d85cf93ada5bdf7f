"""Anything asked of the doctor about any files: an answer of the promised form, or one sentence, and nothing harmed.

A few of each kind; VQ_MUTATED_FILES=10000 draws that many, and VQ_MUTATED_SEED=1 others than before.
"""

import io
import json
import os
import pickle
import shutil
import time
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import canary
import jsonschema
import numpy as np
import pytest
import torch
from mutated_requests import REQUESTS
from refusals import tells_what_to_do

from vqcore.cli import main
from vqcore.doctor.json_schema import DOCUMENT
from vqcore.files.opening import open_contents

IS_LONG = "VQ_MUTATED_FILES" in os.environ
EACH = int(os.environ["VQ_MUTATED_FILES"]) // len(REQUESTS) if IS_LONG else 12
SEED = int(os.environ.get("VQ_MUTATED_SEED", "0"))
SOON = 10
SCHEMA = jsonschema.Draft202012Validator(DOCUMENT)
OURS = "fault of VQ Scope"
FOREIGN = ("canary", "script", "iframe", "object", "embed", "link", "form")


class Tags(HTMLParser):
    """The names of all elements and attributes of a document."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def handle_starttag(self, tag, attrs) -> None:
        self.names |= {tag, *(name for name, _ in attrs)}


def files_in(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def check_answer(code: int, out: str, err: str, is_json: bool) -> None:
    assert OURS not in out + err
    if code == 2:
        assert out == ""
        assert len(err.splitlines()) == 1
        assert err.rstrip("\n").isprintable()
        assert err.endswith(".\n")  # a library's own words do not
        assert tells_what_to_do(err)
        return
    assert code in (0, 1)
    assert err == ""
    if is_json:
        SCHEMA.validate(json.loads(out))
    else:
        assert all(line.isprintable() for line in out.splitlines())


def check_written(folder: Path, code: int) -> None:
    """Reports that show names as text, and copies that a reader accepts; nothing that was half written."""
    for path in folder.iterdir():
        if path.suffix == ".html":
            tags = Tags()
            tags.feed(path.read_text(encoding="utf-8"))
            assert not [name for name in tags.names if name in FOREIGN or name.startswith("on")]
        elif path.suffix == ".md":
            text = path.read_text(encoding="utf-8")
            assert "<canary" not in text
            assert "](javascript" not in text
            assert all(line.isprintable() for line in text.split("\n"))
        elif path.suffix == ".xml":
            assert ElementTree.parse(path).getroot().tag == "testsuite"
        else:
            assert path.stem == "mended"
            assert code == 0
            open_contents(path)


def answer(words: list[str], capsys) -> tuple[int, str, str]:
    """The exit code and what was said, within the time of a processor that is allowed."""
    started = time.process_time()
    try:
        code = main(words)
    except SystemExit as refused:  # argparse ends so
        code = refused.code
    assert time.process_time() - started < SOON
    return code, *capsys.readouterr()


def ask(kind: str, number: int, folder: Path, capsys) -> tuple[int, str]:
    """The exit code, and what is wrong with the answer to a request that is drawn: nothing, or a sentence."""
    draw = np.random.default_rng([SEED, list(REQUESTS).index(kind), number])
    given, made = folder / "given", folder / "made"
    given.mkdir(parents=True)
    made.mkdir()
    is_json = bool(number % 2)
    words = ["doctor", *REQUESTS[kind](given, made, draw)] + ["--json"] * is_json
    before, code = files_in(given), -1
    try:
        code, out, err = answer(words, capsys)
        check_answer(code, out, err, is_json)
        check_written(made, code)
        assert files_in(given) == before
        assert not canary.SONGS
    except Exception as error:  # all are told together, after a night
        return code, f"{kind} {number}, {' '.join(words)!r}: {type(error).__name__}: {error}"
    return code, ""


@pytest.mark.parametrize("kind", REQUESTS)
def test_whatever_is_asked_is_answered_soon_and_harms_nothing(kind, tmp_path, capsys):
    codes, faults = set(), []
    for number in range(EACH):
        folder = tmp_path / f"{number}"
        code, fault = ask(kind, number, folder, capsys)
        codes.add(code)
        faults += [fault] if fault else []
        if not fault:
            shutil.rmtree(folder)  # ten thousand take much room
    assert not faults, "\n".join(faults)
    assert codes >= {0, 2}  # some are examined, and some refused


def test_the_canary_sings_where_a_file_is_trusted():
    """Or its silence would mean nothing."""
    pickle.loads(pickle.dumps(canary.Caged()))
    torch.load(io.BytesIO(of(canary.Bird())), weights_only=False)
    heard = canary.SONGS.copy()
    canary.SONGS.clear()
    assert len(heard) >= 2


def of(thing: object) -> bytes:
    made = io.BytesIO()
    torch.save(thing, made)
    return made.getvalue()
