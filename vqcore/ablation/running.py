"""An ablation's trainings one after another, each kept in a file: what is there is not trained again."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vqcore.ablation.cell import recipe_values, trained
from vqcore.ablation.grid import Row
from vqcore.ablation.results import ResultRow, Results, replace_file, write_results
from vqcore.ablation.tables import as_csv, latex, markdown
from vqcore.training.recipe import Recipe

RESULTS = "results.json"
CELLS = "cells"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an ablation is."""

    row: str
    seed: int
    step: int
    done: int
    """Trainings that are done."""

    of: int
    seconds_left: float | None
    """None until a step has been timed."""


@dataclass(frozen=True, slots=True)
class Ablation:
    """What is trained, and where it is written."""

    base: Recipe
    rows: tuple[Row, ...]
    seeds: range
    steps: int
    folder: Path
    about: Mapping[str, Any]
    records: bool = False
    """Whether each training writes a run, too, beside its file in `cells`."""

    def run(
        self,
        progress: Callable[[Progress], None] = lambda _: None,
        row_done: Callable[[ResultRow], None] = lambda _: None,
    ) -> Results:
        """Train what is not there yet; after each training the files tell of all so far.

        Raises:
            ValueError: for a row that cannot be trained, before anything is.
            OSError: if writing fails.
        """
        jobs = [(row, seed, row.recipe(self.base, seed)) for row in self.rows for seed in self.seeds]
        (self.folder / CELLS).mkdir(parents=True, exist_ok=True)
        clock = _Clock(self.steps, [job for job in jobs if self._found(*job) is None])
        for number, (row, seed, recipe) in enumerate(jobs):
            if self._found(row, seed, recipe) is None:

                def step_done(step: int, number: int = number, row: Row = row, seed: int = seed) -> None:
                    progress(Progress(row.name, seed, step, number, len(jobs), clock.left(step)))

                path = self._path(row, seed)
                recorded_in = path.with_suffix("") if self.records else None
                cell = trained(recipe, self.steps, path.with_suffix(".pt"), step_done, recorded_in)
                kept = {"recipe": recipe_values(recipe), "steps": self.steps, **cell}
                replace_file(path, json.dumps(kept, ensure_ascii=False))
                clock.training_done()
                self._write()
            if seed == self.seeds[-1]:
                row_done(self._row(row))
        self._write()
        return self.results()

    def results(self) -> Results:
        """All that is trained so far."""
        rows = tuple(self._row(row) for row in self.rows)
        return Results(self.about, tuple(row for row in rows if row.cells))

    def _row(self, row: Row) -> ResultRow:
        return ResultRow(row.name, row.changes, dict(self._cells(row)))

    def _cells(self, row: Row) -> Iterator[tuple[int, dict[str, Any]]]:
        for seed in self.seeds:
            cell = self._found(row, seed, row.recipe(self.base, seed))
            if cell is not None:
                yield seed, {name: value for name, value in cell.items() if name not in ("recipe", "steps")}

    def _path(self, row: Row, seed: int) -> Path:
        return self.folder / CELLS / f"{self.rows.index(row):02}-seed-{seed}.json"

    def _found(self, row: Row, seed: int, recipe: Recipe) -> dict[str, Any] | None:
        """What was written of this very training."""
        try:
            cell: dict[str, Any] = json.loads(self._path(row, seed).read_bytes())
        except (OSError, ValueError):
            return None
        is_same = cell.get("recipe") == recipe_values(recipe) and cell.get("steps") == self.steps
        return cell if is_same else None

    def _write(self) -> None:
        results = self.results()
        write_results(self.folder / RESULTS, results)
        for name, text in (("table.md", markdown), ("table.tex", latex), ("table.csv", as_csv)):
            replace_file(self.folder / name, text(results))


class _Clock:
    """How long the rest takes, by the pace so far."""

    def __init__(self, steps: int, left: list[Any]) -> None:
        self._steps, self._to_do, self._done = steps, len(left), 0
        self._began: float | None = None
        self._first_step = 0

    def left(self, step: int) -> float | None:
        """Seconds, after `step` of the present training."""
        now, done = time.perf_counter(), self._done * self._steps + step
        if self._began is None:
            self._began, self._first_step = now, done
            return None
        passed = done - self._first_step
        return (now - self._began) / passed * (self._to_do * self._steps - done) if passed > 0 else None

    def training_done(self) -> None:
        self._done += 1
