"""What the page says: labels and definitions, in the field's words. Every number comes from elsewhere."""

from vqcore.training.usage_window import USAGE_WINDOW

SWITCH_HELP = {
    "affine": "Affine re-parameterization: every code vector is s·c_raw + b with s and b shared by all codes. "
    "*learned*: by gradient, from the identity. *running*: from running moments of P and C. "
    "Off folds the map into the codebook, which does not move.",
    "affine_groups": "How many consecutive groups of codes have an s and b of their own.",
    "inner_steps": "Alternating optimization: descent steps on the commitment loss over the codebook alone, "
    "before each task step.",
    "inner_lr": "Learning rate of the inner steps. A step that would pass the mean of a code's vectors stops there.",
    "sync": "Synchronized update: ν in z = z_e + sg[z_q − z_e] + ν(z_q − sg[z_q]). The task gradient also reaches "
    "the assigned codes. 0 is the plain straight-through estimator.",
    "replace_every": "A code unused for this many steps moves onto a recent z_e. 0 never.",
    "beta": "β: share of the commitment loss that moves the codebook. 1 − β moves the encoder.",
    "alpha": "α: weight of the commitment loss beside the task loss.",
    "learning_rate": "AdamW's learning rate, for every parameter.",
}

MEANINGS = {
    "perplexity": "exp of the entropy of code usage, 1…K",
    "active_codes": "codes used at least once",
    "quantization_error": "‖z_e − z_q‖²: summed over features, mean over the vectors of the newest batch",
    "relative_error": "the quantization error over the total variance of z_e; at 1 the mean alone is as good",
    "gradient_norm": "‖∂L/∂c_raw‖ of the newest step, inner steps included",
}

CURVE_NOTES = {
    "learning": f"task loss: {{loss_name}} · ‖z_e−z_q‖²: summed over features · usage: last {USAGE_WINDOW} batches",
    "P and C": "spread: rms of features' std · mean: length of the mean · distance: √(‖μ_P−μ_C‖² + ‖σ_P−σ_C‖²)",
    "gradients": "reached: codes that a step's gradient moves, by row or learned map · relative: over Var(z_e)",
}
"""Definitions of what a group of curves shows, short enough for one line under them."""

UMAP_CAUTION = "UMAP keeps neighbours: distances between groups, sizes and densities mean nothing."


def usage_window(window_batches: int, num_vectors: int) -> str:
    """Over what usage is counted just now."""
    if window_batches == 0:
        return "no batch yet"
    return f"last {window_batches} training batches, N = {num_vectors:,}"


def number(value: float) -> str:
    """Three significant digits, without an exponent where a person would not write one.

    >>> number(0.02431), number(12.34), number(1e-6), number(float("nan"))
    ('0.0243', '12.3', '1e-06', '–')
    """
    if value != value:
        return "–"
    if value == 0 or 1e-4 <= abs(value) < 1e5:
        return f"{value:#.3g}".rstrip(".")
    return f"{value:.0e}" if value == float(f"{value:.0e}") else f"{value:.2e}"
