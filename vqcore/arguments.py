"""How every command line here reads its words: what cannot be read is one sentence, and exit code 2."""

import argparse
import sys
from pathlib import Path
from typing import NoReturn


def named_path(text: str) -> Path:
    """A path that a person gave; an empty one, of a variable that is not set, would be the present folder."""
    if not text:
        raise argparse.ArgumentTypeError("a path is needed, but it is empty")
    return Path(text)


class Parser(argparse.ArgumentParser):
    """argparse's own, but for its usage text before an error."""

    def error(self, message: str) -> NoReturn:
        """Says what is wrong and ends."""
        print(f"{message[0].upper()}{message[1:]}. Try `{self.prog} --help`.", file=sys.stderr)
        raise SystemExit(2)
