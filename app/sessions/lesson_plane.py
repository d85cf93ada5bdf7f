"""The one plane of a training's maps in a lesson, on the page and in the handout."""

import numpy as np

from demos.lesson import Training
from demos.record import Record
from vqcore.projection.pca import FrozenBasis
from vqcore.snapshot import Snapshot
from vqcore.training.trainer import Trainer

REFIT_BELOW = 0.5
"""As on the Live page: a plane that keeps less than this share of the best plane's variance is fitted again."""


class LessonPlane:
    """Fitted at the first moment, and again at a moment that the lesson looks at where it shows too little."""

    def __init__(self) -> None:
        self.basis: FrozenBasis | None = None
        self.fitted_at = 0

    def of(self, snapshot: Snapshot, *, is_looked_at: bool) -> FrozenBasis:
        """The plane for this moment."""
        points = np.concatenate([snapshot.z_e, snapshot.codebook])
        if self.basis is None or (is_looked_at and self.basis.captured_share(points) < REFIT_BELOW):
            self.basis, self.fitted_at = FrozenBasis.fit(points), snapshot.step
        return self.basis


def planes_walked(name: str, training: Training, found: Record) -> dict[int, FrozenBasis]:
    """By its moments in `found`, the planes of one who walks from the first step of the lesson to the last."""
    plane, moments = LessonPlane(), {steps: each for (other, steps), each in found.moments.items() if other == name}
    if 0 not in moments:
        plane.of(Trainer(training.recipe(found.seed)).snapshot(), is_looked_at=False)
    return {steps: plane.of(moments[steps], is_looked_at=True) for steps in sorted(moments)}
