"""Layouts that keep moving averages beside the codebook: sums, sizes and flags, as public code saves them."""

# H heads, K codes, D features

from vqcore.checkpoints.axes import choose_axis
from vqcore.checkpoints.contents import Transform
from vqcore.checkpoints.matching import At, Match, beside
from vqcore.checkpoints.usage import EMA_HITS, REVIVED_HITS, SMOOTHED_HITS, STEPS_UNUSED
from vqcore.checkpoints.vocabulary import is_statistic


def vq_scope(at: At) -> Match | None:
    """`vqcore.quantizer` and `vqcore.nn`: raw codebook, affine map and ages under every option."""
    ages = at.owner.get("steps_unused")
    if len(at.shape) != 2 or ages is None or at.owner.get("affine.scale") is None:
        return None
    return Match(
        layout="VQ Scope",
        evidence=(beside(ages), "affine map beside it"),
        transform="vq scope",
        statistics=((ages, STEPS_UNUSED), (at.owner.get("ema_counts"), EMA_HITS)),
        structure="groups or levels" if at.owner.up.name == "codebooks" else None,
    )


def sums_alone(at: At) -> Match | None:
    """Mimi and moshi: sums of the assigned vectors, and no codebook; codes = sums / max(usage, 1e-5)."""
    sizes = at.owner.get(at.owner.first("cluster_usage", "cluster_size") or "")
    if len(at.shape) != 2 or sizes is None or sizes.shape != at.shape[:1] or at.owner.first("embed", "weight"):
        return None
    others = (at.owner.get(leaf) for leaf in at.owner.tree.leaves(at.owner.path) if not is_statistic(leaf))
    if any(other is not None and other.shape == at.shape for other in others):
        return None
    return Match(
        layout="moshi / transformers Mimi",
        evidence=(beside(sizes), "sums are stored instead of vectors"),
        transform="sum over usage",
        statistics=((sizes, REVIVED_HITS),),
    )


def stacked_embed(at: At) -> Match | None:
    """vector-quantize-pytorch from 0.9, (H, K, D); FunCodec stacks residual levels in the same way."""
    sizes = at.owner.get("cluster_size")
    if len(at.shape) != 3 or sizes is None or sizes.shape != at.shape[:2]:
        return None
    lucidrains = at.owner.name == "_codebook"
    return Match(
        layout="vector-quantize-pytorch" if lucidrains else "FunCodec",
        evidence=(beside(sizes), "one table per head" if lucidrains else "one table per residual level"),
        transform=_lucidrains_transform(at) if lucidrains else "plain",
        statistics=((sizes, REVIVED_HITS if lucidrains else EMA_HITS),),
        stack="heads" if lucidrains else "levels",
    )


def flat_embed(at: At) -> Match | None:
    """encodec, transformers' Encodec, rosinality, XTTS, AudioDec, early vector-quantize-pytorch."""
    sizes = at.owner.get("cluster_size")
    if len(at.shape) != 2 or sizes is None or len(sizes.shape) != 1 or sizes.shape[0] not in at.shape:
        return None
    axis = choose_axis(at.array, at.owner, sizes)
    if axis.axis == "D,K":
        layout = "rosinality / XTTS / AudioDec"
    else:
        layout = {"_codebook": "encodec / audiocraft", "codebook": "transformers Encodec"}.get(
            at.owner.name, "encodec"
        )
    return Match(
        layout=layout, evidence=(beside(sizes),), axis=axis, transform="plain", statistics=((sizes, EMA_HITS),)
    )


def zalando(at: At) -> Match | None:
    """The VQ-VAE notebook that most tutorials copy: `_embedding.weight` and `_ema_w`."""
    sums, sizes = at.owner.get("_ema_w"), at.owner.get("_ema_cluster_size")
    if len(at.shape) != 2:
        return None
    if sums is not None and sums.shape == at.shape:
        return Match(
            layout="zalando VQ-VAE", evidence=(beside(sums),), transform="plain", statistics=((sizes, SMOOTHED_HITS),)
        )
    return None


def video_gpt(at: At) -> Match | None:
    """VideoGPT: `embeddings`, `N` and `z_avg`."""
    sizes = at.owner.get("N")
    if len(at.shape) != 2 or sizes is None or sizes.shape != at.shape[:1]:
        return None
    meaning = EMA_HITS._replace(
        note="A code below 1 is overwritten by a random vector every step: those rows are noise."
    )
    return Match(layout="VideoGPT", evidence=(beside(sizes),), transform="plain", statistics=((sizes, meaning),))


def _lucidrains_transform(at: At) -> Transform:
    vq = at.owner.up
    if at.owner.tree.below(f"{vq.path}.vq_bridge" if vq.path else "vq_bridge"):
        return "table only"
    outer, index = vq.up.up, vq.name
    if index.isdecimal() and int(index) > 0 and at.owner.tree.below(f"{outer.path}.mlps" if outer.path else "mlps"):
        return "table only"  # QINCo: the codes of later levels depend on the input
    return "moving affine"
