"""The page side by side: two to four variants of one problem on one clock, with shared axes and selection."""

from typing import Any

import streamlit as st

from app import comparison, wording
from app.compare_controls import PLAN, SESSION, VIEW, begin, sidebar
from app.compare_reading import (
    bars,
    by_role,
    curve_panel,
    label_margin,
    maps,
    markers,
    seed_panel,
    seed_table,
    selected,
    shared_plane,
    table,
)
from app.comparison import PRESETS, Setup, setup_of
from app.figures.curves import curves
from app.live_plot.component import Grow, last_hand, live_plot
from app.live_plot.tiles import Status as StatusLine
from app.live_plot.tiles import status_line
from app.seed_runs import Plan, SeedRuns
from app.selection import Choice, picked, read_choice, write_choice
from app.services import Entry, registry
from app.views.panel_head import bar
from app.wording import as_written, level_words
from vqcore.diagnostics.usage import enough_to_judge
from vqcore.problems.catalogue import find_problem
from vqcore.snapshot import Snapshot
from vqcore.training.session import State, Status

REFRESH_SECONDS = 0.5
LOWEST_WINDOW = 900
"""Pixels of the height that all of the page is in view in; a higher window gives its charts more."""

MAP_HEIGHT, BARS_HEIGHT, CURVES_HEIGHT = 194, 110, 154
MAP_GROWS, BARS_GROW, CURVES_GROW = (Grow(LOWEST_WINDOW, share) for share in (0.4, 0.2, 0.4))
PLOTS = ("compare-map", "compare-bars")
"""Where a hand may choose."""

TABLE_NOTE = (
    "Newest training batch; usage over {window}. Beside each number: its difference to that of {first}, in percent "
    "for losses and errors."
)


def page() -> None:
    """The page, as a script."""
    entry = _attach()
    if entry is None:
        _empty_state()
        return
    status = entry.session.status()
    setup = _setup(entry, status)
    st.session_state["compare-drawn"] = _drawn_for(status)
    with st.sidebar:
        sidebar(entry, status, setup)
    _live(entry.id)


def _attach() -> Entry | None:
    """The session that this browser has here, the one in its URL, or a new one as the URL describes."""
    asked = registry().find(st.query_params.get("session"))
    if VIEW not in st.session_state or (asked is not None and asked.id != st.session_state.get(SESSION)):
        request = comparison.read(st.query_params)
        st.session_state[VIEW] = request.view
        for sentence in request.refused:
            st.toast(as_written(sentence), icon=":material/link_off:", duration="long")
        entry = registry().find(request.session)
        if entry is None and request.setup is not None:
            entry = begin(request.setup, paused=request.paused)
        if request.session is not None and (entry is None or entry.id != request.session):
            st.session_state["compare-gone"] = True
        st.session_state[SESSION] = entry.id if entry else None
        if entry is not None and request.view["seeds"] and request.view["steps"]:
            recipes = tuple(_setup(entry, entry.session.status()).recipes().items())
            st.session_state[PLAN] = Plan(recipes, int(request.view["seeds"]), int(request.view["steps"]))
    return registry().find(st.session_state.get(SESSION))


def _setup(entry: Entry, status: Status) -> Setup:
    """What is trained, with the switches as they are now."""
    return setup_of(dict(zip(status.variants, status.recipes, strict=False)) or entry.session.recipes)


def _drawn_for(status: Status) -> tuple[object, ...]:
    """What the sidebar must be drawn anew for."""
    return status.state, status.variants, status.recipes, status.can_undo, status.speed_limit


def _empty_state() -> None:
    st.html("<div class='vq-title'><b>VQ Scope</b></div>")
    st.html(
        "<div class='vq-hero'><h1>Side by side</h1><p>Two to four variants of one problem: "
        "the same seed, the same batches, one clock.</p></div>"
    )
    if st.session_state.get("compare-gone"):
        st.info(f"{wording.GONE} Begin another.", icon=":material/link_off:")
    _, *places, _ = st.columns([1, *[4] * len(PRESETS), 1])
    for column, (icon, title, text, setup) in zip(places, PRESETS, strict=True):
        with column.container(border=True, height="stretch", key=f"start-{title}"):
            st.button(title, icon=icon, on_click=begin, args=(setup,), width="stretch", key=f"begin {title}")
            st.markdown(text)
            st.caption(find_problem(setup.problem).about)


