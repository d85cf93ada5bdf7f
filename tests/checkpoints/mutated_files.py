"""Makes files whose bytes are changed, cut or doubled, pickles of any operations, and tensors of rare kinds."""

import io
import pickle
import struct
import time
import warnings
import zipfile
from functools import cache

import canary
import numpy as np
import torch
from safetensors.torch import save

STATE = {
    "quantize.embedding.weight": torch.arange(64.0).view(16, 4),
    "layers.0._codebook.embed": torch.ones(1, 8, 4),
    "layers.0._codebook.cluster_size": torch.rand(1, 8),
    "layers.0._codebook.initted": torch.tensor(True),
    "lfq.mask": 2 ** torch.arange(3, -1, -1),
}
TABLE = torch.arange(64.0).view(16, 4)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # torch would rather that nobody made such tensors any more
    OLD = {
        "nested": torch.nested.nested_tensor([TABLE, TABLE]),
        "quantized": torch.quantize_per_tensor(TABLE, 0.5, 0, torch.qint8),
    }
SPECIAL = OLD | {
    "neg": torch._neg_view(TABLE),
    "conj": torch.complex(TABLE, TABLE).conj(),
    "neg of conj": torch.complex(TABLE, TABLE).conj().imag,
    "sparse": TABLE.to_sparse(),
    "meta": TABLE.to("meta"),
    "bfloat16": TABLE.bfloat16(),
    "float8": TABLE.to(torch.float8_e4m3fn),
    "float4": torch.zeros(16, 4, dtype=torch.uint8).view(torch.float4_e2m1fn_x2),
    "narrow": torch.zeros(16, 4, dtype=torch.uint16),
    "bool": TABLE > 3,
    "view": torch.arange(300.0)[3:].as_strided((16, 4), (3, 50)),
    "overlapping": torch.arange(100.0).as_strided((16, 4), (1, 1)),
    "expanded": torch.ones(1, 4).expand(16, 4),
    "no axis": torch.tensor(3.0),
    "many axes": torch.ones(1, 1, 1, 1, 1, 1, 1, 1, 16, 4),
}
"""Under the name of a codebook and beside one."""

NAMES = (
    *("torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_tensor_v3", "torch._utils _rebuild_parameter"),
    *("torch FloatStorage", "torch.storage UntypedStorage", "torch Tensor", "torch Size", "torch float32"),
    *("torch._tensor _rebuild_from_type_v2", "collections OrderedDict", "collections Counter", "builtins set"),
    *("builtins bytearray", "builtins complex", "_codecs encode", "os system", "builtins eval", "torch device"),
    *("canary sing", "canary Bird"),
)
OPERATIONS = [
    *(b"(", b".", b"0", b"1", b"2", b"N", b"}", b"]", b")", b"\x85", b"\x86", b"\x87", b"\x88", b"\x89", b"\x8f"),
    *(b"t", b"l", b"d", b"a", b"e", b"s", b"u", b"\x90", b"\x91", b"R", b"b", b"\x81", b"\x92", b"o", b"Q", b"\x93"),
    *(b"\x94", b"q\x00", b"q\x01", b"h\x00", b"h\x01", b"r\xff\xff\xff\x7f", b"j\xff\xff\xff\x7f", b"\x82\x01"),
    *(b"K\x04", b"M\x10\x27", b"J\xff\xff\xff\xff", b"\x8a\x08" + b"\xff" * 7 + b"\x7f", b"\x8b\x04\x00\x00\x00abcd"),
    *(b"X\x07\x00\x00\x00storage", b"X\x01\x00\x00\x000", b"X\x03\x00\x00\x00cpu", b"\x8c\x04quan", b"U\x02\xff\xfe"),
    *(b"C\x02ab", b"B\xff\xff\xff\x7f", b"\x8e" + b"\xff" * 8, b"\x96" + b"\xff" * 8, b"G" + bytes(8)),
    *(f"c{name.replace(' ', chr(10))}\n".encode() for name in NAMES),
    *(f"i{name.replace(' ', chr(10))}\n".encode() for name in NAMES[:3]),
]


@cache
def originals() -> dict[str, bytes]:
    zipped, legacy, arrays, packed, array = (io.BytesIO() for _ in range(5))
    torch.save({"state_dict": STATE, "step": 3, "lr": 0.1, "betas": (0.9, {1})}, zipped)
    torch.save(STATE, legacy, _use_new_zipfile_serialization=False)
    np.savez(arrays, **{key: value.numpy() for key, value in STATE.items()})
    np.savez_compressed(packed, **{key: value.numpy() for key, value in STATE.items()})
    np.save(array, STATE["quantize.embedding.weight"].numpy())
    made = (zipped, legacy, arrays, packed, array)
    names = ("zip", "legacy", "npz", "packed npz", "npy")
    return dict(zip(names, (one.getvalue() for one in made), strict=True)) | {"safetensors": save(STATE)}


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


