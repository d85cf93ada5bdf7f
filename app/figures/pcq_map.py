"""P, C and Q in one plane: embeddings, code vectors, and the codes that are used."""

# M monitor vectors, K codes

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.figures.map_layers import Look, Scale, links, pin_labels, pinned
from app.figures.map_legend import SHADED_RING, legend, marks_of
from app.theme import axis, layout, role

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

ELLIPSE_POINTS = 65
LEGEND_MARGIN = 25
"""Pixels above the map, for its legend."""

CHOSEN_SIZE = 10
"""Diameter in pixels of an embedding that is one of a few chosen."""

SMALLEST_Q, LARGEST_Q = 4.0, 20.0
"""Diameters in pixels of a hardly used code and of a much used one."""

LARGE_SHARE = 0.1
"""Share of all use from which on a code is drawn largest."""

LONGEST_TRAIL_CODES = 64
"""Most paths drawn, of the codes that moved furthest; more would turn into a thicket."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plane:
    """What the map shows, already laid out in two dimensions."""

    p: Floats
    """(M, 2) embeddings."""

    c: Floats
    """(K, 2) code vectors."""

    codes: Ints
    """(M,) the code of each embedding."""

    counts: Ints
    """(K,) use of each code; those with 0 are dead, where any is above."""

    counted: str = ""
    """What was counted, as in `2,048 held-out z_e`; empty for times used."""

    grid: tuple[int, int] | None = None
    """Rows and columns of embeddings that one input gives, row i of P being of input i // (rows · columns); None
    where that is not known, or one input gives one."""

    axis_titles: tuple[str, str]
    keeps_distances: bool
    """Whether lengths in the plane mean lengths in the space: then spread is drawn."""

    paths: Sequence[Floats] = ()
    """Earlier positions of the codes, (K, 2) each, oldest first; NaN if a code was moved since."""

    mean_path: Sequence[Floats] = ()
    """Earlier means of P, (2,) each."""


def pcq_map(plane: Plane, *, revision: str = "keep", look: Look | None = None) -> dict[str, Any]:
    """P as soft dots, C as rings, Q as filled diamonds with area by use, dead codes as grey crosses.

    Paths do not stretch the axes. The reader's zoom is kept while `revision`, which names the plane, stays the same.
    """
    look = look or Look()
    used = plane.counts > 0
    data = [trace for name, traces in _layers(plane, look, used) if name in look.layers for trace in traces]
    if look.shade is not None:
        data = _shaded(data, Scale(look.shade))
    marks = marks_of(data, by_value=look.shade is not None)
    data += pinned(plane.p, plane.c, plane.codes, look)
    x_title, y_title = plane.axis_titles
    equal = {"scaleanchor": "x", "scaleratio": 1} if look.equal_scale else {}
    return {
        "data": data,
        "layout": layout(
            xaxis=axis(x_title, showticklabels=plane.keeps_distances),
            yaxis=axis(y_title, showticklabels=plane.keeps_distances, **equal),
            margin={"l": 46, "r": 16, "t": LEGEND_MARGIN, "b": 38, "pad": 2},
            dragmode="pan",
            uirevision=f"{revision}{' equal' if equal else ''}",
            annotations=[*([legend(marks)] if marks else []), *pin_labels(plane.c, look.pins)],
        ),
        "config": {"scrollZoom": True},
        "alt": f"{len(plane.p)} embeddings and {len(plane.c)} code vectors, of which {int(used.sum())} are used.",
    }


def _layers(plane: Plane, look: Look, used: NDArray[np.bool_]) -> list[tuple[str, list[dict[str, Any]]]]:
    """All that can be drawn, by layer, the lowest first."""
    index = np.arange(len(plane.c))
    rings = _rings(plane, role("C", 0.9) if look.shade is None else role(SHADED_RING, 0.7))
    layers = [("P", [_embeddings(plane, look)]), ("C", [rings])]
    if used.any():  # else nothing is known to be used, and nothing to be dead
        layers = [
            (_layer_of_links(look), [links(plane.p, plane.c, plane.codes, look.linked)]),
            ("P", [_embeddings(plane, look)]),
            ("paths", _paths(plane)),
            ("C", [rings]),
            ("dead", [_dead(plane, index[~used])] if not used.all() else []),
            ("Q", [_used(plane, index[used])]),
        ]
    if plane.keeps_distances:
        sets = (_finite(plane.p), "P"), (_finite(plane.c), "C")
        layers += [("1σ", [_ellipse(points, name) for points, name in sets if len(points)])]  # P may be unknown
        layers += [("paths", _mean_path(plane))]
    return layers


def _layer_of_links(look: Look) -> str:
    """A few chosen vectors are shown with their links."""
    return "P" if look.has_few and "links" not in look.layers else "links"


def _shaded(data: list[dict[str, Any]], scale: Scale) -> list[dict[str, Any]]:
    """The traces with P, Q and the dead in colours by value, and the scale's bar on the first of them."""
    values = {"P": scale.shade.p, "Q": scale.shade.c, "dead": scale.shade.c}
    shaded, bar = [], True
    for trace in data:
        if (name := trace.get("name")) in values:
            shown = values[name][trace["customdata"]]
            colours = scale.marker(shown, bar=bar)
            marker = {**trace["marker"], **colours, "opacity": 0.75}
            if name == "dead":  # a thin cross is drawn by its line alone
                marker["line"] = {
                    "width": 1.4,
                    **{key: colours[key] for key in ("color", "cmin", "cmax", "colorscale")},
                }
            lacks = () if np.isfinite(shown).all() else ("no value",)
            trace = {**trace, "marker": marker, "meta": {**trace["meta"], "marks": [name, *lacks]}}
            if "selected" in trace:
                trace["selected"] = {"marker": {"size": CHOSEN_SIZE, "opacity": 1}}  # in the colour of its value
            bar = False
        shaded.append(trace)
    return shaded


