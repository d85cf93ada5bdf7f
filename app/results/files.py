"""Where the Results page finds its files: with the product, on this machine for its owner, or dropped."""

from pathlib import Path

from app.doors.visitor import is_owner
from app.roots import resolve_readable
from vqcore.ablation.results import MOST_BYTES, Results, read_results
from vqcore.ablation.running import RESULTS
from vqcore.files.errors import shown
from vqcore.files.regular_files import RegularFile

RECORDED = Path(__file__).with_name("recorded")


def recorded_names() -> list[str]:
    """The results that come with the product."""
    return sorted(path.stem for path in RECORDED.glob("*.json"))


def recorded(name: str) -> Results:
    """One of them.

    Raises:
        ValueError: if none has that name.
    """
    if name not in recorded_names():
        raise ValueError(f"`recorded` must be one of {', '.join(recorded_names()) or 'none yet'}, but is {name!r}.")
    return read_results((RECORDED / f"{name}.json").read_bytes(), name)


def on_this_machine(path: str) -> Results:
    """The results in a file, or in the folder that an ablation wrote.

    Raises:
        ValueError: if there are none, the file is not open to this server, or the visitor is not its owner.
    """
    if not is_owner():
        raise ValueError("Files of this machine open only in the owner's browser. Drop the file instead.")
    found = resolve_readable(Path(path).expanduser())
    try:
        file = RegularFile(found / RESULTS if found.is_dir() else found)
    except OSError as error:
        raise ValueError(f"`{shown(path)}` cannot be read: {error.strerror}. Name a results.json.") from error
    return read_results(file.read(0, MOST_BYTES + 1), shown(path))
