"""VQTorch's layers over `vqcore.quantizer`: change `vqtorch.nn` to `vqcore.nn` in the import, and the rest stays.

Constructor arguments, defaults, results, their shapes, values and gradients are those of VQTorch
(github.com/minyoungg/vqtorch; Huh et al., ICML 2023, arXiv 2305.08842). On purpose otherwise:

- `perplexity` is a number. The search runs in float32 at least, under autocast too.
- k-means runs on any device, before the first search, so that the first forward already returns what its codebook
  gives; fewer vectors than codes are an error, never a smaller codebook.
- A replaced code lands where the vectors are that its own codebook searches for, whatever the affine map, and
  `forget_moved` clears its optimizer moments.
- Evaluation changes no parameter: `cb_norm` is then applied to what is used, and kept only in training.
- In-place steps move the codebook in use, with groups and an affine map too, and leave every `.grad` as it was.
- `norm='l2c'` has its true derivative. 'bn', 'gn' and 'in' normalize the features wherever `dim` puts them.
- `num_codes` that unshared codebooks cannot divide evenly are an error, as is any bad value, shape or dtype:
  ValueError or TypeError, saying what to do.
- All tensors exist whatever the arguments, so `layer.quantizer.switch_` can turn anything on or off in training.
"""

from vqcore.dropin.finding import forget_moved, get_vq_layers, is_vq, is_vqn, no_vq
from vqcore.dropin.layers import GroupVectorQuant, ResidualVectorQuant, VectorQuant
from vqcore.dropin.pooling import MaxVecPool2d, SoftMaxVecPool2d

__all__ = [
    "GroupVectorQuant",
    "MaxVecPool2d",
    "ResidualVectorQuant",
    "SoftMaxVecPool2d",
    "VectorQuant",
    "forget_moved",
    "get_vq_layers",
    "is_vq",
    "is_vqn",
    "no_vq",
]
