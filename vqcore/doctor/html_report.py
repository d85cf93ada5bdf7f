"""The report as one HTML file that loads and runs nothing; every name from a file is escaped."""

# K codes

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vqcore.diagnostics.evidence import UsageEvidence
from vqcore.doctor.examination import Examination
from vqcore.doctor.following import Following
from vqcore.doctor.parts import report_parts
from vqcore.files.errors import shown
from vqcore.markup import template

if TYPE_CHECKING:
    import jinja2

BARS = 300
HEIGHT = 100


def html_report(examination: Examination, following: Following | None = None) -> str:
    """A document of its own, for a browser without a network; see `text_report` for `following`.

    Raises:
        ModuleNotFoundError: one sentence, where Jinja2 is not installed.
    """
    return html_template().render(
        parts=[(type(part).__name__, part) for part in report_parts(examination, following)],
        file=examination.checkpoint.path.name,
        shown=shown,
        bars=_bars,
        height=HEIGHT,
    )


def html_template() -> "jinja2.Template":
    """What an HTML report is written with; raises as `html_report` does."""
    return template(Path(__file__).with_name("report.html.j2"))


def _bars(usage: UsageEvidence) -> tuple[int, str]:
    """Usage, most used first, as a number of columns and the path of their shape.

    Of many codes each column is the mean of some.
    """
    ordered = np.sort(np.asarray(usage.counts, dtype=np.float64))[::-1]
    columns = [float(part.mean()) for part in np.array_split(ordered, min(BARS, len(ordered)))]
    tops = [HEIGHT * (1 - value / max(columns)) for value in columns]
    path = "".join(f"H{at}V{top:.1f}H{at + 1}" for at, top in enumerate(tops))
    return len(columns), f"M0 {HEIGHT}{path}V{HEIGHT}Z"
