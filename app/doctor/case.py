"""One file on the Doctor page: its examination in the background, its charts and its treatment."""

import shlex
import threading
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, cast

from app.doctor import examples as doctor_examples
from app.doctor.facts import Facts, facts_of
from app.links.doctor import AXES, Asked, Axis
from app.roots import put, resolve_readable
from app.sessions.jobs import Job, Kept, Progress
from app.sessions.uploads import Dropped, Uploads
from app.temporary import Folder
from vqcore.checkpoints.assembling import Together
from vqcore.checkpoints.contents import Search
from vqcore.checkpoints.effective import Effective
from vqcore.checkpoints.reader import Checkpoint
from vqcore.diagnostics.evidence import Evidence
from vqcore.doctor.examination import Examination, Reading, Request, examine, read
from vqcore.doctor.following import Following, follow
from vqcore.doctor.treatment import Treatment, foretell, treat
from vqcore.files.changed_copy import check_target
from vqcore.files.containers import state_dicts
from vqcore.files.errors import CheckpointError, shown
from vqcore.files.opening import open_contents
from vqcore.files.series import check_not_followed
from vqcore.remedies.moves import Remedy

FIRST_CHARTS_SECONDS = 5

MOST_TENSORS = 1000
"""Offered in a list, which nobody reads to its end."""


class Result(NamedTuple):
    """Result of an examination."""

    examination: Examination
    following: Following | None
    """For a folder: its checkpoints in order; the newest is examined."""


