"""What the pages ask of a `ProjectionService`, without a process: a test says what it answers."""

from typing import Any

from vqcore.projection.service import State, Status
from vqcore.projection.streams import Layout
from vqcore.projection.wire import Progress


class FakeProjection:
    """Remembers requests; `status`, `layouts` and `errors` are a test's to set."""

    def __init__(self) -> None:
        self.status = Status(State.STOPPED, "UMAP has not been started.")
        self.layouts: dict[str, Layout] = {}
        self.errors: dict[str, str] = {}
        self.requests: list[tuple[str, Any, Any]] = []
        self.parameters: tuple[int, float] | None = None
        self.in_progress: dict[str, Progress] = {}
        self.cancelled: list[str] = []
        self.resets: list[str] = []
        self.forgotten: list[str] = []
        self.has_stopped = False
        self.closed = False

    def start(self) -> None:
        self.has_stopped = False
        self.status = Status(State.WARMING_UP, "UMAP is compiling.")

    def request(
        self, stream: str, points: Any, *, tag: object = None, n_neighbors: int = 15, min_dist: float = 0.1
    ) -> bool:
        self.requests.append((stream, points, tag))
        self.parameters = n_neighbors, min_dist
        return True

    def progress(self, stream: str) -> Progress | None:
        return self.in_progress.get(stream)

    def is_busy(self, stream: str) -> bool:
        answered = stream in self.layouts or stream in self.errors or stream in self.cancelled
        return any(one == stream for one, _, _ in self.requests) and not answered

    def cancel(self, stream: str) -> None:
        self.cancelled.append(stream)

    def reset(self, stream: str) -> None:
        self.resets.append(stream)

    def latest(self, stream: str) -> Layout | None:
        return self.layouts.get(stream)

    def error(self, stream: str) -> str | None:
        return self.errors.get(stream)

    def forget(self, stream: str) -> None:
        self.forgotten.append(stream)

    def close(self) -> None:
        self.closed = True
