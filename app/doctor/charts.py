"""The six charts of an examined codebook. If the file lacks what a chart needs, a sentence says so."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import streamlit as st

from app.doctor.facts import Facts
from app.doctor.map import HEIGHT, map_panel
from app.figures.code_bars import usage_bars
from app.figures.histogram import Group, Mark, histogram
from app.figures.spectrum import Line, spectrum
from app.live_plot.again import polled
from app.live_plot.component import live_plot
from app.sessions.jobs import Job
from app.theme import role
from app.wording import as_written, number
from vqcore.diagnostics.limits import DUPLICATE_DISTANCE

POLL_SECONDS, PATIENCE_SECONDS = 0.5, 1.0
MOST_MARKED = 8
"""Most unused codes drawn one by one at their distance; more are drawn as a distribution."""


class Without(NamedTuple):
    """HTML shown instead of a chart that needs more than the file contains."""

    latents: str
    usage: str
    on_map: str
    """Caption of the map if P is not drawn."""


NOT_GIVEN = Without(
    'Needs latents: the quantizer\'s inputs, (N, D).<br><code>np.save("z_e.npy", z_e.detach().cpu().numpy())</code>',
    "Nothing in the file counts usage. Give latents or codes along with it.",
    "P needs latents",
)
UNDER_WAY = Without("Drawn once the latents are read.", "Drawn once the latents or codes are counted.", "P follows")


def charts(facts_job: Callable[[], Job[Facts | None]], name: str, *, without: Without = NOT_GIVEN) -> None:
    """All six charts of the codebook called `name`; while they are computed only this part is refreshed."""
    job = facts_job()
    job.wait(PATIENCE_SECONDS)  # most are ready by then, and no second run of the page is needed
    running = job.is_running
    with st.container(key="doctor-drawing"):
        polled(_waiting, POLL_SECONDS if running else None, "again-doctor-drawing")(facts_job, running)
    if running:
        return
    if job.problem:
        st.error(as_written(job.problem), icon=":material/error:")
    if job.result is None:
        st.caption("Fewer than two code vectors are finite, so there is nothing to draw.")
        return
    facts, revision = job.result, f"{name} {id(job)}"

    def plane(facts: Facts, revision: str, without: Without) -> None:
        map_panel(job, facts, revision, without.on_map)

    rows = [
        [("map", plane), ("usage", _usage), ("norms", _norms)],
        [("neighbours", _neighbours), ("spectrum", _spectrum), ("distances", _distances)],
    ]
    for row in rows:
        for column, (panel, draw) in zip(st.columns(3, gap="small"), row, strict=True):
            with column.container(border=True, height="stretch", key=f"panel-doctor-{panel}"):
                draw(facts, revision, without)


def _waiting(facts_job: Callable[[], Job[Facts | None]], was_running: bool) -> None:
    running = facts_job().is_running
    if was_running and not running:
        st.rerun()
    if running:
        st.caption("Drawing …")


def _draw(name: str, figure: dict[str, Any], revision: str) -> None:
    live_plot(figure, key=f"doctor-{name}-plot", height=HEIGHT, revision=revision, file_name=f"doctor-{name}")


def _head(title: str, note: str = "") -> None:
    st.html(f"<div class='vq-panel'><h2>{title}</h2>{note}</div>")


def _none(words: str) -> None:
    st.html(f"<div class='vq-doctor vq-none' style='height:{HEIGHT}px'><div>{words}</div></div>")


def _usage(facts: Facts, revision: str, without: Without) -> None:
    _head("Code usage", f"<span>{'perplexity ' + number(facts.perplexity) if facts.perplexity else ''}</span>")
    if facts.counts is None or not facts.counts.any():
        _none(without.usage)
        return
    are_counts = np.issubdtype(facts.counts.dtype, np.integer) or bool((facts.counts == np.rint(facts.counts)).all())
    figure = usage_bars(facts.counts, order="sorted", log=are_counts)
    if not are_counts:
        figure["layout"]["yaxis"]["title"]["text"] = "moving average"
    _draw("usage", figure, revision)
    st.caption(f"used: {as_written(facts.window)}")


def _norms(facts: Facts, revision: str, without: Without) -> None:
    _head("Norms of codes")
    groups = _by_use(facts, facts.norms, facts.codes)
    if facts.latent_norms is not None:
        groups.append(Group(label="z_e", colour=role("P"), values=facts.latent_norms, whole="z_e", stacked=False))
    _draw("norms", histogram(groups, title="‖c‖" if len(groups) < 3 else "length"), revision)
    said = f"codes: median {number(float(np.median(facts.norms)))}"
    if facts.latent_norms is not None:
        said += f" · z_e: median {number(float(np.median(facts.latent_norms)))}"
    st.caption(said)


def _neighbours(facts: Facts, revision: str, without: Without) -> None:
    _head("Nearest-neighbour distances")
    rows = facts.codes[facts.compared]
    _draw(
        "neighbours",
        histogram(_by_use(facts, facts.neighbours, rows), title="distance to the nearest other code"),
        revision,
    )
    spread = float(np.sqrt(np.square(facts.codebook_spread.singular).sum()))
    same = int((facts.neighbours <= DUPLICATE_DISTANCE * spread).sum())
    of = f"{len(rows):,} of {len(facts.codes):,} codes" if len(rows) < len(facts.codes) else f"{len(rows):,} codes"
    said = f"{of} · median {number(float(np.median(facts.neighbours)))}"
    st.caption(f"{said} · {same:,} with a duplicate (within {DUPLICATE_DISTANCE:g} of C's spread)")


def _spectrum(facts: Facts, revision: str, without: Without) -> None:
    _head("Spectrum")
    lines = [("C", facts.codebook_spread), ("P", facts.latent_spread)]
    drawn = [
        Line(label=name, colour=role(name), singular=spread.singular, rank=spread.rank)
        for name, spread in lines
        if spread is not None
    ]
    _draw("spectrum", spectrum(drawn), revision)
    st.caption("singular values over √n · dashed: effective rank, exp of the entropy of the variances' shares")


def _distances(facts: Facts, revision: str, without: Without) -> None:
    _head("Distance to the code")
    if facts.assigned is None:
        _none(without.latents)
        return
    groups = [Group(label="z_e to its code", colour=role("P"), values=facts.assigned, whole="z_e")]
    marks = []
    if facts.stranded is not None and len(facts.stranded) <= MOST_MARKED:
        marks = [Mark(value=float(value), label="") for value in facts.stranded]
        marks[0] = Mark(value=marks[0].value, label="unused code" if len(marks) == 1 else "unused codes")
    elif facts.stranded is not None:
        groups.append(
            Group(
                label="unused code to its z_e",
                colour=role("dead"),
                values=facts.stranded,
                whole="codes",
                stacked=False,
            )
        )
    _draw("distances", histogram(groups, title="distance", marks=marks), revision)
    st.caption(f"{facts.num_sampled:,} latents (random, seed 0) · {_caveat(facts)}")


def _caveat(facts: Facts) -> str:
    """What Voronoi cells mean for this codebook's search."""
    if facts.search == "euclidean":
        return "each z_e gets the nearest code: Voronoi cells describe this, but not in a projected plane"
    if facts.search == "cosine":
        return "codes are chosen by angle: cells are cones, distances are between directions"
    return f"chosen by {facts.search}: Voronoi cells do not describe this quantizer, nor do these distances"


def _by_use(facts: Facts, values: np.ndarray, codes: np.ndarray) -> list[Group]:
    """Used and unused codes separately, if usage is known."""
    if facts.used is None:
        return [Group(label="codes", colour=role("C"), values=values, whole="codes")]
    used = facts.used[codes]
    return [
        Group(label="used codes", colour=role("Q"), values=values[used], whole="codes"),
        Group(label="unused codes", colour=role("dead", 0.6), values=values[~used], whole="codes"),
    ]
