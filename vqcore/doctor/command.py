"""`python -m vqcore doctor`: its words, and what becomes of them."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

from vqcore.checkpoints.errors import shown
from vqcore.checkpoints.remedies import REMEDIES
from vqcore.checkpoints.series import ENDINGS
from vqcore.checkpoints.writing import check_target
from vqcore.doctor.examination import Request, examine
from vqcore.doctor.following import follow
from vqcore.doctor.following_report import following_values
from vqcore.doctor.html_report import html_report
from vqcore.doctor.markdown_report import markdown_report
from vqcore.doctor.measuring import Progress
from vqcore.doctor.report import as_values
from vqcore.doctor.text_report import text_report
from vqcore.doctor.treatment import foretell, treat, treatment_text, treatment_values

Found = TypeVar("Found")


def add_words(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments, but for `--json`, which every verb has."""
    parser.add_argument(
        "file",
        type=Path,
        help="a checkpoint: .pt .pth .bin .ckpt .safetensors .npz; or a folder of those of one training",
    )
    parser.add_argument(
        "--latents", type=Path, metavar="F", help="what the quantizer gets: .npy .npz .pt .safetensors"
    )
    parser.add_argument(
        "--all",
        action="store_true",
        help="search every latent, even if that takes minutes; by default a random part is then searched",
    )
    parser.add_argument("--codes", type=Path, metavar="F", help="only the codes: enough to judge usage by")
    parser.add_argument(
        "--level-axis",
        type=int,
        metavar="N",
        help="for --codes: the axis along which there is one code for each codebook; -1 is the last",
    )
    parser.add_argument("--codebook", metavar="KEY", help="only this tensor, known to a rule or not")
    parser.add_argument("--axis", metavar="K,D", help="K,D or D,K, whatever the rules say")
    parser.add_argument(
        "--rows", type=int, metavar="N", help="number of codes of one codebook, if one tensor holds several"
    )
    parser.add_argument(
        "--what-if", action="store_true", help="with --latents: what each remedy would do, judged on half of them"
    )
    parser.add_argument("--repair", type=Path, metavar="OUT", help="with --latents: write a copy after one remedy")
    parser.add_argument("--remedy", choices=REMEDIES, default=REMEDIES[0], help="for --repair (default: restart)")
    parser.add_argument("--force", action="store_true", help="let --repair write over OUT")
    parser.add_argument("--html", type=Path, metavar="OUT", help="write a report for a browser")
    parser.add_argument("--md", type=Path, metavar="OUT", help="write a report for an issue")


def doctor(options: argparse.Namespace) -> tuple[Any, str, int]:
    """Examine a checkpoint; the third value is the exit code, 1 where a finding is severe.

    Raises:
        ValueError: one sentence, for whatever cannot be read as asked or written.
    """
    _check_treatment(options)
    request = Request(
        path=options.file,
        latents=options.latents,
        codes=options.codes,
        level_axis=options.level_axis,
        key=options.codebook,
        axis=options.axis,
        rows=options.rows,
        every_latent=options.all,
    )
    following = None
    if options.file.is_dir():
        following = _with_progress(lambda progress: follow(request, progress=progress))
    examination = following.examination if following else _with_progress(lambda told: examine(request, progress=told))
    for path, write in ((options.html, html_report), (options.md, markdown_report)):
        if path is not None:
            _check_apart(path, options)
            path.write_text(write(examination, following), encoding="utf-8")
    values, text = as_values(examination), text_report(examination, following)
    if following is not None:
        values["series"] = following_values(following)
    if options.repair is not None or options.what_if:
        if options.repair is not None:
            treatment = treat(
                examination.checkpoint, options.latents, options.repair, options.remedy, force=options.force
            )
        else:
            treatment = foretell(examination.checkpoint, options.latents)
        values |= treatment_values(treatment)
        text = f"{text}\n{treatment_text(treatment)}"
    return values, text, int(examination.is_severe)


def _with_progress(work: Callable[[Progress], Found]) -> Found:
    """`work` with a bar on stderr, on a terminal alone."""
    with tqdm(unit_scale=True, file=sys.stderr, disable=None, leave=False) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        return work(show)


def _check_treatment(options: argparse.Namespace) -> None:
    """Refuse before the examination, which may take a minute."""
    if options.repair is None and not options.what_if:
        return
    wish = "--repair" if options.repair is not None else "--what-if"
    if options.file.is_dir():
        raise ValueError(f"`{wish}` is about one checkpoint, but {shown(options.file)} is a folder. Name one in it.")
    if options.latents is None:
        raise ValueError(f"`{wish}` needs the latents that the codes should fit. Give them by --latents F.")
    if options.repair is not None:
        check_target(options.file, options.repair, force=options.force)


def _check_apart(out: Path, options: argparse.Namespace) -> None:
    """The files that are examined are never written to."""
    read = [path for path in (options.file, options.latents, options.codes) if path is not None]
    in_series = options.file.is_dir() and out.suffix.lower() in ENDINGS and out.exists()
    if in_series or any(out.exists() and path.exists() and out.samefile(path) for path in read):
        raise ValueError(f"`--html` and `--md` must name another file than those examined, but got {shown(out)}.")
