"""The paths over a loss surface without a browser: `python -m demos.trajectories [--loss … --seeds N]`."""

import argparse
import json
import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from tqdm import tqdm

from demos.words import check_seed
from vqcore.arguments import Parser
from vqcore.problems.landscapes import LANDSCAPES
from vqcore.training.cores import compute_on_one_thread
from vqcore.trajectories.lockstep import trajectories
from vqcore.trajectories.setting import METHODS, PAPER_METHODS, Setting

POINTS, NUS = (1, 4, 16), (0.1, 0.3, 1.0, 3.0)
"""How many points share the codes in `--sweep`, and the values of ν that it tries."""

CLAIMS = (
    ("alternating", "STE", "gradient gap"),
    ("alternating", "STE", "gradient angle"),
    ("sync", "STE", "delay"),
    ("alternating + sync", "alternating", "delay"),
    ("affine", "STE", "gradient gap"),
)
"""The paper's claims: the first method has less of the third (a measure) than the second."""

Summaries = dict[str, list[dict[str, float]]]
"""Per method, one summary per seed."""


def summaries(setting: Setting, seeds: Iterable[int]) -> Summaries:
    """`Path.summary` of every method on every seed."""
    found: Summaries = {method: [] for method in setting.methods}
    for seed in seeds:
        for path in trajectories(replace(setting, seed=seed)):
            found[path.method].append(path.summary())
    return found


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Lower quartile, median and upper quartile; a value not reached counts as later than all others.

    >>> quartiles([3.0, 1.0, 2.0, math.nan, math.nan])
    (2.0, 3.0, inf)
    """
    low, middle, high = np.quantile(np.nan_to_num(values, nan=math.inf), (0.25, 0.5, 0.75), method="nearest")
    return float(low), float(middle), float(high)


def wins(found: Summaries, method: str, other: str, measure: str) -> int:
    """On how many seeds `method` has less of `measure` than `other`."""
    pairs = zip(found[method], found[other], strict=True)
    return sum(first[measure] < second[measure] for first, second in pairs)


def claims(found: Summaries) -> list[dict[str, Any]]:
    """Each of `CLAIMS` that can be judged here: on how many seeds it held, and the two medians."""
    return [
        {
            "claim": f"{method} has less {measure} than {other}",
            "held": wins(found, method, other, measure),
            "seeds": len(found[method]),
            "medians": [quartiles([row[measure] for row in found[name]])[1] for name in (method, other)],
        }
        for method, other, measure in CLAIMS
        if method in found and other in found
    ]


def sweep(setting: Setting, seeds: Iterable[int]) -> list[dict[str, Any]]:
    """Where the claims hold: `claims` at every number of points and ν of the sweep."""
    seeds, rows = list(seeds), []
    methods = tuple(dict.fromkeys(name for claim in CLAIMS for name in claim[:2]))
    for points, nu in _shown([(points, nu) for points in POINTS for nu in NUS], "setting"):
        found = summaries(replace(setting, points=points, starts=None, nu=nu, methods=methods), seeds)
        rows.append({"points": points, "nu": nu, "claims": claims(found)})
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and print; returns the exit code."""
    options = _parser().parse_args(arguments)
    compute_on_one_thread()
    try:
        if options.html is not None:
            raise ValueError("`--html` is a command of its own now: type `vqscope trajectories --html OUT`.")
        if options.seeds < 1:
            raise ValueError(f"`--seeds` must be a whole number from 1 up, but got {options.seeds}.")
        check_seed(options.seed_from, "--seed-from")
        check_seed(options.seed_from + options.seeds - 1, "the last seed")
        setting = chosen_setting(options)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    seeds = range(options.seed_from, options.seed_from + options.seeds)
    found = summaries(setting, _shown(seeds, "seed"))
    report = {
        "setting": asdict(setting) | {"learning_rate": setting.rate},
        "seeds": len(seeds),
        "first_seed": seeds[0],
        "methods": {method: _columns(rows) for method, rows in found.items()},
        "claims": claims(found),
        "sweep": sweep(setting, seeds) if options.sweep else [],
    }
    print(json.dumps(report, indent=2, ensure_ascii=False) if options.json else _text(report))
    return 0