@st.fragment(run_every=REFRESH_SECONDS)
def _live(session_id: str) -> None:
    entry = registry().find(session_id)
    if entry is None:
        st.rerun()
    if not entry.session.latest_of_all():
        entry.session.wait(lambda session: session.latest() is not None, REFRESH_SECONDS)
    status = entry.session.status()
    if _drawn_for(status) != st.session_state["compare-drawn"]:
        st.rerun()
    setup = _setup(entry, status)
    snapshots = entry.session.latest_of_all(int(_view("level")) - 1)
    choice = _choice(snapshots)
    query = comparison.write(entry.id, setup, _views(setup), paused=status.state is State.PAUSED)
    if query != st.query_params.to_dict():
        st.query_params.from_dict(query)
    _header(status, snapshots)
    with st.container(key="message"):
        if st.session_state.pop("compare-gone", False):
            st.toast(f"{wording.GONE} This one begins again from its settings.", icon=":material/link_off:")
        if status.message:
            (st.error if status.state is State.BROKEN else st.warning)(as_written(status.message))
        elif len(snapshots) == 1:
            st.info("This session has one variant. Fork it on the Live page, or begin with more in the sidebar.")
    if not snapshots:
        st.caption("Loading the data and building the models …")
        return
    with st.container(border=True, key="panel-compare-map"):
        _maps(entry, status, snapshots, choice)
    with st.container(border=True, key="panel-compare-bars"):
        _bars(snapshots, choice)
    with st.container(border=True, key="panel-compare-curves"):
        _curves(snapshots, setup)
    with st.container(border=True, key="panel-compare-table"):
        _table(snapshots)


def _header(status: Status, snapshots: dict[str, Snapshot]) -> None:
    head = bar("head")
    head.html("<div class='vq-title'><b>VQ Scope</b></div>", width="content")
    first = next(iter(snapshots.values()), None)
    if first is not None and len(first.levels) > 1:
        _choose(head, "level", comparison.VIEWS["level"][: len(first.levels)])
    facts = [f"step {first.step if first else 0:,}"]
    if status.state is State.RUNNING:
        facts.append(f"{status.steps_per_second:.1f} steps/s each")
    facts += [status.device] if status.device else []
    colour: Any = {State.RUNNING: "running", State.BROKEN: "failed"}.get(status.state, "paused")
    with head.container(key="status-place"):
        status_line(StatusLine(state=colour, facts=facts), key="status")


def _maps(entry: Entry, status: Status, snapshots: dict[str, Snapshot], choice: Choice) -> None:
    first = next(iter(snapshots.values()))
    memory = entry.shared_maps.of(first, status.run)
    head = bar("compare-map")
    head.container(width="stretch", key="map-heading").html(
        "<div class='vq-panel'><b>P · C · Q</b><i class='p'>●</i>P <i class='c'>○</i>C <i class='q'>●</i>Q, "
        "area = use <i class='d'>✕</i>dead</div>"
    )
    if choice:
        head.button(
            "",
            icon=":material/close:",
            key="compare-clear",
            type="tertiary",
            help="Clear the selection; a double click on a chart does the same",
            on_click=_choose_nothing,
        )
    basis = shared_plane(snapshots, memory)
    if basis is not None:
        head.button(
            "",
            icon=":material/center_focus_strong:",
            key="compare-refit",
            type="tertiary",
            help="The plane is kept from turning under you. Choose it anew for all variants at this moment.",
            on_click=memory.ask_for_refit,
        )
    live_plot(
        maps(snapshots, basis),
        key=PLOTS[0],
        height=MAP_HEIGHT,
        grow=MAP_GROWS,
        revision=f"{_moment(snapshots)} {memory.fitted_at} {hash(choice)}",
        selectable=True,
        selected=selected(snapshots, choice),
        file_name=f"side-by-side-map-step-{first.step}",
    )
    words = level_words(status.recipe.structure, first.level, len(first.levels))
    said = [f"showing {len(first.z_e):,} of {first.monitor_of:,} held-out {words.vectors} of each variant"]
    said[0] += f" (random inputs, seed {status.recipe.seed}; the same inputs in all)"
    said.append(
        f"one plane for all, fitted to all variants together at step {memory.fitted_at:,}"
        if basis is not None
        else "the two features as they are"
    )
    said.append("one scale: positions compare · dashed: 1σ of P and of C")
    st.caption(" · ".join(said))


