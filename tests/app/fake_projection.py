"""What the pages ask of a `ProjectionService`, without a process: a test says what it answers."""

from typing import Any

from vqcore.projection.service import State, Status
from vqcore.projection.streams import Layout


class FakeProjection:
    """Remembers requests; `status`, `layouts` and `errors` are a test's to set."""

    def __init__(self) -> None:
        self.status = Status(State.STOPPED, "UMAP has not been started.")
        self.layouts: dict[str, Layout] = {}
        self.errors: dict[str, str] = {}
        self.requests: list[tuple[str, Any, Any]] = []
        self.forgotten: list[str] = []
        self.closed = False

    def start(self) -> None:
        self.status = Status(State.WARMING_UP, "UMAP is compiling.")

    def request(self, stream: str, points: Any, *, tag: object = None) -> bool:
        self.requests.append((stream, points, tag))
        return True

    def latest(self, stream: str) -> Layout | None:
        return self.layouts.get(stream)

    def error(self, stream: str) -> str | None:
        return self.errors.get(stream)

    def forget(self, stream: str) -> None:
        self.forgotten.append(stream)

    def close(self) -> None:
        self.closed = True
