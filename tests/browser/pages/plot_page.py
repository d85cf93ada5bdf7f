"""Three moving charts, tiles and a status line, fed by the clock: what the browser tests drive."""

import numpy as np
import streamlit as st

from app.live_plot.component import live_plot, preload_plotly
from app.live_plot.tiles import Status, Tile, status_line, tiles
from app.theme import axis, layout, role

st.set_page_config(layout="wide", page_title="Live plot")
preload_plotly()
st.html(
    "<style>.stMainBlockContainer{padding:2.25rem 1rem 0}.stVerticalBlock{gap:.5rem}"
    ".stHorizontalBlock{gap:.5rem}</style>"
)

POINTS, CODES, DEAD = 2_000, 512, 40
every = float(st.query_params.get("every", "0.5"))
free = "free" in st.query_params  # the browser finds the map's axes
drift = float(st.query_params.get("drift", "0"))  # how much wider the map's axes get at every tick


@st.cache_data
def world() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    centres = draw.normal(0, (3.2, 1.7), (24, 2))
    z_e = centres[draw.integers(24, size=POINTS)] + draw.normal(0, 0.45, (POINTS, 2))
    codebook = z_e[draw.choice(POINTS, CODES, replace=False)] + draw.normal(0, 0.05, (CODES, 2))
    codebook[:DEAD] = draw.normal(0, 0.7, (DEAD, 2)) + np.array([4.5, -3.6])
    counts = np.sort(draw.pareto(1.1, CODES) * 30).astype(int) + 1
    counts[:DEAD] = 0
    return z_e, codebook, counts


