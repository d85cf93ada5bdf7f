"""Gradients across the rounding step."""

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from vqcore.quantizer.norms import SMALLEST_NORM
from vqcore.quantizer.options import Estimator

SMALLEST_SUM = 1e-6
"""Below this length ê + q̂ has no direction: the two are opposite, and any rotation between them will do."""


def straight_through(
    z_e: Tensor, z_q: Tensor, *, sync: float = 0.0, estimator: Estimator = "straight-through"
) -> Tensor:
    """The value of `z_q`, bit for bit; its gradient goes to `z_e` by `estimator` and `sync` times it to `z_q`.

    z = z_e + sg[z_q − z_e] + ν(z_q − sg[z_q]), Huh et al. 2023, with ν = `sync`; ν = 0 is the plain
    straight-through estimator of Bengio et al. (arXiv 1308.3432). With `rotation`, z_e stands there as
    sg[λR]·z_e (see `turned`), with `directional` as what `carried_along` gives. Both arguments are (…, D).
    """
    carrier = CARRIERS[estimator](z_e, z_q)
    # Ordered so that no rounding enters: x − x is exactly zero, z_e + (z_q − z_e) is not exactly z_q.
    out = z_q.detach() + (carrier - carrier.detach())
    if sync == 0:
        return out
    return out + sync * (z_q - z_q.detach())


def turned(z_e: Tensor, z_q: Tensor) -> Tensor:
    """λR·z_e with λ and R held constant: the rotation and scale that take each z_e onto its z_q.

    Fifty et al. (arXiv 2410.06424), section 4.2: λ = ‖q‖/‖e‖ and R = I − 2rrᵀ + 2q̂êᵀ with r the unit vector
    along ê + q̂. Computed as the two reflections (I − 2rrᵀ)(I − 2êêᵀ), the same map as (I − 2rrᵀ)ê = −q̂, which
    keep angles even where r is known to few digits. If either vector has no length there is no rotation, and
    z_e stays as it is.
    """
    e, q = z_e.detach(), z_q.detach()
    e_length, q_length = e.norm(dim=-1, keepdim=True), q.norm(dim=-1, keepdim=True)
    e_hat, q_hat = e / e_length.clamp_min(SMALLEST_NORM), q / q_length.clamp_min(SMALLEST_NORM)
    rotated = _reflected(_reflected(z_e, e_hat), _between(e_hat, q_hat))
    has_rotation = (e_length > SMALLEST_NORM) & (q_length > SMALLEST_NORM)
    return torch.where(has_rotation, q_length / e_length.clamp_min(SMALLEST_NORM) * rotated, z_e)


def carried_along(z_e: Tensor, z_q: Tensor) -> Tensor:
    """z_e + ‖z_q − z_e‖·sg[û] with û the unit vector from z_e to z_q: z_q itself, but with û held constant.

    DiVeQ (Vali et al., arXiv 2509.26469) in the limit of no noise on û, so that the value stays a code vector. Of a
    task gradient g the code gets (g·û)û, the part along û, and z_e gets the rest, g − (g·û)û. Where z_e lies on its
    code there is no û, and z_e gets all of g.
    """
    step = z_q - z_e
    length = step.norm(dim=-1, keepdim=True)
    along = (step / length.clamp_min(SMALLEST_NORM)).detach()
    carried: Tensor = z_e + length * along
    return carried


CARRIERS: Mapping[Estimator, Callable[[Tensor, Tensor], Tensor]] = {
    "straight-through": lambda z_e, z_q: z_e,
    "rotation": turned,
    "directional": carried_along,
}
"""What carries the task gradient, by estimator."""


def _reflected(vectors: Tensor, normal: Tensor) -> Tensor:
    return vectors - 2 * normal * (vectors * normal).sum(-1, keepdim=True)


def _between(e_hat: Tensor, q_hat: Tensor) -> Tensor:
    """The unit vector along ê + q̂; if the two are opposite, some unit vector orthogonal to them."""
    middle, across = e_hat + q_hat, e_hat - q_hat
    # Half the circle apart, little is left of the sum but rounding; what of that lies across it cannot belong there.
    across = torch.where((e_hat * q_hat).sum(-1, keepdim=True) < 0, F.normalize(across, dim=-1), 0)
    axis = F.one_hot(across.abs().argmin(-1), across.shape[-1]).to(across.dtype)
    middle, axis = (v - across * (v * across).sum(-1, keepdim=True) for v in (middle, axis))
    has_direction = middle.norm(dim=-1, keepdim=True) > SMALLEST_SUM
    return F.normalize(torch.where(has_direction, middle, axis), dim=-1)
