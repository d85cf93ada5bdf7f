import pytest
import torch

from vqcore.quantizer.layer import VectorQuantizer
from vqcore.quantizer.options import Options
from vqcore.quantizer.replacement import NOISE, replace_unused_

K, D = 10, 6


def setting(affine: str = "off") -> VectorQuantizer:
    layer = VectorQuantizer(K, D, Options(affine=affine), generator=torch.Generator().manual_seed(0)).train()
    layer(3 + torch.randn(50, D, generator=torch.Generator().manual_seed(1)))
    for _ in range(5):
        layer.count_unused_((torch.arange(K) < 4).int())  # codes 0…3 are used in every step
    return layer


@pytest.mark.parametrize("affine", ["off", "running"])
@pytest.mark.parametrize("vectors", [4, 200])
def test_codes_unused_for_so_long_move_next_to_a_latent_and_no_other_moves(affine, vectors):
    layer = setting(affine)
    before = layer.codebook().detach().clone()
    z_e = torch.randn(vectors, D, generator=torch.Generator().manual_seed(2)) - 7
    moved = replace_unused_(layer, z_e, 5, generator=torch.Generator().manual_seed(3))
    assert moved.tolist() == [False] * 4 + [True] * 6
    codebook = layer.codebook().detach()
    assert torch.equal(codebook[:4], before[:4])
    gaps = torch.cdist(codebook[4:], z_e).min(1)
    assert (gaps.values < 6 * NOISE * z_e[gaps.indices].norm(dim=1)).all()
    assert len(torch.unique(codebook[4:], dim=0)) == 6


def test_a_code_is_spared_until_it_has_been_unused_long_enough():
    layer = setting()
    z_e = torch.randn(50, D, generator=torch.Generator().manual_seed(2))
    assert not replace_unused_(layer, z_e, 6, generator=torch.Generator().manual_seed(3)).any()
    layer.count_unused_(torch.zeros(K))
    assert replace_unused_(layer, z_e, 6, generator=torch.Generator().manual_seed(3)).sum() == 6


def test_a_moved_code_starts_its_wait_anew():
    layer = setting()
    z_e = torch.randn(50, D, generator=torch.Generator().manual_seed(2))
    replace_unused_(layer, z_e, 5, generator=torch.Generator().manual_seed(3))
    assert not replace_unused_(layer, z_e, 5, generator=torch.Generator().manual_seed(3)).any()
