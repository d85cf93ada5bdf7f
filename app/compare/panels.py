"""The four panels of the side-by-side page: heads, and the places of the live data."""

import streamlit as st

from app.compare.chosen import PLOTS, choose, choose_nothing, seed_runs, seeds_dropped
from app.figures.curves import curves
from app.links import compare as comparison
from app.live_plot.again import polled
from app.live_plot.component import Grow, live_place, live_plot
from app.live_plot.words import words_place
from app.panels.compare_parts import CURVES_HEIGHT, CompareScene
from app.panels.compare_reading import label_margin, seed_panel, seed_table
from app.panels.head import bar
from app.sessions.seed_runs import SeedRuns
from app.wording import as_written

LOWEST_WINDOW = 900
"""Height in pixels at which the whole page is in view; a higher window gives its charts more."""

MAP_HEIGHT, BARS_HEIGHT = 194, 110
MAP_GROWS, BARS_GROW, CURVES_GROW = (Grow(LOWEST_WINDOW, share) for share in (0.4, 0.2, 0.4))
SEEDS_SECONDS = 1.0

SEEDS_DROPPED = (
    "The trainings over {seeds} seeds have ended: newer ones took their place, or the server was restarted. "
    "*Train seeds* in the sidebar begins them again."
)


def map_panel(scene: CompareScene) -> list[str]:
    """The variants' P, C and Q in one plane, on axes with one scale; returns the keys of its places."""
    head = bar("compare-map")
    head.html("<div class='vq-panel'><h2>P · C · Q</h2></div>", width="content")
    with head.container(width="stretch", key="map-heading"):
        words_place(f"{PLOTS[0]}-legend")
    if scene.view.choice:
        head.button(
            "Clear the selection",
            icon=":material/close:",
            key="compare-clear",
            type="tertiary",
            help="Clear the selection; a double click on a chart does the same",
            on_click=choose_nothing,
        )
    if scene.first.codebook.shape[1] > 2:
        head.button(
            "Fit the plane again",
            icon=":material/center_focus_strong:",
            key="compare-refit",
            type="tertiary",
            help="The plane is kept from turning under you. Fit it again to all variants at this moment.",
            on_click=scene.memory.ask_for_refit,
        )
    choose(head, "aspect", comparison.VIEWS["aspect"])
    return [f"{PLOTS[0]}-legend", *_chart(PLOTS[0], MAP_HEIGHT, MAP_GROWS)]


def bars_panel() -> list[str]:
    """How often each code of each variant was assigned; returns the keys of its places."""
    head = bar("compare-bars")
    head.container(width="stretch").html("<div class='vq-panel'><h2>Code usage</h2></div>")
    choose(head, "scale", comparison.VIEWS["scale"])
    return _chart(PLOTS[1], BARS_HEIGHT, BARS_GROW)


def curves_panel(scene: CompareScene) -> list[str]:
    """One quantity of all variants through time, of this run or over seeds; returns the keys of its places."""
    runs = seed_runs()
    head = bar("compare-curves")
    head.container(width="stretch").html("<div class='vq-panel'><h2>Through time</h2></div>")
    quantity = choose(head, "curve", comparison.CURVES)
    of = choose(head, "of", comparison.VIEWS["of"]) if runs is not None else "this run"
    if runs is not None and of == "seeds":
        most = max(snapshot.num_codes for snapshot in scene.snapshots.values())
        polled(_seed_curves, SEEDS_SECONDS if runs.is_running else None, "again-compare-seeds")(runs, quantity, most)
        return []
    if (plan := seeds_dropped()) is not None:
        st.caption(SEEDS_DROPPED.format(seeds=plan.seeds))
    return _chart("compare-curves", CURVES_HEIGHT, CURVES_GROW)


def table_panel() -> list[str]:
    """The newest numbers of all variants, and their differences from the first's; returns the keys of its places."""
    words_place("compare-table")
    words_place("compare-table-said", look="said")
    return ["compare-table", "compare-table-said"]


def _chart(key: str, height: int, grow: Grow) -> list[str]:
    live_place(key, height=height, grow=grow)
    words_place(f"{key}-said", look="said")
    return [key, f"{key}-said"]


def _seed_curves(runs: SeedRuns, quantity: str, most: int) -> None:
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
        on_its_way = "The first seed is being trained: its curves appear once all variants are done with it."
        st.caption(on_its_way if runs.is_running else "Ended before all variants were trained on the first seed.")
        return
    figure = curves(
        [seed_panel(quantity, runs.results, most)], [], smoothing=1, last_step=plan.steps, height=CURVES_HEIGHT
    )
    figure["layout"]["margin"]["r"] = label_margin([name for name, _ in plan.recipes])
    live_plot(
        figure,
        key="compare-curves",
        height=CURVES_HEIGHT,
        grow=CURVES_GROW,
        revision=f"seeds {hash(plan)} {done} {quantity}",
        file_name="side-by-side-curves",
    )
    first_seed = plan.recipes[0][1].seed
    legend = f"line: mean of {done} seeds from {first_seed} on · band: minimum to maximum · at step {plan.steps:,}:"
    st.html(seed_table(runs.results))
    st.caption(f"{legend} the table above, mean and minimum – maximum")
    for sentence in runs.diverged:
        st.caption(as_written(sentence))