def ellipse(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    angle = np.linspace(0, 2 * np.pi, 65)
    values, vectors = np.linalg.eigh(np.cov(points.T))
    ring = points.mean(0)[:, None] + vectors @ (np.sqrt(values)[:, None] * [np.cos(angle), np.sin(angle)])
    return ring[0], ring[1]


def map_figure(tick: int) -> dict:
    z_e, codebook, counts = world()
    turn = 0.02 * tick
    spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    order = np.random.default_rng(tick).permutation(POINTS)  # rows move from tick to tick, ids do not
    z_e, codebook = (z_e @ spin)[order], codebook @ spin
    dead = counts == 0
    size = 4 + 12 * np.sqrt(counts / counts.max())

    def ring(points, name, words):
        x, y = ellipse(points)
        line = {"color": role(name), "width": 2, "dash": "dash"}
        return {
            "type": "scattergl",
            "mode": "lines",
            "x": x,
            "y": y,
            "line": line,
            "text": words,
            "hoverinfo": "text",
        }

    half = 15 + drift * tick
    return {
        "alt": "Vectors, codes and assigned codes on two axes",
        "data": [
            {
                "type": "scattergl",
                "mode": "markers",
                "x": z_e[:, 0],
                "y": z_e[:, 1],
                "customdata": order,
                "meta": {"role": "P"},
                "marker": {"color": role("P"), "size": 4, "opacity": 0.45},
                "hovertemplate": "z<sub>e</sub> %{customdata}<extra></extra>",
            },
            {
                "type": "scattergl",
                "mode": "markers",
                "x": codebook[~dead, 0],
                "y": codebook[~dead, 1],
                "customdata": np.flatnonzero(~dead),
                "meta": {"role": "Q"},
                "marker": {
                    "color": role("Q"),
                    "size": size[~dead],
                    "opacity": 0.9,
                    "line": {"color": role("background"), "width": 1},
                },
                "hovertemplate": "code %{customdata}<extra></extra>",
            },
            {
                "type": "scattergl",
                "mode": "markers",
                "x": codebook[dead, 0],
                "y": codebook[dead, 1],
                "customdata": np.flatnonzero(dead),
                "meta": {"role": "dead"},
                "marker": {"symbol": "x-thin", "size": 8, "line": {"color": role("dead"), "width": 1.75}},
                "hovertemplate": "dead code %{customdata}<extra></extra>",
            },
            ring(z_e, "P", "P at 1σ"),
            ring(codebook, "C", "C at 1σ"),
        ],
        "layout": layout(
            xaxis=axis("PC 1", **({} if free else {"range": [-half, half]})),
            yaxis=axis("PC 2", **({} if free else {"range": [-half / 2, half / 2]}), scaleanchor="x"),
        ),
    }


def usage_figure(tick: int) -> dict:
    *_, counts = world()
    counts = np.sort(counts)[::-1] * (1 + 0.1 * np.sin(tick / 5))
    rank = np.arange(CODES)
    dead = int((counts == 0).sum())
    return {
        "alt": "Assignments of each code, sorted",
        "data": [
            {
                "type": "bar",
                "x": rank,
                "y": counts.astype(np.float32),
                "marker": {"color": role("Q"), "line": {"width": 0}},
                "hovertemplate": "rank %{x}: %{y:.0f}<extra></extra>",
            }
        ],
        "layout": layout(
            bargap=0,
            xaxis=axis("code, by rank", showgrid=False, range=[-2, CODES + 2]),
            yaxis=axis("assignments", type="log", dtick=1),
            shapes=[
                {
                    "type": "rect",
                    "xref": "x",
                    "yref": "paper",
                    "x0": CODES - dead,
                    "x1": CODES,
                    "y0": 0,
                    "y1": 1,
                    "fillcolor": role("dead", 0.22),
                    "line": {"width": 0},
                }
            ],
            annotations=[
                {
                    "text": f"{dead} dead",
                    "x": CODES - dead / 2,
                    "y": 0.5,
                    "yref": "paper",
                    "textangle": -90,
                    "showarrow": False,
                    "font": {"color": role("dead")},
                }
            ],
        ),
    }


def time_figure(tick: int) -> dict:
    steps = np.arange(max(2, tick * 5 + 300))
    noise = np.random.default_rng(1).normal(0, 0.08, (3, len(steps)))
    lines = {
        "task loss": ("P", 0.5 * np.exp(-steps / 400 + noise[0]) + 0.02),
        "‖z<sub>e</sub> − z<sub>q</sub>‖²": ("C", 0.05 * np.exp(-steps / 250 + 2 * noise[1]) + 0.003),
        "perplexity / K": ("Q", 0.6 / (1 + np.exp(-(steps - 200) / 30)) + 0.002),
    }
    data, labels = [], []
    for name, (colour, values) in lines.items():
        data.append({
            "type": "scatter",
            "mode": "lines",
            "x": steps,
            "y": values,
            "line": {"color": role(colour), "width": 1.5},
            "hovertemplate": f"{name} %{{y:.3g}}<extra></extra>",
        })  # fmt: skip
        labels.append({
            "text": name,
            "x": 1,
            "xref": "paper",
            "xanchor": "left",
            "y": float(np.log10(values[-1])),
            "xshift": 4,
            "showarrow": False,
            "font": {"color": role(colour)},
        })  # fmt: skip
    marker = {"type": "line", "x0": 200, "x1": 200, "yref": "paper", "y0": 0, "y1": 0.93}
    return {
        "alt": "Losses and perplexity over steps",
        "data": data,
        "layout": layout(
            margin={"l": 8, "r": 96, "t": 8, "b": 8},
            xaxis=axis("step"),
            yaxis=axis("", type="log", dtick=1),
            shapes=[marker | {"line": {"color": role("marker"), "width": 1, "dash": "dash"}}],
            annotations=[
                *labels,
                {
                    "text": "replacement every 20",
                    "x": 200,
                    "y": 1,
                    "yref": "paper",
                    "showarrow": False,
                    "font": {"size": 11, "color": role("marker")},
                },
            ],
        ),
    }


def head(tick: int) -> None:
    wave = np.sin(np.arange(tick, tick + 120) / 9)
    past = np.cumsum(np.random.default_rng(2).normal(0, 1, tick + 120))[-120:]
    window = "over the last 50 batches of N = 204,800 vectors"
    status = Status(
        state="running",
        facts=(f"step {tick * 5 + 300:,}", "31/s", "cuda:0"),
        remark="since replacement: index collapse → healthy",
    )
    status_line(status, key="status")
    squared = "‖z<sub>e</sub> − z<sub>q</sub>‖<sup>2</sup>"
    row = [
        Tile(
            label="perplexity",
            value=f"{212 + tick % 50}",
            of="/ 512",
            note="480 in 50 batches",
            meaning=f"exp of the entropy of code usage {window}",
            past=past,
            colour=role("Q"),
        ),
        Tile(
            label="in use",
            value="347",
            of="/ 512 (67%)",
            note="newest batch 3",
            meaning=f"codes in use {window}",
            past=wave,
            colour=role("Q"),
        ),
        Tile(
            label="task loss, MSE",
            value="0.0243",
            note="newest batch 0.0251",
            meaning="mean over the last 50 batches",
            past=-past,
            colour=role("P"),
        ),
        Tile(
            label=squared,
            value="0.0026",
            note="relative 0.1",
            meaning="mean over elements and the last 50 batches",
            past=wave + past / 9,
            colour=role("C"),
        ),
    ]
    tiles(row, key="tiles")


def panel(title: str, note: str):
    box = st.container(border=True)
    box.markdown(f"**{title}** :small[:gray[{note}]]")
    return box


def ticks() -> int:
    st.session_state.ticks = st.session_state.get("ticks", 0) + 1
    return st.session_state.ticks


@st.fragment(run_every=every)
def live() -> None:
    tick = ticks()
    head(tick)
    left, right = st.columns([3, 2])
    with left, panel("P · C · Q", "2,000 of 32,768 (random, seed 0)"):
        chosen = live_plot(map_figure(tick), key="map", height=300, revision=tick, selectable=True)
    with right, panel("Code usage", "last 50 batches, N = 204,800, N/K = 400"):
        live_plot(usage_figure(tick), key="usage", height=300, revision=tick)
    with left, panel("Through time", "dashed: a switch was thrown"):
        live_plot(time_figure(tick), key="time", height=250, revision=tick)
    with right, panel("Selection", "what reached Python"):
        picked = [f"{name} {len(ids)}: {ids[:5]}" for name, ids in chosen.ids.items()] or ["nothing"]
        st.text("selected " + ", ".join(picked))
        st.text(f"tick {tick}")


if st.checkbox("charts", value=True):
    live()
