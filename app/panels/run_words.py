"""What the Runs page says: how a run stands, what was found at a moment, and what came first."""

from collections.abc import Sequence

from app.live_plot.tiles import Status as StatusLine
from app.live_plot.tiles import StatusName, Tile
from app.panels.markup import markup
from app.panels.run_scene import RunScene
from app.sessions.recorded_run import News
from app.theme import role
from app.wording import MEANINGS, number
from vqcore.diagnostics.finding import Finding
from vqcore.files.errors import shown
from vqcore.runs.course import Onset, onsets, worst
from vqcore.runs.metrics import State
from vqcore.runs.reading import Run, as_number

STATE_WORDS: dict[State, StatusName] = {
    "running": "running",
    "finished": "ended",
    "died": "failed",
    "unknown": "paused",
}
UNKNOWN_STATE = "whether it still trains, this file system does not tell"
MOST_ONSETS = 3
COUNTED = "codes chosen at least once by {vectors}"


def status_of_run(news: News) -> StatusLine:
    """The line in the head of the page."""
    if news.run is None:
        return StatusLine(state="failed" if news.problem else "starting", facts=[news.problem or "reading …"])
    run = news.run
    facts = [UNKNOWN_STATE] if run.state == "unknown" else []
    facts += [shown(run.ending)] if run.ending else []
    facts += [f"step {run.lines[-1]['step']:,}"] if run.lines else ["nothing recorded yet"]
    return StatusLine(state=STATE_WORDS[run.state], facts=facts, remark=" ".join(run.notes)[:300])


def story(scene: RunScene) -> str:
    """Two lines: the verdict at the moment, and since when each severe finding has been there."""
    judged = scene.moment is not None and scene.moment.found
    if not judged:
        said = "damaged, or thinned away meanwhile" if scene.moment is not None else "not judged yet"
        return markup("run_story", step=f"{scene.step:,}", codebook="", title=said, severity="unknown", told="")
    assert scene.moment is not None
    assert scene.moment.found is not None
    name, finding = worst(scene.moment.found)
    several = len(scene.run.codebooks) > 1
    return markup(
        "run_story",
        step=f"{scene.step:,}",
        codebook=shown(name) if several else "",
        title=finding.title,
        severity=finding.severity,
        told=came_first(onsets(scene.news.course, scene.step), several=several, to_judge=scene.news.to_judge),
    )


def came_first(found: Sequence[Onset], *, several: bool, to_judge: int) -> str:
    """Since when each of the severe findings has been there, the earliest first; empty without any."""
    if to_judge:
        return f"{to_judge:,} earlier moments are still to be judged."
    told = [f"{_condition(one, several=several)} {_since(one)}" for one in found[:MOST_ONSETS]]
    more = f" · {len(found) - MOST_ONSETS} more" if len(found) > MOST_ONSETS else ""
    if not told:
        return ""
    if len(found) == 1:
        return f"{told[0][0].upper()}{told[0][1:]}."
    return f"This came first: {told[0]}. Then {'; '.join(told[1:])}{more}."


def _condition(one: Onset, *, several: bool) -> str:
    return one.finding.condition.replace("-", " ") + (f" of {shown(one.codebook)}" if several else "")


def _since(one: Onset) -> str:
    return f"at the first step, {one.by:,}" if one.after is None else f"between step {one.after:,} and {one.by:,}"


def findings_html(scene: RunScene) -> str:
    """Every finding on the codebook at the moment, with the numbers behind it and what to try."""
    if scene.moment is None or scene.moment.found is None:
        return markup("run_findings", findings=[], said="This moment has not been judged yet.", notes=[])
    found = scene.moment.found.get(scene.name, ())
    return markup(
        "run_findings",
        findings=[_finding(one) for one in found],
        said="",
        notes=[described(scene.run), *map(shown, scene.run.notes)],
    )


def _finding(finding: Finding) -> dict[str, object]:
    is_wrong = finding.severity in ("severe", "warning")
    return {
        "severity": finding.severity,
        "title": finding.title,
        "numbers": [f"{one.name} {one.text}{f' ({one.limit})' if one.limit else ''}" for one in finding.numbers],
        "cause": finding.cause if is_wrong else "",
        "remedies": [one.what for one in finding.remedies] if is_wrong else [],
    }


def headline(scene: RunScene) -> list[Tile]:
    """The four numbers above the charts, each with its past."""
    run, name, numbers = scene.run, scene.name, scene.numbers
    past = [line for line in run.lines if line["step"] <= scene.step]
    of_book = [line["codebooks"].get(name, {}) for line in past]

    def values(key: str) -> list[float]:
        return [_known(one.get(key)) for one in of_book]

    in_use = numbers.get("in_use")
    return [
        Tile(
            label="in use",
            value=f"{in_use:,}" if isinstance(in_use, int) else "–",
            of=f"of {scene.num_codes:,}",
            meaning=f"In use: {COUNTED.format(vectors=scene.vectors)}.",
            past=values("in_use"),
            colour=role("Q"),
        ),
        Tile(
            label="perplexity",
            value=number(_known(numbers.get("perplexity"))),
            of=f"of {scene.num_codes:,}",
            meaning=f"Perplexity: {MEANINGS['perplexity']}; {scene.vectors}.",
            past=values("perplexity"),
            colour=role("C"),
        ),
        Tile(
            label="loss",
            value=number(_known(scene.line.get("loss"))),
            of=_held_out(scene),
            meaning="The loss that the training reported at this step.",
            past=[_known(line.get("loss")) for line in past],
            colour=role("text"),
        ),
        Tile(
            label="‖z<sub>e</sub> − z<sub>q</sub>‖²",
            value=number(_known(numbers.get("quantization_error"))),
            of=f"relative {number(_known(numbers.get('relative_error')))}",
            meaning=f"Quantization error, {MEANINGS['quantization_error']}. Relative: {MEANINGS['relative_error']}.",
            past=values("quantization_error"),
            colour=role("P"),
        ),
    ]


def _held_out(scene: RunScene) -> str:
    value = as_number(scene.line.get("held_out_loss"))
    return "" if value is None else f"held out {number(value)}"


def _known(value: object) -> float:
    found = as_number(value)
    return float("nan") if found is None else found


def described(run: Run) -> str:
    """A run's codebooks and where it was made, in a line."""
    books = run.about["codebooks"]
    sizes = ", ".join(dict.fromkeys(f"{one['num_codes']:,} × {one['dim']:,}" for one in books))
    several = f"{len(books)} codebooks of " if len(books) > 1 else ""
    told = [f"{several}{sizes}", str(books[0].get("layout", "")) if books else ""]
    settings = run.about.get("settings")
    every = settings.get("every") if isinstance(settings, dict) else None
    told += [f"recorded every {every:,} steps"] if isinstance(every, int) else []
    told += [f"on {run.about['host']}"] if isinstance(run.about.get("host"), str) else []
    return " · ".join(shown(one) for one in told if one)
