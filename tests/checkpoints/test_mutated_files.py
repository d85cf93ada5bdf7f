"""Files with bytes changed, cut and doubled: each is read or gets a sentence, soon, and none runs anything."""

import io
import os
import struct
import time

import numpy as np
import pytest
import torch
from safetensors.torch import save

from vqcore.checkpoints.effective import effective
from vqcore.checkpoints.errors import CheckpointError
from vqcore.checkpoints.reader import open_checkpoint

FILES = int(os.environ.get("VQ_MUTATED_FILES", "300"))
SOON = 10
STATE = {
    "quantize.embedding.weight": torch.arange(64.0).view(16, 4),
    "layers.0._codebook.embed": torch.ones(1, 8, 4),
    "layers.0._codebook.cluster_size": torch.rand(1, 8),
    "layers.0._codebook.initted": torch.tensor(True),
    "lfq.mask": 2 ** torch.arange(3, -1, -1),
}


def originals() -> list[bytes]:
    zipped, legacy, arrays, packed = (io.BytesIO() for _ in range(4))
    torch.save({"state_dict": STATE, "step": 3}, zipped)
    torch.save(STATE, legacy, _use_new_zipfile_serialization=False)
    np.savez(arrays, **{key: value.numpy() for key, value in STATE.items()})
    np.savez_compressed(packed, **{key: value.numpy() for key, value in STATE.items()})
    return [zipped.getvalue(), legacy.getvalue(), arrays.getvalue(), packed.getvalue(), save(STATE)]


def mutated(data: bytes, generator: np.random.Generator) -> bytes:
    changed = bytearray(data)
    at = int(generator.integers(len(changed)))
    kind = generator.integers(5)
    if kind == 0:
        for place in generator.integers(len(changed), size=int(generator.integers(1, 40))):
            changed[place] = int(generator.integers(256))
    elif kind == 1:
        del changed[at:]
    elif kind == 2:
        del changed[at : at + int(generator.integers(1, 64))]
    elif kind == 3:
        changed[at:at] = changed[at : at + int(generator.integers(1, 256))]
    else:
        changed[at : at + 8] = struct.pack("<Q", int(generator.integers(1 << 62)))
    return bytes(changed)


@pytest.mark.parametrize("which", range(5))
def test_a_mutated_file_is_read_or_refused_in_a_sentence(which, tmp_path):
    generator, sentences = np.random.default_rng(which), []
    original, path = originals()[which], tmp_path / "x.pt"
    for _ in range(FILES // 5):
        path.write_bytes(mutated(original, generator))
        started = time.process_time()
        try:
            for book in open_checkpoint(path).codebooks:
                effective(book)
                for statistic in book.usage:
                    statistic.read()
        except CheckpointError as error:
            sentences.append(str(error))
        assert time.process_time() - started < SOON
        path.unlink()
    assert all(sentence.isprintable() for sentence in sentences)
    assert sentences
