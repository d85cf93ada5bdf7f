"""Exercises for paper and pencil: numbers of a small training of the reader's seed, and solutions computed from them.

What is given is rounded first, so that a solution follows from what is printed.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from demos.lesson import Training
from vqcore.diagnostics.usage import count_codes, perplexity
from vqcore.problems.landscapes import find_landscape
from vqcore.snapshot import Snapshot
from vqcore.training.trainer import Trainer

PLANE = Training(problem="plane", changes={"num_codes": 4, "batch_size": 64})
STEPS = 40
PLACES = 2
GAMMA = 0.99
VALUES = 5
"""L of the exercise on finite scalar quantization."""

Floats = NDArray[np.float64]


class Solved(NamedTuple):
    """An exercise with numbers, and its solution."""

    lesson: str
    """Name of the lesson that it goes with."""

    asks: str
    solution: str


def exercises(seed: int) -> list[Solved]:
    """All of them, with the numbers of this seed.

    Raises:
        ValueError: for a seed that no training takes.
    """
    trainer = Trainer(PLANE.recipe(seed))
    for _ in range(STEPS):
        trainer.step()
    moment, chance = trainer.snapshot(), np.random.default_rng(seed)
    makers: tuple[Callable[[Snapshot, np.random.Generator], Solved], ...] = (
        _nearest,
        _perplexity,
        _touched,
        _sparse,
        _affine,
        _straight_through,
        _forgotten,
        _shared_out,
        _rounded_by_itself,
    )
    return [make(moment, chance) for make in makers]


def _rounded(values: NDArray[np.floating]) -> Floats:
    return np.round(np.asarray(values, dtype=float), PLACES)


def _vector(values: Floats) -> str:
    return f"({', '.join(f'{round(float(value), PLACES) + 0.0:.2f}' for value in values)})"  # no −0.00


def _codebook(codes: Floats) -> str:
    return ", ".join(f"c_{number} = {_vector(code)}" for number, code in enumerate(codes))


def _nearest(moment: Snapshot, _: np.random.Generator) -> Solved:
    z_e, codes = _rounded(moment.z_e[0]), _rounded(moment.codebook)
    squares = np.square(codes - z_e).sum(1)
    k = int(squares.argmin())
    return Solved(
        "quantizer",
        f"Given z_e = {_vector(z_e)} and {_codebook(codes)}: which code does z_e get, and what is ‖z_e − z_q‖²?",
        f"The squared distances are {', '.join(f'{square:.4f}' for square in squares)}: code {k}, {squares[k]:.4f}.",
    )


def _perplexity(moment: Snapshot, _: np.random.Generator) -> Solved:
    counts = count_codes(moment.codes, moment.num_codes)
    value = perplexity(counts)
    return Solved(
        "quantizer",
        f"K = {len(counts)} codes were chosen {', '.join(map(str, counts))} times. What is the perplexity, and "
        "how many "
        "bits does a code carry at most, against how many it costs?",
        f"exp(−Σ p_j ln p_j) = {value:.3f}. At most log₂ {value:.3f} = {math.log2(value):.3f} bits of log₂ "
        f"{len(counts)} "
        f"= {math.log2(len(counts)):.0f}.",
    )


def _touched(_: Snapshot, chance: np.random.Generator) -> Solved:
    num_codes, num_vectors = int(chance.choice([256, 512, 1024])), int(chance.choice([64, 128, 256]))
    expected = num_codes * (1 - (1 - 1 / num_codes) ** num_vectors)
    return Solved(
        "collapse",
        f"All of K = {num_codes} codes are equally likely. How many different ones do N = {num_vectors} vectors "
        "choose on "
        "average? Is a code that was not chosen dead?",
        f"K(1 − (1 − 1/K)^N) = {expected:.1f}. The other {num_codes - expected:.1f} were not chosen by chance "
        "alone: N is "
        "too small to call any of them dead.",
    )


def _sparse(moment: Snapshot, _: np.random.Generator) -> Solved:
    codes, counts = _rounded(moment.codebook), count_codes(moment.codes, moment.num_codes)
    k = int(counts.argmax())
    mean = _rounded(moment.z_e[moment.codes == k].mean(0))
    direction = codes[k] - mean
    return Solved(
        "why",
        f"Code {k} lies at {_vector(codes[k])}. The {counts[k]} vectors assigned to it have the mean "
        f"{_vector(mean)}. In "
        "which direction does the commitment loss move it, and in which a code without any vectors?",
        f"Its gradient is a multiple of Σ(c − z_e) = {counts[k]}·{_vector(direction)}, so it moves along "
        f"{_vector(-direction)}. Without vectors the sum is empty: the gradient is zero, and the code stays.",
    )


def _affine(moment: Snapshot, _: np.random.Generator) -> Solved:
    p, c = moment.z_e, moment.codebook
    means, stds = (
        (_rounded(p.mean(0)), _rounded(c.mean(0))),
        (_rounded(p.std(0)), np.maximum(_rounded(c.std(0)), 0.01)),
    )
    scale = stds[0] / stds[1]
    shift = means[0] - scale * means[1]
    return Solved(
        "affine",
        f"P has the mean {_vector(means[0])} and the deviation {_vector(stds[0])} in each feature, C has "
        f"{_vector(means[1])} "
        f"and {_vector(stds[1])}. Which s and b give C the moments of P? How many numbers are that for D = 2?",
        f"s = σ_P / σ_C = {_vector(scale)} and b = μ_P − s ⊙ μ_C = {_vector(shift)}: 2D = 4 numbers, whatever K is.",
    )


def _straight_through(moment: Snapshot, _: np.random.Generator) -> Solved:
    surface = find_landscape("quadratic")
    z_e, z_q = _rounded(moment.z_e[1]), _rounded(moment.codebook[moment.codes[1]])
    handed, true = surface.gradient(z_q), surface.gradient(z_e)
    gap = float(np.linalg.norm(handed - true) / np.linalg.norm(true))
    return Solved(
        "estimator",
        f"f = {surface.formula}. Given z_e = {_vector(z_e)} and its code vector z_q = {_vector(z_q)}: which "
        "gradient does "
        "the straight-through estimator hand to z_e, which is the true one, and how large is the relative gap?",
        f"∇f(z_q) = {_vector(handed)}, ∇f(z_e) = {_vector(true)}, and ‖∇f(z_q) − ∇f(z_e)‖ / ‖∇f(z_e)‖ = {gap:.2f}.",
    )


def _forgotten(_: Snapshot, chance: np.random.Generator) -> Solved:
    gamma = float(chance.choice([0.9, 0.95, GAMMA, 0.999]))
    half = math.ceil(math.log(0.5) / math.log(gamma))
    return Solved(
        "practice",
        f"EMA codes with γ = {gamma:g}. A code gets no vectors any more. After how many steps has its count n_j "
        "fallen to "
        "half, and where has its code vector moved by then?",
        f"γ^t ≤ ½ from t = {half} on. Sum and count shrink alike, so c_j = m_j / n_j has not moved at all.",
    )


def _shared_out(moment: Snapshot, _: np.random.Generator) -> Solved:
    z_e, z_q = _rounded(moment.z_e[2]), _rounded(moment.codebook[moment.codes[2]])
    gradient = _rounded(find_landscape("quadratic").gradient(z_q))
    way = z_q - z_e
    along = float(gradient @ way) / float(way @ way or 1) * way
    return Solved(
        "since",
        f"DiVeQ without noise: z = z_e + ‖z_q − z_e‖·sg[û]. Given z_e = {_vector(z_e)}, z_q = {_vector(z_q)} and the "
        f"task gradient {_vector(gradient)} at z: which part of it goes to the code, and which to z_e?",
        f"The part along z_q − z_e goes to the code, {_vector(along)}; the rest to z_e, {_vector(gradient - along)}.",
    )


def _rounded_by_itself(moment: Snapshot, _: np.random.Generator) -> Solved:
    z_e = _rounded(moment.z_e[3])
    bounded = _rounded(np.tanh(z_e))
    half = (VALUES - 1) / 2
    return Solved(
        "since",
        f"Finite scalar quantization with L = {VALUES} values from −1 to 1 for each feature. z_e is bounded by tanh "
        f"to {_vector(bounded)}. What is z_q, and how many codes are there for D = 2?",
        f"Each feature goes to the nearest of −1, −0.5, 0, 0.5 and 1: {_vector(np.round(bounded * half) / half)}, "
        f"one of {VALUES}² = {VALUES**2} codes.",
    )
