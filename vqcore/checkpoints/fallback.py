"""Tensors under unknown names that might be codebooks: offered for confirmation, never used unasked."""

import re

from vqcore.checkpoints.contents import Candidate
from vqcore.checkpoints.keys import any_names_quantizer
from vqcore.checkpoints.modules import Module, Tree
from vqcore.files.errors import shown
from vqcore.files.tensors import StoredArray

OFFERED, IN_DRAWER = 3, 2
"""Scores: measured on 690 models without unknown codebooks, none reached 3 and 12 reached 2."""

MOST = 50

NEVER = re.compile(
    r"tok\w*_emb|wte|wpe|embed_tokens|pos\w*_?emb|class_emb|label_emb|token_type|word_emb|lm_head|time_emb|speaker|"
    r"lvl_embed|patch_embed|text_emb|speech_emb|mel_emb|generation_embeddings|relative|rotary|item_|user_|"
    r"weight_[ih]h|weight_integer|weight_[gv]$|original[01]$|lora_|router|gate\b|experts?\b|mem(?:ory)?_?(?:keys|values)|\bkeys?$|\bvalues?$"
)
"""Tables of tokens, positions and labels, gates and key-value memories; recurrent and quantized weights."""

TABLE_NAME = re.compile(r"embed|centroid|proto|dictionary|atoms")
STATISTIC_NOT = re.compile(r"bias|norm|scale|gamma|beta|weight$")


def candidates(tree: Tree) -> list[Candidate]:
    """Tensors that score 2 or more, best first, at most 50."""
    found = []
    for name in tree:
        array = tree.get(name)
        if array is None or NEVER.search(name.lower()) or not _has_shape_of_codebook(array):
            continue
        path, _, leaf = name.rpartition(".")
        if leaf == "weight" and tree.module(path).get("bias") is not None:
            continue
        score, evidence = _score(tree.module(path), name, array)
        if score >= IN_DRAWER:
            container = tree.source.container
            found.append(Candidate(array.key, container, array.shape, score, tuple(evidence)))
    return sorted(found, key=lambda one: -one.score)[:MOST]


def _has_shape_of_codebook(array: StoredArray) -> bool:
    if not array.is_float:
        return False
    shape = array.shape[1:] if len(array.shape) == 3 and array.shape[0] == 1 else array.shape
    return len(shape) == 2 and min(shape) >= 2 and max(shape) >= 8


def _score(module: Module, name: str, array: StoredArray) -> tuple[int, list[str]]:
    score, evidence = 0, []
    if any_names_quantizer(name):
        score, evidence = 3, ["its path names a quantizer"]
    siblings = [module.get(leaf) for leaf in module.tree.leaves(module.path)[:MOST]]
    others = [one for one in siblings if one is not None and one.key != array.key and one.is_float]
    for other in others:
        named_otherwise = STATISTIC_NOT.search(other.key.rpartition(".")[2]) is None
        if len(other.shape) == 1 and other.shape[0] in array.shape[-2:] and named_otherwise:
            score += 2
            evidence.append(f"{shown(other.key)} has a value for each of {other.shape[0]}")
            break
    if any(other.shape == array.shape for other in others):
        score += 1
        evidence.append("a tensor of the same shape beside it")
    if TABLE_NAME.search(name.lower()):
        score += 1
        evidence.append("its name")
    return score, evidence
