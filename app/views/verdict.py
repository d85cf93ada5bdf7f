"""The doctor's verdict on the Live page: one line, and behind it the numbers, the cause and what to try."""

from html import escape

import streamlit as st

from app.control_state import send, step_chosen
from app.services import Entry
from app.verdict_memory import FIRST_STEPS
from app.wording import LevelWords, as_written
from vqcore.diagnostics.finding import Finding, Number, Remedy
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
        memory = entry.verdicts.of(shown.level)
        is_past = step_chosen() is not None
        read = memory.of_past if is_past else memory.of_newest
        verdict = read(
            shown if is_past else newest, status.recipe, status.run, lambda: entry.session.at(0, level=shown.level)
        )
        worst = verdict.findings[0]
        st.html(_line(verdict.findings, verdict.step, words))
        # Plain: a popover that tells the server of its closing would do so beside the click that closed it.
        with st.popover("Why", key="verdict-why", type="tertiary", help="Numbers, cause, remedies"):
            st.markdown(_details(verdict.findings, status.recipe))
            _remedies(entry, worst, status.recipe, is_past=is_past)


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


def _details(findings: tuple[Finding, ...], recipe: Recipe) -> str:
    """One text for all of it, which costs a refresh one element."""
    worst, *others = findings
    parts = ["  \n".join(f":small[{as_written(_number(one))}]" for one in worst.numbers)]
    if worst.severity not in ("healthy", "note"):
        parts.append(f"**Likely cause.** {as_written(worst.cause)}")
        parts += [f"{_how(remedy, recipe)} {as_written(remedy.what)}" for remedy in worst.remedies]
    if others:
        parts.append("**Also.** " + " · ".join(f"{other.severity}: {as_written(other.title)}" for other in others))
    if worst.source:
        parts.append(f":small[After {as_written(worst.source)}]")
    return "\n\n".join(parts)


def _number(number: Number) -> str:
    return f"{number.name}: {number.text}" + (f" ({number.limit})" if number.limit else "")


def _how(remedy: Remedy, recipe: Recipe) -> str:
    changes, written = live_changes(remedy), " ".join(remedy.ours)
    if changes is None:
        return f"**Try** `{written}` at a restart." if written else "**Try** in your own code."
    return f"**Try** `{written}`{', which is in force.' if _in_force(changes, recipe) else '.'}"


def _remedies(entry: Entry, worst: Finding, recipe: Recipe, *, is_past: bool) -> None:
    """A button for each remedy that can be thrown live."""
    thrown = [(remedy, changes) for remedy in worst.remedies if (changes := live_changes(remedy)) is not None]
    if not thrown:
        return
    with st.container(horizontal=True, gap="small", key="verdict-remedies"):
        for number, (remedy, changes) in enumerate(thrown):
            st.button(
                " ".join(remedy.ours),
                key=f"remedy-{worst.condition}-{number}",
                help="Go live first: back in time nothing can be thrown" if is_past else "Live, marked on the curves",
                disabled=is_past or _in_force(changes, recipe),
                on_click=send,
                args=(entry, change(**changes)),
            )


def _in_force(changes: dict[str, object], recipe: Recipe) -> bool:
    return all(name in option_names() and getattr(recipe.options, name) == new for name, new in changes.items())


def live_changes(remedy: Remedy) -> dict[str, object] | None:
    """What the remedy throws while training goes on; None where it is for a restart, or not ours to do."""
    if not remedy.ours:
        return None
    try:
        return parse_changes(list(remedy.ours), live_only=True)
    except ValueError:
        return None
