"""`python -m vqcore doctor`: its arguments and their effects."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

from tqdm import tqdm

from vqcore.arguments import Parser, named_path, run_verb
from vqcore.checkpoints.assembling import Together
from vqcore.doctor.codes_alone import examine_codes
from vqcore.doctor.examination import Request, examine
from vqcore.doctor.following import follow
from vqcore.doctor.html_report import html_report, html_template
from vqcore.doctor.json_report import as_values
from vqcore.doctor.json_schema import DOCUMENT
from vqcore.doctor.junit_report import junit_report
from vqcore.doctor.markdown_report import markdown_report
from vqcore.doctor.measuring import Progress
from vqcore.doctor.text_report import text_report
from vqcore.doctor.treatment import foretell, treat, treatment_text, treatment_values
from vqcore.files.changed_copy import check_target
from vqcore.files.codes import MOST_CODES
from vqcore.files.errors import shown
from vqcore.files.series import check_not_followed, checkpoints_in
from vqcore.files.tensors import ALLOWED_BY_DEFAULT, allowed_gib
from vqcore.remedies.moves import REMEDIES

Found = TypeVar("Found")


def main(words: Sequence[str]) -> int:
    """The verb by itself; returns its exit code."""
    parser = Parser(
        prog="python -m vqcore doctor", description="Name what is wrong with the codebooks of a checkpoint."
    )
    parser.set_defaults(verb=doctor)
    add_words(parser)
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout and nothing else")
    return run_verb(parser.parse_args(words))


def add_words(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments, but for `--json`, which every verb has."""
    parser.add_argument(
        "file",
        type=named_path,
        nargs="?",
        help="a checkpoint, not needed with --codes and --num-codes: "
        ".pt .pth .bin .ckpt .safetensors .npz; or a folder of those of one training",
    )
    parser.add_argument(
        "--latents", type=named_path, metavar="F", help="what the quantizer gets: .npy .npz .pt .safetensors"
    )
    parser.add_argument(
        "--all",
        action="store_true",
        help="search every latent, even if that takes minutes; by default a random part is then searched",
    )
    parser.add_argument("--codes", type=named_path, metavar="F", help="only the codes: enough to judge usage by")
    parser.add_argument(
        "--num-codes", type=_whole, metavar="K", help="for --codes without a checkpoint: how many codes there are"
    )
    parser.add_argument(
        "--level-axis",
        type=int,
        metavar="N",
        help="for --codes: the axis along which there is one code for each codebook; -1 is the last",
    )
    parser.add_argument(
        "--threshold",
        type=_positive,
        metavar="T",
        help="of the training's replacement: a code with fewer vectors a step, as a moving average, is moved",
    )
    parser.add_argument(
        "--rank",
        type=named_path,
        metavar="F",
        action="append",
        default=[],
        help="the same checkpoint as another process of the training saved it; several times for several",
    )
    parser.add_argument(
        "--frozen", action="store_true", help="of a folder: its codebooks were meant to stay as in the first file"
    )
    parser.add_argument("--latents-key", metavar="KEY", help="which array of the latents' file, if it holds several")
    parser.add_argument(
        "--latents-axis",
        type=int,
        metavar="N",
        help="which axis of the latents holds the features; -1: the last",
    )
    parser.add_argument(
        "--mask",
        type=named_path,
        metavar="F",
        help="which latents or codes are data (1), and which padding (0); in their shape without features or levels",
    )
    parser.add_argument(
        "--codebook",
        metavar="KEY",
        action="append",
        help="only this tensor, known to a rule or not; several times for the tables of one quantizer",
    )
    parser.add_argument(
        "--search", choices=("euclidean", "cosine"), help="how codes are found, whatever the layout seems to say"
    )
    parser.add_argument(
        "--structure",
        choices=get_args(Together),
        help="how several tables work together: on what the one before left over, each on a part of a vector, alone",
    )
    parser.add_argument("--axis", metavar="K,D", help="K,D or D,K, whatever the rules say")
    parser.add_argument(
        "--rows", type=int, metavar="N", help="number of codes of one codebook, if one tensor holds several"
    )
    parser.add_argument(
        "--what-if", action="store_true", help="with --latents: what each remedy would do, judged on half of them"
    )
    parser.add_argument(
        "--repair", type=named_path, metavar="OUT", help="with --latents: write a copy after one remedy"
    )
    parser.add_argument("--remedy", choices=REMEDIES, default=REMEDIES[0], help="for --repair (default: restart)")
    parser.add_argument("--html", type=named_path, metavar="OUT", help="write a report for a browser to a new file")
    parser.add_argument("--md", type=named_path, metavar="OUT", help="write a report for an issue to a new file")
    parser.add_argument(
        "--junit", type=named_path, metavar="OUT", help="write a report for a pipeline, JUnit XML, to a new file"
    )
    parser.add_argument("--schema", action="store_true", help="print the JSON Schema of --json, and do nothing else")
    parser.add_argument(
        "--memory",
        type=_positive,
        metavar="GIB",
        default=ALLOWED_BY_DEFAULT,
        help="how much one array that must be read whole may take (default: %(default)g, and 4 for a codebook)",
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="let reports and --repair overwrite OUT, but never a file that is examined; let --repair write "
        "what is foretold to be worse",
    )
    parser.epilog = (
        "Exit code: 0; 1 if a finding is severe, unless --repair has written a copy; 2 if the file cannot be "
        "examined as asked or something cannot be written, which one sentence on stderr explains. A file of a folder "
        "that cannot be read is named in the report with the reason and does not change the exit code, as long as "
        "one checkpoint can be examined."
    )


