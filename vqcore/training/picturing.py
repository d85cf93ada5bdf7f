"""Pictures: whole held-out images, encoded, quantized and decoded. Changes nothing, draws no random number."""

# I images, h × w places, D features

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from vqcore.capture import read_only
from vqcore.problems.problem import Model, Problem
from vqcore.quantizer.layer import Quantizer
from vqcore.snapshot import Bytes, Picture
from vqcore.training.evaluation import evaluating


def pictures(problem: Problem, model: Model, quantizer: Quantizer, step: int) -> tuple[Picture, ...]:
    """The problem's whole images as the model sees them, once for each group or level; none where it takes none."""
    if problem.whole is None:
        return ()
    images, given = _given(problem.whole, next(model.parameters()).device)
    with evaluating(model, quantizer):
        z_e = model.encode(images)
        quantized, levels = quantizer.quantize(z_e)
        outputs = model.decode(quantized.z_q)
        loss = float(problem.loss(outputs, images))
    shown = as_bytes(outputs)
    return tuple(
        Picture(
            step=step,
            given=given,
            outputs=shown,
            codes=read_only(level.codes.view(z_e.shape[:-1]).int()),
            z_e=_halved(level.z_e.view(*z_e.shape[:-1], -1)),
            loss=loss,
        )
        for level in levels
    )


def as_bytes(images: Tensor) -> Bytes:
    """Images (I, C, H, W) in ±1 as bytes (I, H, W, C); what is not finite is black."""
    scaled = images.clamp(-1, 1).add(1).mul(127.5).nan_to_num().round()
    shown: Bytes = read_only(scaled.to(torch.uint8).movedim(1, -1).contiguous())
    return shown


@lru_cache(maxsize=8)
def _given(whole: Callable[[], Tensor], device: torch.device) -> tuple[Tensor, Bytes]:
    """Whole images on `device`, and as bytes: read once for all trainings."""
    images = whole()
    return images.to(device), as_bytes(images)


def _halved(vectors: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.float16]]:
    """`vectors` in half precision, which a place on a map does not show."""
    half = vectors.half().cpu().numpy().copy()
    half.flags.writeable = False
    return half
