"""What a lesson's trainings and paths left behind, on one seed. Claims read this and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from vqcore.snapshot import Snapshot
from vqcore.trajectories.path import Path
from vqcore.trajectories.setting import Setting


class BrokeDownError(Exception):
    """A training became NaN or infinite before the moment asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """One lesson on one seed. A page that trains live fills one just as `demos.running` does."""

    seed: int
    moments: Mapping[tuple[str, int], Snapshot] = field(default_factory=dict)
    """By the training's name and the steps it had when the lesson looked."""

    broken: Mapping[str, str] = field(default_factory=dict)
    """By the training's name, a sentence for each that broke down."""

    setting: Setting | None = None
    """Of the paths, with the record's seed; None where the lesson is not about the plane."""

    paths: Mapping[str, Path] = field(default_factory=dict)
    """By method."""

    def at(self, training: str, steps: int) -> Snapshot:
        """The moment when `training` had done so many steps.

        Raises:
            BrokeDownError: where it broke down before.
            KeyError: where the lesson never looks there.
        """
        if (training, steps) not in self.moments and training in self.broken:
            raise BrokeDownError(f"The training {training!r} broke down: {self.broken[training]}")
        return self.moments[training, steps]
