"""Opening a checkpoint: its codebooks, the rules that found them and their usage, or what it has instead."""

import difflib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from vqcore.checkpoints.assembling import Together, Told, codebooks_of, finished, together
from vqcore.checkpoints.axes import Axis
from vqcore.checkpoints.contents import Candidate, Codebook, Implicit, Search
from vqcore.checkpoints.effective import Known
from vqcore.checkpoints.implicit import implicit_quantizers
from vqcore.checkpoints.keys import skeleton
from vqcore.checkpoints.matching import At
from vqcore.checkpoints.modules import Tree
from vqcore.checkpoints.own_layers import options_from
from vqcore.checkpoints.rules import Owned, owned, weighed
from vqcore.checkpoints.weighing import Weighed, told
from vqcore.files.containers import saved_step, state_dicts
from vqcore.files.errors import CheckpointError, shown
from vqcore.files.opening import open_contents
from vqcore.files.regular_files import RegularFile

LARGEST_REPORT = 16 * 1024**2
MOST_COMPARED = 5_000
MOST_OFFERED = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """What is in a file. Vectors and statistics are read from it on demand."""

    path: Path
    format: str
    num_arrays: int
    step: tuple[str, int] | None
    """Unit (`step` or `epoch`) and number, if the file records them."""

    codebooks: tuple[Codebook, ...]
    implicit: tuple[Implicit, ...]
    """Quantizers that store no code vectors."""

    candidates: tuple[Candidate, ...]
    """Other tensors that might be codebooks, to be confirmed with `key`; the best first."""

    known: Known
    """What is known from a run of ours beside the file; for `effective`."""


def open_checkpoint(
    path: str | Path,
    *,
    key: str | tuple[str, ...] | None = None,
    axis: Axis | None = None,
    rows: int | None = None,
    search: Search | None = None,
    structure: Together | None = None,
) -> Checkpoint:
    """Open the file at `path`, whatever its name. It is never written to, and nothing in it is run.

    Args:
        path: a file of torch, safetensors or NumPy.
        key: only this tensor or these, whether or not a rule recognizes them; `container/key` if a key is ambiguous.
        axis: `K,D` or `D,K`, overriding the rules.
        rows: codes of one codebook, if several lie one after another or padding follows.
        search: `euclidean` or `cosine`, whatever the layout's own.
        structure: how several tables work together, whatever their keys say.

    Raises:
        CheckpointError: one sentence, if the file cannot be read as asked.
    """
    path = Path(path)
    _check_asked(axis, rows)
    if path.is_dir():
        raise CheckpointError(f"`{shown(path)}` is a folder. Give one checkpoint in it, or open it as a series.")
    contents = open_contents(path)
    trees = [Tree(source) for source in state_dicts(contents.root)]
    pieces = [piece for tree in trees for piece in owned(tree)]
    implicit = [] if key else [one for tree in trees for one in implicit_quantizers(tree)]
    others = [one for tree in trees for one in weighed(tree, pieces)]
    if key is None:
        pieces = _with_others(pieces, others, is_empty=not implicit)
    asked = axis is not None or rows is not None
    pieces = _every(trees, pieces, (key,) if isinstance(key, str) else key, asked)
    found = [book for piece in pieces for book in codebooks_of(piece, Told(axis, rows))]
    examined = {book.array.key for book in found}
    offered = [_candidate(one) for one in others if one.at.array.key not in examined][:MOST_OFFERED]
    codebooks = finished(found, contents.metadata)
    if structure is not None:
        codebooks = together(codebooks, structure, as_one=isinstance(key, tuple))
    known = _known(path) if any(book.layout == "VQ Scope" for book in codebooks) else Known()
    return Checkpoint(
        path=path,
        format=contents.format,
        num_arrays=sum(len(tree.source.arrays) for tree in trees),
        step=saved_step(contents.root),
        codebooks=tuple(codebooks),
        implicit=tuple(implicit),
        candidates=tuple(offered),
        known=known if search is None else known._replace(search=search),
    )


