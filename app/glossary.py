"""Every word that pages and lessons use, explained once: for the map, for lessons, and as a page."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from app.wording import MEANINGS

OORD = ("van den Oord et al. 2017", "https://arxiv.org/abs/1711.00937")
HUH = ("Huh et al. 2023", "https://arxiv.org/abs/2305.08842")


class Term(NamedTuple):
    """One word, explained."""

    word: str
    text: str
    """Goes on after a colon; no full stop at the end."""

    formula: str = ""
    """In LaTeX."""

    spellings: tuple[str, ...] = ()
    """Other forms under which texts have it."""

    source: tuple[str, str] | None = None
    """Who said it first, and the URL."""


BASIC = (
    Term(
        "P",
        "the distribution of z_e, the vectors that the encoder gives to the quantizer",
        r"z_e = \mathrm{encoder}(x) \in \mathbb{R}^D",
        source=HUH,
    ),
    Term(
        "C",
        "the codebook: the distribution of all K code vectors, used or not",
        r"C = \{c_0, \dots, c_{K-1}\} \subset \mathbb{R}^D",
        source=HUH,
    ),
    Term(
        "Code",
        "the number of the code vector nearest to a z_e; the decoder gets that code vector, z_q, instead of z_e",
        r"k(z_e) = \operatorname*{arg\,min}_j \lVert z_e - c_j \rVert, \qquad z_q = c_{k(z_e)}",
        ("code", "codes"),
        OORD,
    ),
    Term(
        "Q",
        "the distribution of the z_q: the code vectors in use, each counted as often as it is used",
        r"p_j = \frac{1}{N} \sum_{i=1}^{N} [\, k(z_{e,i}) = j \,]",
        source=HUH,
    ),
    Term(
        "Perplexity",
        "how many codes, used evenly, would be as diverse as the usage is: from 1, if all z_e share one code, to K",
        r"\mathrm{perplexity} = \exp\Bigl(-\sum_j p_j \ln p_j\Bigr)",
        ("perplexity",),
    ),
)
"""What is explained beside the map."""

GLOSSARY = (
    *BASIC,
    Term("z_e", "what the encoder gives to the quantizer: vectors of D numbers"),
    Term("z_q", "the code vectors that stand in for the z_e, looked up by their codes", r"z_q = c_{k(z_e)}"),
    Term("Codebook", "the K code vectors, which are learned", spellings=("codebook", "code vectors", "code vector")),
    Term("In use", MEANINGS["in_use"], spellings=("in use",)),
    Term(
        "Dead",
        "a code that is not used within a stated window; not used once in a small sample is not yet dead",
        spellings=("dead", "unused"),
    ),
    Term(
        "Index collapse",
        "ever fewer codes are nearest to anything, until a handful carries everything",
        spellings=("collapse", "collapsed"),
        source=HUH,
    ),
    Term(
        "Task loss",
        "what the network is trained for, without the commitment loss: the reconstruction's squared error, or the "
        "classifier's cross-entropy",
        spellings=("task loss",),
    ),
    Term(
        "Commitment loss",
        "holds z_e and its code vector together, with weight α. Its two sides have equal values and different "
        "gradients: the first moves the encoder, the second the codebook",
        r"\alpha\bigl[(1-\beta)\,\lVert z_e - \mathrm{sg}[z_q]\rVert^2 + \beta\,\lVert \mathrm{sg}[z_e] - "
        r"z_q\rVert^2\bigr]",
        ("commitment loss",),
        OORD,
    ),
    Term(
        "β",
        "the codebook's share of the commitment loss; 1 − β is the encoder's. Van den Oord et al. write it the other "
        "way round: their β weighs the encoder's side, beside 1 for the codebook's; their β = 0.25 is β = 0.8 here, "
        "with α larger by 1.25",
        r"\lVert \mathrm{sg}[z_e] - z_q\rVert^2 + \beta_{2017}\,\lVert z_e - \mathrm{sg}[z_q]\rVert^2, \qquad"
        r"\beta = \frac{1}{1 + \beta_{2017}}",
        source=OORD,
    ),
    Term("α", "the weight of the commitment loss beside the task loss"),
    Term(
        "Quantization error",
        MEANINGS["quantization_error"],
        r"\mathbb{E}\,\lVert z_e - z_q \rVert^2",
        ("quantization error",),
    ),
    Term(
        "Relative error",
        MEANINGS["relative_error"],
        r"\frac{\mathbb{E}\,\lVert z_e - z_q \rVert^2}{\mathbb{E}\,\lVert z_e - \mu_P \rVert^2}",
        ("relative error", "relative quantization error"),
    ),
    Term(
        "Straight-through estimator",
        "STE: the gradient at z_q is handed to z_e as if choosing the nearest code changed nothing",
        r"z = z_e + \mathrm{sg}[z_q - z_e]",
        ("straight-through estimator", "STE", "straight-through"),
        ("Bengio et al. 2013", "https://arxiv.org/abs/1308.3432"),
    ),
    Term(
        "Gradient gap",
        "the difference between the gradient that z_e is handed and the true one, relative to the true one",
        r"\frac{\lVert \hat g - \nabla f(z_e) \rVert}{\lVert \nabla f(z_e) \rVert}",
        ("gradient gap", "gap"),
        HUH,
    ),
    Term(
        "Affine map",
        "one scale s and one shift b for all code vectors, so that what moves them moves every code; learned by "
        "gradients, or set from the running moments of P and C",
        r"c_j = s \odot c_j^\mathrm{raw} + b",
        ("affine map", "running map", "learned map", "Affine re-parameterization", "affine"),
        HUH,
    ),
    Term(
        "Alternating",
        "inner steps first bring the codes to the z_e with the encoder standing still, then comes the task's step",
        spellings=("alternating", "inner steps"),
        source=HUH,
    ),
    Term(
        "Sync ν",
        "lets the task gradient reach the assigned code too, ν times",
        r"z = z_e + \mathrm{sg}[z_q - z_e] + \nu\,(z_q - \mathrm{sg}[z_q])",
        ("sync", "Sync", "synchronized update", "ν"),
        HUH,
    ),
    Term(
        "SimVQ",
        "every code vector is one learned matrix times a fixed one, so that each gradient moves all of them",
        r"c_j = W c_j^\mathrm{raw}",
        ("the matrix", "learned matrix"),
        ("Zhu et al. 2024", "https://arxiv.org/abs/2411.02038"),
    ),
    Term(
        "Rotation trick",
        "the task gradient goes to z_e turned back and scaled by the map that takes z_e onto z_q",
        r"z = \mathrm{sg}[\lambda R]\, z_e",
        ("rotation trick",),
        ("Fifty et al. 2024", "https://arxiv.org/abs/2410.06424"),
    ),
    Term(
        "DiVeQ",
        "the part of the task gradient along z_q − z_e goes to the code, and the rest to z_e",
        r"z = z_e + \lVert z_q - z_e \rVert \; \mathrm{sg}[\hat u]",
        source=("Vali et al. 2025", "https://arxiv.org/abs/2509.26469"),
    ),
    Term(
        "Finite scalar quantization",
        "each feature of z_e is bounded and rounded by itself, so that the codes are a fixed grid; FSQ",
        r"z_q = \tfrac{2}{L-1}\,\mathrm{round}\bigl(\tfrac{L-1}{2}(\tanh z_e + 1)\bigr) - 1",
        ("FSQ",),
        ("Mentzer et al. 2023", "https://arxiv.org/abs/2309.15505"),
    ),
    Term(
        "Delay",
        "the part of z_e's last move that its code did not make with it, beyond the commitment loss's pull to the "
        "old place; without sync, all of the move",
        r"(z_e' - z_e) - (c' - \tilde c)",
        ("delay",),
    ),
    Term(
        "Replacement",
        "a code that was unused for a number of steps is moved onto a z_e of the newest batch",
        spellings=("replacement",),
    ),
    Term(
        "EMA codes",
        "each code follows an exponential moving average of the z_e assigned to it, instead of a gradient",
        r"n_j \leftarrow \gamma n_j + (1-\gamma) n_j^\mathrm{batch}, \quad c_j = m_j / n_j",
        ("EMA",),
        OORD,
    ),
    Term(
        "k-means start",
        "before the first step the code vectors are put where k-means finds centres of the z_e",
        spellings=("K-means", "k-means"),
    ),
    Term("σ", "standard deviation: an ellipse at 1σ holds the bulk of a cloud", spellings=("1σ",)),
)
"""All of it, from what comes first in the lessons to what comes last."""


class Piece(NamedTuple):
    """A part of a text, and the term that it is, if it is one."""

    text: str
    term: Term | None


_BY_SPELLING = {spelling: term for term in GLOSSARY for spelling in (term.word, *term.spellings)}
_SPELLED = re.compile(
    "|".join(rf"(?<![\w-]){re.escape(each)}(?![\w-])" for each in sorted(_BY_SPELLING, key=len, reverse=True))
)


def pieces(text: str) -> Iterator[Piece]:
    """`text` in parts; each term where it is first said, under whatever spelling.

    >>> [piece.text for piece in pieces("Codes in use, or not in use") if piece.term]
    ['in use']
    """
    end, said = 0, set()
    for found in _SPELLED.finditer(text):
        term = _BY_SPELLING[found[0]]
        if term.word in said:
            continue
        said.add(term.word)
        yield Piece(text[end : found.start()], None)
        yield Piece(found[0], term)
        end = found.end()
    yield Piece(text[end:], None)
