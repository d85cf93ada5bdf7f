"""The runs of this session on the Live page: a list of them, and which one's curves lie behind those on show."""

from typing import Any

import streamlit as st

from app.links.run_names import NONE, UNQUANTIZED
from app.live.state import live_state
from app.live.view_controls import view_key
from app.page_state import said_by
from app.panels.earlier_runs import Earlier, comparable, earlier_runs, unquantized_run
from app.panels.lecture_places import NOWHERE
from app.panels.markup import markup
from app.panels.scene import Scene
from app.panels.setting_words import recipe_differences
from app.panels.switch_words import event_words
from app.wording import as_written, number

EVENTS_SAID = 3
"""Most switches of a run that the list names."""


def runs_popover(head: Any, scene: Scene) -> None:
    """A button that opens the list and the choice; closed, nothing but its words."""
    if head is NOWHERE:
        return
    earlier = earlier_runs(scene)
    count = len({one.past.run for one in earlier}) + 1
    with head.popover(f"{count:,} run{'' if count == 1 else 's'}", key="runs", type="tertiary", help=HELP):
        runs = [*earlier, *filter(None, [unquantized_run(scene)])]
        if runs:
            _choice(scene)
            st.html(markup("runs", rows=[_row(one, scene) for one in runs], now=scene.status.run + 1))
        else:
            st.caption("A restart puts a run away: its curves stay behind those of the next one, dotted.")
        _without_quantization(scene)


HELP = "The runs of this session, and what the same network does without quantization"


def _without_quantization(scene: Scene) -> None:
    """The button that trains it, or how that stands."""
    entry, work = scene.entry, scene.entry.without_quantization
    if entry.is_followed or scene.status.recipe.options.bypass:
        return
    if work is not None and work.problem:
        st.warning(as_written(work.problem), icon=":material/info:")
    is_training = work is not None and work.is_running
    st.button(
        "Stop training without quantization" if is_training else "Train this run without quantization",
        key="unquantized",
        help="The same network with z_q = z_e for as many steps, in the background: what quantization costs",
        on_click=entry.stop_without_quantization if is_training else entry.train_without_quantization,
        disabled=scene.newest.step == 0,
        width="stretch",
    )


def _choice(scene: Scene) -> None:
    runs = comparable(scene)
    names = ["", *(one.name for one in runs), NONE]
    words = {"": "the newest", NONE: "none"} | {one.name: one.words for one in runs}
    key = view_key("earlier")
    said = said_by(key, live_state().first("earlier"))
    st.selectbox(
        "Dotted curves",
        names,
        index=names.index(said) if said in names else 0,
        key=key,
        format_func=words.__getitem__,
        persist_state="page",
    )


def _row(earlier: Earlier, scene: Scene) -> dict[str, str]:
    past = earlier.past
    thrown = [f"{event_words(event)} at {event.step:,}" for event in past.events[:EVENTS_SAID]]
    more = len(past.events) - len(thrown)
    thrown += [f"{more:,} more"] if more else []
    is_quantized = earlier.name != UNQUANTIZED
    differs = recipe_differences(past.recipe, scene.entry.one.recipe) if is_quantized else ["z_q = z_e"]
    return {
        "name": earlier.words,
        "differs": ", ".join([*(differs or ["began as this run did"]), *thrown]),
        "steps": f"{past.step:,}",
        "in_use": f"{past.held_out.in_use:,} of {past.recipe.num_codes:,}" if is_quantized else "–",
        "loss": number(past.held_out.task_loss),
    }
