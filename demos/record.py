"""Results of a lesson's trainings and paths on one seed: the only input of its claims."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from vqcore.snapshot import Snapshot
from vqcore.trajectories.path import Path
from vqcore.trajectories.setting import Setting


class BrokeDownError(Exception):
    """A training became NaN or infinite before the moment asked for."""


class MissingMomentError(LookupError):
    """Raised for a moment that the lesson does not look at, or not yet; the sentence says what to add."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """The record of one lesson on one seed. A page that trains live fills it just as `demos.running` does."""

    seed: int
    moments: Mapping[tuple[str, int], Snapshot] = field(default_factory=dict)
    """Snapshots by the training's name and its number of steps when the lesson looked."""

    broken: Mapping[str, str] = field(default_factory=dict)
    """A sentence for each training that broke down, by its name."""

    setting: Setting | None = None
    """Setting of the paths, with the record's seed; None if the lesson is not about the plane."""

    paths: Mapping[str, Path] = field(default_factory=dict)
    """By method."""

    def at(self, training: str, steps: int) -> Snapshot:
        """The moment when `training` had done this many steps.

        Raises:
            BrokeDownError: if it broke down before.
            MissingMomentError: if neither this step of the lesson nor one before it looks there.
        """
        if (training, steps) not in self.moments and training in self.broken:
            raise BrokeDownError(f"The training {training!r} broke down: {self.broken[training]}")
        if (training, steps) not in self.moments:
            raise MissingMomentError(
                f"no step up to this one looks at {training!r} after {steps} steps. Add ({training!r}, {steps}) to "
                "its `reads`."
            )
        return self.moments[training, steps]
