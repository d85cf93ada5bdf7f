"""Set-ups to begin from on the page side by side."""

from collections.abc import Iterable

from app.links.setup import Setup, read_variant


def _preset(problem: str, variants: Iterable[tuple[str, str]]) -> Setup:
    return Setup(problem=problem, variants=tuple(read_variant(name, words) for name, words in variants))


PRESETS: tuple[tuple[str, str, str, Setup], ...] = (
    (
        ":material/build:",
        "What practitioners do",
        "Baseline · affine running · replacement every 20 steps · EMA, on photographs.",
        _preset(
            "patches",
            [
                ("baseline", ""),
                ("affine running", "affine=running"),
                ("replacement 20", "replace_every=20"),
                ("EMA", "codebook_update=ema"),
            ],
        ),
    ),
    (
        ":material/article:",
        "The paper",
        "Baseline · affine · alternating · sync, the three methods one by one, from k-means centres.",
        _preset(
            "patches",
            [
                ("baseline", "code_init=kmeans"),
                ("affine", "code_init=kmeans affine=learned affine_lr_scale=10"),
                ("alternating", "code_init=kmeans inner_steps=1 inner_momentum=0.9"),
                ("sync", "code_init=kmeans sync=0.5"),
            ],
        ),
    ),
    (
        ":material/flag:",
        "The start",
        "Codes drawn from N(0, 1) beside codes that start at k-means centres.",
        _preset("patches", [("random", ""), ("k-means", "code_init=kmeans")]),
    ),
)
"""Icon, title, what it compares, and the set-up."""
