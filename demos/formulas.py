"""The formulas that lessons show, each with its source, and with the numbers of the run where it has some."""

# N vectors, K codes, D features

import math
from dataclasses import replace

import numpy as np

from demos.lesson import Formula
from vqcore.snapshot import Snapshot
from vqcore.trajectories.path import Path

HUH = ("Huh et al. 2023", "https://arxiv.org/abs/2305.08842")
OORD = ("van den Oord et al. 2017", "https://arxiv.org/abs/1711.00937")
BENGIO = ("Bengio et al. 2013", "https://arxiv.org/abs/1308.3432")


def _shape(moment: Snapshot) -> str:
    places = moment.code_maps[0].size
    return f"one input gives {places} vectors z_e, D = {moment.z_e.shape[1]}"


def _choices(moment: Snapshot) -> str:
    return f"K = {moment.num_codes:,}, D = {moment.codebook.shape[1]}"


def _use(moment: Snapshot) -> str:
    held_out = moment.held_out
    return f"perplexity {held_out.perplexity:.1f}, {held_out.in_use:,} of K = {moment.num_codes:,} in use"


def _bits(moment: Snapshot) -> str:
    carried = math.log2(moment.held_out.perplexity)
    return f"log₂ {moment.num_codes:,} = {math.log2(moment.num_codes):.2f} bits paid, at most {carried:.2f} carried"


def _error(moment: Snapshot) -> str:
    return f"relative error {moment.held_out.relative_error:.3g}"


def _reached(moment: Snapshot) -> str:
    share = float((moment.gradient_norm > 0).mean())
    return f"the newest step's gradient is not zero for {share:.1%} of K = {moment.num_codes:,} codes"


def _apart(moment: Snapshot) -> str:
    distance = float(((moment.z_e.mean(0) - moment.codebook.mean(0)) ** 2).sum() ** 0.5)
    return f"‖μ_P − μ_C‖ = {distance:.3g}"


def _mapped(moment: Snapshot) -> str:
    """S and b of the map, from what it made of the codes."""
    raw, codes = moment.raw_codebook, moment.codebook
    if raw is None:
        return "no map: s = 1, b = 0"
    centred = raw - raw.mean(0)
    scale = (centred * codes).sum(0) / (centred**2).sum(0).clip(np.finfo(np.float32).tiny)
    shift = codes.mean(0) - scale * raw.mean(0)
    return f"s between {scale.min():.2f} and {scale.max():.2f}, ‖b‖ = {np.linalg.norm(shift):.3g}"


def _gap(path: Path) -> str:
    return f"gap {path.summary()['gradient gap']:.2g}"


def _commitment(path: Path) -> str:
    return f"mean ‖z_e − z_q‖ = {path.summary()['commitment error']:.2g}"


def _delay(path: Path) -> str:
    return f"mean delay {path.summary()['delay']:.2g}"


