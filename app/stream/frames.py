"""A frame: the parts of a page that have changed for one watcher, given the session, the view and what it has.

One word stands for the state of the page's controls: if it differs from the one drawn, the page's script must run.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from threading import Lock

from app.links.compare_view import CompareView
from app.links.lesson_view import LessonView
from app.links.live_view import View
from app.links.runs import RunView
from app.panels.charts import judge_map
from app.panels.class_parts import STATUS, class_parts, class_status_part
from app.panels.compare_parts import compare_parts
from app.panels.compare_scene import compare_scene
from app.panels.lesson_parts import lesson_parts
from app.panels.live_parts import parts_of, status_of, status_part
from app.panels.part import Part
from app.panels.run_parts import run_parts
from app.panels.scene import Scene, scene_of, through_variant
from app.panels.verdict_words import read_verdict
from app.sessions.entry import Entry
from app.sessions.followed_lesson import FollowedLesson
from app.sessions.lesson_run import LessonRun
from app.sessions.recorded_run import OpenedRuns
from app.sessions.registry import registry
from app.sessions.run_folder import RunFolder
from app.sessions.watchable import Watchable
from app.stream.asking import Ask
from app.stream.controls_state import (
    END,
    compare_heads_state,
    compare_sidebar_state,
    followed_state,
    heads_state,
    lesson_state,
    run_folder_state,
    runs_state,
    sidebar_state,
)
from app.stream.wire import Piece, message, piece
from vqcore.training.cores import TURNS

MOST_KEPT = 48 * 2**20
"""Most bytes of pieces kept for other watchers, over all sessions."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What a watcher is sent."""

    controls: str
    hands: Mapping[str, int]
    parts: tuple[tuple[str, str, bytes], ...]
    """The parts by key, each with its revision and its piece."""

    def is_news(self, ask: Ask) -> bool:
        """Whether it tells the watcher anything new."""
        return bool(self.parts) or self.controls != ask.controls or self.hands != ask.hands

    def packed(self, number: int) -> bytes:
        """The answer to the watcher's request of this number."""
        return message({"n": number, "controls": self.controls, "hands": dict(self.hands)}, self.parts)


class Pieces:
    """Pieces that several watchers share: made once, kept while there is room."""

    def __init__(self, most_bytes: int = MOST_KEPT) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[Hashable, Piece] = OrderedDict()
        self._making: dict[Hashable, Lock] = {}
        self._lock = Lock()

    def of(self, name: Hashable, make: Callable[[], Piece]) -> Piece:
        """The piece of this name; whoever asks while it is made waits for it."""
        with self._lock:
            making = self._making.setdefault(name, Lock())
        with making:
            found = self.find(name)
            if found is not None:
                return found
            try:
                made = make()
                with self._lock:
                    self._keep(name, made)
                return made
            finally:
                with self._lock:
                    self._making.pop(name, None)

    def find(self, name: Hashable) -> Piece | None:
        """The piece of this name if it is kept."""
        with self._lock:
            found = self._kept.get(name)
            if found is not None:
                self._kept.move_to_end(name)
            return found

    def _keep(self, name: Hashable, made: Piece) -> None:
        if name in self._kept:
            return
        self._kept[name] = made
        self._bytes += made.size
        while self._bytes > self._most_bytes and self._kept:
            _, dropped = self._kept.popitem(last=False)
            self._bytes -= dropped.size


PIECES = Pieces()


RESTING = (frozenset({"examples-plot", "examples-said", "picture"}), frozenset({"bars-plot"}))
"""What stands still in the odd and in the even frames of a running session: pictures, the most of a frame's bytes.

Bars are one only as usage through time. All numbers and words are of one moment in every frame.
"""

PICTURES = frozenset({"picture", "compare-picture", "code-card"})
"""The parts for which whole images must be taken."""


def shows_picture(ask: Ask, *, is_running: bool) -> bool:
    """Whether the answer is to hold whole images: while they stand still, none need be taken."""
    is_resting = is_running and not ask.now and ask.number % 2 == 1
    resting = RESTING[0] & ask.have.keys() if is_resting else frozenset()
    return not PICTURES.isdisjoint(ask.wanted - resting)


def frame_of(watched: Watchable, ask: Ask) -> Frame:
    """What has changed since the watcher's revisions; runs in a thread, since it takes some milliseconds."""
    if isinstance(watched, LessonRun):
        watched.room.reader_is_here()
        watched.drive()
    with TURNS.held(), watched.drawing:
        controls, parts = _of_page(watched, ask)
        lacking = tuple(
            (key, part.revision, _written(watched, key, part, ask.have.get(key)))
            for key, part in parts.items()
            if ask.have.get(key) != part.revision
        )
    return Frame(controls, ask.view.hands, lacking)