def _check_asked(axis: str | None, rows: int | None) -> None:
    if axis not in (None, "K,D", "D,K"):
        raise CheckpointError(f"`--axis` must be K,D or D,K, but is {shown(axis)}. Give one of the two.")
    if rows is not None and (isinstance(rows, bool) or not isinstance(rows, int) or rows < 1):
        raise CheckpointError(
            f"`--rows` must be a whole number from 1 up, but is {shown(rows)}. Give the number of codes of one "
            "codebook."
        )


def _with_others(pieces: list[Owned], others: list[Weighed], *, is_empty: bool) -> list[Owned]:
    """What the rules own and what else is likely; if that is nothing, the best candidate with its like."""
    taken = [Owned(one.at, one.match) for one in others if one.standing == "likely"]
    if pieces or taken or not is_empty:
        return [*pieces, *taken]
    candidates = [one for one in others if one.standing == "candidate"]
    return [Owned(one.at, one.match) for one in candidates if _kind(one) == _kind(candidates[0])]


def _kind(one: Weighed) -> tuple[object, ...]:
    return skeleton(one.at.name), one.at.shape[-1], one.score


def _candidate(one: Weighed) -> Candidate:
    array = one.at.array
    return Candidate(array.key, one.at.owner.tree.source.container, array.shape, one.score, one.match.evidence)


def _every(trees: list[Tree], pieces: list[Owned], keys: tuple[str, ...] | None, asked: bool) -> list[Owned]:
    if keys is not None:
        return [piece for key in keys for piece in _chosen(trees, pieces, key)]
    found = {piece.at.array.key for piece in pieces}
    if asked and len(found) != 1:
        raise CheckpointError(
            f"`--axis` and `--rows` describe one tensor, but {len(found)} were found. Name one with --codebook KEY."
        )
    return pieces


def _chosen(trees: list[Tree], pieces: list[Owned], key: str) -> list[Owned]:
    if matching := [piece for piece in pieces if key in _names(piece.at.owner.tree, piece.at.name)]:
        return matching
    named = [_as_told(tree, name) for tree in trees for name in tree if key in _names(tree, name)]
    if not named:
        names = islice((shown(name) for tree in trees for name in tree), MOST_COMPARED)
        raise CheckpointError(
            f"`--codebook` must name a tensor in the file, but {shown(key)} is not there.{_nearest(key, names)} Give "
            "another key."
        )
    return named


def _names(tree: Tree, name: str) -> tuple[str, ...]:
    array = tree.get(name)
    stored = name if array is None else array.key
    return name, stored, "/".join((*tree.source.container, stored))


def _as_told(tree: Tree, name: str) -> Owned:
    array = tree.get(name)
    if array is None or not array.is_float or len(array.shape) not in (2, 3) or array.size == 0:
        shape = () if array is None else array.shape
        raise CheckpointError(
            f"`--codebook` must name a table of vectors, (K, D) or (H, K, D), but {shown(name)} is {shape}. Give "
            "another "
            "key."
        )
    path, _, leaf = name.rpartition(".")
    at = At(name, array, tree.module(path), leaf)
    return Owned(at, told(at))


def _nearest(key: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(key[:200], list(names), n=3)
    return f" Similar names: {', '.join(near)}." if near else ""


def _known(path: Path) -> Known:
    """The options of a training of ours, stored beside its weights."""
    report = path.parent / "report.json"
    try:
        if path.name != "weights.pt":
            return Known()
        file = RegularFile(report)
        run = json.loads(file.read(0, file.size)) if file.size <= LARGEST_REPORT else None
        return Known(options=options_from(run)) if isinstance(run, dict) else Known()
    except (OSError, ValueError, TypeError, RecursionError):
        return Known()  # the weights can be read without
