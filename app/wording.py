"""Texts of the pages: labels, help and definitions, in the field's words. The numbers come from elsewhere."""

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from vqcore.diagnostics.usage import enough_to_judge

SWITCH_HELP = {
    "affine": "Affine re-parameterization: every code vector is s·c_raw + b with s and b shared by all codes. "
    "*learned*: by gradient, from the identity. *running*: from running moments of P and C. *matrix*: W·c_raw with W "
    "learned and c_raw fixed (SimVQ, Zhu et al., arXiv 2411.02038). "
    "Off folds the map into the codebook, so no code vector moves. *running* takes hold at once, as in the start *A "
    "photograph loses its colours*; *learned* has to be trained first and may show nothing for hundreds of steps.",
    "affine_groups": "Number of consecutive groups of codes, each with its own s and b; a matrix is one for all.",
    "affine_lr_scale": "r of the learned map, s = 1 + r·a and b = r·a', and of the matrix, W = I + r·A: a larger r "
    "learns faster. 1 does little; 10, at which the learned map is switched on, does most in our measurements.",
    "inner_steps": "Alternating optimization: descent steps on the commitment loss over the codebook alone, "
    "before each task step.",
    "inner_lr": "Learning rate of the inner steps. Without momentum a step that would pass the mean of a code's "
    "vectors stops there.",
    "inner_momentum": "μ of the inner steps: v ← μ·v + gradient, c ← c − rate·v. 0.9, at which they are switched on, "
    "is VQTorch's example. A code that lost its vectors goes on along its velocity, which is how alternating brings "
    "dead codes back; at 0 it stays where it is.",
    "sync": "Synchronized update: ν in z = z_e + sg[z_q − z_e] + ν(z_q − sg[z_q]). The task gradient also reaches "
    "the assigned codes. 0 is the plain straight-through estimator. Alone it helps where the commitment loss is "
    "weak, as in the start *Codes that lag behind*; where that is strong, it may show nothing.",
    "replace_every": "A code unused for this many steps moves onto a recent z_e. 0: never.",
    "replace_onto": "Where an unused code moves to. *random*: any z_e of the batch. *far*: a z_e drawn in proportion "
    "to "
    "its squared distance from its code, as k-means++ seeds. *busy*: beside the codes used most in the batch.",
    "beta": "β: share of the commitment loss whose gradient goes to the codebook; 1 − β is the encoder's. A larger β "
    "does not make the codes' steps larger, since AdamW rescales each gradient: it loosens the hold of "
    "the codes on the encoder. With inner steps or EMA the codebook side reaches only a learned affine map.",
    "alpha": "α: weight of the commitment loss relative to the task loss: how firmly the codes hold the encoder. It "
    "does not make the codes' steps larger, since AdamW rescales each gradient.",
    "learning_rate": "AdamW's learning rate, for every parameter.",
    "adam_beta1": "β₁, the share of the past in AdamW's mean gradient.",
    "adam_beta2": "β₂, the share of the past in AdamW's mean squared gradient; the paper trains with 0.95.",
    "weight_decay": "AdamW's decay of the model's weights; code vectors do not decay.",
    "warmup_steps": "Over so many first steps the learning rate rises in equal parts to its full value.",
    "cosine_steps": "After the warm-up the learning rate falls to zero at this step, with half a cosine. 0: it "
    "stays.",
    "quantize_from": "Before this step the decoder gets z_e itself, as under bypass; the codes join later. With a "
    "k-means start they are placed at that step.",
    "codebook_update": "*gradient*: the codebook side of the commitment loss. *ema*: each code moves towards the "
    "mean of what is assigned to it, an exponential moving average that replaces that side (van den Oord et al., "
    "arXiv 1711.00937, A.1). Inner steps, if any, also move these raw codes.",
    "ema_decay": "γ, the share of the past that an EMA update keeps: n ← γn + (1 − γ)·n_batch, and likewise for "
    "Σz_e.",
    "estimator": "How the task gradient passes from z_q to z_e. *straight-through*: copied (Bengio et al., "
    "arXiv 1308.3432). *rotation*: turned and scaled by the map that takes z_e onto z_q (Fifty et al., "
    "arXiv 2410.06424). *directional*: its part along z_q − z_e goes to the code, the rest to z_e (DiVeQ without its "
    "noise, Vali et al., arXiv 2509.26469). Has no effect under bypass.",
    "input_norm": "*none*: z_e unchanged. *unit*: scaled to length 1. *capped*: shortened to length 10 if longer, "
    "so that nothing changes as long as none is. *tanh*: each feature between −1 and 1, as FSQ bounds it. Unit here "
    "and for the codes gives cosine codes: the nearest code is the one at the smallest angle "
    "(Yu et al., arXiv 2110.04627).",
    "codebook_norm": "Length of the code vectors, after the affine map. Switching back to *none* folds the norm "
    "into the "
    "codebook, so no code vector moves.",
    "bypass": "The decoder gets z_e itself, with no commitment loss: the network without quantization. Codes are "
    "still assigned, so that usage can be seen. ν, α, β and the estimator have no effect meanwhile.",
}

