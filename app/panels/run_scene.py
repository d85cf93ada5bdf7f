"""One moment of a run on disk: the step and the codebook on show, and what was found there."""

from dataclasses import dataclass
from typing import Any

from app.links.runs import RunView
from app.sessions.recorded_run import News, RecordedRun
from vqcore.runs.course import Moment
from vqcore.runs.reading import RecordedCodebook, Run


@dataclass(frozen=True, slots=True)
class RunScene:
    """What the views of one run show."""

    opened: RecordedRun
    news: News
    run: Run
    view: RunView
    about: dict[str, Any]
    """What `run.json` says of the codebook on show."""

    steps: tuple[int, ...]
    """The kept steps, ascending: those that one can go to."""

    step: int
    """The one on show."""

    line: dict[str, Any]
    """What was recorded with it."""

    moment: Moment | None
    """What was found at it; None while it is not judged."""

    @property
    def cursor(self) -> int | None:
        """The step on show if the reader went to it; None if the newest is followed."""
        return None if self.view.at is None else self.step

    @property
    def name(self) -> str:
        """Of the codebook on show."""
        return str(self.about["name"])

    @property
    def num_codes(self) -> int:
        """K."""
        return int(self.about["num_codes"])

    @property
    def numbers(self) -> dict[str, Any]:
        """What the line says of the codebook."""
        return dict(self.line.get("codebooks", {}).get(self.name, {}))

    @property
    def is_ours(self) -> bool:
        """Whether a training of our own wrote it, whose numbers are of held-out vectors."""
        return "counts_over" in self.about

    @property
    def vectors(self) -> str:
        """What usage and errors are counted over, in words."""
        count = self.numbers.get("vectors")
        of = "held-out vectors" if self.is_ours else "training vectors of one step"
        return f"N = {count:,} {of}" if isinstance(count, int) else of

    def codebook(self) -> RecordedCodebook | None:
        """The codebook at the step on show; None if it is gone or damaged."""
        books = self.opened.snapshot(self.step)
        return None if books is None else books.get(self.name)


def run_scene(opened: RecordedRun, view: RunView) -> RunScene | None:
    """The moment that `view` looks at; None as long as there is none."""
    news = opened.news
    if news.run is None or not news.run.lines or not news.run.codebooks:
        return None
    lines = {line["step"]: line for line in news.run.lines}
    steps = tuple(step for step in news.run.snapshots if step in lines)
    if not steps:
        return None
    wanted = steps[-1] if view.at is None else view.at
    step = max((one for one in steps if one <= wanted), default=steps[0])
    books = news.run.about["codebooks"]
    about = books[min(max(1, view.codebook), len(books)) - 1]
    moment = next((one for one in news.course if one.step == step), None)
    return RunScene(opened, news, news.run, view, about, steps, step, dict(lines[step]), moment)
