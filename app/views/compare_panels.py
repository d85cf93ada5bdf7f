"""The four panels of the page side by side: maps, code usage, curves and the table of all variants."""

from typing import Any

import streamlit as st

from app import comparison, wording
from app.compare_reading import (
    bars,
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
from app.comparison import Setup
from app.figures.curves import curves
from app.live_plot.component import Grow, live_plot
from app.seed_runs import SeedRuns
from app.selection import Choice
from app.services import Entry
from app.views.compare_state import PLOTS, choose, choose_nothing, seed_runs, seeds_dropped, view_of
from app.views.panel_head import bar
from app.wording import as_written, level_words
from vqcore.diagnostics.usage import enough_to_judge
from vqcore.problems.catalogue import find_problem
from vqcore.snapshot import Snapshot
from vqcore.training.session import Status

LOWEST_WINDOW = 900
"""Pixels of the height that all of the page is in view in; a higher window gives its charts more."""

MAP_HEIGHT, BARS_HEIGHT, CURVES_HEIGHT = 194, 110, 154
MAP_GROWS, BARS_GROW, CURVES_GROW = (Grow(LOWEST_WINDOW, share) for share in (0.4, 0.2, 0.4))

TABLE_NOTE = (
    "Newest training batch; usage over {window}. Beside each number: its difference to that of {first}, in percent "
    "for losses and errors."
)

SEEDS_DROPPED = (
    "The trainings over {seeds} seeds have ended: newer ones took their place, or the server was restarted. "
    "*Train seeds* in the sidebar begins them again."
)


def map_panel(entry: Entry, status: Status, snapshots: dict[str, Snapshot], choice: Choice) -> None:
    """The variants' P, C and Q in one plane, each on axes of one scale."""
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
            on_click=choose_nothing,
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


def bars_panel(snapshots: dict[str, Snapshot], choice: Choice) -> None:
    """How often each code of each variant was assigned."""
    head = bar("compare-bars")
    head.container(width="stretch").html("<div class='vq-panel'><b>Code usage</b></div>")
    scale = choose(head, "scale", comparison.VIEWS["scale"])
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


def curves_panel(snapshots: dict[str, Snapshot], setup: Setup) -> None:
    """One quantity of all variants through time, of this run or over seeds."""
    runs = seed_runs()
    head = bar("compare-curves")
    head.container(width="stretch").html("<div class='vq-panel'><b>Through time</b></div>")
    quantity = choose(head, "curve", comparison.CURVES)
    of = choose(head, "of", comparison.VIEWS["of"]) if runs is not None else "this run"
    if runs is not None and of == "seeds":
        _seed_curves(runs, quantity, snapshots)
        return
    if (plan := seeds_dropped()) is not None:
        st.caption(SEEDS_DROPPED.format(seeds=plan.seeds))
    smoothing = int(view_of("smoothing"))
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


def table_panel(snapshots: dict[str, Snapshot]) -> None:
    """The newest numbers of all variants, and how far they are from the first's."""
    first = next(iter(snapshots.values()))
    st.html(table(snapshots))
    if first.step == 0:
        st.caption("No batch yet.")
        return
    window = wording.usage_window(first.window_batches, first.window_vectors)
    st.caption(as_written(TABLE_NOTE.format(window=window, first=next(iter(snapshots)))))


def _moment(snapshots: dict[str, Snapshot]) -> str:
    """What tells the browser that there is something new to draw."""
    first = next(iter(snapshots.values()))
    events = sum(len(snapshot.events) for snapshot in snapshots.values())
    sizes = [(name, snapshot.num_codes) for name, snapshot in snapshots.items()]
    return f"{first.step} {first.level} {events} {sizes}"
