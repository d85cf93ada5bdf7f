"""What goes wrong with a codebook or its latents, done to a healthy pair of them."""

# N vectors, K codes, D features

from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from vqcore.diagnostics.evidence import Evidence, Floats
from vqcore.gallery.making import SOUND, altered, trained

Altered = tuple[Floats, Floats]
"""(K, D) codebook and (N, D) latents."""


def untouched(draw: Callable[[np.random.Generator, tuple[int, ...]], Floats]) -> Callable[[int], Evidence]:
    """An untrained codebook beside the latents of a healthy run."""
    return partial(altered, alter=lambda codebook, z_e, generator: (draw(generator, codebook.shape), z_e))


def moved(scale: float, offset: float) -> Callable[[int], Evidence]:
    """A codebook scaled about its mean and shifted, in spreads of P, as if of another encoder."""

    def alter(codebook: Floats, z_e: Floats, generator: np.random.Generator) -> tuple[Floats, Floats]:
        direction = generator.standard_normal(codebook.shape[1])
        shift = offset * np.sqrt(z_e.var(0).sum()) * direction / np.linalg.norm(direction)
        return codebook.mean(0) + scale * (codebook - codebook.mean(0)) + shift, z_e

    return partial(altered, alter=alter)


def on_a_line(codebook: Floats, z_e: Floats, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """Latents flattened onto one direction, with codes drawn among them."""
    direction = generator.standard_normal(z_e.shape[1])
    along = (z_e @ direction)[:, None] * direction / np.square(direction).sum()
    flat = along + 0.01 * along.std() * generator.standard_normal(z_e.shape)
    return drawn(flat, len(codebook), generator), flat


def on_a_point(codebook: Floats, z_e: Floats, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """One latent for every input, up to rounding."""
    point = z_e.mean(0) + 1.0
    near = point + 1e-5 * generator.standard_normal(z_e.shape)
    return drawn(near, len(codebook), generator), near


def drawn(vectors: Floats, num_codes: int, generator: np.random.Generator) -> Floats:
    """Different vectors as codes, (K, D)."""
    return vectors[generator.choice(len(vectors), num_codes, replace=False)]


def doubled(codebook: Floats, z_e: Floats, _: np.random.Generator) -> tuple[Floats, Floats]:
    """The second half of the codes copied from the first."""
    half = len(codebook) // 2
    return np.concatenate([codebook[:half], codebook[:half]]), z_e


def with_nan(codebook: Floats, z_e: Floats, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """One value of one code broken."""
    broken = codebook.copy()
    broken[generator.integers(len(codebook)), 0] = np.nan
    return broken, z_e


def rounded_away(codebook: Floats, z_e: Floats, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """Kept in bfloat16 around a mean that is large beside the spread."""
    offset = 50 * codebook.std() * generator.choice([-1.0, 1.0], codebook.shape[1])
    kept = torch.from_numpy(codebook + offset).bfloat16().float().numpy()
    return kept, z_e + offset


def few_different(codebook: Floats, z_e: Floats, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """Latents of data with only half as many distinct vectors as there are codes."""
    kept = np.unique(z_e, axis=0)
    kept = kept[generator.choice(len(kept), len(codebook) // 2, replace=False)]
    return codebook, kept[generator.integers(len(kept), size=len(z_e))]


def padded(codebook: Floats, z_e: Floats, generator: np.random.Generator, *, spread: float) -> Altered:
    """From a fifth to nearly half of the latents are of padding: one vector, or as many within so small a spread."""
    vectors, silence = z_e.copy(), z_e[generator.integers(len(z_e))]
    places = generator.choice(len(z_e), int(generator.uniform(0.2, 0.45) * len(z_e)), replace=False)
    vectors[places] = silence + spread * z_e.std() * generator.standard_normal((len(places), z_e.shape[1]))
    return codebook, vectors


def extended(codebook: Floats, z_e: Floats, generator: np.random.Generator, *, at_the_end: bool) -> Altered:
    """Half as many codes again that no latent is near, in one block or scattered among the others."""
    aside = 3 * np.sqrt(z_e.var(0).sum()) * np.sign(generator.standard_normal(codebook.shape[1]))
    table = np.concatenate([codebook, codebook[: len(codebook) // 2] + aside])
    return table if at_the_end else table[generator.permutation(len(table))], z_e


def on_a_plane(codebook: Floats, z_e: Floats, generator: np.random.Generator, *, directions: int = 2) -> Altered:
    """Latents that fill so few directions evenly, up to a hundredth, with codes drawn among them."""
    axes = np.linalg.qr(generator.standard_normal((z_e.shape[1], directions)))[0]
    flat = generator.standard_normal((len(z_e), directions)) @ axes.T * z_e.std()
    flat = flat + 0.01 * z_e.std() * generator.standard_normal(z_e.shape)
    return drawn(flat, len(codebook), generator), flat


def of_another_model(codebook: Floats, z_e: Floats, generator: np.random.Generator) -> Altered:
    """The codebook that the same training with another seed made."""
    other = trained("digits", 100, int(generator.integers(1 << 16)), **SOUND)
    return other.codebook, z_e
