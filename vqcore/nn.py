"""VQTorch's layers over `vqcore.quantizer`: change `vqtorch.nn` to `vqcore.nn` in the import, and the rest stays.

Constructor arguments, defaults, results, their shapes, values and gradients are those of VQTorch
(github.com/minyoungg/vqtorch; Huh et al., ICML 2023, arXiv 2305.08842). Deliberate differences, in the arguments:

- (N, D) vectors are accepted as they are.
- At most 16 `affine_groups`: the map has 16 rows under every option, so that a state dict fits whatever is switched
  on. `affine_groups` need not divide `num_codes`: some groups then have a code more.
- A `code_vector_size` other than `feature_size` is refused with an `affine_lr`, as the map would not fit the codes;
  without one it has no effect.
- `num_codes` that unshared codebooks cannot divide evenly are an error, as is any bad value, shape or dtype:
  ValueError or TypeError, saying what to do.

In the results:

- `perplexity` is a number. The search runs in float32 at least, under autocast too.
- `norm='l2c'` has its true derivative. 'bn', 'gn' and 'in' normalize the features wherever `dim` puts them.
- Evaluation changes no parameter: `cb_norm` is then applied to what is used, and kept only in training.

In the updates of codes:

- k-means runs on any device, before the first search, so that the first forward already uses that
  codebook; fewer vectors than codes are an error, never a smaller codebook.
- A replaced code lands on a vector that its own codebook is searched for, whatever the affine map, and
  `forget_moved` clears its optimizer moments.
- `inplace_optimizer` steps the codebook in use, with groups and an affine map too, and leaves every `.grad` as it
  was.

All tensors exist whatever the arguments, so `layer.quantizer.switch_` can turn anything on or off in training. VQ
Scope's own trainings, which you may compare with yours, differ from VQTorch in three more points:

- A running affine map scales each group of codes by that group's own moments, where VQTorch's class uses those of all
  codes for every group: with the same moments for all, groups would have one map and be pointless.
- The inner steps of alternating optimization search again before each step, since codes have moved, and stop at
  the mean of a code's vectors at any learning rate. `inplace_optimizer` does neither: one step at held
  codes, with the optimizer that you give, as in VQTorch.
- Weight decay excludes the codebook: it would pull unused codes to the origin. Here the optimizer is yours:
  give `layer.parameters()` a group of their own with `weight_decay=0`.
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
