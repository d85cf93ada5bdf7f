"""The doctor's verdict on a moment of a session, as shown on the page: one line, and numbers and causes behind it."""

from typing import Any

from app.panels.markup import markup
from app.panels.scene import Scene
from app.sessions.verdict_memory import FIRST_STEPS, Verdict
from app.wording import LevelWords
from vqcore.diagnostics.finding import Finding, Number, Remedy
from vqcore.quantizer.options import option_names
from vqcore.training.recipe import Recipe, parse_changes

SEVERITIES = {
    "severe": "severe",
    "warning": "warning",
    "unknown": "not enough data to say",
    "healthy": "",
    "note": "",
}
"""Words for a severity, shown before the sentence."""

WAITING = "<div class='vq-verdict'>…</div>"


def verdict_of(scene: Scene, *, only_known: bool = False) -> Verdict | None:
    """The verdict on the moment shown; None before there can be one, or if none was read yet with `only_known`.

    Reading one costs some 50 ms, so the newest moments are read only every few seconds.
    """
    if scene.snapshot.step < FIRST_STEPS:
        return None
    memory, recipe, run = scene.entry.verdicts.of(scene.snapshot), scene.status.recipe, scene.status.run
    if only_known:
        return memory.known(run) if scene.cursor is None else memory.known_past(run, scene.snapshot.step)
    read = memory.of_newest if scene.cursor is None else memory.of_past
    return read(scene.snapshot, recipe, run, lambda: scene.entry.one.at(0, level=scene.snapshot.level))


def verdict_line(scene: Scene, verdict: Verdict | None) -> str:
    """What is wrong with the codebook at this moment, in a line of HTML."""
    if scene.snapshot.step < FIRST_STEPS:
        return _too_early(scene.snapshot.step)
    return WAITING if verdict is None else _line(verdict.findings, verdict.step, scene.words)


def _too_early(step: int) -> str:
    return markup("too_early", step=f"{step:,}", first_steps=FIRST_STEPS)


def _line(findings: tuple[Finding, ...], step: int, words: LevelWords) -> str:
    worst, others = findings[0], sum(one.severity in ("severe", "warning") for one in findings[1:])
    facts = [*([words.name] if words.name else []), f"step {step:,}"]
    facts += [f"{others} more finding{'s' if others > 1 else ''}"] if others else []
    return markup("verdict", worst=worst, severity=SEVERITIES[worst.severity], facts=facts)


def why(verdict: Verdict, recipe: Recipe) -> str:
    """The numbers behind it, the likely cause and what to try, as HTML."""
    worst, *others = verdict.findings
    is_wrong = worst.severity not in ("healthy", "note")
    return markup(
        "why",
        numbers=[_number(one) for one in worst.numbers],
        cause=worst.cause if is_wrong else "",
        remedies=[(*_how(remedy, recipe), remedy.what) for remedy in worst.remedies] if is_wrong else [],
        also=" · ".join(f"{other.severity}: {other.title}" for other in others),
        source=worst.source,
    )


def _number(number: Number) -> str:
    return f"{number.name}: {number.text}" + (f" ({number.limit})" if number.limit else "")


def _how(remedy: Remedy, recipe: Recipe) -> tuple[str, str]:
    """What to write, and how the sentence ends that says so."""
    changes, written = live_changes(remedy), " ".join(remedy.ours)
    if changes is None:
        return written, " at a restart." if written else "in your own code."
    return written, ", which is in force." if in_force(changes, recipe) else "."


def thrown_by(verdict: Verdict) -> list[tuple[Remedy, dict[str, Any]]]:
    """The remedies for the worst finding that can be applied live, each with its changes."""
    found = [(remedy, live_changes(remedy)) for remedy in verdict.findings[0].remedies]
    return [(remedy, changes) for remedy, changes in found if changes is not None]


def in_force(changes: dict[str, Any], recipe: Recipe) -> bool:
    """Whether the options already match `changes`."""
    return all(name in option_names() and getattr(recipe.options, name) == new for name, new in changes.items())


def live_changes(remedy: Remedy) -> dict[str, Any] | None:
    """The switches that the remedy throws during training; None if it needs a restart, or is not ours to apply."""
    if not remedy.ours:
        return None
    try:
        return parse_changes(list(remedy.ours), live_only=True)
    except ValueError:
        return None
