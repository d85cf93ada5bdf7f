"""Layouts that are a table of weights, distinguished by their names and neighbouring tensors."""

# K codes, D features, C channels

from vqcore.checkpoints.keys import any_names_quantizer, names_quantizer
from vqcore.checkpoints.matching import At, Match, beside
from vqcore.checkpoints.usage import COUNTDOWN, EMA_HITS, EMA_SHARES, HITS_PER_SCALE, RECENT_CODES, REVIVED_HITS
from vqcore.checkpoints.weighing import axis_of

NAMED = "its path names a quantizer"


def frozen_codebook(at: At) -> Match | None:
    """SimVQ of vector-quantize-pytorch: a frozen table under a learned transform."""
    if len(at.shape) != 2:
        return None
    return Match(
        layout="vector-quantize-pytorch SimVQ",
        evidence=("a frozen table; the codebook is its image under code_transform",),
        transform="code transform",
    )


def listed_codebooks(at: At) -> Match | None:
    """rq-vae-transformer, whose last row is padding; and any `codebooks.0.weight`."""
    if len(at.shape) != 2 or (at.owner.name != "codebooks" and not at.leaf.startswith("codebooks.")):
        return None
    module = at.owner.tree.module(f"{at.owner.path}.{at.leaf}".lstrip(".").removesuffix(".weight"))
    sizes = module.get("cluster_size_ema")
    if sizes is not None and sizes.shape == (at.shape[0] - 1,):
        evidence = (beside(sizes), "one row more than its statistic has values: the last is padding")
        meaning = REVIVED_HITS._replace(
            note="A restart sets every value below 1 to exactly 1: dead codes stand at 1."
        )
        return Match(
            layout="rq-vae-transformer",
            evidence=evidence,
            transform="plain",
            statistics=((sizes, meaning),),
            drop_rows=1,
            structure="residual",
        )
    return Match(layout="list of codebooks", evidence=("its name",), confidence="likely")


def codebook_weight(at: At) -> Match | None:
    """DAC, SNAC and their like; VQTorch; and any `codebook.weight`."""
    if len(at.shape) != 2:
        return None
    if at.owner.first("in_proj.bias", "in_proj.weight_v", "in_proj.weight"):
        evidence = ("in_proj beside it", "looked up by cosine; decoded from the raw vectors")
        return Match(layout="DAC / SNAC", evidence=evidence, transform="unit length", search="cosine")
    counts = at.owner.get("_counts")
    if at.owner.first("affine_transform.scale", "affine_transform.running_ze_mean", "_counts", "data_initialized"):
        about = "groups and share are not saved: several codebooks may lie one after another; `rows` separates them"
        fits = counts is not None and counts.shape and counts.shape[0] >= at.shape[0]
        return Match(
            layout="VQTorch",
            evidence=(about,),
            transform="vqtorch affine",
            statistics=((counts, COUNTDOWN),) if fits else (),
        )
    evidence = ("its name", "a VQTorch codebook of several groups or levels looks the same; `rows` separates them")
    return Match(layout="codebook.weight", evidence=evidence, confidence="likely")


def embedding_with_statistic(at: At) -> Match | None:
    """VAR, LlamaGen, CVQ-VAE and TA-TiTok, BEiT-2 and taming's EMA: an embedding with its own statistic."""
    if len(at.shape) != 2:
        return None
    owner, num_codes = at.owner, at.shape[0]
    by_scale, recent, shares = owner.get("ema_vocab_hit_SV"), owner.get("codebook_used"), owner.get("embed_prob")
    if by_scale is not None and by_scale.shape[-1:] == (num_codes,):
        return Match(layout="VAR", evidence=(beside(by_scale),), statistics=((by_scale, HITS_PER_SCALE),))
    if recent is not None:
        return Match(
            layout="LlamaGen",
            evidence=(beside(recent),),
            transform="unit length by default",
            search="cosine",
            statistics=((recent, RECENT_CODES),),
        )
    if shares is not None and shares.shape == (num_codes,):
        return Match(layout="CVQ-VAE / TA-TiTok", evidence=(beside(shares),), statistics=((shares, EMA_SHARES),))
    table = owner.tree.module(f"{owner.path}.{at.leaf}".lstrip(".").removesuffix(".weight"))
    sums = table.get("embed_avg")
    if sums is None or sums.shape != at.shape:
        return None
    live, own = owner.get("cluster_size"), table.get("cluster_size")
    if live is not None and live.shape == (num_codes,):  # BEiT-2: the embedding's own statistic is stale
        return Match(layout="BEiT-2", evidence=(beside(live),), search="cosine", statistics=((live, EMA_HITS),))
    return Match(layout="taming EMA", evidence=(beside(sums),), statistics=((own, EMA_HITS),))


