"""The thread that turns copies into lines and snapshots; the training never waits for it."""

# M sampled vectors, K codes, D features

import queue
import threading
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vqcore.diagnostics.usage import perplexity
from vqcore.probe.sending import sent
from vqcore.probe.watched import Book, tensors_in
from vqcore.probe.window import Copies, spread_out
from vqcore.quantizer.nearest import nearest_codes
from vqcore.runs.kept_inputs import input_of, thinned_inputs
from vqcore.runs.layout import INPUTS
from vqcore.runs.writing import RunWriter


class Seen(NamedTuple):
    """What one module did in a recorded step."""

    books: tuple[Book, ...]
    copies: tuple[Copies, ...]
    forwards: int
    """0 if only the tables were read."""

    recomputed: int
    """Forwards within a backward, which gradient checkpointing repeats; they are not counted."""

    dtype: str


class Record(NamedTuple):
    """One recorded step, on its way to disk."""

    step: int
    time: float
    values: Mapping[str, Tensor | float]
    seen: tuple[Seen, ...]
    dropped: int
    arrived: Callable[[], None]
    """Waits until the copies have come from the device."""

    inputs: "KeptInputs | None" = None
    sample: int = 0
    """Most vectors of a codebook."""


class KeptInputs(NamedTuple):
    """A few inputs of a batch."""

    values: Tensor
    """(I, …)."""

    batch: int
    """B, how many it had."""


class Recorder:
    """Writes records in a thread of its own; while it is busy with one, one more may wait."""

    def __init__(self, writer: RunWriter, say: Callable[[str], None]) -> None:
        self._writer, self._say = writer, say
        self._queue: queue.Queue[Record | None] = queue.Queue(maxsize=1)
        self.lost: list[int] = []
        """Steps that could not be written."""

        self._thread = threading.Thread(target=self._work, name="vqscope-probe", daemon=True)
        self._thread.start()

    @property
    def is_full(self) -> bool:
        """Whether a record is waiting already, so that another must be dropped."""
        return self._queue.full()

    def offer(self, record: Record) -> None:
        """Hand over a record without waiting, unless `is_full`; only one thread may do so."""
        self._queue.put_nowait(record)

    def flush(self) -> None:
        """Wait until all that was handed over is on disk."""
        self._queue.join()

    def end(self, line: Mapping[str, Any]) -> None:
        """Write what is left and a last line, and stop."""
        self._queue.put(None)
        self._thread.join()
        try:
            self._writer.append(line)
        except OSError as error:
            self._say(f"the end of the run could not be written ({error.strerror}).")
        self._writer.close()

    def _work(self) -> None:
        while (record := self._queue.get()) is not None:
            try:
                self._write(record)
            except Exception as error:
                if not self.lost:
                    self._say(
                        f"step {record.step} was not recorded ({type(error).__name__}: {error}); training goes on."
                    )
                self.lost.append(record.step)
            finally:
                self._queue.task_done()
        self._queue.task_done()

    def _write(self, record: Record) -> None:
        record.arrived()
        arrays: dict[str, NDArray[Any]] = {}
        of_books: dict[str, dict[str, Any]] = {}
        for seen in record.seen:
            for book, copies in zip(seen.books, seen.copies, strict=True):
                found = as_arrays(copies)
                of_books[book.name] = measured(found, copies, seen)
                arrays |= {f"{book.name}/{field}": array for field, array in found.items()}
        if record.inputs is not None and record.inputs.batch:
            arrays |= _with_inputs(record, record.inputs)
        about = {"step": str(record.step), "time": f"{record.time:.3f}"}
        name = self._writer.save(record.step, arrays, about)
        values = {key: float(value) for key, value in record.values.items()}
        line = {"step": record.step, "time": round(record.time, 3), **values, "codebooks": of_books}
        self._writer.append({**line, "snapshot": name, "dropped": record.dropped, "lost": len(self.lost)})


