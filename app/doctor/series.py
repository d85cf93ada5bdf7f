"""What became of a codebook through training, from the checkpoints of a folder."""

from typing import Any

import numpy as np
import streamlit as st

from app.doctor.markup import markup
from app.figures.curves import Curve, Panel, curves
from app.live_plot.component import live_plot
from app.theme import role
from app.wording import as_written
from vqcore.doctor.following import Following, Moment
from vqcore.doctor.following_report import following_head, following_rows, following_words
from vqcore.files.errors import shown

HEIGHT = 250
MOST_SKIPPED = 8


def through_training(following: Following, label: str) -> None:
    """The codebook called `label` in every checkpoint that has it, as curves, and all of them as a table."""
    moments = [one for one in following.moments if one.codebook == label]
    newest = shown(following.newest.path.name)
    with st.container(border=True, key="panel-doctor-series"):
        st.html(markup("panel", title="Through training", aside=f"{newest} is examined"))
        if len(moments) > 1:
            figure = _figure(moments, following.series.unit)
            live_plot(
                figure,
                key="doctor-series-plot",
                height=HEIGHT,
                revision=f"{following.folder} {label} {id(following)}",
                file_name="doctor-series",
            )
        st.caption(as_written(following_words(following)))
        with st.expander("Checkpoints", key="doctor-series-table"):
            st.html(markup("checkpoints", rows=[following_head(following), *following_rows(following)]))
        for skipped in following.skipped[:MOST_SKIPPED]:
            st.caption(as_written(f"Skipped {shown(skipped.path.name)}: {skipped.reason}"))
        if len(following.skipped) > MOST_SKIPPED:
            st.caption(f"and {len(following.skipped) - MOST_SKIPPED:,} more skipped: the report lists them all")


def _figure(moments: list[Moment], unit: str) -> dict[str, Any]:
    """What the files contain: usage if they count it, lengths, and how far codes moved."""
    steps = np.array([one.point.step for one in moments])
    used = [np.nan if one.usage is None else one.usage.used / one.num_codes for one in moments]
    moved = [np.nan if one.moved is None else one.moved.relative for one in moments]
    panels = [
        Panel(title="", ends=(0.0, 1.0), curves=[_curve("share used", "Q", steps, used)]),
        Panel(title="", curves=[_curve("mean ‖c‖", "C", steps, [one.mean_norm for one in moments])]),
        Panel(title="", curves=[_curve("moved", "text", steps, moved)]),
    ]
    told = [panel for panel in panels if np.isfinite(panel.curves[0].values).any()]
    figure = curves(told, [], smoothing=1, last_step=int(steps.max()), height=HEIGHT)
    figure["layout"]["xaxis"]["title"]["text"] = unit
    for trace in figure["data"]:
        trace["mode"] = "lines+markers"
        trace["marker"] = {"size": 4, "color": trace["line"]["color"]}
    return figure


def _curve(label: str, colour: str, steps: np.ndarray, values: list[float]) -> Curve:
    points = np.asarray(values, dtype=np.float32)
    finite = np.isfinite(points).astype(np.int64)
    ones = np.ones(len(points), np.int64)
    return Curve(
        label=label,
        colour=role(colour),
        steps=steps,
        rows=ones,
        finite=finite,
        low=points,
        values=points,
        high=points,
    )
