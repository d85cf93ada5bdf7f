"""The quantizers in float64 numpy, from the equations of DESIGN section 2 alone; knows nothing of `vqcore`.

Gradients are derived by hand. Each result carries how large the terms were that made it up, because float32 rounds
relative to those and not to what is left after they cancel.
"""

# N vectors, K codes, D features, L levels

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MOMENTUM = 0.1
NO_SPREAD = 1e-12  # of σ²/μ²
NO_LENGTH = 1e-12
CAP = 10.0
MAP_ROWS = 16


@dataclass
class Sized:
    """A value with the largest magnitude of what was added up for each of its entries."""

    value: Array
    size: Array

    @classmethod
    def zeros(cls, *shape: int) -> "Sized":
        return cls(np.zeros(shape), np.zeros(shape))

    def add(self, value: Array, size: Array | None = None) -> None:
        self.value = self.value + value
        self.size = self.size + np.abs(value if size is None else size)


@dataclass
class Book:
    """One codebook's tensors."""

    raw: Array
    scale: Array
    bias: Array
    p_mean: Array
    p_var: Array
    c_mean: Array
    c_var: Array
    has_moments: bool


@dataclass
class BookGradients:
    """What reaches one codebook's parameters."""

    raw: Sized
    scale: Sized
    bias: Sized


@dataclass
class Expected:
    """What one forward and backward must give."""

    z_q: Array
    z_q_size: float
    loss: float
    loss_size: float
    z_e_grad: Sized
    books: list[BookGradients]
    gaps: list[Array] = field(default_factory=list)
    """Each level: how much farther, in squared distance, the given code is than the nearest, (N,)."""
    gap_sizes: list[Array] = field(default_factory=list)
    condition: Array = field(default_factory=lambda: np.ones(0))
    """(N,) by how much the norms and the rotation multiply a relative error."""


def lengths(vectors: Array) -> Array:
    return np.linalg.norm(vectors, axis=-1, keepdims=True)


def normed(vectors: Array, how: str) -> Array:
    length = lengths(vectors)
    if how == "unit":
        return np.where(length > NO_LENGTH, vectors / np.maximum(length, NO_LENGTH), vectors)
    if how == "capped":
        return np.where(length > CAP, CAP * vectors / np.maximum(length, CAP), vectors)
    return vectors


def pulled_through_norm(vectors: Array, how: str, gradient: Array) -> Array:
    """The gradient with respect to `vectors` for one with respect to `normed(vectors, how)`."""
    if how == "none":
        return gradient
    length, shortest = lengths(vectors), NO_LENGTH if how == "unit" else CAP
    divisor = np.maximum(length, shortest)
    along = vectors / divisor
    sideways = gradient - along * (along * gradient).sum(-1, keepdims=True)
    return np.where(length > shortest, (1 if how == "unit" else CAP) * sideways / divisor, gradient)


def group_of(code: Any, groups: int, num_codes: int) -> Any:
    return code * groups // num_codes


def moved_moments(book: Book, vectors: Array, groups: int) -> None:
    weight = MOMENTUM if book.has_moments else 1.0
    group = group_of(np.arange(len(book.raw)), groups, len(book.raw))
    book.p_mean = (1 - weight) * book.p_mean + weight * vectors.mean(0)
    book.p_var = (1 - weight) * book.p_var + weight * vectors.var(0)
    book.c_mean, book.c_var = book.c_mean.copy(), book.c_var.copy()
    for row in range(groups):
        members = book.raw[group == row]
        book.c_mean[row] = (1 - weight) * book.c_mean[row] + weight * members.mean(0)
        book.c_var[row] = (1 - weight) * book.c_var[row] + weight * members.var(0)
    book.has_moments = True


def map_of(book: Book, options: Any) -> tuple[Array, Array, Array, Array]:
    """Scale and bias of every code, (K, D), and the magnitude of the terms of each."""
    rows = group_of(np.arange(len(book.raw)), options.affine_groups, len(book.raw))
    scale, bias = np.ones_like(book.raw), np.zeros_like(book.raw)
    if options.affine == "learned":
        step = options.affine_lr_scale * book.scale[rows]
        bias = options.affine_lr_scale * book.bias[rows]
        return 1 + step, bias, 1 + np.abs(step), np.abs(bias)
    if options.affine == "running":
        c_mean, c_var = book.c_mean[rows], book.c_var[rows]
        spread = (c_var > NO_SPREAD * np.square(c_mean)) & (c_var > 0) & book.has_moments
        deviation = np.sqrt(np.where(spread, c_var, 1))
        scale = np.where(spread, np.sqrt(book.p_var) / deviation, 1)
        # A deviation in float32 is as wrong as the mean it was measured from is large.
        measured = scale * (1 + np.abs(c_mean) / deviation) + np.abs(book.p_mean) / deviation
        scale_size = np.where(spread, measured, 1)
        return scale, book.p_mean - scale * c_mean, scale_size, np.abs(book.p_mean) + scale_size * np.abs(c_mean)
    return scale, bias, scale, bias