class Case:
    """What the server keeps for one request."""

    def __init__(self, asked: Asked, dropped: Dropped | None = None) -> None:
        self.asked = asked
        self.dropped = dropped
        self.folder: Folder | None = dropped.folder if dropped is not None else None
        self.request: Request | None = None
        """The request with its paths resolved; available once the files are there."""

        self.reading: Reading | None = None
        """The checkpoint alone, read before the latents or codes are counted. None for a folder."""

        self.without_latents: Examination | None = None
        """What the checkpoint alone shows, if latents or codes are given that take longer."""

        self.tensors: tuple[str, ...] = ()
        """Keys of the file's tensors that could be codebooks, whatever the rules say; none of a folder."""

        self._is_read = threading.Event()
        self._first_facts: dict[int, Job[Facts | None]] = {}
        self._facts: dict[int, Job[Facts | None]] = {}
        self._lock = threading.Lock()
        self.what_if: Job[Treatment] | None = None
        self.repair: Job[Treatment] | None = None
        self.examination: Job[Result] = Job(self._examine, "doctor").start()

    @property
    def is_ours(self) -> bool:
        """Whether its files are temporary, so that the browser must save a repaired copy."""
        return self.folder is not None

    @property
    def upload(self) -> str:
        """Id of the uploaded files; empty for others."""
        return self.asked.upload

    @property
    def is_busy(self) -> bool:
        """Whether a file is being read or written for it."""
        return any(job is not None and job.is_running for job in (self.examination, self.what_if, self.repair))

    @property
    def has_codes(self) -> bool:
        """Whether codes were given instead of latents."""
        return self.request is not None and self.request.codes is not None

    def wait_for_reading(self, timeout: float) -> Reading | None:
        """Wait for what the checkpoint alone shows."""
        self._is_read.wait(timeout)
        return self.reading

    def facts(self, number: int) -> Job[Facts | None]:
        """What is drawn of the examined codebook with this number, computed on first use."""
        result = self.examination.result
        assert result is not None
        if not self.has_latents and self.reading is not None:
            return self.first_facts(number)
        one = result.examination.examined[number]
        return self._drawn(self._facts, number, one.evidence, one.effective)

    def first_facts(self, number: int) -> Job[Facts | None]:
        """What is drawn of the codebook with this number from the checkpoint alone."""
        assert self.reading is not None
        return self._drawn(self._first_facts, number, self.reading.evidence[number], self.reading.found[number])

    @property
    def is_being_drawn(self) -> bool:
        """Whether `first_facts` was ever used."""
        return bool(self._first_facts)

    def _drawn(
        self, jobs: dict[int, Job[Facts | None]], number: int, evidence: Evidence, found: Effective
    ) -> Job[Facts | None]:
        with self._lock:
            if number not in jobs:
                jobs[number] = Job(lambda _: facts_of(evidence, found.search), "doctor-facts").start()
            return jobs[number]

    @property
    def has_latents(self) -> bool:
        """Whether latents or codes were given."""
        request = self.request
        return request is not None and (request.latents or request.codes) is not None

    def begin_what_if(self) -> None:
        """Predict the effect of every remedy, in the background."""
        self.what_if = Job(self._foretell, "doctor-what-if").start()

    def begin_repair(self, out: Path, remedy: Remedy, *, force: bool) -> None:
        """Write a repaired copy, in the background."""
        self.repair = Job(lambda told: self._treat(told, out, remedy, force=force), "doctor-repair").start()

    def place_for_repair(self, remedy: Remedy) -> Path:
        """Default path of a repaired copy: beside the file or the folder that is followed, or a temporary one."""
        assert self.examination.result is not None
        result = self.examination.result
        path = result.examination.request.path
        name = f"{path.stem}-{remedy}{path.suffix}"
        if result.following is None:
            return path.with_name(name)
        folder = result.following.folder  # where it would be taken for one more step
        return folder.parent / f"{folder.name}-{name}"

    def close(self) -> None:
        """Cancel whatever runs."""
        jobs: list[Job[Any] | None] = [self.examination, self.what_if, self.repair]
        jobs += [*self._first_facts.values(), *self._facts.values()]
        for job in jobs:
            if job is not None:
                job.cancel()

    def _examine(self, told: Progress) -> Result:
        path, latents = self._files(told)
        begun = doctor_examples.TRAINING_SHARE if self.asked.example else 0.0
        is_codes = latents is not None and _holds_codes(latents)
        self.request = Request(
            path=path,
            latents=None if is_codes else latents,
            codes=latents if is_codes else None,
            key=tuple(filter(None, self.asked.codebook.split("\n"))) or None,
            search=cast(Search, self.asked.search) if self.asked.search else None,
            structure=cast(Together, self.asked.structure) if self.asked.structure else None,
            latents_key=self.asked.latents_key or None,
            latents_axis=self.asked.latents_axis,
            mask=resolve_readable(as_path(self.asked.mask)) if self.asked.mask else None,
            axis=self.asked.axis or None,
            rows=self.asked.rows,
            level_axis=self.asked.level_axis if is_codes else None,
        )

        def seen(done: int, total: int) -> None:
            told(f"reading, {done:,} of {total:,}", begun + (1 - begun) * done / max(total, 1))

        told("reading the file", begun)
        if path.is_dir():
            following = follow(self.request, progress=seen)
            return Result(following.examination, following)
        self.tensors = tensors_in(path)
        self.reading = read(self.request)
        self._is_read.set()
        if self.has_latents:
            alone = replace(self.request, latents=None, codes=None, mask=None)
            self.without_latents = examine(alone, reading=self.reading)
            for job in tuple(
                self._first_facts.values()
            ):  # the search takes every core: what is waited for goes first
                job.wait(FIRST_CHARTS_SECONDS)
        return Result(examine(self.request, progress=seen, reading=self.reading), None)

    def _files(self, told: Progress) -> tuple[Path, Path | None]:
        if self.asked.example:
            self.folder = Folder()
            return doctor_examples.make(self.asked.example, self.folder.path, told)
        if self.asked.upload:
            if self.dropped is None or "checkpoint" not in self.dropped.files:
                raise CheckpointError("The uploaded file is no longer kept here. Drop it again.")
            return self.dropped.files["checkpoint"], self.dropped.files.get("latents")
        latents = resolve_readable(as_path(self.asked.latents)) if self.asked.latents else None
        return resolve_readable(as_path(self.asked.path)), latents

    def _foretell(self, told: Progress) -> Treatment:
        checkpoint, request, latents = self._treatable()
        key, axis, mask = request.latents_key, request.latents_axis, request.mask
        return foretell(checkpoint, latents, key=key, axis=axis, mask=mask, progress=told)

    def _treat(self, told: Progress, out: Path, remedy: Remedy, *, force: bool) -> Treatment:
        checkpoint, request, latents = self._treatable()
        key, axis, mask = request.latents_key, request.latents_axis, request.mask
        write = partial(treat, force=force, key=key, axis=axis, mask=mask, progress=told)
        if self.is_ours:
            return write(checkpoint, latents, out, remedy)
        check_target(checkpoint.path, out, force=force)
        check_not_followed(out)
        folder = Folder()  # where nobody can swap what is being written
        staged = folder.path / out.name
        try:
            done = write(checkpoint, latents, staged, remedy)
        except CheckpointError as error:
            raise CheckpointError(str(error).replace(shown(staged), shown(out))) from error
        put(staged, out, source=checkpoint.path, force=force)
        assert done.repaired is not None
        return replace(done, repaired=replace(done.repaired, path=out))

    def _treatable(self) -> tuple[Checkpoint, Request, Path]:
        result, request = self.examination.result, self.request
        if result is None or request is None or request.latents is None:
            raise CheckpointError(
                "Predicting what a remedy would do needs latents. Give them along with the checkpoint."
            )
        return result.examination.checkpoint, request, request.latents


