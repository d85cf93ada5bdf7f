"""The doctor's verdict on the Live page: one line, and behind it the numbers, the cause and what to try."""

from html import escape

import streamlit as st

from app.control_state import send, step_chosen
from app.services import Entry
from app.verdict_memory import FIRST_STEPS
from app.wording import LevelWords, as_written
from vqcore.diagnostics.finding import Finding, Remedy
from vqcore.quantizer.options import option_names
from vqcore.snapshot import Snapshot
from vqcore.training.commands import change
from vqcore.training.recipe import Recipe, parse_changes
from vqcore.training.session import Status

SEVERITIES = {
    "severe": "severe",
    "warning": "warning",
    "unknown": "not enough data to say",
    "healthy": "",
    "note": "",
}
"""As a person reads them, before the sentence."""


def verdict_line(entry: Entry, newest: Snapshot, shown: Snapshot, status: Status, words: LevelWords) -> None:
    """What is wrong with the codebook at this moment, in a line; opened, why, and remedies to throw."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="verdict"):
        if st.session_state.get("verdict_waits") != (waits := (entry.id, status.run)):
            st.session_state["verdict_waits"] = waits
            st.html("<div class='vq-verdict'>…</div>")  # the first charts come first
            return
        if shown.step < FIRST_STEPS:
            st.html(_too_early(shown.step))
            return
        memory = entry.verdicts.of(shown)
        is_past = step_chosen() is not None
        read = memory.of_past if is_past else memory.of_newest
        verdict = read(
            shown if is_past else newest, status.recipe, status.run, lambda: entry.session.at(0, level=shown.level)
        )
        worst = verdict.findings[0]
        st.html(_line(verdict.findings, verdict.step, words))
        more = st.popover(
            "Why", key="verdict-why", on_change="rerun", type="tertiary", help="Numbers, cause, remedies"
        )
        if more.open:
            with more:
                _details(entry, worst, verdict.findings[1:], status.recipe, is_past=is_past)


def _too_early(step: int) -> str:
    return (
        "<div class='vq-verdict unknown' role='status'><i>●</i><b>not enough data to say</b>"
        f"<span>{step:,} of the {FIRST_STEPS} steps that a first verdict takes.</span></div>"
    )


def _line(findings: tuple[Finding, ...], step: int, words: LevelWords) -> str:
    worst, others = findings[0], sum(one.severity in ("severe", "warning") for one in findings[1:])
    severity = SEVERITIES[worst.severity]
    facts = [*([words.name] if words.name else []), f"step {step:,}"]
    facts += [f"{others} more finding{'s' if others > 1 else ''}"] if others else []
    return (
        f"<div class='vq-verdict {worst.severity}' role='status'><i>●</i>"
        f"{f'<b>{severity}</b>' if severity else ''}<span>{escape(worst.title)}</span>"
        f"<small>{escape(' · '.join(facts))}</small></div>"
    )


def _details(entry: Entry, worst: Finding, others: tuple[Finding, ...], recipe: Recipe, *, is_past: bool) -> None:
    for number in worst.numbers:
        limit = f" ({number.limit})" if number.limit else ""
        st.caption(as_written(f"{number.name}: {number.text}{limit}"))
    if worst.severity not in ("healthy", "note"):
        st.markdown(f"**Likely cause.** {as_written(worst.cause)}")
    for number, remedy in enumerate(worst.remedies):
        _remedy(entry, remedy, recipe, f"remedy-{worst.condition}-{number}", is_past=is_past)
    for other in others:
        st.caption(f"**{other.severity}**: {as_written(other.title)}")
    if worst.source:
        st.caption(f"After {as_written(worst.source)}")


def _remedy(entry: Entry, remedy: Remedy, recipe: Recipe, key: str, *, is_past: bool) -> None:
    text, button = st.columns([0.68, 0.32], vertical_alignment="center", gap="small")
    text.markdown(as_written(remedy.what))
    changes = live_changes(remedy)
    if changes is None:
        why = "needs a restart" if remedy.ours else "in your own code"
        button.caption(f"{why}{': ' + ' '.join(remedy.ours) if remedy.ours else ''}")
        return
    if entry.is_followed:
        button.caption(" ".join(remedy.ours))
        return
    in_force = all(name in option_names() and getattr(recipe.options, name) == new for name, new in changes.items())
    button.button(
        "in force" if in_force else " ".join(remedy.ours),
        key=key,
        help="Back in time nothing can be thrown: go live first"
        if is_past
        else "Thrown live, and marked on the curves",
        disabled=is_past or in_force,
        on_click=send,
        args=(entry, change(**changes)),
        width="stretch",
    )


def live_changes(remedy: Remedy) -> dict[str, object] | None:
    """What the remedy throws while training goes on; None where it is for a restart, or not ours to do."""
    if not remedy.ours:
        return None
    try:
        return parse_changes(list(remedy.ours), live_only=True)
    except ValueError:
        return None
