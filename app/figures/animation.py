"""Frames as an animated GIF that stays below a bound: one palette for all, of as many colours as fit."""

import io
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

MOST_BYTES = 5_000_000
COLOURS = (128, 96, 64, 48, 32, 24, 16, 8)
"""Of the palette, as many as the bound allows."""

TRIED = 5
"""Frames by whose size the palette is chosen."""

KEPT_FREE = 0.92
"""Share of the bound that the frames tried may foretell."""


def animated_gif(
    frames: Sequence[Image.Image], durations: Sequence[int], comment: str, most_bytes: int = MOST_BYTES
) -> Iterator[bytes | float]:
    """Yields the share done, and at last the file; each frame stands for its duration in milliseconds."""
    tried = [frames[at] for at in np.unique(np.linspace(0, len(frames) - 1, TRIED).astype(int)).tolist()]
    palette = _palette(tried, COLOURS[-1])
    for colours in COLOURS:
        palette = _palette(tried, colours)
        foretold = sum(len(_written([_in(palette, frame)], [100], "")) for frame in tried) / len(tried)
        if foretold * len(frames) <= KEPT_FREE * most_bytes:
            break
    reduced = []
    for frame in frames:
        reduced.append(_in(palette, frame))
        yield 0.9 * len(reduced) / len(frames)
    yield _written(reduced, durations, comment)


def _palette(frames: Sequence[Image.Image], colours: int) -> Image.Image:
    """The palette of all `frames` together."""
    height = sum(frame.height for frame in frames)
    strip = Image.new("RGB", (max(frame.width for frame in frames), height))
    for place, frame in enumerate(frames):
        strip.paste(frame, (0, place * frame.height))
    return strip.quantize(colours, method=Image.Quantize.MEDIANCUT)


def _in(palette: Image.Image, frame: Image.Image) -> Image.Image:
    return frame.quantize(palette=palette, dither=Image.Dither.NONE)


def _written(frames: Sequence[Image.Image], durations: Sequence[int], comment: str) -> bytes:
    buffer = io.BytesIO()
    first, *others = frames
    first.save(
        buffer,
        format="gif",
        save_all=True,
        append_images=others,
        duration=list(durations),
        loop=0,
        comment=comment.encode(),
        optimize=False,
    )
    return buffer.getvalue()
