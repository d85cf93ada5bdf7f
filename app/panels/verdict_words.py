"""The doctor's verdict on a moment of a session, as shown on the page: a few words, and what is behind them."""

from typing import Any

from app.panels.markup import markup
from app.panels.scene import Scene
from app.sessions.verdict_memory import FIRST_STEPS, Verdict
from vqcore.diagnostics.finding import Number, Remedy
from vqcore.quantizer.options import option_names
from vqcore.snapshot import Snapshot
from vqcore.training.recipe import Recipe, changed, parse_changes

OF_USAGE = ("unused-block", "index-collapse", "dead-codes-far", "dead-codes-crowded", "not-enough-data")
"""Conditions judged by the usage window of training batches, not by the held-out vectors of one step: it is named."""

IN_WORDS = {
    "dead-codes-far": "dead codes far from z_e",
    "dead-codes-crowded": "dead codes crowded out among z_e",
    "codebook-far": "codebook far from z_e",
    "unused-block": "unused codes in one block",
    "recycling-replacement": "replacement recycles healthy codes",
}
"""Conditions whose names alone do not make a phrase."""

WINDOW = (
    "Judged over the last {batches} training batches, N = {vectors:,}: so many show rare codes too, and follow a "
    "change later than the held-out vectors of one step."
)


def verdict_of(scene: Scene) -> Verdict | None:
    """The verdict on the very moment shown; None before there can be one, or while it has not been read.

    A cheap one is read here, another by `read_verdict` after the frame.
    """
    if scene.snapshot.step < FIRST_STEPS:
        return None
    memory = scene.entry.verdicts.of(scene.snapshot)
    return read_verdict(scene) if memory.is_cheap else memory.known(scene.status.run, scene.snapshot)


def read_verdict(scene: Scene) -> Verdict | None:
    """The verdict on the moment shown, whatever it costs; None before there can be one."""
    snapshot = scene.snapshot
    if snapshot.step < FIRST_STEPS:
        return None
    return scene.entry.verdicts.of(snapshot).read(
        snapshot,
        recipe_then(scene),
        scene.status.run,
        lambda: scene.entry.one.at(0, level=snapshot.level),
        is_newest=scene.cursor is None,
    )


def remedied(scene: Scene) -> Verdict | None:
    """The verdict whose remedies are offered: of the newest moments one that has settled, so no button flickers."""
    if scene.cursor is not None:
        return verdict_of(scene)
    return scene.entry.verdicts.of(scene.snapshot).settled(scene.status.run)


def recipe_then(scene: Scene) -> Recipe:
    """The recipe with the switches as they stood at the moment shown."""
    began = scene.entry.one.repeatable()
    if began is None:
        return scene.status.recipe
    thrown = [change for event in scene.snapshot.events for change in event.changes]
    return changed(began.recipe, {name: value for name, value in thrown if name in option_names()})


def finding_words(verdict: Verdict, snapshot: Snapshot) -> str:
    """The worst finding in a few words, with its window if that is not this step, and how many more there are."""
    worst, others = verdict.findings[0], sum(one.severity in ("severe", "warning") for one in verdict.findings[1:])
    said = IN_WORDS.get(worst.condition, worst.condition.replace("-", " "))
    said += f" over the last {snapshot.window_batches} batches" if worst.condition in OF_USAGE else ""
    return said + (f", {others} more finding{'s' if others > 1 else ''}" if others else "")


def why(verdict: Verdict, recipe: Recipe, snapshot: Snapshot) -> str:
    """The finding, the numbers behind it, the likely cause and what to try, as HTML."""
    worst, *others = verdict.findings
    is_wrong = worst.severity not in ("healthy", "note")
    window = WINDOW.format(batches=snapshot.window_batches, vectors=snapshot.window_vectors)
    return markup(
        "why",
        title=worst.title,
        window=window if worst.condition in OF_USAGE else "",
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
