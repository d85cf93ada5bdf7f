"""What the Results page keeps for one visitor."""

from dataclasses import dataclass

from app.page_state import state_of
from vqcore.ablation.results import Results


@dataclass(slots=True)
class ResultsState:
    """Changed in place by the page's script and by what its controls call."""

    name: str = ""
    """Of the file on the page: as it lies on this machine, as it was dropped, or as it comes with the product."""

    results: Results | None = None
    """What it holds; None before any is opened."""

    written: dict[str, str] | None = None
    """The query that the page wrote into the URL."""


def results_state() -> ResultsState:
    """This visitor's."""
    return state_of(ResultsState)
