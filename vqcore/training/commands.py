"""Everything that a page may ask of a session, as frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from vqcore.training.experiment_plan import ExperimentPlan
from vqcore.training.recipe import Recipe


@dataclass(frozen=True, slots=True)
class PauseCommand:
    """Stop stepping; all views keep working."""


@dataclass(frozen=True, slots=True)
class ResumeCommand:
    """Resume stepping."""


@dataclass(frozen=True, slots=True)
class UntilCommand:
    """Train until this many steps are done, then pause; at once if they are. A pause on the way cancels it."""

    steps: int


@dataclass(frozen=True, slots=True)
class StepCommand:
    """Train one step, then pause."""


@dataclass(frozen=True, slots=True)
class SpeedCommand:
    """Train at most this many steps per second; None: no limit."""

    steps_per_second: float | None


@dataclass(frozen=True, slots=True)
class ChangeCommand:
    """Change live options or act at once (`replace` or `kmeans`: `now`), in force on the next step."""

    changes: MappingProxyType[str, Any]
    variant: str = "main"


@dataclass(frozen=True, slots=True)
class ForkCommand:
    """Copy `variant` as it is now into a new one called `name`, and make `changes` there, as `ChangeCommand` does.

    Both continue in lockstep. A restart from one recipe ends all forks.
    """

    name: str
    changes: MappingProxyType[str, Any]
    variant: str = "main"


@dataclass(frozen=True, slots=True)
class EndVariantCommand:
    """End `variant`, which must not be the first; the others continue."""

    variant: str


@dataclass(frozen=True, slots=True)
class RestartCommand:
    """Begin again from `recipe`, at step 0. The training until now is kept for one `UndoRestartCommand`."""

    recipe: Recipe | Mapping[str, Recipe]
    """The recipe of the first variant, then the only one; or one for each variant by its name."""

    plan: ExperimentPlan | None = None
    """Where it pauses itself, and what can be tried there."""


@dataclass(frozen=True, slots=True)
class UndoRestartCommand:
    """Bring back, paused, the training that the last restart put away; a second one swaps them again."""


@dataclass(frozen=True, slots=True)
class ExperimentCommand:
    """Train the planned experiment called `name` from the moment of the pause to its end, after those that wait.

    One that is done is shown again; one asked for before the pause waits for it.
    """

    name: str


@dataclass(frozen=True, slots=True)
class CancelExperimentsCommand:
    """Forget the experiments that wait and the one in training, and show the pause."""


@dataclass(frozen=True, slots=True)
class ShowRunCommand:
    """Show, paused, another run of the same experiments by its number."""

    run: int


@dataclass(frozen=True, slots=True)
class ExamineCommand:
    """Examine one code with the model; changes nothing. `Session.examination` has the answer."""

    code: int
    level: int = 0
    variant: str = "main"


@dataclass(frozen=True, slots=True)
class PictureCommand:
    """Publish the present moment again with its pictures; changes nothing."""


Command = (
    PauseCommand
    | ResumeCommand
    | StepCommand
    | UntilCommand
    | SpeedCommand
    | ChangeCommand
    | ForkCommand
    | EndVariantCommand
    | RestartCommand
    | UndoRestartCommand
    | ExperimentCommand
    | CancelExperimentsCommand
    | ShowRunCommand
    | ExamineCommand
    | PictureCommand
)


def change(variant: str = "main", **changes: Any) -> ChangeCommand:
    """A `ChangeCommand` of keyword arguments: `change(affine="running", sync=0.5)`."""
    return ChangeCommand(MappingProxyType(changes), variant)


def fork(name: str, *, variant: str = "main", **changes: Any) -> ForkCommand:
    """A `ForkCommand` of keyword arguments: `fork("with affine", affine="running")`."""
    return ForkCommand(name, MappingProxyType(changes), variant)
