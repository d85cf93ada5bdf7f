"""For each condition its likely cause, what to try and what that rests on. Words only; no number is decided here.

Sources named by number are the threads that reported the symptom; DESIGN's words for β: it weighs the codebook side.
"""

from types import MappingProxyType
from typing import NamedTuple

from vqcore.diagnostics.finding import Condition, Remedy


class Advice(NamedTuple):
    """What is said with every finding of a condition."""

    cause: str
    remedies: tuple[Remedy, ...]
    source: str


REPLACE = Remedy(
    "Move unused codes onto recent latents, and keep doing so: collapse returns where it stops.",
    ("replace_every=20",),
    "VectorQuant(…, replace_freq=20)",
    "VectorQuantize(…, threshold_ema_dead_code=…): a tenth of the expected count N/K a step; 0, the default, is off",
)
KMEANS = Remedy(
    "Place the codes by k-means of the latents.",
    ("kmeans=now",),
    "VectorQuant(…, kmeans_init=True)",
    "VectorQuantize(…, kmeans_init=True)",
)
AFFINE = Remedy(
    "Let one affine map carry all codes along with P, unused ones too. No cure for all: compare, same seed.",
    ("affine=running",),
    "VectorQuant(…, affine_lr=2)",
    "VectorQuantize(…, affine_param=True)",
)
HOLD = Remedy(
    "Hold the encoder to its codes: give its side of the commitment loss more weight.",
    ("beta=0.9", "alpha=5"),
    "VectorQuant(…, beta=0.9): β weighs the codebook side, 1 − β the encoder's",
    "VectorQuantize(…, commitment_weight=1)",
)
BOUND = Remedy(
    "Bound the latents in front of the quantizer: a norm layer, or cosine codes.",
    ("input_norm=unit", "codebook_norm=unit"),
    "VectorQuant(…, norm='l2', cb_norm='l2c')",
    "VectorQuantize(…, use_cosine_sim=True)",
)

