"""The Results page: the table of a recorded ablation, its curves and its reconstructions, without training."""

from typing import Any

import streamlit as st
from PIL import Image

from app.doors.visitor import is_owner
from app.figures.result_curves import CurvePanel, over_seeds, result_curves
from app.live_plot.component import live_plot
from app.panels.head import brand
from app.results.files import on_this_machine, recorded, recorded_names
from app.results.state import ResultsState, results_state
from app.roots import about_roots
from app.wording import as_written
from vqcore.ablation import tables
from vqcore.ablation.published import relations
from vqcore.ablation.results import MOST_BYTES, ResultRow, Results, read_results
from vqcore.data.pictures import UnreadablePictureError, opened

LEAD = (
    "<div class='vq-hero'><h2>Results</h2><p>Every remedy alone and together, over seeds: a table, its curves and "
    "its reconstructions.</p><p>Train one from the command line; the file that it writes opens here.</p></div>"
)
COMMAND = "python -m vqcore ablation digits --out ablation-digits"
PANELS = {"held_out.task_loss": ("held-out task loss", True), "held_out.in_use": ("codes in use, held out", False)}
GRID_HELP = "The rows as `--grid FILE` takes them, to train them again"
CURVES_HEIGHT = 380
MOST_CURVES = 6
MOST_IMAGES = 6
MEGABYTE = 2**20


def page() -> None:
    """The page, as a script."""
    st.html(brand("Results"))
    state = results_state()
    _adopt_link(state)
    _sources(state)
    if state.results is None:
        st.html(LEAD)
        _, middle, _ = st.columns([1, 2, 1])
        middle.code(COMMAND, language="bash")
        return
    results = state.results
    _about(state.name, results)
    _table(results)
    _beside_the_paper(results)
    _downloads(state.name, results)
    shown = _chosen(results)
    _curves(results, shown)
    _reconstructions(shown)


def _adopt_link(state: ResultsState) -> None:
    """Open what the URL names, where it says something that this page has not written there itself."""
    query = st.query_params.to_dict()
    if query and query != state.written:
        _open(state, query)
    elif state.results is None and not query and recorded_names():
        _open(state, {"recorded": recorded_names()[0]})
    st.query_params.from_dict(state.written or {})


def _open(state: ResultsState, query: dict[str, str]) -> None:
    try:
        if "path" in query:
            found, name = on_this_machine(query["path"]), query["path"]
        else:
            name = query.get("recorded", "")
            found = recorded(name)
    except (ValueError, OSError) as error:
        st.error(as_written(str(error)), icon=":material/error:")
        return
    state.results, state.name = found, name
    state.written = {"path": name} if "path" in query else {"recorded": name}
    st.query_params.from_dict(state.written)  # at once: the next run takes another address for a link to follow


def _sources(state: ResultsState) -> None:
    """The files that come with the product, one of this machine, or one that is dropped."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="results-bar"):
        for name in recorded_names():
            if st.button(name, icon=":material/table_chart:", key=f"results-recorded-{name}"):
                _open(state, {"recorded": name})
                st.rerun()
        if is_owner():
            with st.form("results-form", border=False, enter_to_submit=True):
                first, second = st.columns([0.8, 0.2], gap="small", vertical_alignment="bottom")
                path = first.text_input(
                    "Results on this machine",
                    placeholder="ablation-digits/results.json",
                    key="results-path",
                    help=as_written(about_roots()),
                )
                if second.form_submit_button("Open", type="primary", width="stretch", key="results-open") and path:
                    _open(state, {"path": path.strip()})
        with st.popover("Drop a file", icon=":material/upload_file:"):
            sent = st.file_uploader(
                "results.json", type="json", key="results-drop", max_upload_size=MOST_BYTES // MEGABYTE
            )
            if sent is not None and sent.name != state.name:
                try:
                    state.results, state.name, state.written = read_results(sent.getvalue(), sent.name), sent.name, {}
                except ValueError as error:
                    st.error(as_written(str(error)), icon=":material/error:")
                else:
                    st.rerun()


def _about(name: str, results: Results) -> None:
    about = results.about
    st.subheader(as_written(name), anchor=False)
    made_by = ", ".join(f"{part} {about[part]}" for part in ("version", "commit") if about.get(part))
    st.code(f"{about.get('command', '')}  # {made_by}", language="bash")


def _table(results: Results) -> None:
    head = tables.headings(results)
    rows: list[dict[str, Any]] = [dict(zip(head, line, strict=True)) for line in tables.cells(results)]
    st.dataframe(rows, hide_index=True, width="stretch", key="results-table")
    st.caption(as_written(tables.note(results)))


def _beside_the_paper(results: Results) -> None:
    """The paper's relations with what was found of each."""
    if not (found := relations(results)):
        return
    lines = [f"{'✓' if each.holds else '✗'} {as_written(f'{each.reported}: {each.found}.')}" for each in found]
    st.markdown("  \n".join(["**Beside the paper** (relations, since other images have other values)", *lines]))


def _downloads(name: str, results: Results) -> None:
    stem = name.rpartition("/")[2].removesuffix(".json") or "results"
    with st.container(horizontal=True, gap="small", key="results-downloads"):
        for label, ending, write in (
            ("Markdown", "md", tables.markdown),
            ("LaTeX", "tex", tables.latex),
            ("CSV", "csv", tables.as_csv),
            ("Grid", "grid.json", tables.grid),
        ):
            st.download_button(
                label,
                write(results),
                f"{stem}.{ending}",
                help=GRID_HELP if label == "Grid" else None,
                on_click="ignore",
                key=f"results-{ending}",
            )


def _chosen(results: Results) -> list[ResultRow]:
    """The rows behind which curves and pictures are shown."""
    names = [row.name for row in results.rows]
    chosen = st.multiselect(
        "Rows", names, default=names[:1] + names[-3:][:MOST_CURVES], max_selections=MOST_CURVES, key="results-rows"
    )
    return [row for row in results.rows if row.name in chosen]


def _curves(results: Results, shown: list[ResultRow]) -> None:
    places = {row.name: place for place, row in enumerate(results.rows)}
    panels = []
    for quantity, (title, log) in PANELS.items():
        curves = [over_seeds(row.name, places[row.name], row.curve(quantity)) for row in shown]
        panels.append(CurvePanel(title=title, curves=[curve for curve in curves if len(curve.steps)], log=log))
    if any(panel.curves for panel in panels):
        live_plot(result_curves(panels), key="results-curves", height=CURVES_HEIGHT, file_name="ablation-curves")


def _reconstructions(shown: list[ResultRow]) -> None:
    """A column a method, as the paper shows them, under what was given."""
    pictures = [(row.name, found) for row in shown if (found := _picture(row, "found")) is not None]
    if not pictures:
        return
    given = next((found for row in shown if (found := _picture(row, "given")) is not None), None)
    st.caption("Held-out images of the first seed, as given and as each method gives them back")
    columns = st.columns(min(MOST_IMAGES, 1 + len(pictures)))
    if given is not None:
        columns[0].image(given, caption="given", width="stretch")
    for column, (name, picture) in zip(columns[1:], pictures, strict=False):
        column.image(picture, caption=as_written(name), width="stretch")


def _picture(row: ResultRow, part: str) -> Image.Image | None:
    """A strip of the first seed; None where the file has none that can be decoded."""
    encoded = row.picture(part)
    if encoded is None:
        return None
    try:
        strip = opened(encoded)
    except UnreadablePictureError:
        return None
    return strip.resize((strip.width * 3, strip.height * 3), Image.Resampling.NEAREST)


page()
