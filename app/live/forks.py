"""Forks on the Live page: make one with a switch changed, choose which is shown, end one."""

from functools import partial
from types import MappingProxyType
from typing import Any

import streamlit as st

from app.links.variant_names import LONGEST_NAME, choices_of, proposal, read_name
from app.live.state import live_state
from app.live.variant import chosen_variant, show_variant
from app.page_state import said_by
from app.panels.setting_words import name_for
from app.sessions.entry import Entry
from app.wording import FORK_HELP, SWITCH_HELP
from vqcore.quantizer.companions import with_companions
from vqcore.quantizer.options import option_names
from vqcore.training.commands import EndVariantCommand, ForkCommand
from vqcore.training.recipe import written
from vqcore.training.run import MOST_VARIANTS
from vqcore.training.status import State, Status

NOTHING = "nothing: an exact copy"


def fork_popover(place: Any, entry: Entry, status: Status) -> None:
    """A button that opens the choice of what the fork changes."""
    names = tuple(entry.session.recipes)
    full = len(names) >= MOST_VARIANTS
    with place.popover(
        "Fork …",
        icon=":material/call_split:",
        key=f"fork {live_state().forks_made}",
        on_change="rerun",
        disabled=full or status.state is State.STARTING,
        help=FORK_HELP if not full else f"A session can have at most {MOST_VARIANTS} variants. End one first.",
        width="stretch",
    ):
        st.caption(f"An exact copy of **{_plain(entry.variant)}** as it is now, with one switch changed.")
        switch = st.selectbox("Switch to change", [*option_names(), NOTHING], key="fork-switch")
        chosen = {} if switch == NOTHING else {switch: _value(switch, status)}
        proposed = name_for(chosen, names)
        named = f"fork-name {entry.variant} {len(names)} {proposed}"
        st.text_input("Name", proposed, max_chars=LONGEST_NAME, key=named)
        if switch != NOTHING:
            st.caption(SWITCH_HELP.get(switch, ""))
        st.button(
            "Fork",
            key="fork-go",
            type="primary",
            width="stretch",
            on_click=_fork,
            args=(entry, named, proposed, _thrown(chosen, status)),
        )
        state = live_state()
        if state.fork_refused:
            st.warning(state.fork_refused, icon=":material/info:")
        state.fork_refused = ""


def variants_bar(entry: Entry) -> None:
    """The choice of which variant the views below show, if there are several."""
    names = tuple(entry.session.recipes)
    if len(names) < 2:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", width="content", key="bar-variants"):
        key = f"variant {names} {entry.variant}"  # recreated when it is another's doing
        live_state().variant_control = key
        st.segmented_control(
            "Variant shown",
            names,
            default=entry.variant,
            format_func=_plain,
            key=key,
            required=True,
            label_visibility="collapsed",
            on_change=_show,
            args=(key, names[0]),
        )
        if entry.is_followed:
            return
        if entry.variant != names[0]:
            st.button(
                "End this fork",
                icon=":material/close:",
                key="fork-end",
                type="tertiary",
                help="It stops training and is removed; the others go on",
                on_click=_end,
                args=(entry,),
            )
        # A link, not `st.switch_page`: a refresh on its way would come back here and take all controls for changed.
        st.page_link(
            "compare/page.py",
            label="See side by side",
            icon=":material/view_column:",
            query_params={"session": entry.id},
        )


def _value(switch: str, status: Status) -> Any:
    """The control for the new value of `switch`."""
    options = status.recipe.options
    start, key = proposal(switch, options), f"fork-{switch}-{getattr(options, switch)}"
    if choices := choices_of(switch):
        return st.selectbox("to", choices, index=choices.index(start), format_func=written, key=key)
    step = 1 if isinstance(start, int) else None
    return st.number_input("to", value=start, step=step, format="%d" if step else "%g", key=key)


def _thrown(chosen: dict[str, Any], status: Status) -> dict[str, Any]:
    """What the fork changes: the chosen switch, and what goes with it."""
    now = partial(getattr, status.recipe.options)
    return {
        changed: to for name, value in chosen.items() for changed, to in with_companions(now, name, value).items()
    }


def _fork(entry: Entry, named: str, proposed: str, changes: dict[str, Any]) -> None:
    name = (
        said_by(named) or proposed
    ).strip()  # as typed by now: typing and click may wait for one run of the script
    try:
        read_name(name)
    except ValueError as error:
        live_state().fork_refused = str(error)
        return
    live_state().forks_made += 1  # closed: what it offers next would fork the fork
    live_state().go_live()
    entry.send(ForkCommand(name, MappingProxyType(changes), entry.variant))
    show_variant(name)


def _show(key: str, first: str) -> None:
    if key != live_state().variant_control:  # recreated since: a slow browser still told of the one before
        return
    name = said_by(key)
    show_variant("" if name == first else name)


def _end(entry: Entry) -> None:
    entry.send(EndVariantCommand(entry.variant))
    if chosen_variant() == entry.variant:
        show_variant("")


def _plain(name: str) -> str:
    """A name that Markdown leaves as it is."""
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]()#+-.!|:$~<>&" else letter for letter in name)
