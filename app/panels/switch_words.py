"""What was thrown, in words: from the changes of an event to what a sentence calls them. Knows no page."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from app.wording import as_set
from vqcore.snapshot import Event

OFF = (0, 0.0, False, "off", "none")

WORDS: Mapping[str, Callable[[Any], str]] = {
    "affine": "affine {}".format,
    "affine_groups": "affine groups {}".format,
    "affine_lr_scale": "affine rate × {}".format,
    "inner_steps": "inner steps {}".format,
    "inner_lr": "inner rate {}".format,
    "inner_momentum": "inner momentum {}".format,
    "sync": "sync ν = {}".format,
    "replace_every": "replacement every {}".format,
    "replace_onto": "replacement onto {} z_e".format,
    "beta": "β = {}".format,
    "alpha": "α = {}".format,
    "learning_rate": "learning rate {}".format,
    "adam_beta1": "AdamW β₁ = {}".format,
    "adam_beta2": "AdamW β₂ = {}".format,
    "weight_decay": "weight decay {}".format,
    "warmup_steps": "warm-up over {} steps".format,
    "cosine_steps": "cosine to step {}".format,
    "quantize_from": "quantizing from step {}".format,
    "codebook_update": "codes moved by {}".format,
    "ema_decay": "EMA decay {}".format,
    "estimator": "estimator {}".format,
    "input_norm": lambda how: "z_e bounded by tanh" if how == "tanh" else f"z_e at {how} length",
    "codebook_norm": "codes at {} length".format,
    "bypass": lambda _: "bypass on",
    "replace": lambda _: "replacement now",
    "kmeans": lambda _: "a k-means restart",
}
SWITCHED_OFF = {
    "affine": "affine off",
    "inner_steps": "inner steps off",
    "sync": "sync off",
    "replace_every": "replacement off",
    "warmup_steps": "no warm-up",
    "cosine_steps": "no cosine",
    "input_norm": "z_e without a norm",
    "codebook_norm": "codes without a norm",
    "bypass": "bypass off",
}


def switch_words(changes: Iterable[tuple[str, Any]]) -> str:
    """What a sentence calls these changes of one event.

    >>> switch_words([("replace_every", 10)]), switch_words([("sync", 0.0), ("affine", "running")])
    ('replacement every 10', 'sync off and affine running')
    >>> switch_words([("affine", "running"), ("sync", 0.5), ("inner_steps", 1)])
    'affine running, sync ν = 0.5 and inner steps 1'
    >>> switch_words([("learning_rate", 1e7)])
    'learning rate 10⁷'
    """
    *others, last = [_words(name, value) for name, value in changes] or [""]
    return " and ".join(filter(None, (", ".join(others), last)))


def _words(name: str, value: Any) -> str:
    if name in SWITCHED_OFF and value in OFF:
        return SWITCHED_OFF[name]
    told = as_set(value) if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
    return WORDS[name](told) if name in WORDS else f"{name} {told}"


def event_words(event: Event) -> str:
    """The label of an event on a chart; where codes were replaced at a command, it says how many.

    >>> event_words(Event(20, "main", "replaced 12", (("replace", "now"),)))
    'replaced 12 codes'
    >>> event_words(Event(20, "main", "replaced 0", (("replace", "now"),)))
    'no unused code to replace'
    """
    replaced = _replaced(event)
    if replaced is None:
        return switch_words(event.changes)
    return f"replaced {_codes(replaced)}" if replaced else "no unused code to replace"


def cause_words(event: Event) -> str:
    """The same after *47 steps after …*.

    >>> cause_words(Event(20, "main", "replaced 1", (("replace", "now"),)))
    'replacing 1 code'
    >>> cause_words(Event(20, "main", "replaced 0", (("replace", "now"),)))
    'a replacement that found no unused code'
    """
    replaced = _replaced(event)
    if replaced is None:
        return switch_words(event.changes)
    return f"replacing {_codes(replaced)}" if replaced else "a replacement that found no unused code"


def _replaced(event: Event) -> int | None:
    """How many codes were replaced at a command; None for any other event, and where it is not told."""
    count = event.label.removeprefix("replaced ")
    is_replacement = bool(event.changes) and event.changes[0][0] == "replace"
    return int(count) if is_replacement and count.isdigit() else None


def _codes(count: int) -> str:
    return f"{count:,} code{'' if count == 1 else 's'}"
