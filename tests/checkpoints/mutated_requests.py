"""Draws what a person may ask of the doctor: files sound, broken and hostile, and words that fit them or do not."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from mutated_files import MADE, SPECIAL, mutated
from safetensors.torch import save

K, D, LEVELS = 16, 4, 2
HOSTILE = ("", "<canary>.", "[a](javascript:canary).", "a\n\x1b[31m.", "x" * 300 + ".", "module.", "\u202e|`.")

State = dict[str, torch.Tensor]
Draw = np.random.Generator


def _vqp(level: int) -> State:
    module = f"rvq.layers.{level}._codebook."
    table, counts = torch.randn(1, K, D), torch.rand(1, K)
    sums = table * counts[..., None]
    return {
        module + "embed": table,
        module + "embed_avg": sums,
        module + "cluster_size": counts,
        module + "initted": torch.tensor([True]),
    }


def _encodec(level: int) -> State:
    module = f"quantizer.vq.layers.{level}._codebook."
    table, counts = torch.randn(K, D), 20 * torch.rand(K)
    return {
        module + "embed": table,
        module + "embed_avg": table * counts[:, None],
        module + "cluster_size": counts,
        module + "inited": torch.ones(1),
    }


def _dac(level: int) -> State:
    module = f"quantizer.quantizers.{level}."
    return {
        module + "codebook.weight": torch.randn(K, D),
        module + "in_proj.weight_g": torch.rand(D, 1, 1),
        module + "in_proj.weight_v": torch.randn(D, 6, 1),
        module + "in_proj.bias": torch.zeros(D),
    }


def _turned(level: int) -> State:
    return {f"vq.{level}.embed": torch.randn(D, K), f"vq.{level}.cluster_size": torch.rand(K)}


def _plain(level: int) -> State:
    return {f"quantize.{level}.embedding.weight": torch.randn(K, D)}


ORDINARY = (torch.float16, torch.float32, torch.float64, torch.int64, torch.bool)

FAMILIES = (_vqp, _encodec, _dac, _turned, _plain)


def _some(values: torch.Tensor, by: float, draw: Draw) -> torch.Tensor:
    """With a few values replaced."""
    flat = values.detach().clone().reshape(-1)
    flat[torch.from_numpy(draw.integers(len(flat), size=3))] = by
    return flat.reshape(values.shape)


CHANGES: tuple[Callable[[torch.Tensor, Draw], torch.Tensor], ...] = (
    lambda values, draw: _some(values, float("nan"), draw),
    lambda values, draw: _some(values, float("inf"), draw),
    lambda values, draw: _some(values, -1.0, draw),
    lambda values, draw: values * 1e30,
    lambda values, draw: values * 3e38,
    lambda values, draw: values * 1e-41,
    lambda values, draw: values * 0,
    lambda values, draw: values * 0 + 0.1,
    lambda values, draw: values + 1e6,
    lambda values, draw: values.half(),
    lambda values, draw: values.bfloat16(),
    lambda values, draw: values.double(),
    lambda values, draw: values.double() * 1e200,
    lambda values, draw: values.round().long(),
    lambda values, draw: values > 0,
    lambda values, draw: torch.complex(values, values),
    lambda values, draw: values.flatten(),
    lambda values, draw: values[:1],
    lambda values, draw: values[:0],
    lambda values, draw: values[None, None],
    lambda values, draw: values.transpose(0, -1),
    lambda values, draw: values.expand(3, *values.shape),
    lambda values, draw: torch.cat([values, values]),
    lambda values, draw: list(SPECIAL.values())[int(draw.integers(len(SPECIAL)))],
)


def _changed(values: torch.Tensor, draw: Draw) -> torch.Tensor:
    is_table = values.numel() and values.ndim and values.is_floating_point()
    change = CHANGES[int(draw.integers(len(CHANGES)))] if is_table else CHANGES[-1]
    return change(values, draw)


def _half_far(values: torch.Tensor) -> torch.Tensor:
    """Code vectors of which half lie where no latent is; anything else as it is."""
    if values.shape[-2:] == (K, D):
        values[..., K // 2 :, :] += 50
    return values


def state(draw: Draw) -> State:
    """Codebooks of a known family, of which a few tensors are changed, and other tensors."""
    torch.manual_seed(int(draw.integers(1 << 30)))
    family, prefix = FAMILIES[int(draw.integers(len(FAMILIES)))], HOSTILE[int(draw.integers(len(HOSTILE)))]
    levels = int(draw.choice([1, 1, LEVELS]))
    made = {prefix + key: value for level in range(levels) for key, value in family(level).items()}
    made |= {"encoder.weight": torch.randn(6, 3), "step": torch.tensor(int(draw.integers(100)))}
    if draw.random() < 0.6:  # there are codes to repair
        made = {key: _half_far(value) for key, value in made.items()}
    how_often = draw.choice([0.0, 0.15, 0.5])
    return {key: _changed(value, draw) if draw.random() < how_often else value for key, value in made.items()}


def packed(tensors: State, draw: Draw) -> tuple[str, bytes]:
    """The ending and the bytes of a file that holds them; as a torch file where no other format can."""
    made, kind = io.BytesIO(), int(draw.integers(4))
    try:
        if kind == 0:
            return ".safetensors", save({key: value.contiguous() for key, value in tensors.items()})
        if kind == 1:
            np.savez(made, **{key: value.numpy() for key, value in tensors.items()})
            return ".npz", made.getvalue()
    except (ValueError, RuntimeError, TypeError, NotImplementedError, OSError, KeyError):
        made = io.BytesIO()
    whole = tensors if draw.random() < 0.5 else {"state_dict": tensors, "epoch": 3, "optimizer": {"state": {}}}
    torch.save(whole, made, _use_new_zipfile_serialization=kind != 3)
    return str(draw.choice([".pt", ".ckpt", ".bin"])), made.getvalue()


def any_bytes(draw: Draw) -> bytes:
    """A file of `mutated_files`."""
    return list(MADE.values())[int(draw.integers(len(MADE)))](draw)


def written(folder: Path, name: str, sound: tuple[str, bytes], draw: Draw) -> Path:
    """A file, most often as it is given; sometimes with its bytes changed, and now and then any file at all."""
    ending, data = sound
    path = folder / f"{name}{ending}"
    fate = draw.random()
    path.write_bytes(data if fate < 0.8 else mutated(data, draw) if fate < 0.92 else any_bytes(draw))
    return path


def checkpoint(folder: Path, name: str, draw: Draw) -> Path:
    """A checkpoint of one training."""
    return written(folder, name, packed(state(draw), draw), draw)


def latents(folder: Path, draw: Draw) -> Path:
    """Vectors of any number and any kind, most often of D features."""
    number = int(draw.choice([0, 1, 2, 9, 200, 1_500], p=[0.02, 0.04, 0.04, 0.1, 0.2, 0.6]))
    vectors = torch.from_numpy(draw.standard_normal((number, D if draw.random() < 0.9 else D + 1)).astype(np.float32))
    fate = draw.random()
    if fate < 0.1:
        vectors = vectors.T
    elif fate < 0.2:
        vectors = vectors.reshape(-1, 1, vectors.shape[1]).expand(-1, 2, -1)
    elif fate < 0.3 and number:
        vectors = vectors[:1].expand(number, -1)
    elif fate < 0.4:
        vectors[: int(number * draw.random())] = 0  # padding
    vectors = _changed(vectors, draw) if draw.random() < 0.3 else vectors.clone()
    made = io.BytesIO()
    is_array = vectors.dtype in ORDINARY and vectors.layout == torch.strided and not vectors.is_nested
    if is_array and not vectors.is_meta and draw.random() < 0.7:
        np.save(made, vectors.resolve_neg().numpy())
        return written(folder, "z_e", (".npy", made.getvalue()), draw)
    torch.save({"z": vectors}, made)
    return written(folder, "z_e", (".pt", made.getvalue()), draw)


def codes(folder: Path, draw: Draw) -> Path:
    """Whole numbers of any shape, most often below K."""
    shape = draw.integers(0, 60, size=int(draw.integers(1, 4)))
    most = int(draw.choice([1, K, K, K, K + 3]))
    values = draw.integers(-1 if draw.random() < 0.1 else 0, most, size=shape)
    given = values.astype(str(draw.choice(["int64", "int32", "uint8", "float32", "int8", "bool"])))
    made = io.BytesIO()
    np.save(made, given)
    return written(folder, "codes", (".npy", made.getvalue()), draw)


def mask(folder: Path, draw: Draw) -> Path:
    """Zeros and ones, which fit seldom."""
    values = draw.integers(0, int(draw.choice([2, 2, 3])), size=int(draw.choice([9, 200, 1_500, 1_500])))
    made = io.BytesIO()
    np.save(made, values.astype(str(draw.choice(["bool", "int64", "float32"]))))
    return written(folder, "mask", (".npy", made.getvalue()), draw)


def options(draw: Draw) -> list[str]:
    """Words that overrule what a file says, whether or not they fit it."""
    offered = [
        ["--search", str(draw.choice(["euclidean", "cosine"]))],
        ["--structure", str(draw.choice(["residual", "groups", "separate"]))],
        ["--axis", str(draw.choice(["K,D", "D,K"]))],
        ["--rows", str(draw.choice([-1, 0, 1, 4, K, 2**40]))],
        ["--codebook", str(draw.choice(["encoder.weight", "quantize.0.embedding.weight", "step", "", "<canary>"]))],
        ["--codebook", "quantize.0.embedding.weight", "--codebook", "quantize.1.embedding.weight"],
        ["--latents-axis", str(draw.choice([-9, -1, 0, 1, 9]))],
        ["--latents-key", str(draw.choice(["z", "", "step"]))],
        ["--threshold", str(draw.choice(["0.5", "1e30", "1e-300"]))],
        ["--level-axis", str(draw.choice([-9, -1, 0, 1, 9]))],
        ["--all"],
    ]
    wished = draw.choice(len(offered), size=int(draw.choice([0, 0, 0, 1, 2])), replace=False)
    return [word for one in wished for word in offered[int(one)]]


def reports(folder: Path) -> list[str]:
    """Every kind of report."""
    return ["--html", str(folder / "r.html"), "--md", str(folder / "r.md"), "--junit", str(folder / "r.xml")]


def of_a_series(given: Path, out: Path, draw: Draw) -> list[str]:
    """A folder of several checkpoints, in folders of their own now and then."""
    folder = given / "run"
    folder.mkdir()
    pattern = str(draw.choice(["step={}", "checkpoint-{}/model", "epoch_{}", "{}", "same"]))
    first = draw.integers(1 << 30)
    for number in range(int(draw.integers(1, 5))):
        path = folder / pattern.format(number)
        path.parent.mkdir(exist_ok=True)
        alike = np.random.default_rng(first) if draw.random() < 0.7 else draw  # a layout of its own breaks a series
        checkpoint(path.parent, path.name + f"_{number}" * (pattern == "same"), alike)
    words = [str(folder), *options(draw)]
    words += ["--latents", str(latents(given, draw))] if draw.random() < 0.6 else []
    words += ["--frozen"] if draw.random() < 0.3 else []
    return words + (reports(out) if draw.random() < 0.7 else [])


def of_what_if(given: Path, out: Path, draw: Draw) -> list[str]:
    """One checkpoint and latents, and a question about remedies."""
    words = [str(checkpoint(given, "model", draw)), "--latents", str(latents(given, draw)), "--what-if"]
    return words + options(draw)


def of_a_repair(given: Path, out: Path, draw: Draw) -> list[str]:
    """One checkpoint and latents, and a wish for a copy."""
    source = checkpoint(given, "model", draw)
    ending = source.suffix if draw.random() < 0.9 else str(draw.choice([".pt", ".npz", ".safetensors", ".txt", ""]))
    words = [str(source), "--latents", str(latents(given, draw)), "--repair", str(out / f"mended{ending}")]
    words += ["--remedy", str(draw.choice(["restart", "replace", "align"])), *options(draw)]
    return words + (["--force"] if draw.random() < 0.7 else [])


def of_reports(given: Path, out: Path, draw: Draw) -> list[str]:
    """One checkpoint with whatever can be given beside it, in every kind of report."""
    words = [str(checkpoint(given, "model", draw)), *options(draw), *reports(out)]
    fate = draw.random()
    words += ["--latents", str(latents(given, draw))] if fate < 0.6 else []
    words += ["--codes", str(codes(given, draw))] if 0.6 < fate < 0.9 else []
    words += ["--rank", str(checkpoint(given, "rank1", draw))] if draw.random() < 0.3 else []
    return words + (["--mask", str(mask(given, draw))] if draw.random() < 0.2 else [])


def of_codes_alone(given: Path, out: Path, draw: Draw) -> list[str]:
    """No checkpoint at all."""
    level_axis = ["--level-axis", str(draw.choice([-9, -1, 0, 1]))] if draw.random() < 0.5 else []
    return ["--codes", str(codes(given, draw)), "--num-codes", str(draw.choice([1, K, 1_000])), *level_axis]


REQUESTS = {
    "a series": of_a_series,
    "what-if": of_what_if,
    "a repair": of_a_repair,
    "reports": of_reports,
    "codes alone": of_codes_alone,
}
