"""What browsers send: bounded in number, size and time, and never taken from under an examination that reads it."""

import io
import threading
from dataclasses import dataclass, field

import pytest

from app.sessions import uploads as uploads_module
from app.sessions.jobs import Kept
from app.sessions.uploads import MEGABYTE, MOST_MEGABYTES, MOST_UPLOADS, UNUSED_MINUTES, Dropped, UploadError, Uploads


@dataclass
class Case:
    """An examination, as much of it as matters here."""

    upload: str
    is_busy: bool = False
    closed: threading.Event = field(default_factory=threading.Event)

    def close(self) -> None:
        self.closed.set()


class Shelf:
    """Uploads of at most 1,000 bytes, with their cases and a clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.cases: Kept[Case] = Kept(100, Case.close)
        self.uploads = Uploads(self.cases, most_bytes=1000, clock=lambda: self.now)

    def put(self, num_bytes: int, upload: str = "", role: uploads_module.Role = "checkpoint") -> Dropped:
        self.now += 1
        return self.uploads.put(upload, role, "model.pt", io.BytesIO(bytes(num_bytes)), num_bytes)

    def case(self, dropped: Dropped, **state: bool) -> Case:
        return self.cases.find_or_make(dropped.id, lambda: Case(dropped.id, **state))

    def is_kept(self, dropped: Dropped) -> bool:
        """By the disk, and by the id, which is asked for without using it."""
        kept = dropped.id in self.uploads._dropped
        assert dropped.folder.path.exists() is kept
        return kept


@pytest.fixture
def shelf():
    made = Shelf()
    yield made
    made.uploads.close()


def test_files_lie_in_one_folder_under_names_that_can_stand_anywhere(shelf: Shelf) -> None:
    dropped = shelf.uploads.put("", "checkpoint", "../../a.pt", io.BytesIO(b"one"), 3)
    assert shelf.uploads.put(dropped.id, "latents", "a.pt", io.BytesIO(b"two"), 3) is dropped
    assert [path.read_bytes() for path in dropped.files.values()] == [b"one", b"two"]
    assert all(path.is_relative_to(dropped.folder.path) for path in dropped.files.values())


def test_no_more_bytes_are_kept_than_there_is_room_for_whatever_comes(shelf: Shelf) -> None:
    sizes = [400, 10, 700, 300, 999, 1, 1000, 500, 500, 501]
    for size in sizes:
        newest = shelf.put(size)
        assert shelf.is_kept(newest)
        assert sum(one.folder.num_bytes for one in shelf.uploads._dropped.values()) <= 1000


def test_the_one_unused_for_longest_goes_and_what_was_found_in_it_too(shelf: Shelf) -> None:
    first, second = shelf.put(400), shelf.put(400)
    case = shelf.case(second)
    shelf.now += 1
    assert shelf.uploads.find(first.id) is first
    shelf.put(400)
    assert shelf.is_kept(first)
    assert not shelf.is_kept(second)
    assert case.closed.is_set()
    assert shelf.cases.find(second.id) is None


def test_a_repaired_copy_counts_too(shelf: Shelf) -> None:
    first = shelf.put(100)
    (first.folder.path / "repaired.pt").write_bytes(bytes(850))
    shelf.put(100)
    assert not shelf.is_kept(first)


def test_a_new_file_in_the_place_of_one_leaves_no_more_than_one(shelf: Shelf) -> None:
    dropped = shelf.put(300)
    shelf.put(200, dropped.id)
    assert dropped.folder.num_bytes == 200
    shelf.uploads.take_back(dropped, "checkpoint")
    assert (dropped.folder.num_bytes, dropped.files) == (0, {})


def test_number_is_bounded(shelf: Shelf) -> None:
    dropped = [shelf.put(1) for _ in range(MOST_UPLOADS + 3)]
    assert [shelf.is_kept(one) for one in dropped] == [False] * 3 + [True] * MOST_UPLOADS


def test_size_is_bounded(shelf: Shelf) -> None:
    with pytest.raises(UploadError, match=rf"`model\.pt` must be at most {MOST_MEGABYTES} MB, but is 201 MB"):
        shelf.uploads.put("", "checkpoint", "model.pt", io.BytesIO(b""), (MOST_MEGABYTES + 1) * MEGABYTE)


def test_what_is_being_read_stays_and_the_newcomer_gets_a_sentence(shelf: Shelf) -> None:
    first = shelf.put(900)
    case = shelf.case(first, is_busy=True)
    shelf.now += 60 * UNUSED_MINUTES
    with pytest.raises(UploadError, match="being examined"):
        shelf.put(900)
    assert len(shelf.uploads._dropped) == 1
    shelf.uploads.remove_unused()
    assert shelf.is_kept(first)
    case.is_busy = False
    shelf.put(900)
    assert not shelf.is_kept(first)


def test_what_nobody_uses_goes_after_an_hour_and_not_before(shelf: Shelf) -> None:
    unused, used = shelf.put(1), shelf.put(1)
    case = shelf.case(unused)
    shelf.now = unused.used_at + 60 * UNUSED_MINUTES - 0.5
    shelf.uploads.remove_unused()
    assert shelf.is_kept(unused)
    shelf.uploads.find(used.id)
    shelf.now += 1
    shelf.uploads.remove_unused()
    assert (shelf.is_kept(unused), shelf.is_kept(used), case.closed.is_set()) == (False, True, True)


def test_it_goes_though_nobody_visits(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads_module, "SWEEP_SECONDS", 0.001)
    dropped = shelf.put(1)
    case = shelf.case(dropped)
    shelf.now += 60 * UNUSED_MINUTES
    sweeper = shelf.uploads._sweeper
    assert case.closed.wait(20), sweeper.problem
    shelf.uploads.close()
    assert sweeper.wait(20)
    assert not dropped.folder.path.exists()