def _embeddings(plane: Plane, look: Look) -> dict[str, Any]:
    rows = ["z_e %{customdata}", *(["%{hovertext}"] if plane.grid else []), "code %{text}"]
    return {
        "type": "scattergl",
        "mode": "markers",
        "name": "P",
        "meta": {
            "role": "P",
            "marks": ["P"],
            "columns": {"customdata": "z_e", "text": "code"},
            **({"grid": list(plane.grid)} if plane.grid else {}),  # the browser words each place for hovering
        },
        "x": plane.p[:, 0],
        "y": plane.p[:, 1],
        "customdata": np.arange(len(plane.p)),
        "text": plane.codes,
        "marker": {"size": 4, "color": role("P", 0.35), "line": {"width": 0}},
        **({"selected": {"marker": {"size": CHOSEN_SIZE, "color": role("P"), "opacity": 1}}} if look.has_few else {}),
        "hovertemplate": "<br>".join(rows) + "<extra>P</extra>",
    }


def _dead(plane: Plane, dead: Ints) -> dict[str, Any]:
    why = f"nearest to none of {plane.counted}" if plane.counted else "not used"
    return {
        "type": "scattergl",
        "mode": "markers",
        "name": "dead",
        "meta": {"role": "dead", "marks": ["dead"], "columns": {"customdata": "code"}},
        "x": plane.c[dead, 0],
        "y": plane.c[dead, 1],
        "customdata": dead,
        "marker": {
            "size": 5,
            "symbol": "x-thin",
            "color": role("dead"),
            "line": {"width": 1.1, "color": role("dead", 0.75)},
        },
        "hovertemplate": f"code %{{customdata}}<br>{why}<extra>dead</extra>",
    }


