"""What a session is doing, as one frozen value."""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from vqcore.training.experiment_plan import Row
from vqcore.training.recipe import Recipe


class State(Enum):
    """What a session is doing."""

    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    IDLE = "idle"
    """Paused because nobody looked; goes on at the next look."""

    BROKEN = "broken"
    """Paused because a step failed, of all variants where there are several; a restart begins again."""

    STOPPED = "stopped"


class Broken(NamedTuple):
    """A variant that trains no further, since one of its tensors became NaN or infinite."""

    variant: str
    tensor: str
    step: int
    """The step that broke it."""

    @property
    def reason(self) -> str:
        """What became of which tensor at which step, as one sentence."""
        return f"{self.tensor} became NaN or infinite at step {self.step}."


@dataclass(frozen=True, slots=True)
class Status:
    """What a session does now, beside its numbers."""

    state: State
    device: str
    steps_per_second: float
    recipe: Recipe
    """Of the first variant, with the live options now in force."""

    variants: tuple[str, ...] = ()
    """The names of all variants, forks last."""

    recipes: tuple[Recipe, ...] = ()
    """Of each variant, with the live options now in force."""

    broken: tuple[Broken, ...] = ()
    """The variants that train no further while the others do, in the order in which they broke."""

    speed_limit: float | None = None
    """Steps a second that are not exceeded; None for as many as there is time for."""

    commands_done: int = 0
    """How many commands have been obeyed or refused."""

    run: int = 0
    """Which of the session's runs this is: a restart begins another, and taking it back is the old one again."""

    built: int = 0
    """How many models of the run that begins are built, one a variant."""

    to_build: int = 0
    """How many it is to have."""

    starts_paused: bool = False
    """Whether the run that begins, or began last, was to stand at its first moment."""

    can_undo: bool = False
    """Whether a restart can be taken back."""

    experiments: tuple[Row, ...] = ()
    """Those that are planned for the run shown or were made from its pause, in order."""

    paused_run: int | None = None
    """The run that paused itself for them; None before."""

    message: str = ""
    """One sentence for a person; empty where all is well."""

    details: str = ""
    """A traceback, where a step failed for a reason of its own."""

    @property
    def is_stepping(self) -> bool:
        """Whether it trains, or will without being asked: once it has begun, or somebody looks."""
        return self.state in (State.RUNNING, State.IDLE) or (self.state is State.STARTING and not self.starts_paused)
