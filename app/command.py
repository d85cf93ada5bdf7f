"""`vqscope`: the dashboard, or a verb of the command line, wherever the wheel is installed."""

import sys
from pathlib import Path


def main() -> int:
    """Start the dashboard, or run the verb given first: one of `python -m vqcore`, or `lessons`."""
    # Installed, `app` and `demos` lie in a folder that is on nobody's path: this process alone sees them.
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    verb = next(iter(sys.argv[1:]), "")
    if verb == "lessons":
        from demos.__main__ import main as lessons

        return lessons(sys.argv[2:])
    if verb and not verb.startswith("-"):
        from vqcore.cli import main as run_verb

        return run_verb(sys.argv[1:])
    from app.__main__ import main as serve

    return serve()
