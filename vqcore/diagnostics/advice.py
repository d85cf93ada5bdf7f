"""For each condition its likely cause, what to try, and the sources. Words only; no number is decided here.

Sources named by number are the threads that reported the symptom; DESIGN's words for β: it weighs the codebook side.
The lines for other libraries are runnable Python for D features, K codes and L levels; the tests run them.
"""

from types import MappingProxyType
from typing import NamedTuple

from vqcore.diagnostics.finding import Condition, Remedy


class Advice(NamedTuple):
    """The texts shown with every finding of a condition."""

    cause: str
    remedies: tuple[Remedy, ...]
    source: str


REPLACE = Remedy(
    "Keep moving unused codes onto recent latents.",
    ("replace_every=20",),
    "VectorQuant(D, K, replace_freq=20)",
    "VectorQuantize(dim=D, codebook_size=K, threshold_ema_dead_code=0.1 * N / K)  # N: vectors in a batch",
)
REPLACE_ONTO_FAR = Remedy(
    "Move unused codes to where the error is largest, not beside codes that are already there.",
    ("replace_every=20", "replace_onto=far"),
    "VectorQuant(D, K, replace_freq=20)",
    "VectorQuantize(dim=D, codebook_size=K, threshold_ema_dead_code=0.1 * N / K)  # N: vectors in a batch",
)
REPLACE_LESS = Remedy(
    "Replace only codes that have been unused for far longer than chance can explain: scale the threshold with N/K.",
    ("replace_every=20",),
    "VectorQuant(D, K, replace_freq=20)",
    "VectorQuantize(dim=D, codebook_size=K, threshold_ema_dead_code=0.1 * N / K)  # N: vectors in a batch",
)
SCALE_THRESHOLD = REPLACE_LESS._replace(
    what="Scale the threshold with the vectors a step: a tenth of N/K leaves room for uneven use.",
    ours=(),
    vqtorch="",
)
KMEANS = Remedy(
    "Place the codes by k-means of the latents.",
    ("kmeans=now",),
    "VectorQuant(D, K, kmeans_init=True)  # on a GPU, with cupy and torchpq",
    "VectorQuantize(dim=D, codebook_size=K, kmeans_init=True)",
)
AFFINE = Remedy(
    "Let an affine map from running moments move all codes along with P, including unused ones. It does not always "
    "help: "
    "compare runs from the same seed.",
    ("affine=running",),
    "",
    "VectorQuantize(dim=D, codebook_size=K, affine_param=True)",
)
LEARNED_AFFINE = Remedy(
    "Or use a learned affine map, which behaves differently.",
    ("affine=learned", "affine_lr_scale=10"),
    "VectorQuant(D, K, affine_lr=10)",
    "",
)
HOLD = Remedy(
    "Hold the encoder to its codes by giving its side of the commitment loss more weight.",
    ("beta=0.9", "alpha=5"),
    "VectorQuant(D, K, beta=0.9)  # 1 - beta weighs the encoder's side",
    "VectorQuantize(dim=D, codebook_size=K, commitment_weight=2)  # 1 by default",
)
RELEASE = Remedy(
    "Give the commitment loss less weight, or sum the reconstruction loss over features.",
    ("alpha=5", "beta=0.9"),
    "z_q, out = VectorQuant(D, K, beta=0.9)(z); loss = task(z_q) + 5 * out['loss']",
    "VectorQuantize(dim=D, codebook_size=K, commitment_weight=0.25)  # 1 by default",
)
BOUND = Remedy(
    "Bound the latents before the quantizer with a norm layer or cosine codes.",
    ("input_norm=unit", "codebook_norm=unit"),
    "VectorQuant(D, K, norm='l2', cb_norm='l2c')",
    "VectorQuantize(dim=D, codebook_size=K, use_cosine_sim=True)",
)
NO_MAP = Remedy(
    "Or freeze the affine map: fold it into the codes.",
    ("affine=off",),
    "VectorQuant(D, K, affine_lr=0)",
    "VectorQuantize(dim=D, codebook_size=K, affine_param=False)",
)
CALMER = Remedy(
    "Quantize and keep statistics in float32, even under AMP: bfloat16 represents neither codes above 256 nor EMA "
    "sums. "
    "Then train again from the last good file.",
    ("learning_rate=0.0003",),
    "with torch.autocast(z.device.type, enabled=False): z_q, out = vq(z.float())",
    "with torch.autocast(z.device.type, enabled=False): z_q, codes, loss = vq(z.float())",
)
CODEBOOK_LOSS = Remedy(
    "Compute the codebook loss on the raw lookup, with a weight above 0, and check that the codebook's `.grad` is "
    "not None.",
    ("beta=0.9",),
    "vq = VectorQuant(D, K, beta=0.9); z_q, out = vq(z); (task(z_q) + out['loss']).backward()",
    "vq = VectorQuantize(dim=D, codebook_size=K, learnable_codebook=True, ema_update=False); "
    "z_q, codes, loss = vq(z); (task(z_q) + loss).backward()",
)
CARRY = Remedy(
    "Let alternating steps with momentum carry the codes past their vectors, to where the decoder still answers.",
    ("inner_steps=1", "inner_momentum=0.9", "sync=0.5"),
    "VectorQuant(D, K, beta=1.0, inplace_optimizer=lambda codes: torch.optim.SGD(codes, lr=50.0, momentum=0.9))",
    "",
)
SLOWER = Remedy(
    "Or begin again with a lower learning rate, so that no step silences the decoder.",
    (),
    "",
    "",
)
FEWER_CODES = Remedy(
    "Use fewer codes, more data, or more latents for each input.",
    ("num_codes=…",),
    "VectorQuant(D, K // 4)",
    "VectorQuantize(dim=D, codebook_size=K // 4)",
)

