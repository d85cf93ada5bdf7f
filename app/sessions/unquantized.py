"""The same network without quantization: trained in the background, from the same weights on the same batches."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from app.sessions.background import Background
from vqcore.quantizer.options import Options
from vqcore.snapshot import Event
from vqcore.training.cores import TURNS, yield_to_others
from vqcore.training.past_run import PastRun, past_run
from vqcore.training.recipe import Recipe
from vqcore.training.trainer import HELD_OUT_EVERY, Trainer

FEWEST_POINTS = 40
"""Points that its curves have, if there are as many steps."""


class Unquantized(Background):
    """A training with z_q = z_e, for as many steps as the one that it is held against has at its beginning.

    Args:
        recipe: what that one began with.
        events: what was thrown there; of these, the learning rate is thrown here too.
        steps: how many it has trained.
        is_wanted: asked between two steps; once it is false, the training ends without a result.
    """

    FAILED = "The network without quantization could not be trained"

    def __init__(
        self, recipe: Recipe, events: Sequence[Event], steps: int, is_wanted: Callable[[], bool] = lambda: True
    ) -> None:
        super().__init__("unquantized")
        self.recipe = without_quantization(recipe)
        self.steps = steps
        self.steps_done = 0
        self.result: PastRun | None = None
        self._is_wanted = is_wanted
        self._rates = {
            event.step: dict(event.changes)["learning_rate"]
            for event in events
            if "learning_rate" in dict(event.changes)
        }

    def _work(self) -> None:
        yield_to_others()
        every = max(1, min(HELD_OUT_EVERY, self.steps // FEWEST_POINTS))
        trainer = Trainer(self.recipe, held_out_every=every)
        for step in range(self.steps):
            if self._stopping.is_set() or not self._is_wanted():
                return
            if step in self._rates:
                trainer.apply({"learning_rate": self._rates[step]})
            with TURNS:
                trainer.step()
            self.steps_done += 1
        self.result = past_run(0, self.recipe, trainer.snapshots())


def without_quantization(recipe: Recipe) -> Recipe:
    """The network of `recipe` with z_q = z_e. Nothing in it depends on the codebook, which so has but one code."""
    options = Options(bypass=True, learning_rate=recipe.options.learning_rate)
    plain = replace(recipe, structure="vector", levels=1, share=False, code_init="normal", options=options)
    return replace(plain, num_codes=1)