def _bars(snapshots: dict[str, Snapshot], choice: Choice) -> None:
    head = bar("compare-bars")
    head.container(width="stretch").html("<div class='vq-panel'><b>Code usage</b></div>")
    scale = _choose(head, "scale", comparison.VIEWS["scale"])
    first = next(iter(snapshots.values()))
    live_plot(
        bars(snapshots, choice, log=scale == "log"),
        key=PLOTS[1],
        height=BARS_HEIGHT,
        grow=BARS_GROW,
        revision=f"{_moment(snapshots)} {scale} {hash(choice)}",
        selectable="box",
        selected=selected(snapshots, choice),
        file_name=f"side-by-side-usage-step-{first.step}",
    )
    total = first.window_vectors
    said = "codes, most used first in each variant · dashed: even use · "
    said += wording.usage_window(first.window_batches, total)
    said += f", N/K = {total / first.num_codes:,.3g}" if total else ""
    most = max(snapshot.num_codes for snapshot in snapshots.values())
    st.caption(said + (" · too few vectors to judge" if total and not enough_to_judge(total, most) else ""))


def _curves(snapshots: dict[str, Snapshot], setup: Setup) -> None:
    plan = st.session_state.get(PLAN)
    runs = registry().seeds_of(plan) if plan is not None else None
    head = bar("compare-curves")
    head.container(width="stretch").html("<div class='vq-panel'><b>Through time</b></div>")
    quantity = _choose(head, "curve", comparison.CURVES)
    of = _choose(head, "of", comparison.VIEWS["of"]) if runs is not None else "this run"
    if runs is not None and of == "seeds":
        _seed_curves(runs, quantity, snapshots)
        return
    smoothing = int(_view("smoothing"))
    first = next(iter(snapshots.values()))
    figure = curves(
        [curve_panel(quantity, snapshots)],
        markers(snapshots),
        smoothing=smoothing,
        last_step=first.step,
        height=CURVES_HEIGHT,
    )
    _draw_curves(figure, list(snapshots), f"{_moment(snapshots)} {quantity} {smoothing}")
    st.caption(_curve_note(quantity, setup, first))


def _seed_curves(runs: SeedRuns, quantity: str, snapshots: dict[str, Snapshot]) -> None:
    plan, done = runs.plan, len(runs.results)
    if runs.is_running or done < plan.seeds:
        progress, cancel = st.columns([0.84, 0.16], vertical_alignment="center")
        said = f"{done} of {plan.seeds} seeds, {plan.steps:,} steps each"
        progress.progress(runs.share, text=said + ("" if runs.is_running else ", ended"))
        if runs.is_running:
            cancel.button(
                "Cancel", icon=":material/close:", key="compare-seeds-cancel", on_click=runs.cancel, width="stretch"
            )
    if runs.problem:
        st.error(as_written(runs.problem), icon=":material/error:")
    if not done:
        on_its_way = "The first seed is on its way: its curves come when all variants have been trained on it."
        st.caption(on_its_way if runs.is_running else "Ended before all variants were trained on the first seed.")
        return
    most = max(snapshot.num_codes for snapshot in snapshots.values())
    figure = curves(
        [seed_panel(quantity, runs.results, most)], [], smoothing=1, last_step=plan.steps, height=CURVES_HEIGHT
    )
    _draw_curves(figure, [name for name, _ in plan.recipes], f"seeds {hash(plan)} {done} {quantity}")
    first_seed = plan.recipes[0][1].seed
    said = [f"line: mean of {done} seeds from {first_seed} on · band: least to greatest · at step {plan.steps:,}:"]
    st.html(seed_table(runs.results))
    st.caption(" ".join(said) + " the table above, mean and least – greatest")
    for sentence in runs.diverged:
        st.caption(as_written(sentence))