ONE_WRITER = Remedy(
    "Let only one of them move the codebook: take it out of the optimizer, or switch its moving average off.",
    ("codebook_update=ema",),
    "",
    "VectorQuantize(dim=D, codebook_size=K, learnable_codebook=True, ema_update=False)",
)
REVIVE = Remedy(
    "Replace codes that fall out of use, and set the sum of a replaced code to t × vector and its count to t.",
    ("replace_every=20",),
    "VectorQuant(D, K, replace_freq=20)",
    "VectorQuantize(dim=D, codebook_size=K, threshold_ema_dead_code=0.1 * N / K)  # N: vectors in a batch",
)
STAY = Remedy(
    "Switch the moving average off, too, and compare the file before and after: `requires_grad=False` stops only the "
    "optimizer, and `eval()` stops the straight-through gradient in some libraries.",
    (),
    "",
    "z_q, codes, loss = vq(z, freeze_codebook=True)",
)

ADVICE: MappingProxyType[Condition, Advice] = MappingProxyType(
    {
        "broken-numbers": Advice(
            "Half precision in the search or in the running sums, or a learning rate that made the loss overflow.",
            (CALMER,),
            "vector-quantize-pytorch #100, #114, #144; rosinality/vq-vae-2-pytorch #65",
        ),
        "ranks-disagree": Advice(
            "Each process moves its own copy of the codebook: a moving average, a replacement or a k-means start "
            "sees only its own part of the batch, or the codes began differently.",
            (
                Remedy(
                    "Sum the statistics over all processes before they move the codebook. The layers of vqcore.nn do "
                    "so by themselves.",
                    (),
                    "",
                    "VectorQuantize(dim=D, codebook_size=K)  # synchronizes once torch.distributed is up",
                ),
            ),
            "",
        ),
        "initialization-pending": Advice(
            "The first training batch places the codes, and there has been none: the file was saved or evaluated "
            "too early, or the flag was lost in loading.",
            (
                Remedy(
                    "Run one training batch before using the codebook, or load the flag together with the weights.",
                    ("kmeans=now",),
                    "vq.train(); vq(z)  # then data_initialized is 1",
                    "vq.train(); vq(z)  # then initted is True",
                ),
            ),
            "vector-quantize-pytorch #102; VideoGPT #8",
        ),
        "never-trained": Advice(
            "The codebook is still the one that training started from: not in the optimizer, re-initialized on "
            "resuming, "
            "or saved before training.",
            (
                Remedy(
                    "Check that the codebook is in the optimizer or updated by EMA, and that loading does not "
                    "re-initialize it; then place it on the latents.",
                    ("kmeans=now", "beta=0.9"),
                    "any(vq.codebook.weight is p for group in optimizer.param_groups for p in group['params'])",
                    "VectorQuantize(dim=D, codebook_size=K, learnable_codebook=True, ema_update=False)  "
                    "# or leave both out: EMA",
                ),
            ),
            "VideoGPT #8; vector-quantize-pytorch #20, #47",
        ),
        "no-gradient": Advice(
            "The codebook's side of the loss is missing: computed on the straight-through output, on detached "
            "vectors, or with weight 0.",
            (
                CODEBOOK_LOSS,
                Remedy(
                    "Or update the codes with a moving average, which needs no gradient.",
                    ("codebook_update=ema",),
                    "",
                    "VectorQuantize(dim=D, codebook_size=K, decay=0.99)",
                ),
            ),
            "Olaf-World #8; RQ-VAE-Recommender #24; vector-quantize-pytorch #20, #47",
        ),
        "moves-though-frozen": Advice(
            "Moving averages update the codebook in training mode whatever `requires_grad` says, and replacement "
            "does so, too. What was trained on the old codes no longer fits them.",
            (STAY,),
            "GPT-SoVITS PR #953; vector-quantize-pytorch #42, #68, #210 and PR #209",
        ),
        "ema-bookkeeping": Advice(
            "Two faults that copies of EnCodec's EMA codebook inherit: a k-means start that sets the sums to the "
            "centres instead of counts × centres, and a replacement that moves a vector but not its sum and count, "
            "so that the next update puts it back. Each hides the other: mend both together.",
            (
                Remedy(
                    "Start with sums = counts × centres, and when a code is replaced set its sum to t × vector and "
                    "its count to t; then place the codes again.",
                    ("kmeans=now", "replace_every=20"),
                    "VectorQuant(D, K, kmeans_init=True, replace_freq=20)  # on a GPU, with cupy and torchpq",
                    "VectorQuantize(dim=D, codebook_size=K, kmeans_init=True, "
                    "threshold_ema_dead_code=0.1 * N / K)  # N: vectors in a batch",
                ),
            ),
            "WavTokenizer #89; espnet PR #6284; vector-quantize-pytorch #45, #66",
        ),
        "deaf-decoder": Advice(
            "Every unit behind the quantizer is dead: for a while all vectors shared one code, and a large step "
            "silenced the decoder there. No gradient passes it, so neither the encoder nor the codes learn. Codes "
            "that replacement or an affine map brings near P lie in the same silence.",
            (CARRY, SLOWER),
            "Huh et al., arXiv 2305.08842, on alternating steps with an inner optimizer",
        ),
        "idle-level": Advice(
            "The level's codes are far larger than the residuals it gets, or the levels before it leave nothing to "
            "quantize.",
            (
                Remedy(
                    "Initialize each level by k-means of its own residuals, and keep replacing unused codes.",
                    ("kmeans=now", "replace_every=20"),
                    "ResidualVectorQuant(D, K, groups=L, kmeans_init=True, replace_freq=20)  "
                    "# on a GPU, with cupy and torchpq",
                    "ResidualVQ(dim=D, codebook_size=K, num_quantizers=L, kmeans_init=True, "
                    "threshold_ema_dead_code=0.1 * N / K)  # N: vectors in a batch",
                ),
                Remedy(
                    "Or train with fewer levels.",
                    (),
                    "ResidualVectorQuant(D, K, groups=L // 2)",
                    "ResidualVQ(dim=D, codebook_size=K, num_quantizers=L // 2)",
                ),
            ),
            "AudioDec #8; encodec #25",
        ),
        "commitment-too-weak": Advice(
            "Nothing holds the encoder to its codes, so its scale drifts away from them.",
            (HOLD, BOUND),
            "vector-quantize-pytorch #27, #69; nadavbh12/VQ-VAE #15",
        ),
        "runaway-embeddings": Advice(
            "The latents grow and the codes follow: an affine map from running moments that overestimates the "
            "spread, or a bottleneck without a bound.",
            (BOUND, HOLD, NO_MAP),
            "Huh et al., arXiv 2305.08842, and its author's note on over-estimated moments",
        ),
        "commitment-too-strong": Advice(
            "The commitment loss outweighs the task: its weight is high, or the reconstruction loss is a mean over "
            "features where a sum was meant, so that the encoder shrinks to please the codebook.",
            (RELEASE,),
            "RQ-VAE-Recommender #65 and PR #66",
        ),
        "embedding-collapse": Advice(
            "The encoder outputs (nearly) the same direction for every input: dead units before the quantizer, a "
            "bottleneck that is too strong, or a task that needs no more.",
            (
                Remedy(
                    "Check the encoder first: bypass the quantizer and see whether the task improves.",
                    ("bypass=true",),
                    "with no_vq([vq]): output = model(x)",
                    "vq.forward = lambda z: (z, None, z.new_zeros(()))  # for one run",
                ),
                Remedy(
                    "Or give the code vectors only as many dimensions as P really uses.",
                    (),
                    "nn.Conv2d(D, 8, 1), VectorQuant(8, K), nn.Conv2d(8, D, 1)",
                    "VectorQuantize(dim=D, codebook_size=K, codebook_dim=8)",
                ),
            ),
            "LaVIT #3; vector-quantize-pytorch's README on lower codebook dimensions",
        ),
        "padding-counted": Advice(
            "Padding, silence or blank background is quantized and counted like data, and trained on, too; or the "
            "encoder gives one vector for whatever it does not see.",
            (
                Remedy(
                    "Leave out what is no data where latents or codes are counted (the doctor takes a mask), and "
                    "mask it in training, so that no code and no moving average is spent on it.",
                    (),
                    "",
                    "mask = z.abs().sum(-1) > 0; z_q, codes, loss = vq(z, mask=mask)",
                ),
            ),
            "vector-quantize-pytorch #62, #149",
        ),
        "codebook-far": Advice(
            "P moved or grew and the codes could not follow, or the codes come from a different training than this "
            "encoder.",
            (KMEANS, AFFINE, LEARNED_AFFINE),
            "Huh et al., arXiv 2305.08842; EnCodec's k-means start",
        ),
        "unreachable-threshold": Advice(
            "The threshold is a constant made for larger batches: by count alone most codes must fall below it.",
            (SCALE_THRESHOLD,),
            "WavTokenizer #82; moshi's rule of 0.1 × the mean",
        ),
        "recycling-replacement": Advice(
            "The interval or threshold is shorter than the time that a healthy code waits for its next use.",
            (REPLACE_LESS,),
            "CVQ-VAE #3; moshi's rule of 0.1 × the mean; jukebox #231",
        ),
        "oversized-codebook": Advice(
            "There are more codes than the data can distinguish, so that each is learned from next to nothing.",
            (FEWER_CODES,),
            "unilm #936; OccWorld #2",
        ),
        "unused-block": Advice(
            "Rather an extension of the codebook, padding or the codes of another kind of input than codes that P "
            "has left behind, which are scattered.",
            (
                Remedy(
                    "Count codes over every kind of input first. If the block is still unused, move its codes onto "
                    "latents, or leave it out of the codebook.",
                    ("replace_every=20",),
                    "VectorQuant(D, K, replace_freq=20)",
                    "VectorQuantize(dim=D, codebook_size=K, threshold_ema_dead_code=0.1 * N / K)  "
                    "# N: vectors in a batch",
                ),
                KMEANS,
            ),
            "Emu3 #59; rq-vae-transformer's row for padding",
        ),
        "duplicate-codes": Advice(
            "Codes became copies of each other: equal starting points, replacement without noise, or rounding.",
            (REPLACE, KMEANS),
            "EnCodec and kakao's replacement; read in source",
        ),
        "index-collapse": Advice(
            "P drifted away from most of C: only the few nearest codes get gradients, so the others stay behind.",
            (REPLACE, AFFINE, LEARNED_AFFINE, KMEANS),
            "Huh et al., arXiv 2305.08842; LAPA #17; SEED-Voken #51",
        ),
        "dead-codes-far": Advice(
            "These codes lie outside P and get no gradient that would bring them back.",
            (REPLACE, AFFINE, LEARNED_AFFINE, KMEANS),
            "vector-quantize-pytorch #205; taming-transformers #67",
        ),
        "dead-codes-crowded": Advice(
            "These codes lie within P, but another code is always nearer: there are more codes than this region "
            "needs.",
            (
                REPLACE_ONTO_FAR,
                FEWER_CODES._replace(what="Or use fewer codes."),
            ),
            "CVQ-VAE (Zheng & Vedaldi, 2023); LaVIT #3",
        ),
        "colliding-codes": Advice(
            "Some levels repeat what others say, or few of their codes carry most items, so that the tuples cannot "
            "tell items apart. Frames of one recording may be alike: then this is no fault.",
            (
                Remedy(
                    "Initialize each level by k-means of its own residuals, and keep replacing unused codes; count "
                    "collisions after each.",
                    ("kmeans=now", "replace_every=20"),
                    "ResidualVectorQuant(D, K, groups=L, kmeans_init=True, replace_freq=20)  "
                    "# on a GPU, with cupy and torchpq",
                    "ResidualVQ(dim=D, codebook_size=K, num_quantizers=L, kmeans_init=True, "
                    "threshold_ema_dead_code=0.1 * N / K)  # N: vectors in a batch",
                ),
                Remedy(
                    "Assign the last level evenly (Sinkhorn), or number the items that still share a tuple.",
                    (),
                    "",
                    "",
                ),
            ),
            "RQ-VAE-Recommender #46, #47; LC-Rec #20, #23; MiniOneRec #1; OnePiece #1",
        ),
        "not-enough-data": Advice(
            "With so few vectors even perfectly even use leaves codes untouched, and a low perplexity says nothing.",
            (
                Remedy(
                    "Count codes over more vectors: a whole epoch, not one batch.",
                    (),
                    "torch.cat([vq(encode(x))[1]['q'].flatten() for x in loader]).bincount(minlength=K)",
                    "torch.cat([vq(encode(x))[1].flatten() for x in loader]).bincount(minlength=K)",
                ),
            ),
            "bshall/VectorQuantizedVAE #3; codecscope",
        ),
        "healthy": Advice("Everything that was measured is within its normal range.", (), ""),
    }
)
