"""The sidebar: what acts live, what restarts, and how both stay in step with the session and the URL."""

from typing import Any
from urllib.parse import urlencode

import streamlit as st

from app import address
from app.services import Entry
from app.wording import SWITCH_HELP
from vqcore.problems.catalogue import PROBLEMS
from vqcore.quantizer.options import MAX_AFFINE_GROUPS, option_names
from vqcore.training.commands import (
    Command,
    PauseCommand,
    RestartCommand,
    ResumeCommand,
    SpeedCommand,
    StepCommand,
    UndoRestartCommand,
    change,
)
from vqcore.training.recipe import SETTINGS, Recipe, changed, default_recipe
from vqcore.training.session import State, Status

SPEEDS: dict[str, float | None] = {
    "max": None,
    "30 steps/s": 30.0,
    "10 steps/s": 10.0,
    "3 steps/s": 3.0,
    "1 step/s": 1.0,
}
OBEY_SECONDS = 0.5
RESTARTING = ("seed", *SETTINGS)
"""What only a restart can change."""

STEPPING = (State.RUNNING, State.IDLE)


def adopt(recipe: Recipe) -> None:
    """Set every control to `recipe`; before the controls are drawn, or in a callback."""
    for name in option_names():
        st.session_state[name] = getattr(recipe.options, name)
    for name in ("problem", *RESTARTING):
        st.session_state[name] = getattr(recipe, name)


def sidebar(entry: Entry, status: Status) -> None:
    """Draw all controls for one session."""
    st.selectbox(
        "Problem",
        list(PROBLEMS),
        key="problem",
        format_func=lambda name: f"{name} · {PROBLEMS[name].title}",
        on_change=_change_problem,
        args=(entry,),
        help="Restarts: another problem begins at step 0. *Undo* brings this run back.",
    )
    _transport(entry, status)
    st.caption("LIVE · in force on the next step")
    _switches(entry)
    st.caption("RESTARTS · begin again at step 0")
    _settings(entry, status)
    if notice := st.session_state.pop("notice", None):
        st.warning(notice, icon=":material/info:")
    _share(entry, status)


def _transport(entry: Entry, status: Status) -> None:
    running = status.state in STEPPING
    play, step, restart, undo = st.columns(4, gap="small")
    play.button(
        "",
        icon=":material/pause:" if running else ":material/play_arrow:",
        key="play",
        help="Pause; all views stay alive" if running else "Train on",
        on_click=_send,
        args=(entry, PauseCommand() if running else ResumeCommand()),
        width="stretch",
    )
    step.button(
        "",
        icon=":material/skip_next:",
        key="step",
        help="Train one step, then pause",
        on_click=_send,
        args=(entry, StepCommand()),
        width="stretch",
    )
    restart.button(
        "",
        icon=":material/restart_alt:",
        key="restart",
        help="Begin again at step 0 with the switches as they are",
        on_click=_restart,
        args=(entry,),
        width="stretch",
    )
    undo.button(
        "",
        icon=":material/undo:",
        key="undo",
        help="Bring back the run before the last restart",
        on_click=_undo,
        args=(entry,),
        disabled=not status.can_undo,
        width="stretch",
    )
    st.selectbox(
        "Speed",
        list(SPEEDS),
        key="speed",
        format_func=lambda speed: f"speed: {speed}",
        on_change=_change_speed,
        args=(entry,),
        label_visibility="collapsed",
    )