ENCODE = Formula(
    r"z_e = \mathrm{encoder}(x) \in \mathbb{R}^{D}", "z_e = encoder(x), a vector of D numbers", here=_shape
)
NEAREST = Formula(
    r"k = \operatorname*{arg\,min}_{j} \lVert z_e - c_j \rVert, \quad z_q = c_k",
    "k = the j with the smallest ‖z_e − c_j‖; z_q = c_k",
    here=_choices,
    source=OORD,
)
COMMITMENT = Formula(
    r"\begin{aligned} L = L_\mathrm{task} + \alpha\bigl[&(1-\beta)\,\lVert z_e - \mathrm{sg}[z_q]\rVert^2 \\"
    r"&+ \beta\,\lVert \mathrm{sg}[z_e] - z_q\rVert^2\bigr] \end{aligned}",
    "L = L_task + α·[(1 − β)·‖z_e − sg[z_q]‖² + β·‖sg[z_e] − z_q‖²]; sg: no gradient passes",
    source=OORD,
    note="In the paper of 2017, β weighs the encoder's side, ‖z_e − sg[z_q]‖². Here it weighs the codebook's.",
)
RELATIVE_ERROR = Formula(
    r"\text{relative error} = \frac{\mathbb{E}\,\lVert z_e - z_q \rVert^2}{\mathbb{E}\,\lVert z_e - \mu_P \rVert^2}",
    "relative error = mean of ‖z_e − z_q‖² / mean of ‖z_e − μ_P‖²",
    here=_error,
)
PERPLEXITY = Formula(
    r"\mathrm{perplexity} = \exp\Bigl(-\sum_j p_j \ln p_j\Bigr), \quad p_j = \frac{n_j}{N}",
    "perplexity = exp(−Σ p_j ln p_j), p_j = n_j / N",
    here=_use,
)
BITS = Formula(
    r"\log_2 K \;\ge\; \log_2 \mathrm{perplexity} = -\sum_j p_j \log_2 p_j",
    "log₂ K ≥ log₂ perplexity = −Σ p_j log₂ p_j",
    here=_bits,
)
IN_USE = Formula(
    r"\text{in use} = \#\{\, j : \text{some } z_e \text{ has } k(z_e) = j \,\}",
    "in use = how many j are k(z_e) for some z_e",
    here=_use,
)
REPLACEMENT = Formula(
    r"c_j \leftarrow z_{e,i} \quad \text{if } j \text{ is unused for } n \text{ steps}",
    "c_j ← z_e,i if code j was unused for n steps, i drawn at random from the newest batch",
    here=_use,
    source=("Dhariwal et al. 2020", "https://arxiv.org/abs/2005.00341"),
)
SPARSE = Formula(
    r"\frac{\partial L}{\partial c_j} \;\propto\; \sum_{i:\, k_i = j} (c_j - z_{e,i})",
    "∂L/∂c_j ∝ Σ over i with k_i = j of (c_j − z_e,i): no such i, no gradient",
    here=_reached,
    source=HUH,
)
MOMENTS = Formula(
    r"\mu_P = \tfrac1N \sum_i z_{e,i}, \qquad \mu_C = \tfrac1K \sum_j c_j",
    "μ_P = the mean of all z_e, μ_C = the mean of all c_j",
    here=_apart,
)
AFFINE = Formula(
    r"c_j = s \odot c_j^\mathrm{raw} + b",
    "c_j = s ⊙ c_raw,j + b, with the same s and b for all j",
    source=HUH,
)
AFFINE_DRAWN = replace(AFFINE, here=_mapped)
AFFINE_RUNNING = Formula(
    r"s = \frac{\sigma_P}{\sigma_C}, \qquad b = \mu_P - s \odot \mu_C",
    "s = σ_P / σ_C, b = μ_P − s ⊙ μ_C, from running means and deviations",
    here=_apart,
    source=HUH,
)
AFFINE_GRADIENT = Formula(
    r"\frac{\partial L}{\partial b} = \sum_j \frac{\partial L}{\partial c_j}, \qquad"
    r"\frac{\partial L}{\partial s} = \sum_j \frac{\partial L}{\partial c_j} \odot c_j^\mathrm{raw}",
    "∂L/∂b = Σ_j ∂L/∂c_j; ∂L/∂s = Σ_j ∂L/∂c_j ⊙ c_raw,j",
    source=HUH,
)
LEARNED_MATRIX = Formula(
    r"c_j = W c_j^\mathrm{raw}, \quad c^\mathrm{raw} \text{ fixed}, \qquad "
    r"\frac{\partial L}{\partial W} = \sum_j \frac{\partial L}{\partial c_j}\, {c_j^\mathrm{raw}}^{\top}",
    "c_j = W·c_raw,j with c_raw fixed; ∂L/∂W = Σ_j ∂L/∂c_j · c_raw,jᵀ",
    source=("Zhu et al. 2024 (SimVQ)", "https://arxiv.org/abs/2411.02038"),
)
ROTATION = Formula(
    r"z = \mathrm{sg}[\lambda R]\, z_e, \qquad \lambda = \frac{\lVert z_q \rVert}{\lVert z_e \rVert}, \quad "
    r"R\,\hat z_e = \hat z_q",
    "z = sg[λR]·z_e with λ = ‖z_q‖ / ‖z_e‖ and R the rotation that turns z_e's direction into z_q's",
    source=("Fifty et al. 2024", "https://arxiv.org/abs/2410.06424"),
)
DIRECTIONAL = Formula(
    r"z = z_e + \lVert z_q - z_e \rVert \; \mathrm{sg}\Bigl[\frac{z_q - z_e}{\lVert z_q - z_e \rVert}\Bigr]",
    "z = z_e + ‖z_q − z_e‖·sg[(z_q − z_e) / ‖z_q − z_e‖]",
    source=("Vali et al. 2025 (DiVeQ)", "https://arxiv.org/abs/2509.26469"),
    note="The paper adds a little noise to the direction; here there is none.",
)
SCALAR = Formula(
    r"z_q = \frac{2}{L-1}\,\mathrm{round}\Bigl(\frac{L-1}{2}\,(\tanh z_e + 1)\Bigr) - 1",
    "z_q = 2/(L − 1)·round((L − 1)/2·(tanh z_e + 1)) − 1 for each feature, L values",
    source=("Mentzer et al. 2023 (FSQ)", "https://arxiv.org/abs/2309.15505"),
    note="With the L values placed symmetrically.",
)
EMA = Formula(
    r"\begin{aligned} &n_j \leftarrow \gamma n_j + (1-\gamma)\,n_j^\mathrm{batch} \\"
    r"&m_j \leftarrow \gamma m_j + (1-\gamma) \textstyle\sum_{i:\,k_i=j} z_{e,i} \\ &c_j = m_j / n_j \end{aligned}",
    "n_j ← γ·n_j + (1 − γ)·n_j of the batch; m_j ← γ·m_j + (1 − γ)·Σ z_e with k = j; c_j = m_j / n_j",
    source=OORD,
)
SYNC = Formula(
    r"z = z_e + \mathrm{sg}[z_q - z_e] + \nu\,(z_q - \mathrm{sg}[z_q])",
    "z = z_e + sg[z_q − z_e] + ν·(z_q − sg[z_q]): the task gradient also reaches the code, ν times",
    source=HUH,
)
DELAY = Formula(
    r"\text{delay} = \lVert (z_e' - z_e) - (c' - \tilde c) \rVert",
    "delay = ‖(z_e′ − z_e) − (c′ − c̃)‖; ′: after the step, c̃: where the commitment loss alone takes the code",
    here_on_path=_delay,
    note="A prime is after the step; c with a tilde is where the commitment loss alone would take the code.",
)
DESCENT = Formula(r"z_e \leftarrow z_e - \eta\,\nabla f(z_e)", "z_e ← z_e − η·∇f(z_e)", here_on_path=_gap)
STRAIGHT_THROUGH = Formula(
    r"\hat g = \nabla f(z_q), \qquad \text{gap} = "
    r"\frac{\lVert \hat g - \nabla f(z_e) \rVert}{\lVert \nabla f(z_e) \rVert}",
    "ĝ = ∇f(z_q); gap = ‖ĝ − ∇f(z_e)‖ / ‖∇f(z_e)‖",
    here_on_path=_gap,
    source=BENGIO,
)
ALTERNATING = Formula(
    r"\begin{aligned} &\text{first } c_k \leftarrow c_k - \eta_c\,\nabla_{c_k} \lVert z_e - c_k \rVert^2, \\"
    r"&\text{then } z_e \leftarrow z_e - \eta\,\nabla f(c_k) \end{aligned}",
    "first c_k ← c_k − η_c·∇‖z_e − c_k‖², then z_e ← z_e − η·∇f(c_k)",
    here_on_path=_commitment,
    source=HUH,
)
