"""`vqscope`: the dashboard, or a verb of the command line, wherever the wheel is installed."""

import sys
from pathlib import Path


def main() -> int:
    """Start the dashboard, or run the verb that comes first: one of ours, or one of `python -m vqcore`."""
    # Installed, `app` and `demos` lie in a folder that is on nobody's path: this process alone sees them.
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    match sys.argv[1:]:
        case ["lessons", *words]:
            from demos.__main__ import main as give_lessons

            return give_lessons(words)
        case ["handout", *words]:
            from app.lessons.__main__ import main as write_handout

            return write_handout(words)
        case ["trajectories", *words]:
            from app.trajectories.__main__ import main as write_trajectories

            return write_trajectories(words)
        case [verb, *_] as words if not verb.startswith("-"):
            from vqcore.__main__ import main as run_verb

            return run_verb(words)
        case _:
            from app.__main__ import main as serve

            return serve()
