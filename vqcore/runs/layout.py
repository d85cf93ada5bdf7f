"""What a run's folder holds, and the version of this format. CONTRIBUTING.md describes it for other readers."""

import math
from typing import Any

FORMAT = "vqscope-run"
VERSION = 2
READ_VERSIONS = (1, 2)
"""Version 1 never packed its snapshots."""

ABOUT = "run.json"
"""What is known at the start: versions, command, settings, codebooks. Written once, as a whole."""

METRICS = "metrics.jsonl"
"""One line for each recorded step and one for the end; only ever appended to."""

SNAPSHOTS = "snapshots"
"""A folder of safetensors, one file for each recorded step that is still kept."""

PACKED = "snapshots.zip"
"""The snapshots of a run that has ended, as they were, in one archive; a file of their own takes precedence."""

SUFFIX = ".safetensors"

INPUTS = "inputs"
"""The key of a snapshot's inputs; those of a codebook have its name before a slash."""

PART = ".part"
"""Suffix of a file that is still being written: what a killed process leaves of it is no snapshot."""


def snapshot_name(step: int) -> str:
    """The file of the snapshot at `step`.

    >>> snapshot_name(50)
    '0000000050.safetensors'
    """
    return f"{step:010d}{SUFFIX}"


def as_json(value: Any) -> Any:
    """`value` for strict JSON: NaN and infinities, which it lacks, become the strings that `float` reads.

    >>> as_json({"loss": math.nan, "in_use": 3})
    {'loss': 'nan', 'in_use': 3}
    """
    if isinstance(value, dict):
        return {str(key): as_json(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