def turn(z_e: Array, z_q: Array) -> tuple[Array, Array]:
    """λR for each row, (N, D, D), by two reflections, and how much R multiplies a relative error, (N,)."""
    count, dim = z_e.shape
    maps, condition = np.empty((count, dim, dim)), np.ones(count)
    for n, (e, q) in enumerate(zip(z_e, z_q, strict=True)):
        e_length, q_length = np.linalg.norm(e), np.linalg.norm(q)
        if e_length <= NO_LENGTH or q_length <= NO_LENGTH:
            maps[n] = np.eye(dim)
            continue
        e_hat, q_hat = e / e_length, q / q_length
        if dim == 1:
            maps[n] = q / e
            continue
        middle = np.linalg.norm(e_hat + q_hat)
        condition[n] = np.inf if middle < 1e-3 else 1 + 2 / middle
        along = (e_hat + q_hat) / max(middle, 1e-300)
        reflect_e, reflect_middle = np.eye(dim) - 2 * np.outer(e_hat, e_hat), np.eye(dim) - 2 * np.outer(along, along)
        maps[n] = q_length / e_length * reflect_middle @ reflect_e
    return maps, condition


@dataclass
class Search:
    """One level's look-up, kept for the way back."""

    book: Book
    gradients: BookGradients
    vectors: Array
    codes: NDArray[np.int64]
    options: Any

    def __post_init__(self) -> None:
        self.s, self.b, self.s_size, b_size = map_of(self.book, self.options)
        self.before_norm = self.s * self.book.raw + self.b
        self.term_size = self.s_size * np.abs(self.book.raw) + b_size
        self.codebook = normed(self.before_norm, self.options.codebook_norm)
        self.z_q = self.codebook[self.codes]
        self.vector_size = np.abs(self.vectors)

    def condition(self) -> Array:
        """How much the codebook's norm multiplies a relative error, at each code, (K,)."""
        if self.options.codebook_norm == "none":
            return np.ones(len(self.codebook))
        terms = lengths(self.term_size)[:, 0]
        return np.maximum(terms, 1e-300) / np.maximum(lengths(self.before_norm)[:, 0], 1e-30 * terms + 1e-300)

    def code_size(self) -> Array:
        """Magnitude of the terms of each found code, (N, D)."""
        if self.options.codebook_norm == "none":
            return self.term_size[self.codes]
        return np.abs(self.z_q) + lengths(self.z_q)

    def gap(self) -> tuple[Array, Array]:
        count = len(self.vectors)
        squares = np.square(self.vectors[:, None] - self.codebook[None]).sum(-1)
        book_size = lengths(self.term_size).max() if self.options.codebook_norm == "none" else CAP
        if self.options.codebook_norm == "unit":
            book_size = 1.0
        size = np.square(lengths(self.vector_size)[:, 0] + book_size) * self.condition().max()
        return squares[np.arange(count), self.codes] - squares.min(1, initial=np.inf), size

    def pull(self, task: Array, task_size: Array, commit: Array, commit_size: Array) -> None:
        """Add what reaches raw codebook and map for gradients at z_q, (N, D) each."""
        options, groups = self.options, self.options.affine_groups
        owned = options.inner_steps > 0 or options.codebook_update == "ema"
        per_code = [np.zeros_like(self.codebook) for _ in range(4)]
        for total, part in zip(per_code, (task, task_size, commit, commit_size), strict=True):
            np.add.at(total, self.codes, part)
        task, task_size, commit, commit_size = (
            pulled_through_norm(self.before_norm, options.codebook_norm, part) if n % 2 == 0 else self._upper(part)
            for n, part in enumerate(per_code)
        )
        to_raw = task if owned else task + commit
        self.gradients.raw.add(self.s * to_raw, self.s_size * (task_size + commit_size))
        if options.affine == "learned":
            rows = group_of(np.arange(len(self.codebook)), groups, len(self.codebook))
            shape = self.gradients.bias.value.shape
            bias, scale, bias_size, scale_size = (np.zeros(shape) for _ in range(4))
            np.add.at(bias, rows, options.affine_lr_scale * (task + commit))
            np.add.at(scale, rows, options.affine_lr_scale * (task + commit) * self.book.raw)
            np.add.at(bias_size, rows, options.affine_lr_scale * (task_size + commit_size))
            np.add.at(scale_size, rows, options.affine_lr_scale * (task_size + commit_size) * np.abs(self.book.raw))
            self.gradients.bias.add(bias, bias_size)
            self.gradients.scale.add(scale, scale_size)

    def _upper(self, size: Array) -> Array:
        """How large the terms of a gradient can be behind the norm."""
        return upper_through_norm(self.before_norm, self.options.codebook_norm, size)


