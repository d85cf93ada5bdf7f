"""What the Doctor page keeps for one visitor."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.links.doctor import Asked, Plane
from app.page_state import state_of


@dataclass(slots=True)
class DoctorState:
    """Changed in place by the page's script and by what its controls call."""

    asked: Asked | None = None
    """What is on the page; None before the URL is read."""

    generation: int = 0
    """How often something else was put on the page; a part of its controls' keys."""

    look: int = 0
    """Which codebook, counted from 1; 0 for the one with the worst verdict."""

    map: Plane = "PCA"
    """The plane of its map."""

    shown: Asked | None = None
    """What was on the page when it was last drawn."""

    written: Mapping[str, str] | None = None
    """The query that the page wrote into the URL."""

    dropped: str = ""
    """The id of files that were dropped and not examined yet."""

    drop_turn: int = 0
    """How many files were dropped; a part of the keys of the places for more."""

    def put(self, asked: Asked) -> None:
        """Have the page show this, from the codebook with the worst verdict on."""
        self.asked, self.look = asked, 0
        self.generation += 1


def doctor_state() -> DoctorState:
    """This visitor's."""
    return state_of(DoctorState)
