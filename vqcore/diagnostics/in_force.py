"""Remedies given the options in force: what is in force already is not offered, but an alternative may be."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from vqcore.diagnostics.advice import (
    AFFINE,
    CALMER,
    CODEBOOK_LOSS,
    HOLD,
    LEARNED_AFFINE,
    RELEASE,
    REPLACE,
    REPLACE_LESS,
    REPLACE_ONTO_FAR,
)
from vqcore.diagnostics.finding import Remedy

Options = Mapping[str, Any]
"""Live options by name; see `quantizer.options`."""

HELD = 0.5
"""α(1 − β), the encoder's side of the commitment loss, at α = 5 and β = 0.9."""

FACTOR = 4
"""Factor by which a weight that is too small or too large is changed."""


def still_to_try(remedies: Sequence[Remedy], options: Options) -> tuple[Remedy, ...]:
    """`remedies` without what is in force; if nothing of one is left, an alternative."""
    adapted = (_ADAPTED.get(remedy.what, _without_what_is_done)(remedy, options) for remedy in remedies)
    return tuple(dict.fromkeys(one for one in adapted if one is not None))


def is_in_force(change: str, options: Options) -> bool:
    """Whether an option change, as `train --at` takes it, would bring no improvement.

    >>> is_in_force("replace_every=20", {"replace_every": 10}), is_in_force("kmeans=now", {"replace_every": 10})
    (True, False)
    """
    name, _, value = change.partition("=")
    if name not in options:  # an action, or for a restart
        return False
    now = options[name]
    if name == "replace_every":
        return bool(0 < now <= int(value))
    if name == "learning_rate":
        return bool(now <= float(value))
    if name == "beta":
        return bool(now > 0)
    return _written(now) == value


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def _without_what_is_done(remedy: Remedy, options: Options) -> Remedy | None:
    left = tuple(change for change in remedy.ours if not is_in_force(change, options))
    return remedy._replace(ours=left) if left or not remedy.ours else None


def _replaced(remedy: Remedy, options: Options) -> Remedy | None:
    if (left := _without_what_is_done(remedy, options)) is not None:
        return left
    return _without_what_is_done(REPLACE_ONTO_FAR, options)


def _mapped(remedy: Remedy, options: Options) -> Remedy | None:
    """With a map of any kind no other kind is offered, but a faster one is."""
    kind = options.get("affine", "off")
    if kind == "off":
        return remedy
    if kind == "learned" and options.get("affine_lr_scale", 1.0) < 10:
        return LEARNED_AFFINE._replace(
            what="Let the affine map that is in force be learned faster.", ours=("affine_lr_scale=10",)
        )
    return None


def _held(remedy: Remedy, options: Options) -> Remedy | None:
    if _weight(options) < 0.999 * HELD:
        return remedy._replace(ours=_changes(remedy, options))
    alpha = min(FACTOR * options["alpha"], 1e6)
    return remedy._replace(what="Hold the encoder to its codes more firmly: raise α.", ours=(f"alpha={alpha:g}",))


def _released(remedy: Remedy, options: Options) -> Remedy | None:
    if _weight(options) > 1.001 * HELD:
        return remedy._replace(ours=_changes(remedy, options))
    return remedy._replace(ours=(f"alpha={options['alpha'] / FACTOR:g}",))


def _weight(options: Options) -> float:
    return float(options["alpha"] * (1 - options["beta"]))


def _changes(remedy: Remedy, options: Options) -> tuple[str, ...]:
    """The changes whose exact values are not in force."""
    return tuple(
        change for change in remedy.ours if _written(options[change.partition("=")[0]]) != change.partition("=")[2]
    )


def _calmed(remedy: Remedy, options: Options) -> Remedy | None:
    if not is_in_force(remedy.ours[0], options):
        return remedy
    return remedy._replace(ours=(f"learning_rate={options['learning_rate'] / FACTOR:g}",))


def _in_own_code(remedy: Remedy, options: Options) -> Remedy | None:
    """The loss already has its weight: what is left is to check how it is computed."""
    return _without_what_is_done(remedy, options) or remedy._replace(ours=())


def _as_it_is(remedy: Remedy, _: Options) -> Remedy:
    return remedy


_ADAPTED: Mapping[str, Callable[[Remedy, Options], Remedy | None]] = {
    REPLACE.what: _replaced,
    REPLACE_LESS.what: _as_it_is,  # its interval is worked out to be longer than the one in force
    AFFINE.what: _mapped,
    LEARNED_AFFINE.what: _mapped,
    HOLD.what: _held,
    RELEASE.what: _released,
    CALMER.what: _calmed,
    CODEBOOK_LOSS.what: _in_own_code,
}