def add_setting_options(parser: argparse.ArgumentParser) -> None:
    """What `chosen_setting` reads."""
    parser.add_argument("--loss", default="quadratic", help=f"one of {', '.join(LANDSCAPES)}")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--points", type=int, default=1)
    parser.add_argument("--encoder", default="free", help="free or mlp")
    parser.add_argument("--codes", type=int, default=12, help="K")
    parser.add_argument("--learning-rate", type=float, help="default: the landscape's own")
    parser.add_argument("--noise", type=float, default=0.0)
    parser.add_argument("--nu", type=float, default=1.0, help="ν of the methods with sync")
    parser.add_argument("--all", action="store_true", help="also EMA and rotation")


def chosen_setting(options: argparse.Namespace, seed: int = 0) -> Setting:
    """The setting that a command line asks for.

    Raises:
        ValueError: one sentence that names what cannot be.
    """
    return Setting(
        landscape=options.loss,
        seed=seed,
        steps=options.steps,
        points=options.points,
        encoder=options.encoder,
        num_codes=options.codes,
        learning_rate=options.learning_rate,
        noise=options.noise,
        nu=options.nu,
        methods=tuple(METHODS) if options.all else PAPER_METHODS,
    )


def _columns(rows: list[dict[str, float]]) -> dict[str, list[float | None]]:
    """Per measure its quartiles; None where not reached."""
    return {
        measure: [value if math.isfinite(value) else None for value in quartiles([row[measure] for row in rows])]
        for measure in rows[0]
    } | {"not reached": [sum(math.isnan(row["reached"]) for row in rows)]}


def _text(report: dict[str, Any]) -> str:
    setting, seeds = report["setting"], report["seeds"]
    lines = [
        f"{setting['landscape']}, {setting['steps']} steps at learning rate {setting['learning_rate']:g}, "
        f"ν {setting['nu']:g}, K = {setting['num_codes']}; median (lower to upper quartile) over {seeds} seeds.",
        "reached: first step with at most 1% of the starting excess loss, – not reached.",
    ]
    measures = ["reached", "final loss", "gradient gap", "gradient angle", "delay"]
    lines.append(f"{'':<20}{'not reached':<13}" + "".join(f"{name:<28}" for name in measures).rstrip())
    for method, columns in report["methods"].items():
        missed = f"{columns['not reached'][0]} of {seeds}"
        lines.append(
            f"{method:<20}{missed:<13}" + "".join(f"{_cell(columns[name]):<28}" for name in measures).rstrip()
        )
    lines += ["", "What the paper argues, on these seeds:", *map(_claim, report["claims"])]
    for row in report["sweep"]:
        lines += ["", f"points {row['points']}, ν {row['nu']:g}:", *map(_claim, row["claims"])]
    return "\n".join(lines)


def _cell(values: list[float | None]) -> str:
    low, middle, high = ("–" if value is None else f"{value:.2g}" for value in values)
    return f"{middle} ({low} to {high})"


def _claim(claim: dict[str, Any]) -> str:
    first, second = claim["medians"]
    return f"  {claim['claim']}: on {claim['held']} of {claim['seeds']} (medians {first:.3g} and {second:.3g})"


def _shown(rows: Iterable[Any], unit: str) -> Iterable[Any]:
    shown: Iterable[Any] = tqdm(rows, unit=unit, file=sys.stderr, disable=None, leave=False)
    return shown


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m demos.trajectories", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="how many (default: 20)")
    parser.add_argument("--seed-from", type=int, default=0, metavar="S", help="the first of them (default: 0)")
    add_setting_options(parser)
    parser.add_argument("--sweep", action="store_true", help="also where the claims hold, over points and ν")
    parser.add_argument("--html", help=argparse.SUPPRESS)  # what it was until `vqscope trajectories` took its place
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout and nothing else")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
