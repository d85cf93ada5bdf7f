"""Which code computed something: the commit of the repository that this file lies in."""

import subprocess
from pathlib import Path


def commit_of_code() -> str:
    """The first twelve digits of the commit; empty where there is no repository."""
    asked = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short=12", "HEAD"]
    try:
        return subprocess.run(asked, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
