"""The course of a run: what was found at each recorded step, what came and went, and what came first."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, get_args

from vqcore.diagnostics.diagnosis import diagnose
from vqcore.diagnostics.finding import Condition, Finding, Severity
from vqcore.files.errors import CheckpointError
from vqcore.runs.evidence import evidence_at
from vqcore.runs.reading import Run

SEVERITIES: tuple[Severity, ...] = get_args(Severity)
CONDITIONS: tuple[Condition, ...] = get_args(Condition)

Found = Mapping[str, tuple[Finding, ...]]
"""The findings on each codebook by its name, the worst first."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One recorded step, and what it changed."""

    line: Mapping[str, Any]
    found: Found | None
    """None if its snapshot is not kept."""

    before: int | None
    """The step that was diagnosed before it."""

    began: tuple[tuple[str, Finding], ...]
    """Findings, by codebook, that were not there at `before`."""

    ended: tuple[tuple[str, str], ...]
    """Codebook and condition of findings that are gone since then."""

    @property
    def step(self) -> int:
        """Which recorded step it is."""
        return int(self.line["step"])


class Onset(NamedTuple):
    """When a finding turned up."""

    codebook: str
    finding: Finding
    after: int | None
    """The last step at which it was not there; None if it was there from the first."""

    by: int
    """The first step at which it was."""


def found_at(run: Run, step: int) -> Found | None:
    """The findings at a recorded step; None if its snapshot was thinned away meanwhile, or is damaged."""
    try:
        return {name: diagnose(one) for name, one in evidence_at(run, step).items()}
    except (CheckpointError, ValueError):
        return None


def worst(found: Found) -> tuple[str, Finding]:
    """The verdict, and the first codebook that it is on."""
    first = {name: findings[0] for name, findings in found.items()}
    return min(first.items(), key=lambda one: SEVERITIES.index(one[1].severity))


def moments(run: Run, *, after: int = 0, last: Moment | None = None) -> Iterator[Moment]:
    """The recorded steps from the line numbered `after` on; `last` is the newest one before them with findings."""
    kept = set(run.snapshots)
    for line in run.lines[after:]:
        moment = compared(line, found_at(run, line["step"]) if line["step"] in kept else None, last)
        last = moment if moment.found is not None else last
        yield moment


def compared(line: Mapping[str, Any], found: Found | None, last: Moment | None) -> Moment:
    """What a step with these findings changes after `last`."""
    if found is None:
        return Moment(line, None, None, (), ())
    now = {(name, one.condition): one for name, findings in found.items() for one in findings}
    earlier = {} if last is None or last.found is None else last.found
    before = {(name, one.condition): one.severity for name, findings in earlier.items() for one in findings}
    began = tuple(
        (name, one) for (name, condition), one in now.items() if before.get((name, condition)) != one.severity
    )
    ended = tuple(key for key, severity in before.items() if key not in now and severity != "healthy")
    return Moment(line, found, None if last is None else last.step, began, ended)


def onsets(course: Iterable[Moment], until: int) -> tuple[Onset, ...]:
    """When each severe finding that is there at step `until` turned up, the earliest first, causes before effects."""
    present: dict[tuple[str, Condition], Onset] = {}
    for moment in course:
        if moment.found is None or moment.step > until:
            continue
        severe = {
            (name, one.condition): one
            for name, findings in moment.found.items()
            for one in findings
            if one.severity == "severe"
        }
        present = {
            key: present.get(key) or Onset(key[0], finding, moment.before, moment.step)
            for key, finding in severe.items()
        }
    return tuple(sorted(present.values(), key=lambda one: (one.by, CONDITIONS.index(one.finding.condition))))
