"""`vqscope trajectories --html OUT`: paths over a loss surface as a page that plays without server and network."""

import sys
from collections.abc import Sequence

from app.trajectory_plot.picture import check_size
from app.trajectory_plot.standalone import standalone_html
from demos.trajectories import add_setting_options, chosen_setting
from vqcore.arguments import Parser, named_path
from vqcore.training.cores import compute_on_one_thread
from vqcore.trajectories.lockstep import trajectories


def main(arguments: Sequence[str] | None = None) -> int:
    """Compute the paths and write them; returns the exit code."""
    options = _parser().parse_args(arguments)
    compute_on_one_thread()
    try:
        setting = chosen_setting(options, options.seed)
        check_size(setting)
        options.html.write_text(standalone_html(setting, trajectories(setting)), encoding="utf-8")
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"`--html` must name a file that can be written, but {options.html} is not ({error}).", file=sys.stderr)
        return 2
    print(f"Wrote {options.html}: paths over {setting.surface.title}, seed {setting.seed}.")
    return 0


def _parser() -> Parser:
    parser = Parser(prog="vqscope trajectories", description="Write paths over a loss surface as a page that plays.")
    parser.add_argument("--html", type=named_path, metavar="OUT", required=True, help="where to write it")
    parser.add_argument("--seed", type=int, default=0, help="of the starts and codes (default: 0)")
    add_setting_options(parser)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
