"""The sidebar of the side-by-side page: transport, set-up, seeds, and links and exports."""

import streamlit as st

from app.compare.chosen import view_key
from app.compare.presets import PRESETS
from app.compare.setup_form import setup_form
from app.compare.state import compare_state
from app.doors.visitor import shared_link
from app.links import compare as comparison
from app.links.command_line import command
from app.links.setup import Setup
from app.links.variant_names import MOST_SEEDS, MOST_STEPS
from app.live_plot.transport import Button, new_clicks, transport
from app.page_state import is_drawn, said_by, set_control
from app.panels.transport_part import training_of
from app.sessions.entry import Entry
from app.sessions.registry import registry
from app.sessions.seed_runs import SEEDS, Plan
from app.wording import FOLLOW_HELP
from vqcore.training.commands import (
    Command,
    PauseCommand,
    RestartCommand,
    ResumeCommand,
    SpeedCommand,
    StepCommand,
    UndoRestartCommand,
)
from vqcore.training.recipe import Recipe
from vqcore.training.status import State, Status

SPEEDS: dict[str, float | None] = {"max": None, "10 steps/s": 10.0, "3 steps/s": 3.0, "1 step/s": 1.0}
SPEED = "compare-speed"
TRANSPORT = "compare-transport"
ABOUT_FOLLOWED = "You follow a session: its owner trains it. The views and the selection are yours."


def sidebar(entry: Entry, status: Status, setup: Setup) -> None:
    """Draw all controls for one session; for its followers, only what is trained."""
    if entry.is_followed:
        _followed(entry, status, setup)
        return
    _transport(entry, status)
    st.caption("SET-UP · begin again at step 0")
    _presets(entry)
    setup_form(entry, setup)
    st.caption("OVER SEEDS · in the background")
    _seeds(entry, setup)
    _share(entry, status, setup)


def _followed(entry: Entry, status: Status, setup: Setup) -> None:
    st.caption("FOLLOWING A SESSION")
    st.html(f"<p class='vq-followed'>{ABOUT_FOLLOWED}</p>")
    st.code(setup.problem, language=None)
    for variant in setup.variants:
        st.code(f"{variant.name} {variant.text}".strip(), language=None, wrap_lines=True)
    _share(entry, status, setup)


def begin(setup: Setup, *, paused: bool = False) -> Entry:
    """A new session of this set-up, which the page then shows."""
    entry = registry().begin(setup.recipes(), paused=paused)
    state = compare_state()
    state.session, state.watched, state.gone = entry.id, None, False
    st.query_params.pop("watch", None)
    st.query_params.pop("session", None)  # one that is no more would be asked for again
    return entry


def obey_transport(entry: Entry) -> None:
    """Obey what was clicked on the transport's buttons since the last run of the script."""
    commands: dict[str, Command] = {
        "pause": PauseCommand(),
        "resume": ResumeCommand(),
        "step": StepCommand(),
        "restart": RestartCommand(_recipes(entry.session.status())),
        "undo": UndoRestartCommand(),
    }
    if clicks := new_clicks(TRANSPORT):
        entry.send(*(commands[click] for click in clicks))


def _recipes(status: Status) -> dict[str, Recipe]:
    return dict(zip(status.variants, status.recipes, strict=False))


def _transport(entry: Entry, status: Status) -> None:
    buttons = (
        Button("play", "Train on", help_running="Pause; all views stay alive"),
        Button("step", "Train one step of each variant, then pause"),
        Button("restart", "Begin all again at step 0, each with its current switches", disabled=not status.recipes),
        Button("undo", "Bring back the run before the last restart", disabled=not status.can_undo),
    )
    training = training_of(entry.session, status)
    transport(buttons, training, key=TRANSPORT)
    if is_drawn(SPEED) and training.settled and SPEEDS[said_by(SPEED)] != status.speed_limit:
        set_control(SPEED, next((name for name, limit in SPEEDS.items() if limit == status.speed_limit), "max"))
    st.selectbox(
        "Speed",
        list(SPEEDS),
        index=list(SPEEDS.values()).index(status.speed_limit) if status.speed_limit in SPEEDS.values() else 0,
        key=SPEED,
        format_func=lambda speed: "full speed" if speed == "max" else speed,
        on_change=_change_speed,
        args=(entry,),
        label_visibility="collapsed",
    )


def _change_speed(entry: Entry) -> None:
    entry.send(SpeedCommand(SPEEDS[said_by(SPEED)]))


def _presets(entry: Entry) -> None:
    with st.popover("Presets", icon=":material/dashboard:", width="stretch", key="compare-presets"):
        for icon, title, text, setup in PRESETS:
            st.button(
                title, icon=icon, width="stretch", on_click=_restart, args=(entry, setup), key=f"preset {title}"
            )
            st.caption(text)


def _restart(entry: Entry, setup: Setup) -> None:
    entry.send(RestartCommand(setup.recipes()))


def _seeds(entry: Entry, setup: Setup) -> None:
    plan = compare_state().plan
    seeds, steps = st.columns(2, gap="small")
    many = seeds.number_input(
        "Seeds", 1, MOST_SEEDS, value=plan.seeds if plan else SEEDS, step=1, key="compare-seeds"
    )
    far = steps.number_input(
        "Steps",
        1,
        MOST_STEPS,
        value=plan.steps if plan else None,
        step=50,
        key="compare-steps",
        placeholder="as now",
        help="How many steps each is trained. Empty: as many as this session has when you press the button.",
    )
    st.button(
        f"Train {many} seeds",
        icon=":material/casino:",
        key="compare-seeds-go",
        help=f"From seed {setup.seed} on, every variant from step 0 with its current switches",
        on_click=_begin_seeds,
        args=(entry, setup, many, far),
        width="stretch",
    )


def _begin_seeds(entry: Entry, setup: Setup, seeds: int, steps: int | None) -> None:
    plan = Plan(tuple(setup.recipes().items()), seeds, steps or max(1, entry.session.trained_steps()))
    compare_state().plan = plan
    set_control(view_key("of"), "seeds")
    registry().begin_seeds(plan)


def _share(entry: Entry, status: Status, setup: Setup) -> None:
    link, cli = st.columns(2, gap="small")
    with link.popover("Link", icon=":material/link:", width="stretch"):
        st.caption("Opens a new session with this set-up.")
        query = comparison.write(None, setup, {}, paused=status.state is State.PAUSED)
        st.code(shared_link(query), language=None, wrap_lines=True)
        st.caption(FOLLOW_HELP)
        st.code(shared_link({"watch": entry.watch_id}), language=None, wrap_lines=True)
    with cli.popover("CLI", icon=":material/terminal:", on_change="rerun", width="stretch", key="compare-cli"):
        st.caption("Each repeats one variant up to now without a browser, with every switch at its step.")
        for recipe, snapshot in entry.session.repeatable_of_all().values():
            words = command(recipe, snapshot.events, max(1, snapshot.step))
            st.code(words, language="bash", wrap_lines=True)
