"""The first path: a line under the header from a collapse to a recovery, told in the numbers of the run on show.

Only a session that was begun for it has one. Nothing is promised: the line says what became of the codes, whatever
that was.
"""

from dataclasses import dataclass
from threading import Lock

from app.panels.markup import markup
from app.panels.scene import Scene
from app.sessions.registry import Entry
from vqcore.diagnostics.usage import active_codes, count_codes
from vqcore.snapshot import Snapshot
from vqcore.training.session import Status

PAUSES_AT = 20
"""The step at which the run stands still, for what became of its codes to be read."""

JUDGED_AFTER, DONE_AFTER = 40, 240
"""Steps after a switch at which the line says what came of it, and at which it goes."""

OFFERS = {"Replace every 10": {"replace_every": 10}, "Affine running": {"affine": "running"}}
"""The switches that the line offers."""

MOST_READINGS = 200
NOTE = "in use: by held-out z_e at that step; tiles: by the last batches"
MEANING = (
    "A code is in use if it is the nearest to one of the {vectors:,} held-out z_e on the map, at that step. The "
    "tiles count the last training batches instead, and so follow later."
)


_reading = Lock()
"""Held while readings of a session are looked up and noted, by its script and its watchers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Codes in use at the moments that the line speaks of."""

    num_codes: int
    start: int
    """Before the first step."""

    stood: int
    """At the step where the run stands still, or now if that is still to come."""

    now: int
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Thrown:
    """The newest switch that has been thrown."""

    label: str
    step: int
    before: int
    """Codes in use when it was."""


@dataclass(frozen=True, slots=True)
class Line:
    """What the line says now."""

    text: str
    """As HTML."""

    offers: tuple[str, ...]
    """The switches that it offers, by name."""


def line_of(scene: Scene) -> Line | None:
    """The line, if the session has one and its reader is not through with it."""
    entry, newest = scene.entry, scene.newest
    if entry.in_use is None or scene.status.run or scene.view.line_is_read:
        return None
    with _reading:
        _note(entry.in_use, newest)
        thrown, counts = _thrown(entry, newest), _counts(entry, newest)
    if thrown is not None and newest.step > thrown.step + DONE_AFTER:
        return None
    meaning = MEANING.format(vectors=len(newest.codes))
    text = markup("path_line", meaning=meaning, sentence=sentence(counts, thrown), note=NOTE)
    return Line(text, tuple(_offers(scene.status)) if asks(counts, thrown) else ())


def sentence(counts: Counts, thrown: Thrown | None) -> str:
    """What has become of the codes so far.

    >>> sentence(Counts(num_codes=512, start=334, stood=15, now=15, step=20), None)
    'In 20 steps of training, codes in use went from <b>334</b> to <b>15</b> of 512. Throw a switch:'
    >>> after = Counts(num_codes=512, start=334, stood=15, now=9, step=65)
    >>> sentence(after, Thrown(label="affine running", step=20, before=15))
    '45 steps after <i>affine running</i>, codes in use: <b>15</b> → <b>9</b> of 512. They have not come back.'
    """
    of, start, now = f"of {counts.num_codes:,}", f"<b>{counts.start:,}</b>", f"<b>{counts.now:,}</b>"
    if thrown is not None:
        since = counts.step - thrown.step
        steps = "1 step" if since == 1 else f"{since:,} steps"
        went = markup(
            "after_switch",
            steps=steps,
            label=thrown.label,
            before=f"{thrown.before:,}",
            now=f"{counts.now:,}",
            num_codes=f"{counts.num_codes:,}",
        )
        return f"{went} {_verdict(counts)}" if since >= JUDGED_AFTER else went
    if counts.step == 0:
        return f"Before training, {start} {of} codes are in use. Watch {PAUSES_AT} steps."
    if counts.step < PAUSES_AT:
        return f"Step {counts.step}: codes in use went from {start} to {now} {of}."
    if counts.step == PAUSES_AT:
        went = f"In {counts.step} steps of training, codes in use went from {start} to {now} {of}"
    else:
        went = f"Codes in use went from {start} to <b>{counts.stood:,}</b> and are now {now} {of}"
    return f"{went}{'' if counts.stood < counts.start / 2 else ': no collapse'}. Throw a switch:"


def asks(counts: Counts, thrown: Thrown | None) -> bool:
    """Whether the line offers switches just now: at the collapse, and where one has not helped."""
    if thrown is None:
        return counts.step >= PAUSES_AT
    return counts.step - thrown.step >= JUDGED_AFTER and counts.now < counts.start / 2


def _verdict(counts: Counts) -> str:
    """Measured against the start and not the lowest: from there, a few return by themselves."""
    if counts.now >= counts.start / 2:
        return "Most are back."
    return "Some are back." if counts.now >= counts.start / 4 else "They have not come back."


def _note(in_use: dict[int, int], newest: Snapshot) -> None:
    """The first reading of a step stays: a switch may change the map of the codes at once, at the same step."""
    in_use.setdefault(newest.step, _in_use(newest))
    if len(in_use) > MOST_READINGS:
        in_use.pop(min(step for step in in_use if step > PAUSES_AT), None)


def _thrown(entry: Entry, newest: Snapshot) -> Thrown | None:
    if not newest.events:
        return None
    event = newest.events[-1]
    return Thrown(label=event.label, step=event.step, before=_at(entry, event.step, newest))


def _counts(entry: Entry, newest: Snapshot) -> Counts:
    return Counts(
        num_codes=newest.num_codes,
        start=_at(entry, 0, newest),
        stood=_at(entry, min(PAUSES_AT, newest.step), newest),
        now=_in_use(newest),
        step=newest.step,
    )


def _at(entry: Entry, step: int, newest: Snapshot) -> int:
    """Codes in use at `step` as it was read then, else at the moment kept that comes nearest before it."""
    assert entry.in_use is not None
    if step not in entry.in_use:
        kept = entry.session.at(step) or newest
        entry.in_use.setdefault(step, _in_use(kept))
    return entry.in_use[step]


def _in_use(snapshot: Snapshot) -> int:
    return active_codes(count_codes(snapshot.codes, snapshot.num_codes))


def _offers(status: Status) -> list[str]:
    """What is not in force already."""
    options = status.recipe.options
    return [name for name, to in OFFERS.items() if any(getattr(options, key) != value for key, value in to.items())]
