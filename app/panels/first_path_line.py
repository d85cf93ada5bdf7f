"""The first path: a line under the header that tells of collapse and recovery in the numbers of the run shown.

Only a session that was begun for it has one. It promises nothing: the line says what became of the codes, whatever
that was.
"""

from dataclasses import dataclass
from threading import Lock
from typing import Any

from app.panels.markup import markup
from app.panels.scene import Scene
from app.sessions.entry import Entry
from vqcore.diagnostics.usage import active_codes, count_codes
from vqcore.snapshot import Snapshot
from vqcore.training.status import Status

PAUSES_AT = 20
"""The step at which the run pauses, so that what became of its codes can be read."""

JUDGED_AFTER, DONE_AFTER = 40, 240
"""Steps after a switch at which the line reports the effect, and at which it disappears."""

OFFERS: dict[str, dict[str, Any]] = {
    "Replace every 10": {"replace_every": 10},
    "Affine running": {"affine": "running"},
}
"""The switches that the line offers."""

MOST_READINGS = 200
NOTE = "in use: by held-out z_e at that step; tiles: by the last batches"
MEANING = (
    "A code is in use if it is the nearest to at least one of the {vectors:,} held-out z_e on the map, at that step. "
    "The "
    "tiles count the last training batches instead, and so follow later."
)


_reading = Lock()
"""Held by a session's script and its watchers while they look up and note readings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Codes in use at the moments that the line speaks of."""

    num_codes: int
    start: int
    """Before the first step."""

    stood: int
    """At the step where the run pauses, or now if it has not come there yet."""

    now: int
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Thrown:
    """The last switch thrown."""

    label: str
    step: int
    before: int
    """Codes in use when it was thrown."""


@dataclass(frozen=True, slots=True)
class Line:
    """What the line says now."""

    text: str
    """As HTML."""

    offers: tuple[str, ...]
    """Switches that it offers, by name."""


def line_of(scene: Scene) -> Line | None:
    """The line, if the session has one and its reader has not closed it."""
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
    """Whether the line offers switches now: at the collapse, and if one has not helped."""
    if thrown is None:
        return counts.step >= PAUSES_AT
    return counts.step - thrown.step >= JUDGED_AFTER and counts.now < counts.start / 2


def _verdict(counts: Counts) -> str:
    """How many are back, measured against the start and not the lowest count, from which a few return anyway."""
    if counts.now >= counts.start / 2:
        return "Most are back."
    return "Some are back." if counts.now >= counts.start / 4 else "They have not come back."


def _note(in_use: dict[int, int], newest: Snapshot) -> None:
    """Note a reading; the first one of a step stays, since a switch may change the codes within that step."""
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
    """Codes in use at `step` as read then, else at the last kept moment before it."""
    assert entry.in_use is not None
    if step not in entry.in_use:
        kept = entry.one.at(step) or newest
        entry.in_use.setdefault(step, _in_use(kept))
    return entry.in_use[step]


def _in_use(snapshot: Snapshot) -> int:
    return active_codes(count_codes(snapshot.codes, snapshot.num_codes))


def _offers(status: Status) -> list[str]:
    """The switches that are not in force already."""
    options = status.recipe.options
    return [name for name, to in OFFERS.items() if any(getattr(options, key) != value for key, value in to.items())]
