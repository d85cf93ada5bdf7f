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
    """Set every control to `recipe`, before the controls are drawn.

    The controls are made anew, under new keys and with these values as their defaults: a value pushed into a
    control that the browser has not drawn yet can be lost, and the browser then answers with a zero.
    """
    st.session_state["adopted"] = recipe
    st.session_state["generation"] = st.session_state.get("generation", 0) + 1


def in_step(entry: Entry, status: Status) -> bool:
    """Whether the controls show what the session does; a command on its way counts as obeyed."""
    if entry.session.commands_pending() > 0:
        return True
    try:
        return _shown() == status.recipe
    except ValueError:  # settings that do not go together
        return False


def _shown() -> Recipe | None:
    """The recipe that the controls show; None before there are any."""
    recipe: Recipe | None = st.session_state.get("adopted")
    if recipe is None:
        return None
    names = ("problem", *RESTARTING, *option_names())
    return changed(recipe, {name: st.session_state[_key(name)] for name in names if _key(name) in st.session_state})


def _key(name: str) -> str:
    return f"{name}-{st.session_state['generation']}"


def _default(name: str) -> Any:
    recipe: Recipe = st.session_state["adopted"]
    return getattr(recipe.options if name in option_names() else recipe, name)


def view_key(name: str) -> str:
    """The key of the control that sets this part of the view."""
    return f"view-{name}"


def current_view() -> dict[str, str]:
    """What every view control says now; where it is not drawn, what the URL first said."""
    first: dict[str, str] = st.session_state["first_view"]
    return {name: st.session_state.get(view_key(name)) or first[name] for name in address.VIEWS}


def sidebar(entry: Entry, status: Status) -> None:
    """Draw all controls for one session."""
    st.selectbox(
        "Problem",
        list(PROBLEMS),
        index=list(PROBLEMS).index(_default("problem")),
        key=_key("problem"),
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
        index=list(SPEEDS.values()).index(status.speed_limit) if status.speed_limit in SPEEDS.values() else 0,
        key=_key("speed"),
        format_func=lambda speed: f"speed: {speed}",
        on_change=_change_speed,
        args=(entry,),
        label_visibility="collapsed",
    )


def _switches(entry: Entry) -> None:
    st.segmented_control(
        "Affine map of codes",
        ["off", "learned", "running"],
        default=_default("affine"),
        required=True,
        width="stretch",
        **_live(entry, "affine"),
    )
    inner_steps, inner_lr = st.columns(2, gap="small")
    inner_steps.number_input(
        "Inner steps", 0, 100, value=_default("inner_steps"), step=1, **_live(entry, "inner_steps")
    )
    inner_lr.number_input(
        "Inner rate", 0.0, 1e9, value=_default("inner_lr"), step=10.0, format="%g", **_live(entry, "inner_lr")
    )
    sync, groups = st.columns(2, gap="small")
    sync.number_input("Sync ν", 0.0, 100.0, value=_default("sync"), step=0.1, format="%g", **_live(entry, "sync"))
    groups.number_input(
        "Affine groups",
        1,
        MAX_AFFINE_GROUPS,
        value=_default("affine_groups"),
        step=1,
        **_live(entry, "affine_groups"),
    )
    every, now = st.columns(2, gap="small", vertical_alignment="bottom")
    every.number_input(
        "Replace every", 0, 1_000_000, value=_default("replace_every"), step=10, **_live(entry, "replace_every")
    )
    now.button(
        "now",
        icon=":material/bolt:",
        key="replace_now",
        help="Move every code unused over the window (or *replace every* steps) onto a z_e of the last batch",
        on_click=_send,
        args=(entry, change(replace="now")),
        width="stretch",
    )
    st.slider("β, codebook share", 0.0, 1.0, value=_default("beta"), step=0.01, **_live(entry, "beta"))
    alpha, rate = st.columns(2, gap="small")
    alpha.number_input("α", 0.0, 1e6, value=_default("alpha"), step=1.0, format="%g", **_live(entry, "alpha"))
    rate.number_input(
        "Learning rate",
        0.0,
        1e9,
        value=_default("learning_rate"),
        step=1e-4,
        format="%g",
        **_live(entry, "learning_rate"),
    )


def _settings(entry: Entry, status: Status) -> None:
    with st.form("settings", border=False, enter_to_submit=False):
        codes, batch = st.columns(2, gap="small")
        codes.number_input("Codes K", 1, 65_536, value=_default("num_codes"), step=1, key=_key("num_codes"))
        batch.number_input("Batch", 1, 4096, value=_default("batch_size"), step=1, key=_key("batch_size"))
        seed, init = st.columns(2, gap="small")
        seed.number_input("Seed", 0, 2**31 - 1, value=_default("seed"), step=1, key=_key("seed"))
        starts = ["normal", "kmeans"]
        init.selectbox(
            "Codes start",
            starts,
            index=starts.index(_default("code_init")),
            key=_key("code_init"),
            help="N(0, 1), or k-means of latents",
        )
        st.form_submit_button("Restart with these", on_click=_restart, args=(entry,), width="stretch")


def _share(entry: Entry, status: Status) -> None:
    link, command = st.columns(2, gap="small")
    with link.popover("Link", icon=":material/link:", width="stretch"):
        st.caption("Opens a run of its own with these settings, switches and view.")
        query = address.write(None, status.recipe, current_view(), paused=status.state is State.PAUSED)
        st.code(f"{(st.context.url or '').split('?')[0]}?{urlencode(query)}", language=None, wrap_lines=True)
    with command.popover("CLI", icon=":material/terminal:", width="stretch"):
        st.caption("Repeats this run until now without a browser, every switch at its step.")
        snapshot = entry.session.latest()
        if snapshot is not None:
            recipe = entry.session.recipes["main"]
            st.code(address.command(recipe, snapshot.events, snapshot.step), language="bash", wrap_lines=True)


def _live(entry: Entry, name: str) -> dict[str, Any]:
    return {"key": _key(name), "help": SWITCH_HELP[name], "on_change": _throw, "args": (entry, name)}


def _throw(entry: Entry, name: str) -> None:
    _send(entry, change(**{name: st.session_state[_key(name)]}))


def _send(entry: Entry, command: Command) -> None:
    """Send, and give the session a moment: what is drawn next then already shows the command obeyed."""
    ticket = entry.session.send(command)
    entry.session.wait(lambda session: session.status().commands_done >= ticket, timeout=OBEY_SECONDS)


def _change_speed(entry: Entry) -> None:
    _send(entry, SpeedCommand(SPEEDS[st.session_state[_key("speed")]]))


def _change_problem(entry: Entry) -> None:
    recipe = entry.session.status().recipe
    problem = st.session_state[_key("problem")]
    _send(entry, RestartCommand(default_recipe(problem, seed=recipe.seed, device=recipe.device)))


def _restart(entry: Entry) -> None:
    try:
        recipe = _shown()
    except ValueError as error:
        st.session_state["notice"] = str(error)
        return
    if recipe is not None:
        _send(entry, RestartCommand(recipe))


def _undo(entry: Entry) -> None:
    _send(entry, UndoRestartCommand())