def _switches(entry: Entry) -> None:
    st.segmented_control(
        "Affine map of codes",
        ["off", "learned", "running"],
        required=True,
        width="stretch",
        **_live(entry, "affine"),
    )
    inner_steps, inner_lr = st.columns(2, gap="small")
    inner_steps.number_input("Inner steps", 0, 100, step=1, **_live(entry, "inner_steps"))
    inner_lr.number_input("Inner rate", 0.0, 1e9, step=10.0, format="%g", **_live(entry, "inner_lr"))
    sync, groups = st.columns(2, gap="small")
    sync.number_input("Sync ν", 0.0, 100.0, step=0.1, format="%g", **_live(entry, "sync"))
    groups.number_input("Affine groups", 1, MAX_AFFINE_GROUPS, step=1, **_live(entry, "affine_groups"))
    every, now = st.columns(2, gap="small", vertical_alignment="bottom")
    every.number_input("Replace every", 0, 1_000_000, step=10, **_live(entry, "replace_every"))
    now.button(
        "now",
        icon=":material/bolt:",
        key="replace_now",
        help="Move every code unused over the window (or *replace every* steps) onto a z_e of the last batch",
        on_click=_send,
        args=(entry, change(replace="now")),
        width="stretch",
    )
    st.slider("β, codebook share", 0.0, 1.0, step=0.01, **_live(entry, "beta"))
    alpha, rate = st.columns(2, gap="small")
    alpha.number_input("α", 0.0, 1e6, step=1.0, format="%g", **_live(entry, "alpha"))
    rate.number_input("Learning rate", 0.0, 1e9, step=1e-4, format="%g", **_live(entry, "learning_rate"))


def _settings(entry: Entry, status: Status) -> None:
    with st.form("settings", border=False, enter_to_submit=False):
        codes, batch = st.columns(2, gap="small")
        codes.number_input("Codes K", 1, 65_536, step=1, key="num_codes")
        batch.number_input("Batch", 1, 4096, step=1, key="batch_size")
        seed, init = st.columns(2, gap="small")
        seed.number_input("Seed", 0, 2**31 - 1, step=1, key="seed")
        init.selectbox("Codes start", ["normal", "kmeans"], key="code_init", help="N(0, 1), or k-means of latents")
        st.form_submit_button("Restart with these", on_click=_restart, args=(entry,), width="stretch")


def _share(entry: Entry, status: Status) -> None:
    link, command = st.columns(2, gap="small")
    with link.popover("Link", icon=":material/link:", width="stretch"):
        st.caption("Opens a run of its own with these settings, switches and view.")
        query = address.write(None, status.recipe, st.session_state, paused=status.state is State.PAUSED)
        st.code(f"{(st.context.url or '').split('?')[0]}?{urlencode(query)}", language=None, wrap_lines=True)
    with command.popover("CLI", icon=":material/terminal:", width="stretch"):
        st.caption("Repeats this run until now without a browser, every switch at its step.")
        snapshot = entry.session.latest()
        if snapshot is not None:
            recipe = entry.session.recipes["main"]
            st.code(address.command(recipe, snapshot.events, snapshot.step), language="bash", wrap_lines=True)


def _live(entry: Entry, name: str) -> dict[str, Any]:
    return {"key": name, "help": SWITCH_HELP[name], "on_change": _throw, "args": (entry, name)}


def _throw(entry: Entry, name: str) -> None:
    _send(entry, change(**{name: st.session_state[name]}))


def _send(entry: Entry, command: Command) -> None:
    """Send, and give the session a moment: what is drawn next then already shows the command obeyed."""
    ticket = entry.session.send(command)
    entry.session.wait(lambda session: session.status().commands_done >= ticket, timeout=OBEY_SECONDS)


def _change_speed(entry: Entry) -> None:
    _send(entry, SpeedCommand(SPEEDS[st.session_state["speed"]]))


def _change_problem(entry: Entry) -> None:
    recipe = default_recipe(st.session_state["problem"], seed=st.session_state["seed"])
    adopt(recipe)
    _send(entry, RestartCommand(recipe))


def _restart(entry: Entry) -> None:
    try:
        values = {name: st.session_state[name] for name in (*RESTARTING, *option_names())}
        recipe = changed(entry.session.status().recipe, values)
    except ValueError as error:
        st.session_state["notice"] = str(error)
        return
    _send(entry, RestartCommand(recipe))


def _undo(entry: Entry) -> None:
    _send(entry, UndoRestartCommand())