def with_pickle(data: bytes, change) -> bytes:
    """An archive of torch with another pickle, and the checksum that belongs to it."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(old.read(name)) if name.endswith("data.pkl") else old.read(name))
    return made.getvalue()


def mutated_pickle(generator: np.random.Generator) -> bytes:
    return with_pickle(originals()["zip"], lambda pickled: mutated(pickled, generator))


def any_operations(generator: np.random.Generator) -> bytes:
    """A pickle that may be nonsense, with a codebook's name at its start."""
    picked = generator.choice(len(OPERATIONS), size=int(generator.integers(1, 60)))
    key = b"quantize.embedding.weight"
    start = b"\x80\x02}(X" + struct.pack("<I", len(key)) + key
    return with_pickle(originals()["zip"], lambda _: start + b"".join(OPERATIONS[one] for one in picked) + b"u.")


def special(generator: np.random.Generator) -> bytes:
    """Tensors of rare kinds, under any of the names that mean something, beside values of any kind."""
    made, kinds = io.BytesIO(), list(SPECIAL.values())
    values = [
        3,
        -1,
        2**80,
        10**4999,
        1.5,
        float("nan"),
        True,
        None,
        "text",
        b"bytes",
        (1, 2),
        [[[]]],
        1j,
        torch.Size([2]),
    ]
    names = [*STATE, *STATE, "step", "epoch", "global_step", "codes", "z", "model", "\udce9.weight"]
    state = {
        name: kinds[int(generator.integers(len(kinds)))] if generator.random() < 0.6 else values[int(place)]
        for name, place in zip(names, generator.integers(len(values), size=len(names)), strict=True)
        if generator.random() < 0.5
    }
    if generator.random() < 0.2:
        torch.save(state, made, _use_new_zipfile_serialization=False)
        return made.getvalue()
    torch.save(state, made)
    narrow = f"ctorch\n{generator.choice(['int1', 'int4', 'uint7', 'int8', 'bits8'])}\n".encode()
    return with_pickle(made.getvalue(), lambda pickled: pickled.replace(b"ctorch\nuint16\n", narrow))


def headers(generator: np.random.Generator) -> bytes:
    """An `.npy`, alone or in an `.npz`, whose header says anything."""
    sizes = [0, 1, 4, 16, -1, True, 2**40, 2**62, 2**70, "4", None, 1.0]
    dtypes = [
        "<f4",
        ">f4",
        "<f2",
        "<i8",
        ">i2",
        "|b1",
        "<c8",
        "|O",
        "<U9",
        "<M8[s]",
        "<f16",
        "V8",
        "nix",
        [("a", "<f4")],
    ]
    shape = tuple(sizes[one] for one in generator.integers(len(sizes), size=int(generator.integers(0, 4))))
    header = {"descr": dtypes[int(generator.integers(len(dtypes)))], "fortran_order": bool(generator.random() < 0.5)}
    text = f"{header | {'shape': shape}}\n".encode()
    array = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + bytes(int(generator.integers(0, 300)))
    if generator.random() < 0.3:
        return array
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", int(generator.choice([0, 8, 12]))) as archive:
        archive.writestr("quantize.embedding.weight.npy", array)
    return made.getvalue()


def plain_pickle(generator: np.random.Generator) -> bytes:
    objects = [zipfile.ZipInfo("x"), np.ones(3), {"a": TABLE.numpy()}, slice(3), range(4), time.struct_time(range(9))]
    return pickle.dumps(objects[int(generator.integers(len(objects)))], int(generator.integers(2, 6)))


def caged(generator: np.random.Generator) -> bytes:
    """A file that calls what is in `canary` when it is loaded on trust, changed now and then."""
    made, bird = io.BytesIO(), canary.Caged()
    kind = generator.integers(5)
    if kind < 2:
        torch.save({**STATE, "step": bird}, made, _use_new_zipfile_serialization=bool(kind))
    elif kind == 2:
        pickle.dump({**{key: value.numpy() for key, value in STATE.items()}, "step": bird}, made)
    elif kind == 3:
        np.save(made, np.array([bird], dtype=object), allow_pickle=True)
    else:
        np.savez(made, **{"quantize.embedding.weight": TABLE.numpy(), "step": np.array([bird], dtype=object)})
    return mutated(made.getvalue(), generator) if generator.random() < 0.3 else made.getvalue()


MADE = {
    **{f"mutated {name}": lambda generator, name=name: mutated(originals()[name], generator) for name in originals()},
    "mutated pickle": mutated_pickle,
    "any operations": any_operations,
    "special tensors": special,
    "headers": headers,
    "plain pickle": plain_pickle,
    "caged": caged,
}