def _whole(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_CODES:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to {MOST_CODES:,}, but is {text}")
    return int(text)


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number above 0, but is {text}")
    return value


def doctor(options: argparse.Namespace) -> tuple[Any, str, int]:
    """As `examined`, but a bug of ours gives one sentence too.

    Raises:
        ValueError: one sentence for whatever goes wrong; `python -X dev` keeps the traceback of a bug of ours.
        OSError: for a failing disk.
    """
    try:
        return examined(options)
    except (ValueError, OSError):
        raise
    except MemoryError as error:
        raise ValueError(
            f"There is not enough memory to examine {shown(options.file or options.codes)}. Close other programs."
        ) from error
    except Exception as error:
        if sys.flags.dev_mode:
            raise
        raise ValueError(
            f"`{shown(options.file or options.codes)}` cannot be examined, which is a fault of VQ Scope "
            f"({type(error).__name__}: {shown(error)}). Run python -X dev -m vqcore doctor … for the traceback."
        ) from error


def examined(options: argparse.Namespace) -> tuple[Any, str, int]:
    """Examine a checkpoint; the third value is the exit code, 1 if a finding is severe.

    Raises:
        ValueError: one sentence, for whatever cannot be read as asked or written.
    """
    allowed_gib.set(options.memory)
    if options.schema:
        return DOCUMENT, json.dumps(DOCUMENT, indent=2), 0
    if options.file is None:
        return _codes_alone(options)
    if options.num_codes is not None:
        raise ValueError("`--num-codes` is for codes without a checkpoint. Leave it out: the checkpoint tells K.")
    if options.frozen and not options.file.is_dir():
        raise ValueError(
            "`--frozen` is about a folder of checkpoints. Name the folder that holds an earlier one, too."
        )
    if options.rank and options.file.is_dir():
        raise ValueError("`--rank` is about one checkpoint. Name that of one process instead of the folder.")
    _check_treatment(options)
    _check_reports(options)
    request = Request(
        path=options.file,
        latents=options.latents,
        codes=options.codes,
        level_axis=options.level_axis,
        latents_key=options.latents_key,
        latents_axis=options.latents_axis,
        mask=options.mask,
        key=None if options.codebook is None else tuple(options.codebook),
        search=options.search,
        structure=options.structure,
        axis=options.axis,
        rows=options.rows,
        threshold=options.threshold,
        ranks=tuple(options.rank),
        frozen=options.frozen,
        every_latent=options.all,
    )
    following = None
    if options.file.is_dir():
        following = _with_progress(lambda progress: follow(request, progress=progress))
    examination = following.examination if following else _with_progress(lambda told: examine(request, progress=told))
    for path, write in ((options.html, html_report), (options.md, markdown_report)):
        if path is not None:
            _write_report(path, write(examination, following), force=options.force)
    values, text = as_values(examination, following), text_report(examination, following)
    if options.junit is not None:
        _write_report(options.junit, junit_report(values), force=options.force)
    if options.repair is not None or options.what_if:
        if options.repair is not None:
            treatment = treat(
                examination.checkpoint,
                options.latents,
                options.repair,
                options.remedy,
                force=options.force,
                key=options.latents_key,
                axis=options.latents_axis,
                mask=options.mask,
            )
        else:
            treatment = foretell(
                examination.checkpoint,
                options.latents,
                key=options.latents_key,
                axis=options.latents_axis,
                mask=options.mask,
            )
        values |= treatment_values(treatment)
        text = f"{text}\n{treatment_text(treatment)}"
    return values, text, int(examination.is_severe and options.repair is None)


def _codes_alone(options: argparse.Namespace) -> tuple[Any, str, int]:
    if options.codes is None or options.num_codes is None:
        raise ValueError("Name a checkpoint, or give codes alone with --codes FILE --num-codes K.")
    others = {"--latents": options.latents, "--repair": options.repair, "--html": options.html, "--md": options.md}
    asked = [flag for flag, value in others.items() if value is not None] + ["--what-if"] * options.what_if
    if asked:
        raise ValueError(f"`{asked[0]}` needs a checkpoint. Name one, or leave it out.")
    _check_reports(options)
    values, text, code = _with_progress(
        lambda told: examine_codes(
            options.codes, options.num_codes, options.level_axis, mask=options.mask, progress=told
        )
    )
    if options.junit is not None:
        _write_report(options.junit, junit_report(values), force=options.force)
    return values, text, code


def _with_progress(work: Callable[[Progress], Found]) -> Found:
    """Run `work` with a progress bar on stderr, only on a terminal."""
    with tqdm(unit_scale=True, file=sys.stderr, disable=None, leave=False) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        return work(show)


def _check_treatment(options: argparse.Namespace) -> None:
    """Refuse bad options before the examination, which may take a minute."""
    if options.repair is None and not options.what_if:
        return
    wish = "--repair" if options.repair is not None else "--what-if"
    if options.file.is_dir():
        raise ValueError(f"`{wish}` is about one checkpoint, but {shown(options.file)} is a folder. Name one in it.")
    if options.latents is None:
        raise ValueError(f"`{wish}` needs the latents that the codes should fit. Give them with --latents F.")
    if options.repair is not None:
        check_target(options.file, options.repair, force=options.force)
        check_not_followed(options.repair)


def _check_reports(options: argparse.Namespace) -> None:
    """Refuse before the examination: each report has a place of its own, and what is examined is never written to."""
    if options.html is not None:
        try:
            html_template()
        except ModuleNotFoundError as error:
            raise ValueError(str(error)) from error
    asked = {"--html": options.html, "--md": options.md, "--junit": options.junit, "--repair": options.repair}
    outputs = {flag: path for flag, path in asked.items() if path is not None}
    if len(set(map(os.path.realpath, outputs.values()))) < len(outputs):
        raise ValueError(
            f"{' and '.join(f'`{flag}`' for flag in outputs)} must each name a different file. Change one."
        )
    for flag, out in outputs.items():
        if flag == "--repair":  # has been looked at
            continue
        if not out.parent.is_dir():
            raise ValueError(f"`{flag}` must name a file in a folder that exists. Make {shown(out.parent)} first.")
        if out.is_dir():
            raise ValueError(f"`{flag}` must name a file, but {shown(out)} is a folder. Name a file in it.")
        if out.exists() and any(path.exists() and out.samefile(path) for path in _examined_files(options)):
            raise ValueError(f"`{flag}` must name another file than those examined, but is {shown(out)}. Change it.")
        if out.exists() and not options.force:
            raise ValueError(_there_already(out))


def _examined_files(options: argparse.Namespace) -> list[Path]:
    given = [path for path in (options.file, options.latents, options.codes, options.mask) if path is not None]
    is_folder = options.file is not None and options.file.is_dir()
    return [*given, *checkpoints_in(options.file)[0]] if is_folder else given


def _write_report(out: Path, text: str, *, force: bool) -> None:
    try:
        with out.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise ValueError(_there_already(out)) from error
    except OSError as error:
        raise ValueError(
            f"`{shown(out)}` cannot be written: {shown(error.strerror or error)}. Name a place with room and "
            "permission."
        ) from error


def _there_already(out: Path) -> str:
    return f"`{shown(out)}` exists. Name another file, or overwrite it with --force."
