"""All recipes."""

from functools import partial

import numpy as np

from vqcore.diagnostics.evidence import Floats
from vqcore.gallery import altering, constructing
from vqcore.gallery.exhibit import Exhibit
from vqcore.gallery.making import SOUND, altered, at_its_start, deafened, switched, trained

# Draws of a codebook (K, D) as `torch.nn.init` makes them.


def _xavier(generator: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    bound = (6 / sum(shape)) ** 0.5
    return np.asarray(generator.uniform(-bound, bound, shape), dtype=np.float64)


def _kaiming(generator: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    return np.asarray(generator.standard_normal(shape) * (2 / shape[1]) ** 0.5)


def _mostly_0(generator: np.random.Generator) -> Floats:
    return np.where(generator.random(20_000) < 0.3, 0, generator.integers(128, size=20_000))


_padded = partial(altered, alter=partial(altering.padded, spread=0.0))
_extended = partial(altered, alter=partial(altering.extended, at_the_end=True))
_of_the_first = partial(constructing.shared_table, fits_both=False)

MADE: tuple[Exhibit, ...] = (
    Exhibit("Zipf-like use", "healthy", False, constructing.zipf, "digits, default start"),
    Exhibit("codes drawn from whitened latents", "healthy", False, constructing.whitened, "N(0, 1/D)"),
    Exhibit(
        "EMA sums that are counts × vectors",
        "healthy",
        False,
        partial(constructing.averaged, threshold=0.1),
        "EMA sums that are centres",
    ),
    Exhibit("digits, sound", "healthy", True, partial(trained, "digits", 150, **SOUND)),
    Exhibit(
        "digits, moving average", "healthy", True, partial(trained, "digits", 150, codebook_update="ema", **SOUND)
    ),
    Exhibit("classifier, sound", "healthy", True, partial(trained, "digits-classifier", 150, **SOUND)),
    Exhibit("plane, sound", "healthy", True, partial(trained, "plane", 150, **SOUND)),
    Exhibit("patches, sound", "healthy", True, partial(trained, "patches", 120, num_codes=64, **SOUND)),
    Exhibit(
        "digits, second residual level",
        "healthy",
        True,
        partial(trained, "digits", 100, structure="residual", levels=2, level=1, **SOUND),
    ),
    Exhibit("digits, default start", "index-collapse", True, partial(trained, "digits", 150)),
    Exhibit("classifier, default start", "index-collapse", True, partial(trained, "digits-classifier", 150)),
    Exhibit("plane, default start", "dead-codes-far", True, partial(trained, "plane", 150)),
    Exhibit("digits, affine alone", "dead-codes-far", True, partial(trained, "digits", 250, affine="running")),
    Exhibit("digits, k-means alone", "dead-codes-crowded", True, partial(trained, "digits", 150, code_init="kmeans")),
    Exhibit("digits, never trained, in a file", "never-trained", False, partial(at_its_start, "digits")),
    Exhibit("Xavier, uniform", "never-trained", False, altering.untouched(_xavier)),
    Exhibit("Kaiming, normal", "never-trained", False, altering.untouched(_kaiming)),
    Exhibit("±1/K", "never-trained", False, altering.untouched(lambda g, s: g.uniform(-1 / s[0], 1 / s[0], s))),
    Exhibit("±1/D", "never-trained", False, altering.untouched(lambda g, s: g.uniform(-1 / s[1], 1 / s[1], s))),
    Exhibit("N(0, 1/D)", "never-trained", False, altering.untouched(lambda g, s: g.standard_normal(s) / s[1] ** 0.5)),
    Exhibit("N(0, 1/K)", "never-trained", False, altering.untouched(lambda g, s: g.standard_normal(s) / s[0] ** 0.5)),
    Exhibit(
        "orthogonal", "never-trained", False, altering.untouched(lambda g, s: np.linalg.qr(g.standard_normal(s))[0])
    ),
    Exhibit("zeros", "never-trained", False, altering.untouched(lambda _, s: np.zeros(s))),
    Exhibit("digits, β = 0", "no-gradient", True, partial(trained, "digits", 100, beta=0.0)),
    Exhibit("initialization pending", "initialization-pending", False, constructing.pending),
    Exhibit("digits, step 5", "codebook-far", True, partial(trained, "digits", 5)),
    Exhibit("codebook out of place", "codebook-far", False, altering.moved(1.0, 3.0)),
    Exhibit("codebook out of scale", "codebook-far", False, altering.moved(8.0, 0.0)),
    Exhibit("codebook a tenth of the size", "codebook-far", False, altering.moved(0.1, 0.0)),
    Exhibit("codebook a thirtieth of the size", "codebook-far", False, altering.moved(1 / 30, 0.0)),
    Exhibit("codebook out of both", "codebook-far", False, altering.moved(0.1, 3.0)),
    Exhibit("classifier, dead ReLUs", "deaf-decoder", False, deafened),
    Exhibit("latents on a line", "embedding-collapse", False, partial(altered, alter=altering.on_a_line)),
    Exhibit("latents at a point", "embedding-collapse", False, partial(altered, alter=altering.on_a_point)),
    Exhibit(
        "digits, affine and little commitment",
        "runaway-embeddings",
        True,
        partial(trained, "digits", 300, affine="running", alpha=0.3, code_init="kmeans"),
    ),
    Exhibit(
        "plane, β = 1", "commitment-too-weak", True, partial(trained, "plane", 300, beta=1.0, code_init="kmeans")
    ),
    Exhibit("digits, α = 0.01", "commitment-too-weak", True, partial(trained, "digits", 300, alpha=0.01, **SOUND)),
    Exhibit(
        "digits, α = 1,000",
        "commitment-too-strong",
        True,
        partial(trained, "digits", 150, alpha=1000.0, beta=0.1, **SOUND),
    ),
    Exhibit(
        "digits, α = 1,000, default start",
        "commitment-too-strong",
        True,
        partial(trained, "digits", 150, alpha=1000.0, beta=0.1),
    ),
    Exhibit(
        "digits, replaced every step",
        "recycling-replacement",
        True,
        partial(trained, "digits", 100, code_init="kmeans", replace_every=1, batch_size=4),
    ),
    Exhibit(
        "EMA sums that are centres", "ema-bookkeeping", False, partial(constructing.averaged, times_counts=False)
    ),
    Exhibit("EMA rows that shrank", "ema-bookkeeping", False, partial(constructing.averaged, forgotten=0.5)),
    Exhibit(
        "a threshold of three times the mean",
        "unreachable-threshold",
        False,
        partial(constructing.averaged, threshold=3.0),
    ),
    Exhibit("plane, K = 4,096", "oversized-codebook", True, partial(trained, "plane", 60, num_codes=4096)),
    Exhibit("few different latents", "oversized-codebook", False, partial(altered, alter=altering.few_different)),
    Exhibit(
        "digits, second level of a default start",
        "idle-level",
        True,
        partial(trained, "digits", 40, structure="residual", levels=2, level=1),
    ),
    Exhibit("copied codes", "duplicate-codes", False, partial(altered, alter=altering.doubled)),
    Exhibit("a NaN", "broken-numbers", False, partial(altered, alter=altering.with_nan)),
    Exhibit("bfloat16 far from the origin", "broken-numbers", False, partial(altered, alter=altering.rounded_away)),
    Exhibit("two processes, a quarter apart", "ranks-disagree", False, constructing.apart),
    Exhibit("two processes, together", "healthy", False, constructing.together, "two processes, a quarter apart"),
    Exhibit("100 latents", "not-enough-data", False, constructing.too_few),
)

MET: tuple[Exhibit, ...] = (
    Exhibit("frozen, moved by 0.5%", "moves-though-frozen", False, partial(constructing.frozen, drift=0.005)),
    Exhibit("EMA and an optimizer", "ema-bookkeeping", False, partial(constructing.written_twice, step=0.02)),
    Exhibit("latents on a plane", "embedding-collapse", False, partial(altered, alter=altering.on_a_plane)),
    Exhibit(
        "the same codes for every input", "embedding-collapse", False, partial(constructing.by_input, distinct=1)
    ),
    Exhibit(
        "all codes are 0", "broken-numbers", False, partial(constructing.of_codes, draw=lambda g: np.zeros(20_000))
    ),
    Exhibit("3% NaN latents", "broken-numbers", False, constructing.with_broken_latents),
    Exhibit("a second level of another scale", "idle-level", False, partial(constructing.second_level, scale=30.0)),
    Exhibit("two levels share the first one's table", "idle-level", False, _of_the_first),
    Exhibit("codes that stood still", "never-trained", False, partial(constructing.seen_twice, still=0.6)),
    Exhibit(
        "counts beside few latents", "dead-codes-crowded", False, partial(constructing.counted_and_seen, dead=0.6)
    ),
    Exhibit("codes of another model", "codebook-far", False, partial(altered, alter=altering.of_another_model)),
    Exhibit("latents of 1.7 times the codes", "codebook-far", False, partial(constructing.outgrown, factor=1.7)),
    Exhibit("padding counted", "padding-counted", False, _padded),
    Exhibit("levels that follow from the first", "colliding-codes", False, partial(constructing.by_item, own=0.2)),
    Exhibit("an extension that nothing uses", "unused-block", False, _extended),
)
"""Conditions that were met in reports on other people's models."""

TWINS: tuple[Exhibit, ...] = (
    Exhibit(
        "blank inputs that differ a little",
        "healthy",
        False,
        partial(altered, alter=partial(altering.padded, spread=0.05)),
        "padding counted",
    ),
    Exhibit(
        "levels of their own",
        "healthy",
        False,
        partial(constructing.by_item, own=0.9),
        "levels that follow from the first",
    ),
    Exhibit(
        "as many unused codes, scattered",
        "dead-codes-far",
        False,
        partial(altered, alter=partial(altering.extended, at_the_end=False)),
        "an extension that nothing uses",
    ),
    Exhibit(
        "frozen, and the same", "healthy", False, partial(constructing.frozen, drift=0.0), "frozen, moved by 0.5%"
    ),
    Exhibit("EMA in bfloat16", "healthy", False, constructing.in_bfloat16, "EMA and an optimizer"),
    Exhibit(
        "latents in five dimensions",
        "healthy",
        False,
        partial(altered, alter=partial(altering.on_a_plane, directions=5)),
        "latents on a plane",
    ),
    Exhibit(
        "inputs that differ",
        "healthy",
        False,
        partial(constructing.by_input, distinct=990),
        "the same codes for every input",
    ),
    Exhibit("many codes are 0", "healthy", False, partial(constructing.of_codes, draw=_mostly_0), "all codes are 0"),
    Exhibit(
        "a second level that fits",
        "healthy",
        False,
        partial(constructing.second_level, scale=1.0),
        "a second level of another scale",
    ),
    Exhibit(
        "two levels share a table that fits both",
        "healthy",
        False,
        partial(constructing.shared_table, fits_both=True),
        "two levels share the first one's table",
    ),
    Exhibit("finite latents", "healthy", False, constructing.healthy, "3% NaN latents"),
    Exhibit("codes of this model", "healthy", False, constructing.healthy, "codes of another model"),
    Exhibit(
        "codes that all moved",
        "not-enough-data",
        False,
        partial(constructing.seen_twice, still=0.0),
        "codes that stood still",
    ),
    Exhibit(
        "full counts beside few latents",
        "healthy",
        False,
        partial(constructing.counted_and_seen, dead=0.0),
        "counts beside few latents",
    ),
    Exhibit(
        "latents of 1.1 times the codes",
        "healthy",
        False,
        partial(constructing.outgrown, factor=1.1),
        "latents of 1.7 times the codes",
    ),
    Exhibit(
        "healthy start, then a running map",
        "healthy",
        True,
        partial(
            switched, "digits", 300, 200, {"affine": "running"}, code_init="kmeans", beta=0.1, learning_rate=0.003
        ),
        "digits, affine and little commitment",
    ),
)
"""Each differs from the exhibit that it names in the fault alone."""

GALLERY = MADE + MET + TWINS
