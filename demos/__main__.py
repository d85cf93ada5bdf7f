"""Lessons without a browser: `python -m demos [NAME | --all] [--seed-from S --seeds N]`."""

import argparse
import json
import math
import sys
from collections.abc import Iterable, Sequence
from datetime import date
from functools import partial
from typing import Any

from tqdm import tqdm

from demos.catalogue import lessons, named
from demos.exercises import exercises
from demos.lesson import Lesson
from demos.new import what_next, write_lesson
from demos.report import lesson_report, lesson_text, table, table_text
from demos.running import examine, record, records
from demos.words import add_run_options, check_seed, shortening, warning
from vqcore.arguments import Parser
from vqcore.repository import commit_of_code

SEEDS = 5
MOST_SEEDS = 10_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and print; returns the exit code. A user error gives one sentence on stderr and exit code 2."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    for verb, command in (("new", _new), ("exercises", _exercises)):
        if words[:1] == [verb]:
            return command(words[1:])
    options = _parser().parse_args(words)
    found, unusable = lessons()
    try:
        _check(options)
        chosen = found if options.name is None else [named(options.name, found, unusable)]
        if options.all or options.seeds is not None or options.seed_from is not None:
            report, text = _over_seeds(chosen, options)
        elif options.name is not None:
            report, text = _one(chosen[0], options)
        else:
            report, text = _listing(found)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(_finite(report), indent=2, ensure_ascii=False, allow_nan=False) if options.json else text)
    for each in unusable:
        print(f"{each.file} gives no lesson. {each.why}", file=sys.stderr)
    return 2 if unusable or _has_errors(report) else 0


def _new(words: Sequence[str]) -> int:
    """`python -m demos new NAME`; returns the exit code."""
    parser = Parser(prog="python -m demos new", description="Write a lesson that runs, to begin yours from.")
    parser.add_argument("name", metavar="NAME", help="of the lesson: one word")
    name = parser.parse_args(words).name
    try:
        file = write_lesson(name)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print(what_next(name, file))
    return 0


def _exercises(words: Sequence[str]) -> int:
    """`python -m demos exercises`; returns the exit code."""
    parser = Parser(
        prog="python -m demos exercises", description="Exercises, with solutions computed from a training."
    )
    parser.add_argument("--seed", type=int, default=0, help="of the training that gives the numbers (default: 0)")
    parser.add_argument("--sheet", action="store_true", help="without the solutions")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout and nothing else")
    options = parser.parse_args(words)
    try:
        check_seed(options.seed)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    solved = exercises(options.seed)
    if options.json:
        print(json.dumps([each._asdict() for each in solved], indent=2, ensure_ascii=False))
        return 0
    for number, each in enumerate(solved, start=1):
        solution = "" if options.sheet else f"\n   → {each.solution}"
        print(f"{number}. [{each.lesson}] {each.asks}{solution}\n")
    return 0


def _listing(found: list[Lesson]) -> tuple[Any, str]:
    report = [{"name": lesson.name, "title": lesson.title, "about": lesson.about} for lesson in found]
    lines = [f"{entry['name']:<12} {entry['title']}\n{'':<12} {entry['about']}" for entry in report]
    return report, "\n".join([*lines, "", "Run one with python -m demos NAME, all with python -m demos --all."])


def _one(lesson: Lesson, options: argparse.Namespace) -> tuple[Any, str]:
    seed = options.seed or 0
    found = record(lesson, seed, shorten=shortening(options.quick))
    examined = examine(lesson, found)
    text = lesson_text(lesson, seed, examined)
    return lesson_report(lesson, seed, examined), f"{text}{warning(options.quick)}"


def _over_seeds(found: list[Lesson], options: argparse.Namespace) -> tuple[Any, str]:
    """The table of these lessons, and what `demos.recorded` needs to say where it comes from."""
    seeds, commit, results = _seeds(options), commit_of_code(), []
    for seed in seeds:
        recorded = records(
            found, seed, shorten=shortening(options.quick), shown=partial(_shown, label=f"seed {seed}")
        )
        results += [(lesson, seed, examine(lesson, each)) for lesson, each in zip(found, recorded, strict=True)]
    rows = table(results)
    report = {
        "date": date.today().isoformat(),
        "commit": commit,
        "command": _command(options, seeds),
        "first_seed": seeds[0],
        "last_seed": seeds[-1],
        "claims": rows,
    }
    return report, f"{table_text(rows)}{warning(options.quick)}"


def _seeds(options: argparse.Namespace) -> range:
    if options.seed is not None:
        return range(options.seed, options.seed + 1)
    first = options.seed_from or 0
    return range(first, first + (options.seeds or (1 if options.quick else SEEDS)))


def _command(options: argparse.Namespace, seeds: range) -> str:
    which = "--all" if options.all else options.name
    quick = " --quick" if options.quick else ""
    return f"python -m demos {which} --seed-from {seeds[0]} --seeds {len(seeds)}{quick}"


def _check(options: argparse.Namespace) -> None:
    if options.html is not None:
        raise ValueError("`--html` is a command of its own now: type `vqscope handout NAME --html OUT`.")
    if options.all and options.name is not None:
        raise ValueError("`--all` runs every lesson: leave NAME out.")
    many = [name for name in ("seeds", "seed_from") if getattr(options, name) is not None]
    if many and options.name is None and not options.all:
        raise ValueError(f"{_flag(many[0])} needs NAME or --all: the list of lessons has no seeds.")
    if many and options.seed is not None:
        raise ValueError(f"`--seed` runs one seed: leave {_flag(many[0])} out, or give --seed-from in its place.")
    if options.seeds is not None and not 1 <= options.seeds <= MOST_SEEDS:
        raise ValueError(f"`--seeds` must be a whole number from 1 to {MOST_SEEDS:,}, but got {options.seeds}.")
    check_seed(options.seed)
    check_seed(options.seed_from, "--seed-from")
    if many:
        check_seed(_seeds(options)[-1], "the last seed")


def _flag(name: str) -> str:
    return f"`--{name.replace('_', '-')}`"


def _has_errors(report: Any) -> bool:
    """Whether any claim could not be computed."""
    rows = report["claims"] if isinstance(report, dict) else report
    return any(row.get("errors") or row.get("held", 0) is None for row in rows)


def _finite(value: Any) -> Any:
    """`value` with None for numbers that JSON does not have."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _shown(rows: Iterable[Any], label: str) -> Iterable[Any]:
    shown: Iterable[Any] = tqdm(rows, desc=label, unit="training", file=sys.stderr, disable=None, leave=False)
    return shown


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m demos", description="Run lessons without a browser, and count which claims hold.")
    parser.add_argument("name", nargs="?", metavar="NAME", help="one lesson; without it, a list of them")
    add_run_options(parser)
    parser.add_argument("--html", help=argparse.SUPPRESS)  # what it was until `vqscope handout` took its place
    parser.add_argument("--all", action="store_true", help="every claim of every lesson, and how often it held")
    parser.add_argument("--seeds", type=int, metavar="N", help=f"count over N seeds (with --all by default {SEEDS})")
    parser.add_argument("--seed-from", type=int, metavar="S", help="the first of them (default: 0)")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout and nothing else")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
