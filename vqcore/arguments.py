"""Shared by every command line here: a bad argument gives one sentence and exit code 2."""

import argparse
import json
import os
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


def run_verb(options: argparse.Namespace) -> int:
    """Do what `options.verb` does with them, and print its report; returns the exit code.

    A user error gives one sentence on stderr and exit code 2.
    """
    try:
        report, text, *code = options.verb(options)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    try:
        print(json.dumps(report, indent=2) if options.json else text, flush=True)
    except BrokenPipeError:  # the reader has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python would complain at its end
    return code[0] if code else 0
