"""P, C and Q of an examined codebook in one plane: by PCA, or by UMAP on request."""

import streamlit as st

from app.doctor.facts import BY_DISTANCE, Facts
from app.doctor.state import doctor_state
from app.doctor.umap_plane import Shown, stream_of, umap_of
from app.figures.map_layers import FIRST_LAYERS, Look
from app.figures.pcq_map import pcq_map
from app.links.doctor import MAPS, Plane
from app.live_plot.again import polled
from app.live_plot.component import live_plot
from app.panels.head import bar
from app.sessions.jobs import Job
from app.sessions.registry import registry
from app.wording import as_written

HEIGHT = 232
"""Height of one chart in pixels."""

POLL_SECONDS = 0.5


def map_panel(job: Job[Facts | None], facts: Facts, revision: str, without_p: str) -> None:
    """The map with the choice of its plane; `without_p` is the note if P is not drawn."""
    view = _chosen(job, facts)
    waiting = view == "UMAP" and umap_of(facts, registry().projection, job).is_waiting
    draw = polled(_map, POLL_SECONDS if waiting else None, "again-doctor-map")
    draw(job, facts, revision, without_p, view, waiting)


def _chosen(job: Job[Facts | None], facts: Facts) -> Plane:
    title = "P · C · Q" if len(facts.plane.p) else "Codes"
    head = bar("doctor-map")
    head.container(width="stretch").html(f"<div class='vq-panel'><h2>{title}</h2></div>")
    if facts.points.c.shape[1] <= 2:  # drawn as they are
        return "PCA"
    view = doctor_state().map
    wanted = head.segmented_control(
        "Plane", MAPS, default=view, key=f"doctor-map-{view}", required=True, label_visibility="collapsed"
    )
    if wanted is not None and wanted != view:
        _take(wanted, job)
    return view


def _take(view: Plane, job: Job[Facts | None]) -> None:
    if view != "UMAP":
        registry().projection.cancel(stream_of(job))  # who else looks at it asks again
    doctor_state().map = view
    st.rerun()


def _map(job: Job[Facts | None], facts: Facts, revision: str, without_p: str, view: str, was_waiting: bool) -> None:
    shown = umap_of(facts, registry().projection, job) if view == "UMAP" else Shown(facts, (), False)
    if was_waiting and not shown.is_waiting:
        st.rerun()
    plane = shown.facts.plane
    drawn = f"{revision} {plane.axis_titles}"
    hidden = {"links", "paths"} | (set() if len(plane.p) else {"P"})
    figure = pcq_map(plane, revision=drawn, look=Look(layers=FIRST_LAYERS - hidden))
    live_plot(figure, key="doctor-map-plot", height=HEIGHT, revision=drawn, file_name="doctor-map")
    st.caption(" · ".join([*_said(shown.facts, without_p), *map(as_written, shown.said)]))
    if shown.is_waiting and st.button(
        "Cancel UMAP", icon=":material/close:", key="doctor-map-cancel", type="tertiary"
    ):
        _take("PCA", job)


def _said(facts: Facts, without_p: str) -> list[str]:
    said = (
        [f"showing {len(facts.plane.p):,} of {facts.num_latents:,} latents (random, seed 0)"]
        if facts.num_latents
        else []
    )
    said += [] if len(facts.plane.p) else [without_p]
    said += ["directions only, at length 1"] if facts.search == "cosine" else []
    return said + how_chosen(facts.search)


def how_chosen(search: str) -> list[str]:
    """A remark where the distances in the plane may not be what chooses a code."""
    if search == "unknown":
        return ["how the model searches is not known: Euclidean distance was assumed"]
    return [] if search in BY_DISTANCE else [f"codes are chosen by {search}, not by distance"]
