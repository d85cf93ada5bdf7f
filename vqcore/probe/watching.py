"""`watch`: attaches a probe to a model in anyone's training loop, which it never holds up and never changes."""

import atexit
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

from vqcore.probe.finding import find_quantizers
from vqcore.probe.hooking import Backward, Hook
from vqcore.probe.recording import Record, Recorder, Seen, kept_inputs
from vqcore.probe.sending import arrival, sent
from vqcore.probe.surroundings import rank_and_size, surroundings
from vqcore.probe.watched import Book, Watched
from vqcore.probe.window import Window
from vqcore.runs.writing import RunWriter

UNDECIDED = 32
"""Forwards without a call of `step`, after which forwards are counted as steps."""

TRIES = 2
"""Recorded steps in which no forward was seen, after which only tables are read."""


def watch(
    model: nn.Module,
    *,
    every: int = 50,
    sample: int = 2048,
    out: str | os.PathLike[str] = "runs/vqscope",
    names: Sequence[str] | None = None,
    hooks: bool = True,
) -> "Probe":
    """Record what the quantizers of `model` do, in every `every`-th training step, in the folder `out`.

    Call it before `torch.compile` and DDP wrap the model. It prints what it found. Nothing that it meets later ends
    the training: it says what is wrong once, and training goes on without it.

    Args:
        model: holds quantizers of `vqcore.nn`, VQTorch, vector-quantize-pytorch, taming-transformers, diffusers,
            EnCodec, DAC, Mimi, or modules like theirs.
        every: steps from one recorded step to the next; the first is always recorded.
        sample: most vectors z_e kept of one codebook and step. Usage counts all vectors.
        out: the run's folder; if it holds a run, `out-2`, `out-3` … is used. Under torch.distributed each process
            writes `out/rank0`, `out/rank1` ….
        names: modules to watch instead of those that are recognized.
        hooks: False reads only tables and EMA counts, in `step`; nothing is then attached to the model.

    Raises:
        ValueError: for a number below 1, or a name that is no module with a table.
        TypeError: if `model` is no module.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"`model` must be a torch module, but got {type(model).__name__}.")
    for name, value in (("every", every), ("sample", sample)):
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ValueError(f"`{name}` must be a whole number of at least 1, but got {value!r}.")
    return Probe(find_quantizers(model, names), Path(out), every, sample, _reason(model, hooks))


class Probe:
    """A handle on what `watch` attached; also a context manager, which records how the training ended."""

    def __init__(self, watched: list[Watched], out: Path, every: int, sample: int, reason: str) -> None:
        self.every, self.sample = every, sample
        self.folder: Path | None = None
        """Where the run is written; None if nothing is recorded."""

        self.dropped = 0
        """Recorded steps that were dropped because the disk was slower than the training."""

        self._armed = 0
        self._calls, self._next = 0, 1
        self._told: dict[str, Any] = {}
        self._forwards, self._records = 0, 0
        self._watched, self._windows = watched, [Window(one, sample) for one in watched]
        self._books: list[tuple[Book, ...]] = []
        self._handles: list[RemovableHandle] = []
        self._counting: RemovableHandle | None = None
        self._recorder: Recorder | None = None
        self._backward, self._pid = Backward(), os.getpid()
        self._raised_before = getattr(sys, "last_value", None)
        try:
            self._begin(out, reason)
        except Exception as error:
            self._fail(error)

    def step(
        self,
        step: int | None = None,
        *,
        loss: Tensor | float | None = None,
        inputs: Any = None,
        **values: Tensor | float,
    ) -> None:
        """Tell that a training step is over; without it, forwards in training mode are counted instead.

        Args:
            step: its number, for the record; by default counted from 0.
            loss: recorded with the step, without waiting for the device.
            inputs: the batch of the step's first forward, (B, …) or a tuple or mapping whose first tensor is that. A
                few of them, made small, are kept with the step, so that the record shows what a code stands for.
            values: numbers recorded like `loss`, by any name.
        """
        self._calls += 1
        if self._calls < self._next:
            return
        self._turn(step, values if loss is None else {"loss": loss, **values}, inputs)

    def follow(self, optimizer: Optimizer) -> None:
        """Count every step of `optimizer` as a step, instead of calling `step`."""
        self._handles.append(optimizer.register_step_post_hook(self._optimizer_stepped))

    def tell(self, **values: Tensor | float) -> None:
        """Record these numbers with the next step of the optimizer that is followed, and with later ones."""
        self._told |= values

    def _optimizer_stepped(self, *_: Any) -> None:
        self.step(**self._told)

    def flush(self) -> None:
        """Wait until all that was recorded is on disk."""
        if self._recorder is not None and self._pid == os.getpid():
            self._recorder.flush()

    def close(self, error: BaseException | None = None) -> None:
        """Detach from the model and end the run; `error` is what ended the training early, if anything did."""
        self._detach()
        recorder, self._recorder = self._recorder, None
        if recorder is None or self._pid != os.getpid():  # a forked worker has a copy of the probe, but no thread
            return
        atexit.unregister(self._at_exit)
        notes = [f"{len(recorder.lost):,} recorded steps could not be written."] if recorder.lost else []
        said = "" if error is None else f"{type(error).__name__}: {error}".removesuffix(": ")
        recorder.end({"ended": round(time.time(), 3), "error": said, "dropped": self.dropped, "notes": notes})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close(error)

    def _begin(self, out: Path, reason: str) -> None:
        if not self._watched:
            self._say("the model has no quantizer that is recognized, so nothing is recorded. Name one with `names`.")
            self._detach()
            return
        for one in self._watched:
            one.without_hooks = reason or one.without_hooks
        self._books = [tuple(one.books()) for one in self._watched]
        rank, size = rank_and_size()
        settings = {"every": self.every, "sample": self.sample}
        about = {"name": out.name, **surroundings(), "settings": settings, "rank": rank, "world_size": size}
        writer = RunWriter(out / f"rank{rank}" if size > 1 else out, {**about, "codebooks": self._described()})
        self.folder, self._recorder = writer.folder, Recorder(writer, self._say)
        atexit.register(self._at_exit)
        for at, one in enumerate(self._watched):
            if not one.without_hooks:
                self._attach(at, one)
        self._announce()
        self._arm()

    def _described(self) -> list[dict[str, Any]]:
        """What `run.json` says of each codebook."""
        return [
            {
                **book._asdict(),
                "layout": one.about,
                "mode": "tables only" if one.without_hooks else "hooks",
                "reason": one.without_hooks,
                "moved_by": "gradient" if average is None else "ema",
            }
            for one, books in zip(self._watched, self._books, strict=True)
            for book, average in zip(books, one.averages(), strict=True)
        ]

    def _announce(self) -> None:
        self._say(f"recording every {self.every:,} steps in {self.folder}:")
        for one, books in zip(self._watched, self._books, strict=True):
            sizes = ", ".join(dict.fromkeys(f"{book.num_codes:,} × {book.dim:,}" for book in books))
            several = f"{len(books)} codebooks of " if len(books) > 1 else ""
            without = f"; tables and EMA counts only: {one.without_hooks}" if one.without_hooks else ""
            self._say(f"  {one.name}: {several}{sizes}, {one.about}{without}")

    def _attach(self, at: int, watched: Watched) -> None:
        module: nn.Module = watched.module
        if self._counting is None:
            count = Hook(self._guarded(self._count_forward))
            self._counting = module.register_forward_pre_hook(count, with_kwargs=True)
        before, after = (Hook(self._when_armed(seen, at)) for seen in (self._before, self._after))
        self._handles.append(module.register_forward_pre_hook(before, with_kwargs=True))
        self._handles.append(module.register_forward_hook(after, with_kwargs=True))
        for level, parameter in enumerate(watched.parameters()):
            if parameter is not None and parameter.requires_grad:
                graded = Hook(self._when_armed(self._graded, at, level))
                self._handles.append(parameter.register_post_accumulate_grad_hook(graded))

    def _when_armed(self, seen: Callable[..., None], *which: int) -> Callable[..., None]:
        guarded = self._guarded(seen)

        def unless_off(*given: Any) -> None:
            if self._armed:
                guarded(*which, *given)

        return unless_off

    def _guarded(self, seen: Callable[..., None]) -> Callable[..., None]:
        def guarded(*given: Any) -> None:
            try:
                seen(*given)
            except Exception as error:
                self._fail(error)

        return guarded

    def _before(self, at: int, module: nn.Module, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> None:
        if module.training and not self._backward.is_running:
            self._windows[at].open()

    def _after(
        self, at: int, module: nn.Module, arguments: tuple[Any, ...], keywords: Mapping[str, Any], output: Any
    ) -> None:
        if not module.training:
            return
        if self._backward.is_running:
            self._windows[at].recomputed += 1
        else:
            self._windows[at].add(arguments, keywords, output, is_first=self._records == 0)

    def _graded(self, at: int, level: int, parameter: nn.Parameter) -> None:
        if parameter.grad is not None and not parameter.grad.is_sparse:
            self._windows[at].note_gradient(level, parameter.grad)

    def _count_forward(self, module: nn.Module, *_: Any) -> None:
        """Before a forward of the first module: if nobody calls `step`, the forward before it was a step."""
        if not module.training or self._backward.is_running:
            return
        self._forwards += 1
        if self._forwards > UNDECIDED:
            self._calls = self._forwards - 1
            if self._calls >= self._next:
                self._turn(None, {}, by_forwards=True)

    def _turn(
        self,
        step: int | None,
        values: Mapping[str, Tensor | float],
        inputs: Any = None,
        *,
        by_forwards: bool = False,
    ) -> None:
        """A step is over that was recorded, or after which one is recorded."""
        try:
            if self._counting is not None and not by_forwards:
                self._counting.remove()
                self._counting = None
            if not self._armed:
                self._next = self._calls + 1
                self._arm()
                return
            is_first_by_forwards = by_forwards and self._records == 0
            number = 0 if is_first_by_forwards else self._calls - 1 if step is None else int(step)
            self._record(number, values, inputs)
            due = ((self._calls - 1) // self.every + 1) * self.every + 1
            self._armed, self._next = 0, due - 1
            if self._next == self._calls:  # the very next step
                self._next = due
                self._arm()
        except Exception as error:
            self._fail(error)

    def _arm(self) -> None:
        """Let the hooks observe from now on."""
        self._windows = [Window(one, self.sample) for one in self._watched]
        self._armed = 1

    def _record(self, number: int, values: Mapping[str, Tensor | float], inputs: Any) -> None:
        self._records += 1
        if self._recorder is None or self._recorder.is_full:
            self.dropped += 1
            return
        for one, window in zip(self._watched, self._windows, strict=True):
            self._tell_unseen(one, window)
            window.open()  # of what had no forward, the tables as they are now
        seen = tuple(
            Seen(books, tuple(window.take()), window.forwards, window.recomputed, window.dtype)
            for books, window in zip(self._books, self._windows, strict=True)
        )
        copied = {
            name: sent(one.detach().clone()) if isinstance(one, Tensor) else one for name, one in values.items()
        }
        kept = kept_inputs(inputs)
        record = Record(number, time.time(), copied, seen, self.dropped, arrival(self._watched), kept, self.sample)
        self._recorder.offer(record)

    def _tell_unseen(self, watched: Watched, window: Window) -> None:
        """After a second recorded step without a forward, say that hooks do not work here."""
        if window.forwards or watched.without_hooks:
            watched.unseen = 0
            return
        watched.unseen += 1
        if watched.unseen == TRIES:
            watched.without_hooks = "its forwards cannot be seen"
            self._say(
                f"{watched.name} ran no forward in training mode that a hook could see: it may be compiled, frozen "
                "or searched by another method. Its table and EMA counts are recorded all the same."
            )

    def _fail(self, error: Exception) -> None:
        """Leave the training alone from now on, and say why once."""
        self._detach()
        self._say(
            f"the probe met an error and has detached itself ({type(error).__name__}: {error}); training goes on."
        )

    def _detach(self) -> None:
        self._armed, self._next = 0, sys.maxsize
        for handle in (*self._handles, *([] if self._counting is None else [self._counting])):
            handle.remove()
        self._handles, self._counting = [], None

    def _at_exit(self) -> None:
        error = getattr(sys, "last_value", None)
        self.close(error if error is not self._raised_before else None)

    def _say(self, sentence: str) -> None:
        print(f"vqscope: {sentence}", file=sys.stderr)


def _reason(model: nn.Module, hooks: bool) -> str:
    """Why no hook is attached to any module; empty if hooks are."""
    if not hooks:
        return "`hooks=False` was given"
    if any(hasattr(module, "_orig_mod") for module in model.modules()):
        return "the model is compiled already; call `watch` before torch.compile"
    return ""
