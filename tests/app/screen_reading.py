"""What a page's screen says of its moment, read off the parts of its frames: every step and every count, by part.

Written to read any version of the page: a part that is not there says nothing.
"""

import re
from typing import Any

import numpy as np

WANTED = (
    *("status", "story", "first-path-line", "verdict-line", "verdict-cause", "time-bar", "tiles", "card-said"),
    *(f"{chart}-{part}" for chart in ("map", "bars", "curves", "examples") for part in ("plot", "said")),
)
NOT_OF_THE_MOMENT = r"plane fitted at step [\d,]+|Layout of step [\d,]+|peak [^)]* at step [\d,]+|at a restart"
USED = (r"in use[^·]*?(?:→|to|and are now) ([\d,]+) of", r"([\d,]+) (?:of [\d,]+ )?(?:codes are )?in use")
"""How sentences say how many codes are in use now: at the end of a change, or by itself."""

NUMBER = r"[^\s(]+(?: · 10[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+)?"
RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")


def value(number: str) -> float:
    """What a number says that is worded for people; NaN and infinity are not told apart."""
    if number in ("–", "∞"):
        return float("nan")
    return float(number.translate(RAISED).replace(" · 10", "e").replace(",", ""))


def text(part: dict[str, Any]) -> str:
    """Its words, without markup and without what is about another moment by its own words."""
    return re.sub(NOT_OF_THE_MOMENT, "", re.sub("<[^>]*>", "", part["html"]).replace("&#39;", "'"))


def whole(number: str) -> int:
    return int(number.replace(",", ""))


def steps_said(screen: dict[str, Any]) -> dict[str, int]:
    """The step that each part says it shows; of the curves, which go on to the newest, that one is not."""
    said = {}
    for key, part in screen.items():
        if "html" in part and key not in ("verdict-cause", "examples-said"):
            found = re.findall(r"[Ss]tep ([\d,]+)", text(part))
            said |= {key: whole(found[0])} if found else {}
        elif key.endswith("-plot") and key not in ("curves-plot", "examples-plot"):
            said[key] = whole(part["fileName"].rsplit("-", 1)[1])
    bar = screen["time-bar"]
    said["time-bar"] = bar["newest"] if bar["shown"] is None else bar["shown"]
    shown = [fact for fact in screen["status"]["facts"] if "step " in fact]
    return said | ({"status": whole(shown[-1].split()[-1])} if shown else {})


def pictures_said(screen: dict[str, Any]) -> list[int]:
    """The step of the pictures, and the one that their caption says, if it does."""
    if "picture" in screen:
        return [screen["picture"]["step"], *(variant["step"] for variant in screen["picture"]["variants"])]
    if "examples-plot" not in screen:
        return []
    stamps = re.findall(r"^step ([\d,]+)", text(screen["examples-said"]))
    return [whole(number) for number in (screen["examples-plot"]["fileName"].rsplit("-", 1)[1], *stamps)]


def newest_said(screen: dict[str, Any]) -> dict[str, int]:
    """The step that training has reached, by each part that says it."""
    found = re.findall(r"training is at ([\d,]+)", text(screen["story"])) if "story" in screen else []
    said = {"story": whole(found[0])} if found else {}
    return said | {
        "time-bar": screen["time-bar"]["newest"],
        "curves-plot": whole(screen["curves-plot"]["fileName"].rsplit("-", 1)[1]),
    }


def used_said(screen: dict[str, Any]) -> dict[str, int]:
    """How many codes are in use, by each part that says it or shows it."""
    said = {}
    for key in ("story", "first-path-line", "bars-said"):
        if key in screen:
            found = [match for pattern in USED for match in re.findall(pattern, text(screen[key]))]
            said |= {key: whole(found[0])} if found else {}
    tile = next(one for one in screen["tiles"]["tiles"] if re.match("in use|active codes", one["label"]))
    said["tiles"] = whole(tile["value"])
    said["bars-plot"] = int(np.count_nonzero(_trace(screen["bars-plot"], "assignments")["text"]))
    said["map-plot"] = len(np.unique(_trace(screen["map-plot"], "P")["text"]))
    said["curves-plot"] = round(float(_at(screen, "in use", "active codes")))
    return said


def losses_said(screen: dict[str, Any]) -> dict[str, str]:
    """The task loss, as each part words it."""
    tile = next(one for one in screen["tiles"]["tiles"] if one["label"] == "task loss")
    said = {"tiles": tile["value"]}
    if "story" in screen:
        said["story"] = re.findall(f"task loss (?:{NUMBER} → )?({NUMBER})", text(screen["story"]))[0]
    return said


def loss_drawn(screen: dict[str, Any]) -> float:
    """The value of the curve at the step shown."""
    return float(_at(screen, "task loss"))


def counts_drawn(screen: dict[str, Any]) -> np.ndarray:
    """(K,) how often each code is used, as the bars have it."""
    return np.asarray(_trace(screen["bars-plot"], "assignments")["text"], dtype=float)


def tile(screen: dict[str, Any], label: str) -> str:
    return next(one["value"] for one in screen["tiles"]["tiles"] if one["label"] == label)


def state_said(screen: dict[str, Any]) -> tuple[str, str]:
    """How the codebook is doing: the look and the word."""
    found = re.search(r"vq-story-state (\w+)\">.*?<b>(.*?)</b>", screen["story"]["html"], re.DOTALL)
    assert found
    return found[1], found[2]


def _trace(part: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in part["figure"]["data"] if one.get("name") == name)


def _at(screen: dict[str, Any], *names: str) -> Any:
    """The value of the curve of one of these names at the step shown, or at its newest before it."""
    curve = next(one for one in screen["curves-plot"]["figure"]["data"] if one.get("name") in names)
    bar = screen["time-bar"]
    rows = np.flatnonzero(np.asarray(curve["x"]) <= (bar["newest"] if bar["shown"] is None else bar["shown"]))
    return curve["y"][rows[-1]]
