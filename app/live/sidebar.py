"""The sidebar: live switches, settings that restart, and links and exports of the run."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, get_args

import streamlit as st

from app.doors.start import started
from app.doors.visitor import shared_link
from app.links import live as address
from app.links.command_line import command
from app.links.lecture import LIVE, SWITCHES
from app.links.live_view import View
from app.live.controls import already, default, is_gone, key, shown, value
from app.live.experiments import begin_again, link_query
from app.live.followed import followed_controls
from app.live.forks import fork_popover
from app.live.image_settings import image_settings, network_caption
from app.live.pending import label, obey_pending, pending, pending_buttons
from app.live.state import LiveState, live_state
from app.live.switches import LiveBoard
from app.live.twin import twin_toggle
from app.live.view_controls import current_view
from app.live_plot.transport import Button, new_clicks, transport
from app.page_state import said_by
from app.panels.lecture_dialog import lecture_link
from app.panels.lecture_places import LOCKED_TIP, NOWHERE, is_locked, place, row, shows
from app.panels.page_export import page_html
from app.panels.switches import switches
from app.panels.transport_part import training_of
from app.sessions.entry import Entry
from app.stream.seen_page import seen_page
from app.wording import FOLLOW_HELP, SETTING_HELP
from vqcore.models.problems import NETWORKS
from vqcore.problems.catalogue import PROBLEMS
from vqcore.training.commands import (
    Command,
    PauseCommand,
    RestartCommand,
    ResumeCommand,
    SpeedCommand,
    StepCommand,
    UndoRestartCommand,
)
from vqcore.training.recipe import MAX_CODES, MAX_LEVELS, CodeInit, Structure, default_recipe
from vqcore.training.status import State, Status

SPEEDS: dict[str, float | None] = {
    "max": None,
    "30 steps/s": 30.0,
    "10 steps/s": 10.0,
    "3 steps/s": 3.0,
    "1 step/s": 1.0,
}
TRANSPORT = "transport"
COMMANDS: Mapping[str, Command] = {
    "pause": PauseCommand(),
    "resume": ResumeCommand(),
    "step": StepCommand(),
    "undo": UndoRestartCommand(),
}
"""By what a click means."""


def sidebar(entry: Entry, status: Status) -> None:
    """Draw all controls for one session; for its followers, only how they stand."""
    if entry.is_followed:
        followed_controls(status)
        if shows("links"):
            _share(entry, status)
        return
    place("problem").selectbox(
        "Problem",
        list(PROBLEMS),
        index=list(PROBLEMS).index(default("problem")),
        key=key("problem"),
        format_func=lambda name: f"{name} · {PROBLEMS[name].title}",
        on_change=_change_problem,
        args=(entry, key("problem")),
        help="Choosing another problem restarts at step 0. *Undo* brings this run back.",
    )
    if place("problem") is not NOWHERE:
        network_caption(entry, status.recipe)
    _transport(entry, status)
    if shows(*SWITCHES):
        with st.container(horizontal=True, vertical_alignment="center", key="switches-head"):
            st.caption("LIVE · next step")
            if all(shows(group) for group in SWITCHES):
                twin_toggle(entry)
        switches(LiveBoard(entry))
    if shows("restart"):
        st.caption("RESTARTS · begin again at step 0")
        _settings()
    if shows("links"):
        _share(entry, status)


def obey_transport(entry: Entry) -> None:
    """Obey what was clicked on the transport's buttons since the last run of the script."""
    commands = [_meant(entry, click) for click in new_clicks(TRANSPORT)]
    if sent := [command for command in commands if command is not None]:
        entry.send(*sent)
    obey_pending(entry)


def _meant(entry: Entry, click: str) -> Command | None:
    state = live_state()
    match click:
        case "restart":
            state.asked = shown()
            state.go_live()
            return None if state.asked is None else begin_again(entry, state.asked)
        case "undo":
            state.go_live()
    return COMMANDS[click]


def _transport(entry: Entry, status: Status) -> None:
    if buttons := [_within_limits(button) for button in _buttons(status) if place(button.name) is not NOWHERE]:
        transport(buttons, training_of(entry.session, status), key=TRANSPORT)
    speed, forking = row("speed", "fork")
    if forking is not NOWHERE:
        fork_popover(forking, entry, status)
    speed.selectbox(
        "Speed",
        list(SPEEDS),
        index=list(SPEEDS.values()).index(status.speed_limit) if status.speed_limit in SPEEDS.values() else 0,
        key=key("speed"),
        format_func=lambda speed: "full speed" if speed == "max" else speed,
        on_change=_change_speed,
        args=(entry, key("speed")),
        label_visibility="collapsed",
    )


def _buttons(status: Status) -> tuple[Button, ...]:
    waiting = ", ".join(pending().changes)
    stays = f". Pending, and not applied by this button: {waiting}" if waiting else ""
    return (
        Button("play", "Train on", help_running="Pause; all views stay alive"),
        Button("step", "Train one step, then pause"),
        Button("restart", f"Begin again at step 0 with the current switches{stays}"),
        Button("undo", "Bring back the run before the last restart", disabled=not status.can_undo),
    )


