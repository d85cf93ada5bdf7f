"""What the story of a moment is told from: its numbers, those before the newest switch, and where they lead."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from vqcore.diagnostics.usage import expected_active

RECOVERED_SHARE = 0.5
"""Codes in use over those that even use would touch, from which a codebook counts as recovered."""

HIGHER_LOSS, LOWER_LOSS = 1.5, 0.8
"""Task loss over its value before the switch, from which it is higher, so that nothing is healthy, and down to which
it is lower."""


class Values(NamedTuple):
    """What the held-out vectors say of one moment."""

    in_use: int
    task_loss: float
    accuracy: float = math.nan
    """NaN where there are no classes."""


class Forecast(NamedTuple):
    """Where the held-out curves lead after as many steps again as have passed since the switch.

    Least-squares lines through codes in use and the logarithm of the task loss, over the second half of those steps.
    """

    in_use: float
    task_loss: float


class Peak(NamedTuple):
    """The highest task loss of a training batch since the switch."""

    task_loss: float
    step: int


class Cause(NamedTuple):
    """The newest switch."""

    words: str
    step: int
    earlier: int
    """How many switches were thrown before it."""


class Finding(NamedTuple):
    """What the doctor says of this very moment."""

    severity: str
    words: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """All that the story is told from."""

    step: int
    num_codes: int
    num_vectors: int
    before: Values
    """Just before the switch took effect; without a switch, before training."""

    now: Values
    relative_error: float
    cause: Cause | None = None
    peak: Peak | None = None
    lowest_loss: float = math.inf
    """The lowest task loss of the held-out vectors up to the switch."""

    forecast: Forecast | None = None
    """None while there is too little to tell it from."""

    guess: float = math.nan
    """The accuracy up to which a classifier is no better than a guess; NaN where there are no classes."""

    twin: Values | None = None
    """The same training at the same step without the switch, if it is trained along."""

    of_level: str = ""
    """` of level 2`, or empty."""

    training_at: int | None = None
    """The newest step, if the reader has gone back to an earlier one."""

    has_failed: bool = False
    message: str = ""
    """Why it has failed, or why the last command was not obeyed; empty if all is well."""

    finding: Finding | None = None
    """None if this moment has not been judged."""

    verdict_from: int = 0
    """The step from which there is a verdict."""

    @property
    def loss_factor(self) -> float:
        """Task loss over its value before the switch; 1 without a switch, NaN where it says nothing."""
        if self.cause is None:
            return 1.0
        return self.now.task_loss / self.before.task_loss if self.before.task_loss > 0 else math.nan

    @property
    def loss_had(self) -> float:
        """The lowest task loss it had, up to the switch."""
        return min(self.lowest_loss, self.before.task_loss if math.isfinite(self.before.task_loss) else math.inf)

    @property
    def codes_to_recover(self) -> float:
        """Codes in use from which it counts as recovered: half of those that even use would touch."""
        return RECOVERED_SHARE * expected_active(self.num_vectors, self.num_codes)

    @property
    def has_codes_back(self) -> bool:
        """Whether as many codes are in use as a recovery takes."""
        return self.now.in_use >= self.codes_to_recover

    @property
    def has_loss_back(self) -> bool:
        """Whether the task loss is near the lowest it had."""
        return self.now.task_loss < HIGHER_LOSS * self.loss_had

    @property
    def is_recovering(self) -> bool:
        """Whether what is not back yet will be, at its pace, after as many steps again as since the switch.

        With T steps since the switch at t: in_use(t + 2T) ≥ half of those that even use would touch, and
        loss(t + 2T) < 1.5 · the lowest up to t, both on the lines of `Forecast`.
        """
        if self.forecast is None:
            return False
        brings_codes = self.has_codes_back or self.forecast.in_use >= self.codes_to_recover
        return brings_codes and (self.has_loss_back or self.forecast.task_loss < HIGHER_LOSS * self.loss_had)
