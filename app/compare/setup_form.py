"""The set-up in the sidebar: variants by name, each with the switches of the Live page, trained once begun."""

from dataclasses import dataclass
from typing import Any, get_args

import streamlit as st

from app.compare.draft import Draft
from app.compare.state import compare_state
from app.links.setup import Setup
from app.links.variant_names import LONGEST_NAME
from app.page_state import is_drawn, said_by
from app.panels.switches import switches
from app.sessions.entry import Entry
from app.wording import as_written
from vqcore.problems.catalogue import PROBLEMS
from vqcore.training.commands import RestartCommand
from vqcore.training.recipe import MAX_CODES, CodeInit
from vqcore.training.run import MOST_VARIANTS

STARTS = get_args(CodeInit)


@dataclass(frozen=True, slots=True)
class DraftBoard:
    """Wires widgets to the variant of the draft that they show; see `app.panels.switches`."""

    draft: Draft

    def default(self, name: str) -> Any:
        """See `Board`."""
        return self.draft.default(name)

    def value(self, name: str) -> Any:
        """See `Board`."""
        drawn = self.draft.key(name)
        return said_by(drawn) if is_drawn(drawn) else self.default(name)

    def wired(self, name: str) -> dict[str, Any]:
        """See `Board`."""
        key = self.draft.key(name)
        return {"key": key, "on_change": _take, "args": (self.draft, name, key)}

    def replace_now(self) -> None:
        """See `Board`."""
        return


def setup_form(entry: Entry, setup: Setup) -> None:
    """Draw it; it begins as what is trained, and again when something else is."""
    state = compare_state()
    if state.draft is None or state.draft.of != setup:
        state.draft = Draft(setup, 0 if state.draft is None else state.draft.number + 1)
    draft = state.draft
    _common(draft)
    _variants(draft)
    with st.container(border=True, key="compare-variant"):
        _variant(draft)
    is_begun = draft.is_begun()
    st.button(
        "Begin with these",
        icon=None if is_begun else ":material/pending:",
        key="compare-begin",
        help="Begins all variants at step 0. *Undo* brings this run back."
        if is_begun
        else "Changed, and not begun yet",
        type="secondary" if is_begun else "primary",
        on_click=_begin,
        args=(entry, draft),
        width="stretch",
    )
    if state.notice:
        st.warning(as_written(state.notice), icon=":material/info:")
    state.notice = ""


def _common(draft: Draft) -> None:
    names = list(PROBLEMS)
    problem, seed = draft.key("problem"), draft.key("seed")
    st.selectbox(
        "Problem",
        names,
        index=names.index(draft.problem),
        key=problem,
        format_func=lambda name: f"{name} · {PROBLEMS[name].title}",
        on_change=lambda: draft.take_problem(said_by(problem)),
    )
    st.number_input(
        "Seed of all variants",
        0,
        2**31 - 1,
        value=draft.seed,
        step=1,
        key=seed,
        on_change=lambda: draft.take_seed(said_by(seed)),
    )


def _variants(draft: Draft) -> None:
    """Which variant the widgets below are of, one more, one fewer."""
    key, names = draft.key("edited"), draft.names()
    st.radio(
        "Variants",
        range(len(names)),
        index=draft.edited,
        key=key,
        format_func=lambda place: names[place],
        captions=[variant.words for variant in draft.variants],
        on_change=lambda: draft.edit(said_by(key)),
    )
    more, fewer = st.columns(2, gap="small")
    more.button(
        "Add",
        icon=":material/add:",
        key="compare-add",
        help=f"One more variant, {MOST_VARIANTS} at the most",
        on_click=draft.add,
        disabled=len(names) >= MOST_VARIANTS,
        width="stretch",
    )
    fewer.button(
        "Remove",
        icon=":material/remove:",
        key="compare-remove",
        help="Remove the chosen variant",
        on_click=draft.remove,
        disabled=len(names) == 1,
        width="stretch",
    )


def _variant(draft: Draft) -> None:
    name = draft.key("name")
    st.text_input(
        "Name",
        draft.variant.name,
        max_chars=LONGEST_NAME,
        placeholder=draft.names()[draft.edited],
        key=name,
        on_change=lambda: _rename(draft, said_by(name)),
    )
    board = DraftBoard(draft)
    codes, start = st.columns(2, gap="small")
    codes.number_input("Codes K", 1, MAX_CODES, value=board.default("num_codes"), step=1, **board.wired("num_codes"))
    start.selectbox(
        "Codes start",
        STARTS,
        index=STARTS.index(board.default("code_init")),
        help="N(0, 1), or k-means of latents",
        **board.wired("code_init"),
    )
    switches(board)


def _rename(draft: Draft, name: str) -> None:
    draft.variant.name = name


def _take(draft: Draft, name: str, key: str) -> None:
    if key == draft.key(name):  # else it has been recreated since
        draft.take(name, said_by(key))


def _begin(entry: Entry, draft: Draft) -> None:
    try:
        entry.send(RestartCommand(draft.setup().recipes()))
    except ValueError as error:
        compare_state().notice = str(error)