def _within_limits(button: Button) -> Button:
    if not is_locked(button.name):
        return button
    return replace(button, disabled=True, help=LOCKED_TIP, help_running=LOCKED_TIP)


def _settings() -> None:
    image_settings()
    _structure()
    codes, batch, seed = row("num_codes", "batch_size", "seed")
    _whole_number(codes, "num_codes", label("num_codes", "Codes K", "K"), 1, MAX_CODES)
    _whole_number(batch, "batch_size", label("batch_size", "Batch"), 1, 4096)
    _whole_number(seed, "seed", label("seed", "Seed"), 0, 2**31 - 1)
    pending_buttons()


def _whole_number(where: Any, name: str, words: str, least: int, most: int) -> None:
    where.number_input(words, least, most, value=default(name), step=1, key=key(name))


def _structure() -> None:
    structure, init = row("structure", "code_init")
    structures, starts = get_args(Structure), get_args(CodeInit)
    structure.selectbox(
        label("structure", "Structure"),
        structures,
        index=structures.index(default("structure")),
        key=key("structure"),
        help=SETTING_HELP["structure"],
    )
    init.selectbox(
        label("code_init", "Codes start", "Start"),
        starts,
        index=starts.index(default("code_init")),
        key=key("code_init"),
        help="N(0, 1), or k-means of latents",
    )
    if (chosen := value("structure")) == "vector":
        return
    words = "Groups" if chosen == "grouped" else "Levels"
    levels, share = row("levels", "share", vertical_alignment="bottom")
    levels.number_input(
        words if default("structure") == "vector" else label("levels", words),
        1,
        MAX_LEVELS,
        value=2 if default("structure") == "vector" else default("levels"),
        step=1,
        key=key("levels"),
        persist_state="page",
        help=SETTING_HELP["levels"].format(dim=PROBLEMS[value("problem")].dim),
    )
    share.checkbox(
        label("share", "one codebook"),
        value=default("share"),
        key=key("share"),
        persist_state="page",
        help=SETTING_HELP["share"],
    )


def _share(entry: Entry, status: Status) -> None:
    link, cli, page = row("link", "command", "save-html")
    with link.popover("Link", key="link", on_change="rerun", width="stretch"):
        st.caption("Opens a new run with these settings, switches and view.")
        view, is_paused = current_view(status.recipe), status.state is State.PAUSED
        of_start = link_query(entry, status)
        plain = address.write(None, status.recipe, view, paused=is_paused)
        query = plain if of_start is None else of_start | address.write_view(view)
        st.code(shared_link(query), language=None, wrap_lines=True)
        st.caption(FOLLOW_HELP)
        st.code(shared_link({"watch": entry.watch_id}), language=None, wrap_lines=True)
        if started().token:
            st.caption("Whoever has one of these links can open every page but the Doctor.")
        lecture_link(LIVE, query)
    with cli.popover("CLI", key="command", on_change="rerun", width="stretch"):  # until now: computed again
        st.caption("Repeats this run up to now without a browser, with every switch at its step.")
        if (run := entry.one.repeatable()) is not None:
            words = command(run.recipe, run.snapshot.events, run.snapshot.step)
            st.code(words, language="bash", wrap_lines=True)
    state = live_state()  # of this visitor: the file is put together by another thread
    page.download_button(
        "HTML",
        data=lambda: page_html(seen_page(*_looked_at(state)), datetime.now()),
        file_name=f"vq-scope-{status.recipe.problem}-seed-{status.recipe.seed}.html",
        mime="text/html",
        key="save-html",
        help="This page as one file with interactive charts, for any browser, without server or network",
        on_click="ignore",
        disabled=status.state is State.STARTING,
        width="stretch",
    )


def _looked_at(state: LiveState) -> tuple[Entry, View]:
    assert state.looked_at is not None  # the page is drawn before anybody can press
    return state.looked_at


def _change_speed(entry: Entry, drawn: str) -> None:
    if is_gone(drawn, "speed"):
        return
    speed = SPEEDS[said_by(key("speed"))]
    if not already(entry, entry.session.status().speed_limit == speed):
        entry.send(SpeedCommand(speed))


def _change_problem(entry: Entry, drawn: str) -> None:
    if is_gone(drawn, "problem"):
        return
    recipe = entry.one.status().recipe
    problem = said_by(key("problem"))
    if already(entry, recipe.problem == problem):
        return
    live_state().go_live()
    both = problem in NETWORKS and recipe.problem in NETWORKS
    images = {name: getattr(recipe, name) for name in ("data", "image_size")} if both else {}
    entry.send(RestartCommand(default_recipe(problem, seed=recipe.seed, device=recipe.device, **images)))