def _of_page(watched: Watchable, ask: Ask) -> tuple[str, dict[str, Part]]:
    if isinstance(watched, LessonRun):
        return _lesson(watched, ask)
    if isinstance(watched, FollowedLesson):
        return _followed(watched, ask)
    if isinstance(watched, RunFolder):
        return run_folder_state(watched, registry().owned()), {}
    if isinstance(watched, OpenedRuns):
        assert isinstance(ask.view, RunView)
        return runs_state(watched), run_parts(watched, ask.view, ask.wanted)
    assert isinstance(watched, Entry)
    return _side_by_side(watched, ask) if isinstance(ask.view, CompareView) else _live(watched, ask)


def _live(entry: Entry, ask: Ask) -> tuple[str, dict[str, Part]]:
    view = ask.view
    assert isinstance(view, View)
    scene = scene_of(entry, view)
    seen = through_variant(entry, view.controls["variant"]) if scene is None else scene.entry
    controls = f"{sidebar_state(seen, seen.one.status())} {heads_state(scene)}"
    if scene is None:
        return controls, _waiting(seen)
    return controls, parts_of(scene, ask.wanted - _resting(ask, scene), registry().projection)


def _side_by_side(entry: Entry, ask: Ask) -> tuple[str, dict[str, Part]]:
    assert isinstance(ask.view, CompareView)
    scene = compare_scene(entry, ask.view, registry().seeds_by_id(ask.view.seeds))
    controls = f"{compare_sidebar_state(scene.status)} {compare_heads_state(scene)}"
    return controls, compare_parts(scene, ask.wanted, registry().projection)


def _lesson(run: LessonRun, ask: Ask) -> tuple[str, dict[str, Part]]:
    assert isinstance(ask.view, LessonView)
    step = run.step
    if ask.view.number != run.number:
        return "elsewhere", {}  # another tab of this reader has gone on, and the page's script follows it
    of_class = class_parts(run, ask.wanted)
    if step is None:
        return END, of_class
    seen = run.seen(step)
    return lesson_state(run, step, seen), lesson_parts(run, step, seen, ask.wanted) | of_class


def _followed(followed: FollowedLesson, ask: Ask) -> tuple[str, dict[str, Part]]:
    """Where the reader is at once; the step itself once the page's script has gone there."""
    assert isinstance(ask.view, LessonView)
    run, step = followed.run, followed.step
    controls = followed_state(followed)
    if run is None or followed.id != ask.session or ask.view.number != run.number:
        return controls, {STATUS: class_status_part(followed)} if STATUS in ask.wanted else {}
    parts = class_parts(run, ask.wanted, followed)
    if step is not None:
        parts |= lesson_parts(run, step, run.seen(step), ask.wanted)
    return controls, parts


def afterwards(watched: Watchable, ask: Ask) -> None:
    """Slow work that a frame must not wait for: the next one reports what is found here about the moment shown."""
    if not isinstance(watched, Entry):
        return
    projection = registry().projection
    registry().warm_up_projection()
    scene = scene_of(watched, ask.view) if isinstance(ask.view, View) else None
    if scene is None:
        return
    if "story" in ask.wanted:
        read_verdict(scene)
    if "map-plot" in ask.wanted:
        with watched.drawing:
            judge_map(scene, projection)


def _resting(ask: Ask, scene: Scene) -> frozenset[str]:
    """Nothing rests where a person waits for an answer, nor where no newer moment is about to follow."""
    if ask.now or not scene.follows:
        return frozenset()
    examples, bars = RESTING
    resting = examples if ask.number % 2 else bars if scene.view.controls["bars"] == "time" else frozenset()
    return resting & ask.have.keys()


def _waiting(entry: Entry) -> dict[str, Part]:
    """Of a session that has not had its first moment."""
    return {"status": status_part(status_of(entry.one.status(), is_followed=entry.is_followed))}


def _written(watched: Watchable, key: str, part: Part, had: str | None) -> bytes:
    """A part for a watcher who had revision `had` of it, without the arrays that are in both."""

    def make() -> Piece:
        return piece(part.make())

    if not part.is_shared:
        return make().written()
    before = PIECES.find((watched.watch_id, key, had)) if had is not None else None
    return PIECES.of((watched.watch_id, key, part.revision), make).written(before)