SETTING_HELP = {
    "data": "*photos* or *digits*, which come with the product; *fashion*, from Debian's package "
    "dataset-fashion-mnist; or a path on this machine: a folder of images with a subfolder a class, an MNIST, "
    "CIFAR or Parquet folder, an .npz or .npy file. *own*: the problem's. Nothing is downloaded.",
    "image_size": "Edge of the square images in pixels; each is cut to its middle and resampled. 0: the problem's "
    "own.",
    "width": "Features of the network's first stage: a smaller network trains faster. 0: as published.",
    "quantize_at": "After which part of the network the quantizer stands. The paper does not say it for the "
    "classifiers; *own* is our choice.",
    "structure": "*vector*: one code per z_e. *grouped*: z_e is split into equal parts, one code each (product "
    "quantization). *residual*: each level quantizes what the levels before it left over, and code vectors add up "
    "(Zeghidour et al., arXiv 2107.03312).",
    "levels": "Number of residual levels, or of groups (a divisor of the {dim} features of z_e). Each has K codes.",
    "share": "All groups or levels share one codebook of K codes; otherwise each has its own. "
    "A code counts as dead at a level that does not use it, even if another level does.",
}

FORK_HELP = (
    "Copies this training as it is now, including weights, optimizer state and random numbers, and changes one "
    "switch in the copy. "
    "Both then train on the same batches in lockstep."
)

LEVEL_NOUNS = {"vector": "", "grouped": "group", "residual": "level"}


class LevelWords(NamedTuple):
    """How the page names one group or level; the single level of a plain quantizer has no name."""

    name: str
    """`level 2`, or empty."""

    vectors: str
    """What is quantized there."""

    @property
    def of(self) -> str:
        """` of level 2`, or empty."""
        return f" of {self.name}" if self.name else ""


def level_words(structure: str, level: int, num_levels: int) -> LevelWords:
    """The words for `level`, counted from 0.

    >>> level_words("residual", 1, 3)
    LevelWords(name='level 2', vectors='residuals before level 2')
    >>> level_words("vector", 0, 1)
    LevelWords(name='', vectors='z_e')
    """
    noun = LEVEL_NOUNS[structure]
    if num_levels == 1 or not noun:
        return LevelWords("", "z_e")
    name = f"{noun} {level + 1}"
    if structure == "grouped":
        return LevelWords(name, f"sub-vectors of {name}")
    return LevelWords(name, f"residuals before {name}" if level else "z_e")


MEANINGS = {
    "perplexity": "exp of the entropy of code usage, 1…K",
    "active_codes": "codes used at least once",
    "in_use": "codes that are nearest to at least one of the held-out vectors at this step",
    "quantization_error": "‖z_e − z_q‖²: summed over features, mean over the vectors",
    "relative_error": "the quantization error over the total variance of z_e; 1 is no better than the mean alone",
    "level_error": "its own error over the variance of what it quantizes; 1 is no better than the mean alone",
    "gradient_norm": "‖∂L/∂c_raw‖ of the newest step, inner steps included",
}

CURVE_NOTES = {
    "learning": "held-out, N = {num_vectors:,}; thin: training batches · task loss: {loss_name} · "
    "usage{of_level}: of K = {num_codes:,} codes",
    "P and C": "{p}spread: rms of features' std · mean: length of the mean · distance: √(‖μ_P−μ_C‖² + ‖σ_P−σ_C‖²)",
    "gradients": "reached{of_level}: codes that a step's gradient moves, directly or through their group's learned "
    "map · "
    "relative{of_level}: over Var({vectors})",
}
"""Definitions of what a group of curves shows, short enough for one line under them."""

LEVELS_NOTE = (
    "in use: share of K = {num_codes:,} codes, by N = {num_vectors:,} held-out vectors at this step · "
    "perplexity / K: 1 is even use · rel. error: the level's own error over the variance of what it quantizes"
)
"""Definitions for the overview of groups or levels."""

