import torch

from vqcore.quantizer.straight_through import straight_through


def tensors():
    generator = torch.Generator().manual_seed(0)
    z_e = torch.randn(5, 3, generator=generator, requires_grad=True)
    z_q = torch.randn(5, 3, generator=generator, requires_grad=True)
    upstream = torch.randn(5, 3, generator=generator)
    return z_e, z_q, upstream


def test_the_value_is_that_of_z_q_bit_for_bit():
    z_e, z_q, _ = tensors()
    for sync in (0.0, 0.3, 2.0):
        assert torch.equal(straight_through(1e6 * z_e, z_q, sync=sync), z_q)


def test_the_gradient_reaches_z_e_whole_and_z_q_times_sync():
    z_e, z_q, upstream = tensors()
    for sync in (0.0, 0.3, 2.0):
        out = straight_through(z_e, z_q, sync=sync)
        to_z_e, to_z_q = torch.autograd.grad(out, (z_e, z_q), upstream, allow_unused=True)
        assert torch.equal(to_z_e, upstream)
        if sync == 0:
            assert to_z_q is None
        else:
            torch.testing.assert_close(to_z_q, sync * upstream)
