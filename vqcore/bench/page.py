"""Runs the dashboard's own bench in a separate process, since the core must not import it."""

import importlib.util
import json
import subprocess
import sys
from typing import Any

NEEDED = {"app": "the dashboard", "streamlit": "streamlit", "playwright": "playwright", "psutil": "psutil"}


def bench_page(
    problem: str, *, seconds: float, browsers: int, minutes: float, rate: str, followers: bool, draws: bool
) -> dict[str, Any]:
    """What one refresh of the Live page costs on server, wire and browser; see `app.bench`.

    Raises:
        ValueError: for a number out of range, or if the bench cannot run, with the reason.
    """
    if minutes > 0 and not draws:
        raise ValueError("`bench page` watches memory for `--minutes` in a browser: leave out `--no-picture`.")
    if not (seconds > 0 and browsers >= 1 and minutes >= 0):
        raise ValueError(
            "`bench page` needs `--seconds` above 0, `--browsers` from 1 and `--minutes` from 0 up, but got "
            f"{seconds:g}, {browsers} and {minutes:g}."
        )
    missing = [what for module, what in NEEDED.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise ValueError(f'`bench page` needs {", ".join(missing)}: pip install -e ".[bench]" in the repository.')
    command = [sys.executable, "-m", "app.bench", problem, "--json", "--seconds", str(seconds)]
    command += ["--browsers", str(browsers), "--minutes", str(minutes), "--rate", rate]
    command += (["--followers"] if followers else []) + ([] if draws else ["--no-picture"])
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ValueError((done.stderr.strip() or "`bench page` ended without a word").splitlines()[-1])
    report: dict[str, Any] = json.loads(done.stdout)
    return report
