"""What the command lines that give lessons have in common."""

import argparse

SHORTENED, SHORTENED_TO = 8, "an eighth"
"""What `--quick` divides every number of steps by, and what is left of them in words."""

LARGEST_SEED = 2**31 - 1


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Which run of a lesson: `--seed` and `--quick`."""
    parser.add_argument("--seed", type=int, help="of the lesson (default: 0)")
    parser.add_argument("--quick", action="store_true", help="a fraction of the steps, to see it run")


def check_seed(seed: int | None, name: str = "--seed") -> None:
    """Raises ValueError for a seed that no generator takes; None is left to the default."""
    if seed is not None and not 0 <= seed <= LARGEST_SEED:
        raise ValueError(f"`{name}` must be a whole number from 0 to {LARGEST_SEED}, but got {seed}.")


def shortening(quick: bool) -> int:
    """What every number of steps is divided by."""
    return SHORTENED if quick else 1


def warning(quick: bool) -> str:
    """What a reader of a shortened run is told, in lines of their own; empty for a whole one."""
    if not quick:
        return ""
    return f"\n\nEverything was cut to {SHORTENED_TO} of its steps: this shows that it runs, and proves nothing."