def _draw_curves(figure: dict[str, Any], names: list[str], revision: str) -> None:
    figure["layout"]["margin"]["r"] = label_margin(names)
    live_plot(
        figure,
        key="compare-curves",
        height=CURVES_HEIGHT,
        grow=CURVES_GROW,
        revision=revision,
        file_name="side-by-side-curves",
    )


def _curve_note(quantity: str, setup: Setup, first: Snapshot) -> str:
    meanings = {
        "perplexity": wording.MEANINGS["perplexity"],
        "active codes": wording.MEANINGS["active_codes"],
        "task loss": f"task loss of each batch: {find_problem(setup.problem).loss_name}",
        "‖z_e−z_q‖²": wording.MEANINGS["quantization_error"],
    }
    of_usage = quantity in ("perplexity", "active codes")
    window = f"; {wording.usage_window(first.window_batches, first.window_vectors)}" if of_usage else ""
    return (
        f"{meanings[quantity]}{window} · log scale · one seed: *Train seeds* in the sidebar shows how far it carries"
    )


def _table(snapshots: dict[str, Snapshot]) -> None:
    first = next(iter(snapshots.values()))
    st.html(table(snapshots))
    if first.step == 0:
        st.caption("No batch yet.")
        return
    window = wording.usage_window(first.window_batches, first.window_vectors)
    st.caption(as_written(TABLE_NOTE.format(window=window, first=next(iter(snapshots)))))


def _choice(snapshots: dict[str, Snapshot]) -> Choice:
    """What is chosen, with what the reader has done since the last look, as far as all variants have it."""
    state = st.session_state
    if "compare-choice" not in state:
        state["compare-choice"] = read_choice(state[VIEW]["select"])
    seen: dict[str, int] = state.setdefault("compare-hands", {})
    hands = [(key, hand) for key in PLOTS if (hand := last_hand(key)) and hand.at != seen.get(key)]
    for key, hand in sorted(hands, key=lambda found: found[1].at):
        seen[key] = hand.at
        made = picked(by_role(hand.ids), 0)
        state["compare-choice"] = state["compare-choice"].plus(made) if hand.adds else made
    for snapshot in snapshots.values():
        state["compare-choice"], _ = state["compare-choice"].within(snapshot)
    choice: Choice = state["compare-choice"]
    return choice


def _choose_nothing() -> None:
    st.session_state["compare-choice"] = Choice()


def _moment(snapshots: dict[str, Snapshot]) -> str:
    """What tells the browser that there is something new to draw."""
    first = next(iter(snapshots.values()))
    events = sum(len(snapshot.events) for snapshot in snapshots.values())
    sizes = [(name, snapshot.num_codes) for name, snapshot in snapshots.items()]
    return f"{first.step} {first.level} {events} {sizes}"


def _view(name: str) -> str:
    """What a view control says; before it is drawn, what the URL first said."""
    return st.session_state.get(f"compare-view-{name}") or st.session_state[VIEW][name]


def _views(setup: Setup) -> dict[str, str]:
    choice, plan = st.session_state.get("compare-choice", Choice()), st.session_state.get(PLAN)
    view = {name: _view(name) for name in comparison.VIEWS} | {"select": write_choice(choice)}
    if plan is not None and dict(plan.recipes) == setup.recipes():
        view |= {"seeds": str(plan.seeds), "steps": str(plan.steps)}
    return view


def _choose(place: Any, name: str, choices: Any) -> str:
    first, key = st.session_state[VIEW][name], f"compare-view-{name}"
    start = {} if key in st.session_state else {"default": first if first in choices else choices[0]}
    chosen: str = place.segmented_control(
        name,
        choices,
        **start,
        key=key,
        required=True,
        label_visibility="collapsed",
        persist_state="page",
    )
    return chosen


page()