def kept_inputs(inputs: Any) -> KeptInputs | None:
    """Those of a batch that are recorded, on their way to the CPU; None if there is no tensor in it."""
    batch = next(tensors_in(inputs), None)
    if batch is None or batch.ndim == 0:
        return None
    return KeptInputs(sent(thinned_inputs(batch.detach()).float().clone()), len(batch))


def _with_inputs(record: Record, inputs: KeptInputs) -> dict[str, NDArray[Any]]:
    """The inputs, and by codebook which of them each sampled vector is from; nothing if none can be told."""
    rows: dict[str, NDArray[Any]] = {}
    for seen in record.seen:
        for book, copies in zip(seen.books, seen.copies, strict=True):
            if copies.z_e is not None:
                vectors = spread_out(copies.first_vectors, record.sample, torch.device("cpu")).numpy()
                found = input_of(vectors, copies.first_vectors, inputs.batch)
                rows |= {} if found is None else {f"{book.name}/input": found}
    return {**rows, INPUTS: inputs.values.numpy()} if rows else {}


def as_arrays(copies: Copies) -> dict[str, NDArray[Any]]:
    """The fields of a `RecordedCodebook` that were observed."""
    table, codes = copies.table, copies.codes
    if copies.table_after is not None and copies.placed is not None and not bool(copies.placed.all()):
        table, codes = copies.table_after, None  # nobody has seen the table between k-means and the first update
    elif copies.z_e is not None and codes is None:
        codes = nearest_codes(copies.z_e, table).int()
    fields = {
        "table": table,
        "z_e": copies.z_e,
        "codes": codes,
        "counts": _counts(copies, codes),
        "ema_counts": copies.ema_counts,
        "ema_sums": copies.ema_sums,
        "gradient_norm": copies.gradient_norm,
    }
    return {name: tensor.numpy() for name, tensor in fields.items() if tensor is not None}


def measured(found: Mapping[str, NDArray[Any]], copies: Copies, seen: Seen) -> dict[str, Any]:
    """The numbers of one codebook for a line: what it was used for, and how far z_e lies from its codes."""
    table = found["table"].astype(np.float64)
    with np.errstate(all="ignore"):  # a broken codebook is for the diagnosis
        values: dict[str, Any] = {"mean_norm": float(np.linalg.norm(table, axis=1).mean())}
    values |= {"forwards": seen.forwards} if seen.forwards else {}
    values |= {"recomputed": seen.recomputed} if seen.recomputed else {}
    values |= {"z_e_dtype": seen.dtype} if seen.dtype else {}
    if "counts" in found:
        counts = found["counts"]
        values |= {"vectors": int(counts.sum()), "in_use": int((counts > 0).sum()), "perplexity": perplexity(counts)}
    if copies.counts is not None and int(copies.counts[-1]):
        values["beyond_the_table"] = int(copies.counts[-1])
    if "z_e" in found and "codes" in found:
        values |= _errors(found["z_e"], found["codes"], table)
    return values


def _errors(z_e: NDArray[Any], codes: NDArray[Any], table: NDArray[Any]) -> dict[str, float]:
    """‖z_e − z_q‖² summed over features, mean over the sample; and relative to the variance of z_e."""
    there = (codes >= 0) & (codes < len(table)) & np.isfinite(z_e).all(1)
    if not there.any():
        return {}
    vectors = z_e[there].astype(np.float64)
    error = float(np.square(vectors - table[codes[there]]).sum(1).mean())
    variance = float(vectors.var(0).sum())
    return {"quantization_error": error} | ({"relative_error": error / variance} if variance > 0 else {})


def _counts(copies: Copies, codes: Tensor | None) -> Tensor | None:
    """(K,) hits; of the sample alone where the module does not say its codes."""
    if copies.counts is not None:
        return copies.counts[1:-1].clone()
    if codes is None:
        return None
    return torch.bincount(codes.long(), minlength=len(copies.table))
