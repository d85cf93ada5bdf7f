"""The probe as a callback of Lightning, of transformers' Trainer and of accelerate, with the arguments of `watch`.

None of these libraries is imported here: whoever uses one of them has imported it, and its own base class is taken
from there. Without it the callback is of a base that answers every event with nothing.
"""

import sys
from collections.abc import Callable, Mapping
from numbers import Number
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from vqcore.probe.watching import Probe, watch


def lightning_callback(**settings: Any) -> Any:
    """A callback for Lightning's `Trainer(callbacks=[…])`; `settings` are the arguments of `watch` but the model.

    It watches from before the strategy wraps the model, counts optimizer steps, records the loss that
    `training_step` returned and, unless gradients are accumulated, a few inputs, and tells how the training ended.
    """
    return _of(_LightningHooks, "Callback", "lightning.pytorch", "pytorch_lightning")(settings)


def transformers_callback(**settings: Any) -> Any:
    """A callback for transformers' `Trainer(callbacks=[…])`; `settings` are the arguments of `watch` but the model.

    It counts optimizer steps, and records as `loss` the newest one that the trainer has logged.
    """
    return _of(_TransformersHooks, "TrainerCallback", "transformers")(settings)


def accelerate_tracker(model: nn.Module, optimizer: Optimizer, **settings: Any) -> Any:
    """A tracker for accelerate's `Accelerator(log_with=…)`; `settings` are the arguments of `watch` but the model.

    Give it model and optimizer before `prepare` wraps them: each step of the optimizer is counted. What
    `accelerator.log` is given is recorded with the next of them; `accelerator.end_training` ends the run.
    """
    return _of(_AccelerateTracker, "GeneralTracker", "accelerate.tracking")(model, optimizer, settings)


class _LightningHooks:
    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__()
        self.settings = dict(settings)
        self.probe: Probe | None = None
        self._steps = 0

    def setup(self, trainer: Any, pl_module: nn.Module, stage: str) -> None:
        """Attach, before the strategy wraps the module."""
        if stage == "fit" and self.probe is None:
            self.probe = watch(pl_module, **self.settings)
            self._steps = int(trainer.global_step)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """With accumulated gradients, only some batches end a step, and the batch at hand is not its first."""
        if self.probe is not None and trainer.global_step != self._steps:
            self._steps = int(trainer.global_step)
            parts = getattr(trainer, "accumulate_grad_batches", 1)
            inputs = batch if parts == 1 else None
            self.probe.step(self._steps - 1, inputs=inputs, **_loss_in(outputs, parts))

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Tell what ended the training."""
        self._close(exception)

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Detach."""
        if stage == "fit":
            self._close(None)

    def _close(self, error: BaseException | None) -> None:
        probe, self.probe = self.probe, None
        if probe is not None:
            probe.close(error)


class _TransformersHooks:
    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__()
        self.settings = dict(settings)
        self.probe: Probe | None = None
        self._values: dict[str, float] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, model: nn.Module | None = None, **_: Any) -> None:
        """Attach."""
        if self.probe is None and model is not None:
            self.probe = watch(model, **self.settings)

    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **_: Any) -> None:
        """Remember the loss for the steps to come."""
        if logs and isinstance(logs.get("loss"), Number):
            self._values = {"loss": logs["loss"]}

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Count the optimizer's step."""
        if self.probe is not None:
            self.probe.step(int(state.global_step) - 1, **self._values)

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Detach."""
        probe, self.probe = self.probe, None
        if probe is not None:
            probe.close()


class _AccelerateTracker:
    name = "vqscope"
    requires_logging_directory = False
    main_process_only = False
    """Each process records its own run."""

    def __init__(self, model: nn.Module, optimizer: Optimizer, settings: Mapping[str, Any]) -> None:
        super().__init__()
        self.probe = watch(model, **settings)
        self.probe.follow(optimizer)

    @property
    def tracker(self) -> Probe:
        """The probe."""
        return self.probe

    def start(self) -> None:
        """Nothing: it has begun."""

    def store_init_configuration(self, values: Mapping[str, Any]) -> None:
        """Nothing: a run says what it was made with."""

    def log(self, values: Mapping[str, Any], step: int | None = None, **_: Any) -> None:
        """Record numbers with the next step that is recorded."""
        self.probe.tell(**{str(name): one for name, one in values.items() if isinstance(one, float | int | Tensor)})

    def finish(self) -> None:
        """Detach and end the run."""
        self.probe.close()


class _Silent:
    """Stands for a library's base class: every event that is not told has a method that does nothing."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        if not name.startswith("on_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return lambda *_, **__: None


def _of(hooks: type[Any], base: str, *modules: str) -> type[Any]:
    """`hooks` on the base class of this name of the first of `modules` that is loaded."""
    loaded = (sys.modules.get(name) for name in modules)
    found = next((getattr(one, base) for one in loaded if one is not None), _Silent)
    return type(hooks.__name__.strip("_"), (hooks, found), {})


def _loss_in(outputs: Any, parts: int) -> dict[str, Any]:
    """The loss as `training_step` returned it: Lightning has divided it by the batches of a step."""
    loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
    if not isinstance(loss, Tensor | float):
        return {}
    return {"loss": loss if parts == 1 else loss * parts}
