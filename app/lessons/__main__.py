"""`vqscope handout NAME --html OUT`: a lesson as a page that needs neither server nor network."""

import argparse
import sys
from collections.abc import Sequence

from app.lessons.handout import lesson_html
from app.lessons.links import offered
from demos.catalogue import named
from demos.running import examine, record
from demos.words import add_run_options, check_seed, shortening, warning
from vqcore.arguments import Parser, named_path


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the lesson and write it; returns the exit code, 2 where that or one of its claims failed."""
    options = _parser().parse_args(arguments)
    try:
        return _write(options)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2


def _write(options: argparse.Namespace) -> int:
    lesson = named(options.name, *offered())
    check_seed(options.seed)
    if not options.html.absolute().parent.is_dir():
        raise ValueError(f"`--html` must name a file in a folder that exists, but {options.html.parent} does not.")
    found = record(lesson, options.seed or 0, shorten=shortening(options.quick))
    examined = examine(lesson, found)
    options.html.write_text(lesson_html(lesson, found, examined), encoding="utf-8")
    held = sum(bool(each.finding and each.finding.held) for each in examined)
    print(f"Wrote {options.html}: {lesson.title}, seed {found.seed}; {held} of {len(examined)} claims held.", end="")
    print(warning(options.quick))
    failed = [each.error for each in examined if each.finding is None]
    for error in failed:
        print(error, file=sys.stderr)
    return 2 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="vqscope handout", description="Write a lesson as a page that opens anywhere.")
    parser.add_argument("name", metavar="NAME", help="of the lesson; `vqscope lessons` lists them")
    parser.add_argument("--html", type=named_path, metavar="OUT", required=True, help="where to write it")
    add_run_options(parser)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