def embedding_under_projection(at: At) -> Match | None:
    """OptVQ, official SimVQ and RQ-VAE-Recommender: the codebook is the table under a square projection."""
    if len(at.shape) != 2:
        return None
    for name, layout in (("proj", "OptVQ"), ("embedding_proj", "SimVQ"), ("out_proj.0", "RQ-VAE-Recommender")):
        weight = at.owner.get(f"{name}.weight")
        if weight is None or weight.shape != (at.shape[1], at.shape[1]):
            continue
        named = names_quantizer(at.owner.path)
        alone = at.owner.holds_only(at.leaf, f"{name}.weight", f"{name}.bias")
        if named or (alone and at.owner.up.name == "layers" and name == "out_proj.0"):
            return Match(
                layout=layout,
                evidence=(beside(weight), NAMED if named else "a list of such modules"),
                confidence="known" if named else "likely",
                transform="projected",
                search="sinkhorn" if name == "proj" else "euclidean",
            )
    return None


def named_embedding(at: At) -> Match | None:
    """Taming, latent-diffusion, diffusers' VQModel, Chameleon, TiTok: `quantize.embedding.weight`."""
    if len(at.shape) != 2 or not names_quantizer(at.owner.path):
        return None
    return Match(
        layout="taming / diffusers VQModel", evidence=(NAMED,), confidence="known" if _has_convs(at) else "likely"
    )


def gumbel(at: At) -> Match | None:
    """Taming's GumbelQuantize and karpathy's deep-vector-quantization: `embed.weight` with a 1×1 convolution."""
    selector = at.owner.get("proj.weight")
    if len(at.shape) != 2 or selector is None or len(selector.shape) != 4 or selector.shape[2:] != (1, 1):
        return None
    if not (any_names_quantizer(at.owner.path) or at.owner.first("data_initialized")):
        return None
    num_codes, dim = at.shape
    if selector.shape[0] == num_codes and num_codes != dim:
        about = "codes are chosen by the largest output of proj, not by distance"
        return Match(layout="Gumbel (taming)", evidence=(beside(selector), about), search="selector")
    if selector.shape[0] == dim:
        certain = num_codes != dim
        return Match(
            layout="karpathy dVQ",
            evidence=(beside(selector),),
            confidence="known" if certain else "likely",
            search="euclidean" if certain else "unknown",
        )
    return None


def jukebox(at: At) -> Match | None:
    """Jukebox: `bottleneck.level_blocks.0.k`."""
    if len(at.shape) != 2 or at.owner.up.name != "level_blocks":
        return None
    return Match(layout="jukebox", evidence=("level_blocks in its path",), transform="plain")


def bare_codebook(at: At) -> Match | None:
    """T2M-GPT, MoMask, sqvae: a tensor called `codebook`, or `codebook.embedding`."""
    if len(at.shape) != 2:
        return None
    if at.owner.first("log_param_q_scalar", "log_var_q_scalar"):
        return Match(layout="SQ-VAE", evidence=("a learned variance beside it",), search="unknown")
    return Match(layout="tensor called codebook", evidence=("its name",), axis=axis_of(at), confidence="likely")


def centroids(at: At) -> Match | None:
    """GRID: `quantization_layer_list.0.centroids`; a pooling layer's centroids have no such path."""
    if len(at.shape) != 2 or (not any_names_quantizer(at.owner.path) and "quantization_layer" not in at.owner.path):
        return None
    return Match(layout="GRID", evidence=(NAMED,), confidence="likely")


def code_vectors(at: At) -> Match | None:
    """Wav2vec2 and fairseq's Gumbel quantizer: (1, G·V, D/G), chosen by logits; G is not in the shape."""
    if len(at.shape) != 3 or at.shape[0] != 1 or not any_names_quantizer(at.owner.path):
        return None
    selector = at.owner.get("weight_proj.weight")
    groups = "groups lie one after another and their number is not saved; `rows` separates them"
    return Match(
        layout="wav2vec2",
        evidence=(beside(selector) or NAMED, groups),
        search="selector",
        stack="heads",
        structure="groups",
    )


def fairseq_kmeans(at: At) -> Match | None:
    """Fairseq's k-means quantizer: `embedding` (K, G, D) with `projection`."""
    below = at.owner.tree.below(f"{at.owner.path}.projection" if at.owner.path else "projection")
    if len(at.shape) != 3 or not below or not any_names_quantizer(at.owner.path):
        return None
    return Match(layout="fairseq k-means", evidence=("projection beside it",), stack="groups after codes")


def listed_embedding(at: At) -> Match | None:
    """RQ-VAE-Recommender without projection: `layers.0.embedding.weight` and nothing else in the layer."""
    if len(at.shape) != 2 or at.owner.up.name not in ("layers", "vq_layers") or not at.owner.holds_only(at.leaf):
        return None
    return Match(
        layout="RQ-VAE-Recommender",
        evidence=("a list of modules that hold one embedding each",),
        confidence="candidate",
    )


def _has_convs(at: At) -> bool:
    return at.owner.up.first("quant_conv.weight", "post_quant_conv.weight", "quant_conv.conv.weight") is not None