TRAJECTORY_HELP = {
    "landscape": "The task loss f, a function of z_q in the plane with an analytic gradient.",
    "seed": "Seed for the starting points, codes, noise and the MLP.",
    "points": "Number of z_e.",
    "encoder": "*free*: each z_e is a parameter. *mlp*: the outputs of one small MLP, shifted so that they begin at "
    "the start.",
    "num_codes": "K: number of code vectors.",
    "learning_rate": "Learning rate of plain gradient descent. Empty: the landscape's default, at which descent on f "
    "is stable.",
    "noise": "Standard deviation of the noise added to ∇f at every step, the same noise for every method.",
    "alpha": "α: weight of the commitment loss relative to the task loss.",
    "beta": "β: share of the commitment loss that moves the codes. 1 − β moves z_e.",
    "nu": "ν, for the methods with sync: how much of the task gradient also reaches the assigned code.",
    "inner_steps": "For the methods with alternating: codebook-only steps before each task step.",
    "inner_share": "How far one inner step moves a code towards its points, 0…1.",
    "steps": "Number of steps for every method.",
    "methods": "The paths to compare, all from the same start and with the same noise. *no quantization* is gradient "
    "descent on f.",
}

TIMELINE_HELP = (
    "All views go back to this moment while training goes on. Moments are kept while somebody watches: densely for "
    "the newest "
    "and the first, sparsely in between."
)
PAST_UNREACHED = "`at` in the link is step {at:,}, but this run has only reached step {reached:,}: it is shown live."

FOLLOW_HELP = (
    "Follow link: others watch this session as it trains, each with their own views. They can change nothing."
)
LECTURE_HELP = "A follow link with controls hidden or locked, for a class"

_WHY_IT_ENDED = "no page had shown it for 15 minutes, newer ones took its place, or the server was restarted."
GONE = f"The run in this link has ended: {_WHY_IT_ENDED}"
ENDED = f"This session has ended: {_WHY_IT_ENDED}"
NEW_HELP = "Back to the start cards. This run stays for 15 minutes: the Back button of the browser leads to it."
ANOTHERS = "This link is the address of a session in another browser: you follow it. Its owner alone can change it."
FOLLOWED_GONE = "The session that this link follows has ended, or there never was one."

UNQUANTIZED = (
    "Unquantized: the same network with z_q = z_e, from the same weights on the same batches; at this step, unless "
    "another is named."
)

UMAP_CAUTION = "UMAP preserves neighbours: distances between clusters, their sizes and densities mean nothing."


def bars_title(kind: str, structure: str) -> str:
    """Title of the bars panel.

    >>> bars_title("levels", "residual")
    'Usage by level'
    """
    by_level = f"Usage by {LEVEL_NOUNS[structure]}"
    return {"levels": by_level, "gradient": "Code gradients"}.get(kind, "Code usage")


def examples_title(task: str, words: LevelWords) -> str:
    """Title of the examples panel.

    >>> examples_title("plane", level_words("vector", 0, 1))
    'Inputs, z_e and their codes'
    """
    titles = {"plane": f"Inputs, {words.vectors} and their codes", "classification": "Inputs, codes, predictions"}
    return titles.get(task, "Inputs, reconstructions, codes")


def curve_note(group: str, loss_name: str, words: LevelWords, num_codes: int, num_vectors: int) -> str:
    """The line under a group of curves.

    >>> curve_note("gradients", "", level_words("grouped", 0, 2), 8, 64).split(" · ")[1]
    'relative of group 1: over Var(sub-vectors of group 1)'
    """
    p = f"P: {words.vectors} · " if words.name else ""
    return CURVE_NOTES[group].format(
        loss_name=loss_name,
        of_level=words.of,
        p=p,
        vectors=words.vectors,
        num_codes=num_codes,
        num_vectors=num_vectors,
    )


def usage_map_note(span: int, codes_per_row: int) -> str:
    """The line under usage through time.

    >>> usage_map_note(4, 2)
    'training assignments in each 4 steps over their even share N/K, log scale · grey: unused · each row is 2 codes'
    """
    each = f"each {span} steps" if span > 1 else "each step"
    rows = f" · each row is {codes_per_row} codes" if codes_per_row > 1 else ""
    return f"training assignments in {each} over their even share N/K, log scale · grey: unused{rows}"


LONGEST_SENTENCE, NAMES_SAID, LONGEST_NAME = 240, 4, 32


