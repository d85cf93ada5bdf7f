"""VQ Scope as a person starts it, whose sessions say each command that they take up."""

import sys

from app.__main__ import main
from vqcore.training.commands import Command, ExamineCommand
from vqcore.training.wishes import Wishes

take_up = Wishes.next_command


def noted(self: Wishes, seconds: float | None) -> Command | None:
    command = take_up(self, seconds)
    if command is not None and not isinstance(command, ExamineCommand):
        print(f"took up {type(command).__name__}", flush=True)
    return command


if __name__ == "__main__":
    Wishes.next_command = noted
    sys.exit(main())
