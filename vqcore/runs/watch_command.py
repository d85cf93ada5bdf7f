"""`vqscope watch FOLDER`: a line for each step of a run, findings as they come and go, and alerts."""

import argparse
import sys
from collections.abc import Mapping
from typing import Any

from vqcore.arguments import named_path
from vqcore.diagnostics.wording import digits
from vqcore.doctor.tailing import holds_checkpoints
from vqcore.files.errors import CheckpointError, shown
from vqcore.runs import webhook
from vqcore.runs.course import Moment, worst
from vqcore.runs.following import SECONDS, Followed, follow, of_first_rank
from vqcore.runs.layout import ABOUT
from vqcore.runs.reading import Run
from vqcore.runs.telling import Teller
from vqcore.runs.tfevents import event_files
from vqcore.runs.watching_checkpoints import changes, watch_checkpoints
from vqcore.runs.watching_scalars import watch_scalars

MOST_CODEBOOKS = 3
"""Codebooks described in one line; the least used ones of more."""


def add_words(parser: argparse.ArgumentParser) -> None:
    """The words of the verb."""
    parser.add_argument(
        "folder",
        type=named_path,
        metavar="FOLDER",
        help="of a run, as vqcore.watch writes it; of any training's checkpoints, which the doctor examines as they "
        "come; or of TensorBoard's event files",
    )
    parser.add_argument("--once", action="store_true", help="tell what is there and do not wait for more")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="between two looks (default: 2)")
    parser.add_argument(
        "--webhook",
        metavar="URL",
        help="post JSON there when findings turn severe, once a look: `text` as Slack and Mattermost take it, and "
        "`findings`; on the first look those at the newest step",
    )
    parser.epilog = (
        "A run is followed until its training ends, anything else until Ctrl-C. Exit code: 0; 1 if a finding at the "
        "newest step is severe; 2 if the folder holds nothing to watch."
    )


def watch(options: argparse.Namespace) -> tuple[Any, str, int]:
    """Watch what the folder holds; the third value is the exit code, as the doctor's.

    A training that tells TensorBoard saves checkpoints beside it: these say more.

    Raises:
        ValueError: for a folder without anything to watch, or a webhook that is no address.
    """
    folder = options.folder
    if (of_first_rank(folder) / ABOUT).exists() or not folder.is_dir():
        return watch_run(options)
    if below := sorted(path.parent.name for path in folder.glob(f"*/{ABOUT}")):
        many = "a run. Name it:" if len(below) == 1 else f"{len(below):,} runs. Name one, such as"
        raise CheckpointError(f"`{shown(folder)}` holds {many} {shown(below[0])}.")
    if holds_checkpoints(folder):
        return watch_checkpoints(options)
    if event_files(folder):
        return watch_scalars(options)
    raise CheckpointError(f"`{shown(folder)}` holds no run, no checkpoint and no event file of TensorBoard.")


def watch_run(options: argparse.Namespace) -> tuple[Any, str, int]:
    """Follow the run until its training ends; the third value is the exit code.

    Raises:
        ValueError: for a folder without a run, a run without a snapshot, or a webhook that is no address.
    """
    teller = Teller(options)
    run, newest = _followed(options, teller)
    if newest is None:
        raise CheckpointError(
            f"`{shown(run.folder)}` holds no snapshot {'yet' if run.state == 'running' else 'at all'}."
        )
    _, verdict = worst(newest)
    ended = f"{run.state}{f': {shown(run.ending)}' if run.ending else ''}"
    text = "\n".join([f"VERDICT  {verdict.title}", f"run      {shown(run.folder)}, {ended}", *run.notes])
    report = {
        "folder": str(run.folder),
        "state": run.state,
        "ending": run.ending,
        "notes": list(run.notes),
        "steps": [int(line["step"]) for line in run.lines],
        "verdict": {"severity": verdict.severity, "condition": verdict.condition, "title": verdict.title},
        "codebooks": {
            name: [{"severity": each.severity, "condition": each.condition} for each in findings]
            for name, findings in newest.items()
        },
        "alerts": [one for alert in teller.alerts for one in webhook.payload(alert)["findings"]],
    }
    return report, text, int(verdict.severity == "severe")


def described(run: Run, moment: Moment) -> list[str]:
    """A line for the step, and one for each finding that came or went."""
    sizes = {str(one["name"]): int(one["num_codes"]) for one in run.about["codebooks"]}
    numbers: Mapping[str, Mapping[str, Any]] = moment.line["codebooks"]
    least = sorted(numbers, key=lambda name: numbers[name].get("perplexity", 0) / sizes.get(name, 1))
    told = [_numbers(name, numbers[name], sizes.get(name, 0)) for name in least[:MOST_CODEBOOKS]]
    more = [f"{len(numbers) - MOST_CODEBOOKS} more"] if len(numbers) > MOST_CODEBOOKS else []
    loss = [f"loss {digits(float(moment.line['loss']))}"] if "loss" in moment.line else []
    lines = [" · ".join([f"step {moment.line['step']:>9,}", *loss, *told, *more])]
    return [*lines, *changes(moment)]


def _followed(options: argparse.Namespace, teller: Teller) -> Followed:
    """Tell every recorded step and every alert until the run ends, or until Ctrl-C."""
    seen: Followed | None = None

    def tell(run: Run, moment: Moment) -> None:
        nonlocal seen
        seen = Followed(run, moment.found if moment.found is not None or seen is None else seen.found)
        teller.tell(described(run, moment))

    try:
        return follow(options.folder, teller.alarm, on_moment=tell, seconds=None if options.once else options.seconds)
    except KeyboardInterrupt:
        if seen is None:
            raise
        print("stopped watching; the training goes on.", file=sys.stderr)
        return seen


def _numbers(name: str, values: Mapping[str, Any], num_codes: int) -> str:
    parts = [f"{values['in_use']:,} of {num_codes:,} in use"] if "in_use" in values else ["table only"]
    parts += [f"perplexity {digits(float(values['perplexity']))}"] if "perplexity" in values else []
    parts += [f"relative error {digits(float(values['relative_error']))}"] if "relative_error" in values else []
    return f"{shown(name)}: {', '.join(parts)}"
