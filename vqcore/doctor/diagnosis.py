"""What `vqcore.diagnose` returns: the doctor's findings as a value, readable in a terminal and in a notebook."""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vqcore.diagnostics.diagnosis import diagnose
from vqcore.diagnostics.evidence import Evidence
from vqcore.diagnostics.finding import Finding
from vqcore.doctor.parts import Advice, advice_on
from vqcore.doctor.report import amount, summary_of
from vqcore.markup import template

SEVERITIES = ("severe", "warning", "unknown", "healthy", "note")
WIDTH = 110


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """One codebook and what was found."""

    name: str
    evidence: Evidence
    findings: tuple[Finding, ...]
    """The first is the verdict."""

    @property
    def usage(self) -> str:
        """Used codes and perplexity in a sentence; empty where nothing is known."""
        found = summary_of(self.evidence.usage)
        if found is None:
            return ""
        counted = amount(found.num_vectors, found.num_codes)
        used = f"Used {found.used:,} of {found.num_codes:,} codes, perplexity {found.perplexity:.1f}; {counted}."
        return f"{used} Used: {found.window}."

    @property
    def advised(self) -> list[tuple[Finding, Advice | None]]:
        """Each finding, with what to do where something is wrong."""
        return [(one, advice_on(one)) for one in self.findings]


@dataclass(frozen=True, slots=True, repr=False)
class Diagnosis:
    """The findings of one or more codebooks; `print` it, or let a notebook show it."""

    codebooks: tuple[Diagnosed, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Of all codebooks, the worst first."""
        every = [finding for one in self.codebooks for finding in one.findings]
        return tuple(sorted(every, key=lambda one: SEVERITIES.index(one.severity)))

    @property
    def verdict(self) -> Finding:
        """The most important finding of the worst codebook."""
        return self.worst.findings[0]

    @property
    def worst(self) -> Diagnosed:
        """The first codebook with the worst verdict."""
        return min(self.codebooks, key=lambda one: SEVERITIES.index(one.findings[0].severity))

    @property
    def is_severe(self) -> bool:
        """Whether any finding is severe."""
        return self.verdict.severity == "severe"

    def __repr__(self) -> str:
        return "\n".join(line for one in self.codebooks for line in _lines(one))

    def _repr_html_(self) -> str:
        """For a notebook; every name in it is escaped."""
        return template(Path(__file__).with_name("diagnosis.html.j2")).render(diagnosis=self)


def diagnosis_of(evidence: dict[str, Evidence]) -> Diagnosis:
    """The diagnosis of each codebook, by name.

    Raises:
        ValueError: if parts of the evidence do not fit the codebook.
    """
    return Diagnosis(tuple(Diagnosed(name, one, diagnose(one)) for name, one in evidence.items()))


def _lines(one: Diagnosed) -> Iterator[str]:
    yield f"{one.name}  {one.evidence.num_codes:,} × {one.evidence.dim:,}"
    if one.usage:
        yield _wrapped(one.usage, "  ")
    for finding, advice in one.advised:
        yield _wrapped(f"{finding.severity.upper()}  {finding.condition}: {finding.title}", "  ")
        for number in finding.numbers:
            yield _wrapped(f"{number.name} {number.text}{f' ({number.limit})' if number.limit else ''}", "    ")
        if advice is not None:
            yield _wrapped(f"likely cause: {advice.cause}", "    ")
            for remedy, _ in advice.remedies:
                yield _wrapped(f"try: {remedy.what}", "    ")


def _wrapped(text: str, indent: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=f"{indent}  ", break_long_words=False)
