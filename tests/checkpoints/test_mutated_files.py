"""Files with bytes changed, cut and doubled, and pickles made up of any operations: each is read or gets a sentence.

Soon, and none runs anything. For ten thousand of them, set VQ_MUTATED_FILES=10000.
"""

import os
import time

import canary
import numpy as np
import pytest
from mutated_files import MADE

from vqcore.checkpoints.effective import effective
from vqcore.checkpoints.reader import open_checkpoint
from vqcore.files.codes import count_codes, open_codes
from vqcore.files.errors import CheckpointError
from vqcore.files.latents import open_latents

FILES = int(os.environ.get("VQ_MUTATED_FILES", "300"))
SOON = 10


def examine(path) -> list[str]:
    """What was said of the file in the place of a codebook, latents and codes."""
    said = []
    for what in (_codebooks, lambda one: list(open_latents(one, 4).blocks()), lambda one: _counts(one)):
        try:
            what(path)
        except CheckpointError as error:
            said.append(str(error))
    return said


def _codebooks(path) -> None:
    for book in open_checkpoint(path).codebooks:
        effective(book)
        for statistic in book.usage:
            statistic.read()


def _counts(path) -> None:
    count_codes(open_codes(path), [16])


@pytest.mark.parametrize("kind", MADE)
def test_any_file_is_read_or_refused_in_a_sentence_and_soon(kind, tmp_path):
    generator, sentences = np.random.default_rng(list(MADE).index(kind)), []
    path = tmp_path / "x.pt"
    for _ in range(FILES // len(MADE)):
        path.write_bytes(MADE[kind](generator))
        started = time.process_time()
        sentences += examine(path)
        assert time.process_time() - started < SOON
        path.unlink()
    assert all(sentence.isprintable() for sentence in sentences)
    assert sentences
    assert not canary.SONGS