def ignored_names(names: Sequence[str]) -> list[str]:
    """One sentence on names in a link that mean nothing here; an empty list for no names.

    >>> ignored_names(["gamma"])
    ['`gamma` in the link means nothing here and was ignored.']
    >>> ignored_names(list("abcdefg"))
    ['`a`, `b`, `c`, `d` and 3 more in the link mean nothing here and were ignored.']
    """
    if not names:
        return []
    said = ", ".join(f"`{cut(name, LONGEST_NAME)}`" for name in names[:NAMES_SAID])
    more = f" and {len(names) - NAMES_SAID} more" if len(names) > NAMES_SAID else ""
    verbs = "means nothing here and was" if len(names) == 1 else "mean nothing here and were"
    return [f"{said}{more} in the link {verbs} ignored."]


def cut(text: str, longest: int = LONGEST_SENTENCE) -> str:
    """`text` on one line; if it is too long, its middle is left out.

    >>> cut("abcdefghij", 5)
    'ab…ij'
    """
    text = " ".join(text.split())
    half = (longest - 1) // 2
    return text if len(text) <= longest else f"{text[:half]}…{text[-half:]}"


def as_written(sentence: str) -> str:
    r"""Markdown that shows `sentence` as it stands: what came in a link brings no picture, link or formula.

    Only a word between backticks stays code.

    >>> print(as_written("`beta` is '![x](y)'."))
    `beta` is '\!\[x\]\(y\)'\.
    """
    escaped = re.sub(r"([!-&(-/:-@\[-`{-~])", r"\\\1", sentence)  # all of ASCII's punctuation but the apostrophe
    return re.sub(r"\\`(\w+(?:\\_\w+)*)\\`", lambda found: f"`{found[1].replace(chr(92), '')}`", escaped)


def spans(numbers: Sequence[int]) -> str:
    """Ascending whole numbers as ranges.

    >>> spans([0, 1, 2, 5, 8, 9])
    '0–2, 5, 8, 9'
    """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]}–{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs)


def trust(value: float, k: int, sample: int, of: int) -> str:
    """How far the map's neighbours can be trusted.

    >>> trust(0.98312, 15, 100, 2048)
    'trustworthiness 0.98 (k = 15, 100 of 2,048 points)'
    """
    points = f"{sample:,} of {of:,} points" if sample < of else f"all {of:,} points"
    return f"trustworthiness {value:.2f} (k = {k}, {points})"


def usage_window(window_batches: int, num_vectors: int) -> str:
    """The window over which usage is counted now."""
    if window_batches == 0:
        return "no batch yet"
    return f"last {window_batches} training batches, N = {num_vectors:,}"


def held_out(num_vectors: int, num_codes: int) -> str:
    """Over what use is counted, and whether that is enough to tell unused codes from rare ones.

    >>> held_out(2048, 512), held_out(2048, 65_536)
    ('N = 2,048 held-out vectors', 'N = 2,048 held-out vectors, too few to judge')
    """
    few = "" if enough_to_judge(num_vectors, num_codes) else ", too few to judge"
    return f"N = {num_vectors:,} held-out vectors{few}"


def number(value: float) -> str:
    """Three significant digits, with a power of ten only for very small or large values.

    >>> number(0.02431), number(12.34), number(25_734), number(1e-6), number(1.09e36)
    ('0.0243', '12.3', '25,700', '1 · 10⁻⁶', '1.09 · 10³⁶')
    >>> number(float("nan")), number(float("inf"))
    ('–', '∞')
    """
    if value != value:
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    rounded = float(f"{value:.3g}")
    if 1000 <= abs(rounded) < 1e6:
        return f"{rounded:,.0f}"
    if value == 0 or 1e-4 <= abs(value) < 1e6:
        return f"{rounded:#.3g}".rstrip(".")
    digits, power = f"{rounded:e}".split("e")
    return f"{float(digits):g} · {_power_of_ten(power)}"


def as_set(value: float) -> str:
    """A number that somebody has set, as it was set.

    >>> as_set(0.0001), as_set(0.25), as_set(1e7), as_set(2.5e-5)
    ('0.0001', '0.25', '10⁷', '2.5 · 10⁻⁵')
    """
    digits, _, power = f"{value:g}".partition("e")
    if not power:
        return digits
    return _power_of_ten(power) if digits == "1" else f"{digits} · {_power_of_ten(power)}"


def _power_of_ten(power: str) -> str:
    return f"10{str(int(power)).translate(RAISED)}"


RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def coordinate(value: float) -> str:
    """One coordinate of a point, short however far away it lies.

    >>> coordinate(-0.123), coordinate(4.2e20)
    ('-0.12', '4.2 · 10²⁰')
    """
    return f"{value:.2f}" if abs(value) < 1000 else number(value)