def _used(plane: Plane, used: Ints) -> dict[str, Any]:
    counts = plane.counts[used]
    share = counts / plane.counts.sum()
    # Area by use: the diameter goes with the root. Of many codes in even use none covers the others.
    size = SMALLEST_Q + (LARGEST_Q - SMALLEST_Q) * np.sqrt(np.minimum(share / LARGE_SHARE, 1))
    use = f"nearest to %{{text:,}} of {plane.counted}" if plane.counted else "used %{text:,} times"
    return {
        "type": "scattergl",
        "mode": "markers",
        "x": plane.c[used, 0],
        "y": plane.c[used, 1],
        "name": "Q",
        "meta": {"role": "Q", "marks": ["Q"], "columns": {"customdata": "code", "text": "times used"}},
        "customdata": used,
        "text": counts,
        "marker": {
            "size": size,
            "symbol": "diamond",
            "color": role("Q"),
            "opacity": 0.95,
            "line": {"width": 1, "color": role("background")},
        },
        "hovertemplate": f"code %{{customdata}}<br>{use}<extra>Q</extra>",
    }


def _rings(plane: Plane, colour: str) -> dict[str, Any]:
    return {
        "type": "scattergl",
        "mode": "markers",
        "x": plane.c[:, 0],
        "y": plane.c[:, 1],
        "name": "C",
        "meta": {"role": "C", "marks": ["C"]},
        "customdata": np.arange(len(plane.c)),
        "marker": {"size": 9, "symbol": "circle-open", "color": colour, "line": {"width": 1.2, "color": colour}},
        "hoverinfo": "skip",
    }


def _paths(plane: Plane) -> list[dict[str, Any]]:
    if not plane.paths:
        return []
    places = np.stack([*plane.paths, plane.c]).astype(np.float64)  # (T, K, 2)
    with np.errstate(invalid="ignore"):  # a code that is not finite has no place, and no way there
        length = np.nansum(np.linalg.norm(np.diff(places, axis=0), axis=2), axis=0)  # (K,)
    furthest = np.argsort(length)[-LONGEST_TRAIL_CODES:]
    gap = np.full((1, len(furthest), 2), np.nan, dtype=places.dtype)
    lines = np.concatenate([places[:, furthest], gap]).transpose(1, 0, 2).reshape(-1, 2)
    return [_line(lines, role("C", 0.55), 1.2, "paths", scales=False)]


def _mean_path(plane: Plane) -> list[dict[str, Any]]:
    if not plane.mean_path:
        return []
    with np.errstate(invalid="ignore"):
        places = np.stack([*plane.mean_path, plane.p.mean(0, dtype=np.float64)])
    end = {
        "type": "scattergl",
        "mode": "markers",
        "meta": {"marks": ["mean"]},
        "x": places[-1:, 0],
        "y": places[-1:, 1],
        "marker": {
            "size": 10,
            "symbol": "cross",
            "color": role("P"),
            "line": {"width": 1.5, "color": role("background")},
        },
        "hovertemplate": "mean of P<extra></extra>",
    }
    return [_line(places, role("P"), 2.5, "mean", scales=False), end]


def _finite(points: Floats) -> Floats:
    """Those with finite coordinates."""
    return points[np.isfinite(points).all(1)]


def _ellipse(points: Floats, name: str) -> dict[str, Any]:
    angle = np.linspace(0, 2 * np.pi, ELLIPSE_POINTS)
    circle = np.stack([np.cos(angle), np.sin(angle)])
    centre = points.mean(0, dtype=np.float64)
    centred = points - centre
    values, vectors = np.linalg.eigh(centred.T @ centred / len(points))
    ring = centre + (vectors @ (np.sqrt(values.clip(0))[:, None] * circle)).T
    line = {"color": role(name), "width": 2, "dash": "dash"}
    return {**_line(ring, role(name), 2, f"1σ of {name}"), "line": line}


def _line(points: NDArray[Any], colour: str, width: float, mark: str, *, scales: bool = True) -> dict[str, Any]:
    """`scales`: whether the axes reach as far as it does."""
    return {
        "type": "scattergl",
        "mode": "lines",
        "meta": {"marks": [mark], **({} if scales else {"scales": False})},
        "x": points[:, 0],
        "y": points[:, 1],
        "line": {"color": colour, "width": width},
        "hoverinfo": "skip",
    }
