"""What a run's folder says of where it was made: versions, command, git state, rank."""

import os
import platform
import socket
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch

GIT_SECONDS = 2.0


def surroundings() -> dict[str, Any]:
    """Versions, command and time; reading the seed draws nothing."""
    return {
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "command": sys.argv,
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
            **_own(),
        },
        "seed": torch.initial_seed(),
        "git": _git(),
    }


def rank_and_size() -> tuple[int, int]:
    """This process's rank and the number of processes, as torch.distributed or torchrun say; (0, 1) alone."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    rank, size = os.environ.get("RANK", ""), os.environ.get("WORLD_SIZE", "")
    return (int(rank), int(size)) if rank.isdecimal() and size.isdecimal() else (0, 1)


def _own() -> dict[str, str]:
    for name in ("vq-scope", "vqcore"):
        try:
            return {name: metadata.version(name)}
        except metadata.PackageNotFoundError:
            continue
    return {}


def _git() -> dict[str, Any] | None:
    """Commit and whether anything tracked differs from it; None outside a repository."""
    try:
        commit = _said("rev-parse", "HEAD")
        return {"commit": commit, "changed": bool(_said("status", "--porcelain", "--untracked-files=no"))}
    except (OSError, subprocess.SubprocessError):
        return None


def _said(*words: str) -> str:
    done = subprocess.run(
        ["git", *words], cwd=Path.cwd(), capture_output=True, text=True, timeout=GIT_SECONDS, check=True
    )
    return done.stdout.strip()
