"""How often the diagnosis names the condition that the failure gallery was made to show: the confusion matrix."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, get_args

from vqcore.diagnostics.diagnosis import diagnose
from vqcore.diagnostics.finding import Condition, Finding
from vqcore.gallery.catalogue import GALLERY
from vqcore.gallery.exhibit import Exhibit

JUDGED_SEEDS = range(5, 10)
"""Thresholds were set on seeds 0 to 4."""


class Judged(NamedTuple):
    """One exhibit at one seed."""

    exhibit: Exhibit
    seed: int
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Condition:
        """The first condition of the diagnosis."""
        return self.findings[0].condition


def judge(exhibits: Iterable[Exhibit] = GALLERY, seeds: Iterable[int] = JUDGED_SEEDS) -> list[Judged]:
    """Make every exhibit at every seed, and diagnose it."""
    exhibits = list(exhibits)
    return [Judged(one, seed, diagnose(one.make(seed))) for seed in seeds for one in exhibits]


def recalls(judged: Sequence[Judged]) -> dict[Condition, float]:
    """For each condition of the gallery, the share of its runs with that verdict."""
    right = Counter(one.exhibit.condition for one in judged if one.verdict == one.exhibit.condition)
    made = Counter(one.exhibit.condition for one in judged)
    return {condition: right[condition] / made[condition] for condition in get_args(Condition) if made[condition]}


def false_alarms(judged: Sequence[Judged]) -> list[Judged]:
    """Healthy runs and sound twins with a severe finding."""
    sound = (one for one in judged if one.exhibit.condition == "healthy" or one.exhibit.twin_of)
    return [one for one in sound if one.findings[0].severity == "severe"]


def bench_doctor(seeds: Iterable[int] = JUDGED_SEEDS) -> dict[str, Any]:
    """The results on the gallery, as a report."""
    seeds = list(seeds)
    judged = judge(seeds=seeds)
    recall = recalls(judged)
    matrix = Counter((one.exhibit.condition, one.verdict) for one in judged)
    return {
        "seeds": seeds,
        "runs": len(judged),
        "macro_recall": sum(recall.values()) / len(recall),
        "recall": recall,
        "healthy_runs": sum(one.exhibit.condition == "healthy" for one in judged),
        "healthy_runs_with_a_severe_finding": len(false_alarms(judged)),
        "confusion": [
            {"made": made, "said": said, "runs": runs}
            for (made, said), runs in sorted(matrix.items(), key=lambda item: item[0])
        ],
        "mistakes": [
            {
                "exhibit": one.exhibit.name,
                "seed": one.seed,
                "made": one.exhibit.condition,
                "said": [f"{finding.severity}: {finding.title}" for finding in one.findings],
            }
            for one in judged
            if one.verdict != one.exhibit.condition
        ],
    }


def matrix_table(report: dict[str, Any]) -> str:
    """The confusion matrix as text: rows are the conditions made, columns the first finding."""
    made = list(report["recall"])
    said = [name for name in get_args(Condition) if any(cell["said"] == name for cell in report["confusion"])]
    cells = {(cell["made"], cell["said"]): cell["runs"] for cell in report["confusion"]}
    letters = {name: chr(ord("a") + index) for index, name in enumerate(said)}
    lines = [
        f"{report['runs']} runs, seeds {report['seeds'][0]} to {report['seeds'][-1]}; columns: the first finding",
        f"{'':<26}" + "".join(f"{letters[name]:>4}" for name in said) + "   recall",
    ]
    for row in made:
        counts = "".join(f"{cells.get((row, name), 0) or '·':>4}" for name in said)
        lines.append(f"{letters.get(row, ' ')} {row:<24}{counts}   {report['recall'][row]:6.2f}")
    lines += [
        f"macro recall {report['macro_recall']:.3f}; severe findings on {report['healthy_runs']} healthy runs: "
        f"{report['healthy_runs_with_a_severe_finding']}",
        *[
            f"{one['exhibit']}, seed {one['seed']}: made {one['made']}, said {one['said'][0]}"
            for one in report["mistakes"]
        ],
    ]
    return "\n".join(lines)
