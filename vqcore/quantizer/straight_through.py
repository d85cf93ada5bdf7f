"""Gradients across the rounding step. Knows no codebook."""

from torch import Tensor


def straight_through(z_e: Tensor, z_q: Tensor, *, sync: float = 0.0) -> Tensor:
    """The value of `z_q`, bit for bit; its gradient goes to `z_e` whole and `sync` times it to `z_q`.

    z = z_e + sg[z_q − z_e] + ν(z_q − sg[z_q]), Huh et al. 2023, with ν = `sync`; ν = 0 is the plain
    straight-through estimator of Bengio et al. (arXiv 1308.3432). Both arguments have one shape.
    """
    # Ordered so that no rounding enters: x − x is exactly zero, z_e + (z_q − z_e) is not exactly z_q.
    out = z_q.detach() + (z_e - z_e.detach())
    if sync == 0:
        return out
    return out + sync * (z_q - z_q.detach())
