"""Films of sessions in the making, by the id of the session as one of its pages has it."""

from collections.abc import Callable
from functools import cache

from app.sessions.jobs import Job, Kept, Progress

MOST_FILMS = 8


class Films:
    """At most `MOST_FILMS` of them; the one unasked for longest goes."""

    def __init__(self) -> None:
        self._kept: Kept[Job[bytes]] = Kept(MOST_FILMS, Job.cancel)

    def begin(self, entry_id: str, work: Callable[[Progress], bytes]) -> None:
        """Have a film made, in place of one made before."""
        self._kept.drop(entry_id)
        self._kept.find_or_make(entry_id, lambda: Job(work, "film").start())

    def of(self, entry_id: str) -> Job[bytes] | None:
        """The film of a session, made or in the making; None where none was begun, or it was given up."""
        found = self._kept.find(entry_id)
        return None if found is None or found.is_cancelled else found

    def state(self, entry_id: str) -> str:
        """What a page's controls depend on."""
        job = self.of(entry_id)
        if job is None:
            return ""
        return "running" if job.is_running else job.problem or "made"


@cache
def films() -> Films:
    """The server's."""
    return Films()