def find_or_begin(cases: Kept[Case], uploads: Uploads, asked: Asked) -> Case:
    """The case of what is asked for, begun if there is none."""
    dropped = uploads.find(asked.upload) if asked.upload else None
    return cases.find_or_make(asked, lambda: Case(asked, dropped))


def as_path(text: str) -> Path:
    """The path that a person typed or pasted, with quotes and `~` resolved.

    Raises:
        CheckpointError: for a path that no file can have.
    """
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1]
    try:
        path = Path(text.removeprefix("file://")).expanduser()
        path.exists()
    except (OSError, RuntimeError, ValueError) as error:
        raise CheckpointError(f"`{shown(text)}` is not a path on this machine: {shown(error)}.") from error
    return path


def command(request: Request) -> str:
    """The command line that does the same without a browser, for a POSIX shell."""
    words = ["python", "-m", "vqcore", "doctor", _as_word(request.path)]
    for flag, value in (
        ("--latents", request.latents),
        ("--codes", request.codes),
        *(("--codebook", key) for key in ((request.key,) if isinstance(request.key, str) else request.key or ())),
        ("--axis", request.axis),
        ("--rows", request.rows),
        ("--level-axis", request.level_axis),
        ("--search", request.search),
        ("--structure", request.structure),
        ("--latents-key", request.latents_key),
        ("--latents-axis", request.latents_axis),
        ("--mask", request.mask),
    ):
        if value is not None:
            word = _as_word(value) if isinstance(value, Path) else str(value)
            words += [f"{flag}={word}"] if word.startswith("-") else [flag, word]
    return shlex.join(words)


def _as_word(path: Path) -> str:
    """A path that cannot be mistaken for an option."""
    return f"./{path}" if str(path).startswith("-") else str(path)


def _holds_codes(path: Path) -> bool:
    """Whether a file holds whole numbers, that is codes, not vectors. Errors are left to the reader."""
    try:
        arrays = [array for source in state_dicts(open_contents(path).root) for array in source.arrays.values()]
    except CheckpointError:
        return False
    return any(array.is_whole for array in arrays) and not any(array.is_float for array in arrays)


def tensors_in(path: Path) -> tuple[str, ...]:
    """Keys of the tables of floats in a file, the first `MOST_TENSORS`. Errors are left to the reader."""
    try:
        sources = state_dicts(open_contents(path).root)
    except CheckpointError:
        return ()
    keys = (key for source in sources for key, one in source.arrays.items() if one.is_float and len(one.shape) > 1)
    return tuple(islice(dict.fromkeys(keys), MOST_TENSORS))


def overruled(asked: Asked, *, axis: str, **told: Any) -> Asked:
    """The same file, read differently; `told` by the names of `Asked`."""
    known: Axis = next((each for each in AXES if each == axis), "")
    return replace(asked, axis=known, **told)
