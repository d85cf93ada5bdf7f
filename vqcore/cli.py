"""The command line. Every number comes from the modules below it."""

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from vqcore import storage
from vqcore.ablation.command import ablation
from vqcore.ablation.command import add_words as add_ablation_words
from vqcore.arguments import Parser, named_path, run_verb
from vqcore.bench.doctor import JUDGED_SEEDS, bench_doctor, matrix_table
from vqcore.bench.doctor_cost import CASES, QUICK_CASES, bench_cost, cost_table
from vqcore.bench.page import bench_page
from vqcore.bench.probe import bench_probe
from vqcore.bench.probe import table as probe_table
from vqcore.bench.quantizer import bench_quantizer, table
from vqcore.bench.session import bench_session
from vqcore.bench.variants import bench_variants
from vqcore.data.opening import known_images
from vqcore.doctor.command import add_words, doctor
from vqcore.models.problems import NETWORKS, description
from vqcore.problems.catalogue import PROBLEMS, find_problem
from vqcore.runs import runs_command, watch_command
from vqcore.starts import command as starts_command
from vqcore.training.finite import NonFiniteError
from vqcore.training.recipe import Recipe, default_recipe, settings_of, written
from vqcore.training.trainer import Trainer
from vqcore.training_command import add_words as add_training_words
from vqcore.training_command import begun, resumed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns its exit code, 0 by default. A user error gives one sentence and exit code 2."""
    options = _parser().parse_args(arguments)
    try:
        return run_verb(options)
    except NonFiniteError as error:
        print(f"{error} Lower the learning rate: --set learning_rate=…", file=sys.stderr)
        return 2


def problems(_: argparse.Namespace) -> tuple[Any, str]:
    """List the problems and their options."""
    report: list[dict[str, Any]] = [
        {
            "name": problem.name,
            "about": problem.about,
            "task_loss": problem.loss_name,
            "dim": problem.dim,
            "settings": {name: getattr(default_recipe(problem.name), name) for name in settings_of(problem.name)},
            "options": asdict(problem.options),
        }
        for problem in PROBLEMS.values()
    ]
    lines = [
        f"{entry['name']:<18} {entry['about']}\n{'':<18} --set {' '.join(_pairs(entry['settings']))}\n"
        f"{'':<18} --set or --at {' '.join(_pairs(entry['options']))}"
        for entry in report
    ]
    return report, "\n\n".join(lines)


def train(options: argparse.Namespace) -> tuple[Any, str]:
    """Train without a browser, throwing switches at given steps."""
    job, trainer = resumed(options) if options.resume is not None else begun(options)
    job.run(trainer)
    report = _report(job.recipe, trainer, job.seconds)
    if job.folder is not None:
        weights = {
            **trainer.model.state_dict(prefix="model."),
            **trainer.quantizer.state_dict(prefix="quantizer."),
        }
        storage.save_results(job.folder, report, trainer.snapshot().history, weights)
    return report, _summary(report)


def bench(options: argparse.Namespace) -> tuple[Any, str]:
    """Measure speed, as ratios within this run."""
    if options.what == "quantizer":
        return _bench_quantizer(options)
    if options.what == "page":
        return _bench_page(options)
    if options.what == "doctor":
        return _bench_doctor(options)
    if options.what == "projection":
        return _bench_projection(options)
    if options.what == "probe":
        report_of_probe = bench_probe(quick=options.quick)
        return report_of_probe, probe_table(report_of_probe)
    problems = options.problems or [name for name in PROBLEMS if name not in NETWORKS]  # those take minutes each
    report = [bench_session(problem) | {"side_by_side": bench_variants(problem)} for problem in problems]
    lines = [
        f"{row['problem']:<18} bare {row['bare_steps_per_second']:7.1f}/s   watched at 2 Hz "
        f"{row['watched_steps_per_second']:7.1f}/s   ratio {row['ratio']:.3f} "
        f"({row['ratio_lowest']:.3f} to {row['ratio_highest']:.3f} over {row['rounds']} rounds)\n"
        + _side_by_side(row["side_by_side"])
        for row in report
    ]
    return report, "\n".join(lines)


def _side_by_side(row: dict[str, Any]) -> str:
    """The line on variants in one session."""
    return (
        f"{'':<18} {row['variants']} bare loops in turn {row['bare_steps_per_second']:7.1f}/s   side by side "
        f"{row['session_steps_per_second']:7.1f}/s   ratio {row['ratio']:.3f} ({row['ratio_lowest']:.3f} to "
        f"{row['ratio_highest']:.3f} over {row['rounds']} rounds)   in CPU time {row['cpu_ratio']:.3f}"
    )


def _bench_quantizer(options: argparse.Namespace) -> tuple[Any, str]:
    if options.problems:
        raise ValueError(f"`bench quantizer` takes no problem, but got {' '.join(options.problems)}.")
    report = bench_quantizer(quick=options.quick)
    return report, table(report)


def _bench_page(options: argparse.Namespace) -> tuple[Any, str]:
    if len(options.problems) > 1:
        raise ValueError(f"`bench page` takes one problem, but got {' '.join(options.problems)}.")
    problem = find_problem(*options.problems or ["patches"]).name
    report = bench_page(
        problem,
        seconds=options.seconds,
        browsers=options.browsers,
        minutes=options.minutes,
        rate=options.rate,
        followers=options.followers,
        draws=not options.no_picture,
    )
    return report, str(report["summary"])


def _bench_doctor(options: argparse.Namespace) -> tuple[Any, str]:
    if not set(options.problems) <= {"gallery", "cost"}:
        raise ValueError(f"`bench doctor` takes gallery, cost or both, but got {' '.join(options.problems)}.")
    parts, report, lines = options.problems or ["gallery", "cost"], {}, []
    if "gallery" in parts:
        seeds = JUDGED_SEEDS if options.seeds is None else _seeds(options.seeds)
        report = bench_doctor(seeds[:1] if options.quick else seeds)
        lines.append(matrix_table(report))
    if "cost" in parts:
        report["cost"] = bench_cost(QUICK_CASES if options.quick else CASES)
        lines.append(cost_table(report["cost"]))
    return report, "\n\n".join(lines)


def _seeds(text: str) -> range:
    first, dash, last = text.partition("-")
    last = last if dash else first
    seeds = range(int(first), int(last) + 1) if first.isdecimal() and last.isdecimal() else range(0)
    if not seeds:
        raise ValueError(f"`--seeds` must be one seed or the first and the last, as in 5-9, but got {text!r}.")
    return seeds


def _bench_projection(options: argparse.Namespace) -> tuple[Any, str]:
    if options.problems:
        raise ValueError(f"`bench projection` takes no problem, but got {' '.join(options.problems)}.")
    from vqcore.bench import projection  # late: umap alone takes seconds to import

    report = projection.bench_projection(quick=options.quick)
    return report, projection.table(report)


def _report(recipe: Recipe, trainer: Trainer, seconds: float) -> dict[str, Any]:
    images = known_images(recipe.data)
    return {
        "problem": recipe.problem,
        "steps": trainer.steps_done,
        "seed": recipe.seed,
        "device": str(trainer.device),
        "settings": {name: getattr(recipe, name) for name in settings_of(recipe.problem)},
        "network": description(trainer.model, trainer.monitor.inputs, recipe.num_codes),
        "images": images.said if images else "",
        "skipped": images.skipped.said if images else "",
        "options": asdict(trainer.options),
        "seconds": round(seconds, 3),
        "metrics": {name: value for name, value in trainer.evaluate()._asdict().items() if value is not None},
        "page": _on_the_page(trainer),
        "events": [
            {"step": event.step, "label": event.label, "changes": dict(event.changes)} for event in trainer.events
        ],
    }


def _on_the_page(trainer: Trainer) -> dict[str, Any]:
    """What the Live page shows of this step, so that a run repeated from its *CLI* line can be recognized."""
    seen = trainer.snapshot()
    held_out = {name: value for name, value in asdict(seen.held_out).items() if math.isfinite(value)}
    return {
        "held_out": {**held_out, "num_codes": seen.num_codes, "num_vectors": len(seen.codes)},
        "newest_batch": {"task_loss": seen.metrics.task_loss} if trainer.steps_done else {},
        "touched": {"codes": seen.metrics.active_codes, "batches": seen.window_batches},
    }


def _page_line(page: dict[str, Any]) -> str:
    now, newest, touched = page["held_out"], page["newest_batch"], page["touched"]
    parts = [f"in use {now['in_use']:,} of {now['num_codes']:,}", f"perplexity {now['perplexity']:.3g}"]
    parts.append(f"task loss {now['task_loss']:.3g}")
    parts += [f"newest batch {newest['task_loss']:.3g}"] if newest else []
    parts.append(f"‖z_e − z_q‖² {now['quantization_error']:.3g}")
    parts += [f"accuracy {now['accuracy']:.1%}"] if "accuracy" in now else []
    parts.append(f"{touched['codes']:,} touched in {touched['batches']} batches")
    return f"on the Live page, N = {now['num_vectors']:,}: {' · '.join(parts)}"


def _digits(value: float | None) -> str:
    """Three digits; a dash for None, such as an error relative to the variance of a single point."""
    return "–" if value is None else f"{value:.3g}"


def _summary(report: dict[str, Any]) -> str:
    metrics = report["metrics"]
    levels = metrics.get("levels", ())
    noun = {"grouped": "group"}.get(report["settings"]["structure"], "level")
    together, mean = (f", all {noun}s together", f", mean of {noun}s") if levels else ("", "")
    numbers = [
        f"task loss       {metrics['task_loss']:.4g}  ({PROBLEMS[report['problem']].loss_name})",
        f"‖z_e − z_q‖²    {metrics['quantization_error']:.4g}  (relative {_digits(metrics.get('relative_error'))})",
        f"in use          {metrics['active_codes']} of {metrics['num_codes']}{together}",
        f"perplexity      {metrics['perplexity']:.1f}{mean}",
        *[
            f"{f'{noun} {order}':<16}perplexity {level['perplexity']:.1f}, in use {level['active_codes']}, "
            f"relative error {_digits(level['relative_error'])}"
            for order, level in enumerate(levels, start=1)
        ],
    ]
    if "accuracy" in metrics:
        numbers.append(f"accuracy        {metrics['accuracy']:.1%}")
    heading = (
        f"{report['problem']}, {report['steps']} steps in {report['seconds']:.1f} s on {report['device']}, "
        f"seed {report['seed']}; held-out, N = {metrics['num_vectors']:,} vectors:"
    )
    told = [report["network"], *([report["images"]] if report["images"] else [])]
    events = [f"step {event['step']}: {event['label']}" for event in report["events"]]
    return "\n".join([heading, *told, *numbers, _page_line(report["page"]), *events])


def _pairs(values: dict[str, Any]) -> list[str]:
    return [f"{name}={written(value)}" for name, value in values.items()]


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m vqcore", description="Train and examine vector-quantized networks.")
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")

    listing = verbs.add_parser("problems", help="list the problems and their options")
    listing.set_defaults(verb=problems)

    training = verbs.add_parser("train", help="train without a browser")
    training.set_defaults(verb=train)
    add_training_words(training, named_path)

    ablating = verbs.add_parser("ablation", help="every remedy alone and together, over seeds, as a table")
    ablating.set_defaults(verb=ablation)
    add_ablation_words(ablating, named_path)

    benching = verbs.add_parser("bench", help="measure speed, as ratios in one run")
    benching.set_defaults(verb=bench)
    benching.add_argument(
        "what",
        choices=["session", "quantizer", "projection", "page", "doctor", "probe"],
        help="session: watched at 2 Hz against the bare loop, and four variants side by side "
        "against four loops in turn; quantizer: layer and search against their peers; "
        "projection: UMAP layouts of live training against umap's own; page: a refresh of the Live page in a real "
        "browser; doctor: the diagnosis against the failure gallery, and what examinations cost; probe: what "
        "vqcore.watch costs a training, "
        "and what its runs take on disk",
    )
    benching.add_argument(
        "problems",
        nargs="*",
        help="session: any number (default: the small ones); page: one (default: patches); doctor: gallery or cost "
        "(default: both)",
        metavar="PROBLEM",
    )
    benching.add_argument("--seconds", type=float, default=30.0, help="page only: how long refreshes are watched")
    benching.add_argument("--browsers", type=int, default=1, help="page only: each on a session of its own")
    benching.add_argument("--followers", action="store_true", help="page only: all but the first follow its session")
    benching.add_argument("--rate", choices=("2", "4", "8"), default="2", help="page only: frames a second asked for")
    benching.add_argument("--minutes", type=float, default=0.0, help="page only: then memory and speed, for so long")
    benching.add_argument(
        "--no-picture",
        action="store_true",
        help="page only: pages that ask as a browser does but draw nothing, which leaves the cores to the server",
    )
    benching.add_argument("--seeds", metavar="FIRST-LAST", help="doctor only: which to judge on (default: 5-9)")
    benching.add_argument(
        "--quick", action="store_true", help="quantizer and projection: one tiny size; doctor: one seed, and one case"
    )

    examining = verbs.add_parser("doctor", help="name what is wrong with the codebooks of a checkpoint")
    examining.set_defaults(verb=doctor)
    add_words(examining)

    watching = verbs.add_parser("watch", help="follow a run that vqcore.watch records, a line for each snapshot")
    watching.set_defaults(verb=watch_command.watch)
    watch_command.add_words(watching)

    running = verbs.add_parser("runs", help="list the runs below a folder, newest first, with their verdicts")
    running.set_defaults(verb=runs_command.runs)
    runs_command.add_words(running)

    starting = verbs.add_parser("starts", help="list the starts of the Live page, or recompute what they claim")
    starting.set_defaults(verb=lambda options: starts_command.starts(options, _seeds))
    starts_command.add_words(starting)
    for verb in (listing, training, ablating, benching, examining, watching, running, starting):
        verb.add_argument("--json", action="store_true", help="one JSON document on stdout and nothing else")
    return parser