def upper_through_norm(vectors: Array, how: str, size: Array) -> Array:
    if how == "none":
        return size
    length = lengths(vectors)
    total = size + lengths(size)
    if how == "unit":
        return np.where(length > NO_LENGTH, total / np.maximum(length, NO_LENGTH), size)
    return np.where(length > CAP, CAP * total / np.maximum(length, CAP), size)


def expected(
    structure: str,
    books: list[Book],
    part_of_level: tuple[int, ...],
    options: Any,
    z_e: Array,
    codes: NDArray[np.int64],
    upstream: Array,
    loss_weight: float,
    *,
    training: bool,
) -> Expected:
    """Values and gradients of Σ upstream·z_q + loss_weight·commitment loss, for `codes` (N, L).

    Args:
        structure: vector, grouped or residual.
        books: as before the forward; a training forward moves their moments.
        part_of_level: which of `books` each level searches.
        options: anything with the fields of the live options.
        z_e: (N, D).
        codes: (N, L) what was found; where two codes are equally near, either may have been.
        upstream: (N, D).
        loss_weight: weight of the commitment loss.
        training: whether running moments move.
    """
    count, dim = z_e.shape
    levels = len(part_of_level)
    gradients = [
        BookGradients(Sized.zeros(*book.raw.shape), *(Sized.zeros(MAP_ROWS, book.raw.shape[1]) for _ in range(2)))
        for book in books
    ]
    pieces = np.split(z_e, levels, 1) if structure == "grouped" else [z_e]
    inputs = [normed(piece, options.input_norm) for piece in pieces]
    searches: list[Search] = []
    for level, part in enumerate(part_of_level):
        vectors = inputs[level] if structure == "grouped" else inputs[0]
        if structure == "residual":
            vectors = vectors - sum((search.z_q for search in searches), np.zeros_like(vectors))
        if training and options.affine == "running" and count:
            moved_moments(books[part], vectors, options.affine_groups)
        # A codebook that several levels share moves its moments between them, so each level keeps its own map.
        search = Search(books[part], gradients[part], vectors, codes[:, level], options)
        searches.append(search)
    if structure == "residual":
        for level, search in enumerate(searches):
            search.vector_size = np.abs(inputs[0]) + sum(
                (s.code_size() for s in searches[:level]), np.zeros_like(inputs[0])
            )
    gaps, gap_sizes = zip(*(search.gap() for search in searches), strict=True)

    size = max(1, z_e.size)
    squares = sum(np.square(search.vectors - search.z_q).sum() for search in searches)
    square_sizes = sum(np.square(search.vector_size + search.code_size()).sum() for search in searches)
    found = [search.z_q for search in searches]
    z_q = sum(found[1:], found[0]) if structure == "residual" else np.concatenate(found, 1)
    code_sizes = [search.code_size() for search in searches]
    condition = (
        np.max([search.condition()[search.codes] for search in searches], 0, initial=1.0) if count else np.ones(0)
    )
    out = Expected(
        z_q=z_q,
        z_q_size=float(max((s.max(initial=0) for s in code_sizes), default=0.0)),
        loss=squares / size,
        loss_size=square_sizes / size,
        z_e_grad=Sized.zeros(count, dim),
        books=gradients,
        gaps=list(gaps),
        gap_sizes=list(gap_sizes),
        condition=condition,
    )
    if options.bypass:
        out.z_q, out.loss = z_e, 0.0
        out.z_e_grad.add(upstream)
        return out

    turned_into = [z_q] if structure != "grouped" else found
    columns = np.split(np.arange(dim), len(pieces))
    for n, (piece, x, target, own) in enumerate(zip(pieces, inputs, turned_into, columns, strict=True)):
        g = upstream[:, own]
        total = Sized.zeros(*x.shape)
        if options.estimator == "rotation":
            maps, multiplied = turn(x, target)
            out.condition = np.maximum(out.condition, multiplied)
            total.add(
                np.einsum("nij,ni->nj", maps, g),
                np.linalg.norm(maps, 2, (1, 2))[:, None] * lengths(g) * np.ones_like(g),
            ) if count else None
        else:
            total.add(g)
        for search in searches[n : n + 1] if structure == "grouped" else searches:
            weight = loss_weight * (1 - options.beta) * 2 / size
            total.add(weight * (search.vectors - search.z_q), weight * (search.vector_size + search.code_size()))
        out.z_e_grad.value[:, own] = pulled_through_norm(piece, options.input_norm, total.value)
        out.z_e_grad.size[:, own] = upper_through_norm(piece, options.input_norm, total.size)
    for level, search in enumerate(searches):
        own = columns[level] if structure == "grouped" else columns[0]
        task = options.sync * upstream[:, own]
        weight = loss_weight * options.beta * 2 / size
        commit = weight * (search.z_q - search.vectors)
        search.pull(task, np.abs(task), commit, weight * (search.vector_size + search.code_size()))
    return out
