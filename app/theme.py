"""One colour per meaning and one layout for every figure.

Figures name a colour by its role, ``role("P")`` or ``role("P", 0.4)``; the browser looks the role up in the
palette that fits the background it stands on, so the server never needs to know light from dark.
"""

from typing import Any

# Okabe and Ito's colours, told apart by colour-blind readers; lightened where a dark page needs it.
LIGHT = {
    "text": "#1A1F29",
    "muted": "#5B6573",
    "grid": "#E9ECF0",
    "axis": "#C9CFD7",
    "background": "#FFFFFF",
    "P": "#0072B2",
    "C": "#E69F00",
    "Q": "#D55E00",
    "dead": "#596270",
    "unselected": "#B9C0C9",
    "marker": "#4A5360",
    "good": "#009E73",
    "bad": "#B3261E",
    # One a method, where several are compared; lines that share a hue also differ in their dashes.
    "black": "#1A1F29",
    "vermillion": "#D55E00",
    "blue": "#0072B2",
    "green": "#009E73",
    "sky": "#2E9BD6",
    "orange": "#E69F00",
    "purple": "#CC79A7",
    "olive": "#8A8000",
    "slate": "#7A8594",
    "contour": "#C3CBD5",
    # One a variant where several are side by side: none is that of P, C or Q, and the lines also differ in dashes.
    "variant0": "#1A1F29",
    "variant1": "#1D9A7A",
    "variant2": "#DA1C5C",
    "variant3": "#5E552C",
    # A value's colour, low to high: further from the background means more.
    "scale0": "#86BC3C",
    "scale1": "#3DBC74",
    "scale2": "#1F8A8C",
    "scale3": "#355E8D",
    "scale4": "#3B0F56",
    # One a class and one a pin; both also carry their name, as so many colours cannot all stay apart for everyone.
    "class0": "#332288",
    "class1": "#2E9BD6",
    "class2": "#44AA99",
    "class3": "#117733",
    "class4": "#999933",
    "class5": "#C9A227",
    "class6": "#CC6677",
    "class7": "#882255",
    "class8": "#AA4499",
    "class9": "#7A8594",
    "pin0": "#009E73",
    "pin1": "#B0307F",
    "pin2": "#8A8000",
    "pin3": "#6A4FC8",
    "pin4": "#00869C",
    "pin5": "#8C4A1F",
}
DARK = {
    "text": "#E8ECF1",
    "muted": "#9AA5B3",
    "grid": "#222934",
    "axis": "#3B4552",
    "background": "#10141B",
    "P": "#56B4E9",
    "C": "#FFD25A",
    "Q": "#F0602A",
    "dead": "#B4BDC8",
    "unselected": "#46505D",
    "marker": "#B4BDC8",
    "good": "#2FBF95",
    "bad": "#FF7B72",
    "black": "#E8ECF1",
    "vermillion": "#FF8A50",
    "blue": "#4D9FE0",
    "green": "#2FBF95",
    "sky": "#9AD6F8",
    "orange": "#E69F00",
    "purple": "#E39AC4",
    "olive": "#F0E442",
    "slate": "#9AA5B3",
    "contour": "#364152",
    "variant0": "#E8ECF1",
    "variant1": "#76C893",
    "variant2": "#D0709E",
    "variant3": "#F5F09A",
    "scale0": "#4A4F9E",
    "scale1": "#2A8A8F",
    "scale2": "#3DBC74",
    "scale3": "#A6D854",
    "scale4": "#FDE725",
    "class0": "#8F86F2",
    "class1": "#88CCEE",
    "class2": "#44AA99",
    "class3": "#3FB35F",
    "class4": "#B9B94A",
    "class5": "#E8D27A",
    "class6": "#E38794",
    "class7": "#D0568B",
    "class8": "#D27FC6",
    "class9": "#9AA5B3",
    "pin0": "#2FC9A0",
    "pin1": "#F08CC8",
    "pin2": "#F0E442",
    "pin3": "#A996FF",
    "pin4": "#4DD6EA",
    "pin5": "#D9925F",
}
PALETTES = {"light": LIGHT, "dark": DARK}

FONT = "role:font"  # the page's own font, which only the browser knows


def role(name: str, alpha: float | None = None) -> str:
    """What a figure writes where Plotly expects a colour.

    >>> role("P"), role("P", 0.4)
    ('role:P', 'role:P/0.4')
    """
    if name not in LIGHT:
        raise ValueError(f"`name` must be one of {', '.join(LIGHT)}, but is {name!r}.")
    return f"role:{name}" if alpha is None else f"role:{name}/{alpha:g}"


def axis(title: str = "", **settings: Any) -> dict[str, Any]:
    """An axis in the house style; `settings` are Plotly's own and win."""
    style: dict[str, Any] = {
        "title": {"text": title, "standoff": 6, "font": {"size": 12, "color": role("muted")}},
        "gridcolor": role("grid"),
        "gridwidth": 1,
        "zeroline": False,
        "showline": False,
        "ticks": "",
        "tickfont": {"size": 11, "color": role("muted")},
        "automargin": False,  # Plotly would draw everything again for each label that asks for room
        # Else Plotly measures every label at every refresh, a fifth of its work; the margins have room for them.
        "ticklabeloverflow": "allow",
    }
    return {**style, **settings}


def corner_label(text: str, colour: str, *, row: int = 0, line_pixels: int = 0) -> dict[str, Any]:
    """An annotation in a chart's upper right corner, `row` lines of `line_pixels` below the first.

    >>> corner_label("P", role("P"), row=2, line_pixels=15)["yshift"]
    -30
    """
    return {
        "xref": "paper",
        "yref": "paper",
        "x": 1,
        "y": 1,
        "xanchor": "right",
        "yanchor": "top",
        "yshift": -line_pixels * row,
        "text": text,
        "showarrow": False,
        "font": {"color": colour, "size": 12},
        "bgcolor": role("background", 0.7),
    }


def layout(**settings: Any) -> dict[str, Any]:
    """A fresh Plotly layout in the house style; `settings` replace its parts, axes included."""
    style: dict[str, Any] = {
        "font": {"family": FONT, "size": 12, "color": role("text")},
        "paper_bgcolor": role("background"),
        "plot_bgcolor": role("background"),
        "margin": {"l": 46, "r": 16, "t": 8, "b": 38, "pad": 2},
        "xaxis": axis(),
        "yaxis": axis(),
        "showlegend": False,
        "hovermode": "closest",
        "hoverdistance": 12,
        "hoverlabel": {
            "bgcolor": role("background"),
            "bordercolor": role("axis"),
            "font": {"family": FONT, "size": 12, "color": role("text")},
            "align": "left",
        },
        "modebar": {
            "bgcolor": role("background", 0.85),
            "color": role("muted"),
            "activecolor": role("text"),
        },
        "newselection": {"line": {"color": role("text"), "width": 1, "dash": "dot"}},
        "uirevision": "keep",
    }
    return {**style, **settings}
