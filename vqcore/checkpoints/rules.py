"""Every codebook in a state dict, by the layouts of public code: the first rule that matches owns a tensor."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from vqcore.checkpoints import ema_rules, table_rules
from vqcore.checkpoints.keys import AVERAGES
from vqcore.checkpoints.matching import At, Match
from vqcore.checkpoints.modules import DEEPEST, Tree
from vqcore.checkpoints.weighing import Weighed, weigh, with_statistics

SMALLEST = 2
"""Fewest codes and features (K ≥ 2, D ≥ 1) of a table that counts as a codebook."""


class Rule(NamedTuple):
    """A rule for keys with one ending, and its test."""

    leaf: re.Pattern[str]
    test: Callable[[At], Match | None]


def _rule(leaf: str, test: Callable[[At], Match | None]) -> Rule:
    return Rule(re.compile(rf"(?:^|\.)({leaf})$"), test)


RULES = (
    _rule(r"raw_codebook", ema_rules.vq_scope),
    _rule(r"embedding_sum|embed_sum|embed_avg", ema_rules.sums_alone),
    _rule(r"embed", ema_rules.stacked_embed),
    _rule(r"embed", ema_rules.flat_embed),
    _rule(r"frozen_codebook", table_rules.frozen_codebook),
    _rule(r"codebooks\.\d+\.weight", table_rules.listed_codebooks),
    _rule(r"_?codebook\.weight", table_rules.codebook_weight),
    _rule(r"_embedding\.weight", ema_rules.zalando),
    _rule(r"embeddings?\.weight", table_rules.embedding_with_statistic),
    _rule(r"embeddings?\.weight", table_rules.embedding_under_projection),
    _rule(r"_?embeddings?\.weight", table_rules.named_embedding),
    _rule(r"embed\.weight", table_rules.gumbel),
    _rule(r"k", table_rules.jukebox),
    _rule(r"embeddings", ema_rules.video_gpt),
    _rule(r"codebook(?:\.embedding)?", table_rules.bare_codebook),
    _rule(r"centroids", table_rules.centroids),
    _rule(r"vars|codevectors", table_rules.code_vectors),
    _rule(r"embedding", table_rules.fairseq_kmeans),
    _rule(r"embeddings?\.weight", table_rules.listed_embedding),
)

ENDINGS = frozenset(
    {
        *("raw_codebook", "embedding_sum", "embed_sum", "embed_avg", "embed", "frozen_codebook", "weight", "k"),
        *("embeddings", "codebook", "embedding", "centroids", "vars", "codevectors"),
    }
)
"""Last path parts that any rule handles; a file may have 10⁵ others."""


class Owned(NamedTuple):
    """A tensor and the rule's answer about it."""

    at: At
    match: Match


def owned(tree: Tree) -> Iterator[Owned]:
    """Every tensor that a rule owns, in the order of the file."""
    for name in tree:
        if name.rpartition(".")[2] in ENDINGS:
            yield from _owned(tree, name)


def weighed(tree: Tree, pieces: Iterable[Owned]) -> list[Weighed]:
    """Every table that no rule owns and that something speaks for, the best first; none in the module of another."""
    theirs = [piece.at for piece in pieces if piece.at.owner.tree is tree]
    modules = {at.owner.path for at in theirs} | {at.name.rpartition(".")[0] for at in theirs}
    is_alone, found = len(list(tree)) == 1, []
    for name in tree:
        array = tree.get(name)
        path, _, leaf = name.rpartition(".")
        if array is None or len(array.shape) not in (2, 3) or path in modules or is_shadow(name):
            continue
        one = weigh(At(name, array, tree.module(path), leaf), is_alone=is_alone)
        if one is not None:
            found.append(one)
    return sorted(found, key=lambda one: -one.score)


def is_shadow(name: str) -> bool:
    """Whether the key is latent-diffusion's for an average of a tensor: read with that tensor, or not at all."""
    parts = name.split(".")
    return len(parts) > 1 and parts[-2] == "model_ema"


def shadow_of(tree: Tree, name: str) -> str | None:
    """The key of latent-diffusion's average of the tensor `name`: `model_ema.` and the key without its dots."""
    parts = name.split(".")
    if len(parts) > DEEPEST:
        return None
    for start in range(len(parts)):
        shadow = ".".join([*parts[:start], "model_ema", "".join(parts[start:])])
        if tree.get(shadow) is not None:
            return shadow
    return None


def is_average(name: str) -> bool:
    """Whether the key lies in a module that holds an average of the weights."""
    return not AVERAGES.isdisjoint(name.split("."))


def _owned(tree: Tree, name: str) -> Iterator[Owned]:
    for rule in RULES:
        found = rule.leaf.search(name)
        if not found:
            continue
        array = tree.get(name)
        if array is None or not array.is_float or len(array.shape) not in (2, 3) or min(array.shape) < 1:
            return
        leaf = found[1]
        at = At(name, array, tree.module(name.removesuffix(leaf).removesuffix(".")), leaf)
        match = rule.test(at)
        if match is not None and max(array.shape) >= SMALLEST:
            yield Owned(at, with_statistics(at, match))
            return
