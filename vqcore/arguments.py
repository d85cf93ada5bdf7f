"""Parsing shared by every command line here: a bad argument gives one sentence and exit code 2."""

import argparse
import sys
from pathlib import Path
from typing import NoReturn


def named_path(text: str) -> Path:
    """A path from the user; an empty one, from an unset variable, would mean the current folder and is refused."""
    if not text:
        raise argparse.ArgumentTypeError("a path is needed, but it is empty")
    return Path(text)


class Parser(argparse.ArgumentParser):
    """argparse's own, but for its usage text before an error."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and exit."""
        print(f"{message[0].upper()}{message[1:]}. Try `{self.prog} --help`.", file=sys.stderr)
        raise SystemExit(2)