ADVICE: MappingProxyType[Condition, Advice] = MappingProxyType(
    {
        "broken-numbers": Advice(
            "Half precision in the search or in the running sums, or a learning rate that made the loss overflow.",
            (
                Remedy(
                    "Quantize and keep statistics in float32, also under AMP; train again from the last good file.",
                    ("learning_rate=0.0003",),
                    "with torch.autocast('cuda', enabled=False): z_q, out = vq(z.float())",
                    "the same; integer codes above 256 and EMA sums do not fit bfloat16",
                ),
            ),
            "vector-quantize-pytorch #100, #114, #144; rosinality/vq-vae-2-pytorch #65",
        ),
        "initialization-pending": Advice(
            "The codes are placed by the first training batch, and none has come: saved or evaluated too early, or "
            "the flag was lost in loading.",
            (
                Remedy(
                    "Run one training batch before using the codebook, or load the flag with the weights.",
                    ("kmeans=now",),
                    "vq.train(); vq(z)  # then data_initialized is 1",
                    "vq.train(); vq(z)  # then initted is True",
                ),
            ),
            "vector-quantize-pytorch #102; VideoGPT #8",
        ),
        "never-trained": Advice(
            "The codebook is the one that training started from: not in the optimizer, re-initialized on resuming, "
            "or saved before training.",
            (
                Remedy(
                    "Check that the codebook is in the optimizer or updated by EMA, and that loading does not "
                    "re-initialize it; then place it on the latents.",
                    ("kmeans=now", "beta=0.9"),
                    "optimizer = AdamW([*model.parameters(), *vq.parameters()]); vq.codebook.weight.grad is not None",
                    "VectorQuantize(…, ema_update=True), or learnable_codebook=True and its parameters optimized",
                ),
            ),
            "VideoGPT #8; vector-quantize-pytorch #20, #47",
        ),
        "no-gradient": Advice(
            "The codebook's side of the loss is missing: computed on the straight-through output, on detached "
            "vectors, or with weight 0.",
            (
                Remedy(
                    "Compute the codebook loss on the raw lookup, weight above 0, and check `.grad is not None`.",
                    ("beta=0.9",),
                    "VectorQuant(…, beta=0.9) and add out['loss'] to the total loss",
                    "VectorQuantize(…, ema_update=True); with learnable_codebook=True add the commit_loss",
                ),
                Remedy(
                    "Or update the codes by a moving average, which needs no gradient.",
                    ("codebook_update=ema",),
                    "",
                    "VectorQuantize(…, decay=0.99)",
                ),
            ),
            "Olaf-World #8; RQ-VAE-Recommender #24; vector-quantize-pytorch #20, #47",
        ),
        "idle-level": Advice(
            "The level's codes are far larger than the residuals it gets, or the levels before it leave nothing.",
            (
                Remedy(
                    "Place each level by k-means of its own residuals, and keep replacing unused codes.",
                    ("kmeans=now", "replace_every=20"),
                    "ResidualVectorQuant(…, kmeans_init=True, replace_freq=20)",
                    "ResidualVQ(…, kmeans_init=True, threshold_ema_dead_code=2)",
                ),
                Remedy("Or train with fewer levels.", (), "ResidualVectorQuant(…, groups=…)", "num_quantizers=…"),
            ),
            "AudioDec #8; encodec #25",
        ),
        "commitment-too-strong": Advice(
            "The commitment loss outweighs the task: its weight is high, or the reconstruction loss is a mean over "
            "features where a sum was meant, so that the encoder shrinks to please the codebook.",
            (
                Remedy(
                    "Give the commitment less weight, or sum the reconstruction loss over features.",
                    ("alpha=5", "beta=0.9"),
                    "total = task + 5 * out['loss'] with beta=0.9",
                    "VectorQuantize(…, commitment_weight=0.25)",
                ),
            ),
            "RQ-VAE-Recommender #65 and PR #66",
        ),
        "commitment-too-weak": Advice(
            "Nothing holds the encoder to its codes, so its scale drifts away from them.",
            (HOLD, BOUND),
            "vector-quantize-pytorch #27, #69; nadavbh12/VQ-VAE #15",
        ),
        "runaway-embeddings": Advice(
            "The latents grow and the codes follow: a map on running moments that over-estimates the spread, or a "
            "bottleneck without a bound.",
            (BOUND, HOLD, Remedy("Or freeze the map: fold it into the codes.", ("affine=off",), "affine_lr=0", "")),
            "Huh et al., arXiv 2305.08842, and its author's note on over-estimated moments",
        ),
        "embedding-collapse": Advice(
            "The encoder gives (nearly) the same direction for every input: dead units before the quantizer, a "
            "bottleneck that is too strong, or a task that needs no more.",
            (
                Remedy(
                    "Look at the encoder first: bypass the quantizer and see whether the task improves.",
                    ("bypass=true",),
                    "with no_vq(model): …",
                    "replace the layer by nn.Identity for one run",
                ),
                Remedy(
                    "Or give the code vectors as many features as P really uses.",
                    (),
                    "VectorQuant(feature_size, …, code_vector_size=8)",
                    "VectorQuantize(…, codebook_dim=8)",
                ),
            ),
            "LaVIT #3; vector-quantize-pytorch's README on lower codebook dimensions",
        ),
        "codebook-far": Advice(
            "P moved or grew and the codes could not follow, or they come from another training than this encoder.",
            (KMEANS, AFFINE),
            "Huh et al., arXiv 2305.08842; EnCodec's k-means start",
        ),
        "recycling-replacement": Advice(
            "The interval, or the threshold, is shorter than a healthy code waits for its next use.",
            (
                Remedy(
                    "Replace only what is unused far longer than chance explains: scale the threshold with N/K.",
                    ("replace_every=20",),
                    "VectorQuant(…, replace_freq=20)",
                    "VectorQuantize(…, threshold_ema_dead_code=0.1 * N / K), N the vectors of a batch",
                ),
            ),
            "CVQ-VAE #3; moshi's rule of 0.1 × the mean; jukebox #231",
        ),
        "oversized-codebook": Advice(
            "There are more codes than the data can tell apart, so that each is learned from next to nothing.",
            (
                Remedy(
                    "Use fewer codes, more data, or more latents for each input.",
                    ("num_codes=…",),
                    "VectorQuant(…, num_codes=…)",
                    "VectorQuantize(…, codebook_size=…)",
                ),
            ),
            "unilm #936; OccWorld #2",
        ),
        "duplicate-codes": Advice(
            "Codes were copied onto one another: equal starting points, replacement without noise, or rounding.",
            (REPLACE, KMEANS),
            "EnCodec and kakao's replacement; read in source",
        ),
        "index-collapse": Advice(
            "P drifted away from most of C: only the nearest few codes get gradients, so the others stay behind.",
            (REPLACE, AFFINE, KMEANS),
            "Huh et al., arXiv 2305.08842; LAPA #17; SEED-Voken #51",
        ),
        "dead-codes-far": Advice(
            "These codes lie where P is not, and get no gradient that would bring them back.",
            (REPLACE, AFFINE),
            "vector-quantize-pytorch #205; taming-transformers #67",
        ),
        "dead-codes-crowded": Advice(
            "These codes lie within P, but a neighbour is always nearer: more codes than this region needs.",
            (
                Remedy(
                    "Move them to where the error is largest, not beside codes that are already there.",
                    ("replace_every=20", "replace_onto=far"),
                    "VectorQuant(…, replace_freq=20)",
                    "VectorQuantize(…, threshold_ema_dead_code=2)",
                ),
                Remedy("Or use fewer codes.", ("num_codes=…",), "num_codes=…", "codebook_size=…"),
            ),
            "CVQ-VAE (Zheng & Vedaldi, 2023); LaVIT #3",
        ),
        "not-enough-data": Advice(
            "With few vectors even perfect use leaves codes untouched, and a low perplexity says nothing.",
            (
                Remedy(
                    "Count codes over more vectors: a whole epoch, not one batch.",
                    (),
                    "count out['q'] over the loader",
                    "count the indices over the loader",
                ),
            ),
            "bshall/VectorQuantizedVAE #3; codecscope",
        ),
        "healthy": Advice("Nothing that was looked at is out of its range.", (), ""),
    }
)
