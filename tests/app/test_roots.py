"""The Doctor reads and writes below the folders that are open to it, whatever a path leads through."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from app.doctor.case import Case, Folder, as_path
from app.doors.start import begin, make, started
from app.links.doctor import Asked
from app.roots import about_roots, check_opened, put, resolve_readable, resolve_writable
from vqcore.checkpoints.reader import open_checkpoint
from vqcore.files.errors import CheckpointError, shown
from vqcore.files.regular_files import RegularFile

SECONDS = 60
SWAPS = 300


@pytest.fixture
def inside(tmp_path: Path) -> Iterator[Path]:
    """The one folder that is open, with a checkpoint, beside one that is not."""
    before = started()
    for name in ("inside", "outside"):
        (tmp_path / name / "runs").mkdir(parents=True)
        save(tmp_path / name / "runs" / "model.pt")
        np.save(tmp_path / name / "runs" / "z_e.npy", np.random.default_rng(0).standard_normal((4_000, 4)))
    begin(make(address="localhost", files=[str(tmp_path / "inside")], folder=tmp_path / "inside"))
    yield tmp_path / "inside"
    begin(before)


@pytest.fixture
def outside(inside: Path) -> Path:
    return inside.with_name("outside")


def save(path: Path) -> None:
    codebook = np.random.default_rng(0).standard_normal((16, 4)).astype(np.float32) * 9
    torch.save({"quantize.embedding.weight": torch.from_numpy(codebook)}, path)


def link(place: Path, target: Path) -> Path:
    place.symlink_to(target)
    return place


WAYS_OUT: dict[str, Callable[[Path, Path], str]] = {
    "absolute": lambda inside, outside: f"{outside}/runs/model.pt",
    "dots": lambda inside, outside: f"{inside}/runs/../../outside/runs/model.pt",
    "relative": lambda inside, outside: "../outside/runs/model.pt",
    "dots that seem to come back": lambda inside, outside: (
        f"{link(inside / 'way', outside / 'runs')}/../runs/model.pt"
    ),
    "link to a file": lambda inside, outside: str(link(inside / "other.pt", outside / "runs" / "model.pt")),
    "link to a folder": lambda inside, outside: f"{link(inside / 'way', outside)}/runs/model.pt",
    "link to a link": lambda inside, outside: str(
        link(inside / "b.pt", link(inside / "a.pt", outside / "runs/model.pt"))
    ),
    "home": lambda inside, outside: "~/runs/model.pt",
    "URL": lambda inside, outside: f"file://{outside}/runs/model.pt",
    "folder": lambda inside, outside: str(outside / "runs"),
    "a name that begins alike": lambda inside, outside: f"{inside}side/model.pt",
    "missing": lambda inside, outside: f"{outside}/none.pt",
}


@pytest.fixture(params=WAYS_OUT)
def way_out(request: pytest.FixtureRequest, inside: Path, outside: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("HOME", str(outside))
    return WAYS_OUT[request.param](inside, outside)


def problem(asked: Asked) -> str:
    case = Case(asked)
    assert case.examination.wait(SECONDS)
    assert not case.examination.details
    return case.examination.problem


def test_what_is_outside_is_neither_examined_nor_taken_for_latents(way_out: str, inside: Path) -> None:
    assert "must be below" in problem(Asked(path=way_out))
    assert "must be below" in problem(Asked(path=f"{inside}/runs/model.pt", latents=way_out))


def test_nothing_is_written_outside(way_out: str, inside: Path, outside: Path) -> None:
    if "other.pt" in way_out or "b.pt" in way_out:  # a name of its own, that a file may take from a link
        assert resolve_writable(as_path(way_out)).parent == inside
        return
    with pytest.raises(CheckpointError, match="must be below"):
        resolve_writable(as_path(way_out))


def test_a_name_that_no_file_can_have_is_refused_with_it(inside: Path) -> None:
    with pytest.raises(CheckpointError, match="is not a valid file name"):
        resolve_writable(as_path("runs/o\0.pt"))


def test_what_is_inside_is_read_by_every_name_that_stays_there(inside: Path) -> None:
    model = inside / "runs" / "model.pt"
    names = [str(model), "runs/model.pt", f"{inside}/runs/../runs/model.pt", f"'{model}'", f"file://{model}"]
    names += [str(link(inside / "newest.pt", model)), f"{link(inside / 'way', inside / 'runs')}/model.pt"]
    for name in names:
        assert resolve_readable(as_path(name)) == model
    assert problem(Asked(path="runs/model.pt")) == ""
    assert resolve_writable(as_path("runs/new.pt")) == inside / "runs" / "new.pt"


def test_a_folder_with_a_link_to_a_folder_that_leads_out_is_refused(inside: Path, outside: Path) -> None:
    assert problem(Asked(path="runs")) != ""  # one file that tells no step
    (inside / "runs" / "model.pt").rename(inside / "runs" / "step=1.pt")
    assert problem(Asked(path="runs")) == ""
    link(inside / "runs" / "below", outside / "runs")
    assert "must be below" in problem(Asked(path="runs"))


@pytest.mark.parametrize("name", ["runs/step=2.pt", "runs/below/step=3.pt"])
def test_of_a_folder_a_file_that_a_link_leads_out_to_is_a_row_and_is_not_read(
    inside: Path, outside: Path, name: str
) -> None:
    (inside / "runs" / "model.pt").rename(inside / "runs" / "step=1.pt")
    (inside / name).parent.mkdir(exist_ok=True)
    link(inside / name, outside / "runs" / "model.pt")
    case = Case(Asked(path="runs"))
    assert case.examination.wait(SECONDS)
    assert case.examination.problem == ""
    following = case.examination.result.following
    assert len(following.moments) == 1
    (skipped,) = following.skipped
    assert "must be below" in skipped.reason


def test_what_is_read_beside_a_file_does_not_lead_out(inside: Path, outside: Path) -> None:
    (inside / "runs" / "model.pt").rename(inside / "runs" / "weights.pt")
    assert problem(Asked(path="runs/weights.pt")) == ""
    link(inside / "runs" / "report.json", outside / "report.json")
    assert "must be below" in problem(Asked(path="runs/weights.pt"))


def test_an_open_file_is_judged_by_where_it_lies(inside: Path, outside: Path) -> None:
    """As a folder is swapped for a link between the look at a name and its opening."""
    path = resolve_readable(inside / "runs" / "model.pt")
    with path.open("rb") as file:
        check_opened(file.fileno(), path)
    (inside / "runs").rename(inside / "moved")
    link(inside / "runs", outside / "runs")
    with path.open("rb") as file, pytest.raises(CheckpointError, match="must be below"):
        check_opened(file.fileno(), path)


def test_a_folder_swapped_for_a_link_before_a_file_is_opened_gives_nothing_away(inside: Path, outside: Path) -> None:
    path = resolve_readable(inside / "runs" / "model.pt")
    assert open_checkpoint(path).codebooks
    (inside / "runs").rename(inside / "moved")
    link(inside / "runs", outside / "runs")
    for read in (open_checkpoint, RegularFile):
        with pytest.raises(CheckpointError, match="must be below"):
            read(path)


def test_temporary_files_of_the_server_stay_readable(inside: Path) -> None:
    folder = Folder()
    save(folder.path / "model.pt")
    assert open_checkpoint(folder.path / "model.pt").codebooks


@pytest.fixture
def staged(tmp_path: Path) -> Path:
    path = tmp_path / "staged.pt"
    path.write_bytes(b"repaired")
    path.chmod(0o640)
    return path


def names_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_swapped_for_a_link_after_the_check_receives_nothing(
    inside: Path, outside: Path, staged: Path, force: bool
) -> None:
    out = resolve_writable(inside / "runs" / "new.pt")
    (inside / "runs").rename(inside / "moved")
    link(inside / "runs", outside / "runs")
    before = names_below(outside), names_below(inside)
    with pytest.raises(CheckpointError, match="cannot be written"):
        put(staged, out, source=inside / "moved" / "model.pt", force=force)
    assert (names_below(outside), names_below(inside)) == before


def test_nothing_leaves_while_a_folder_is_swapped_for_a_link_again_and_again(
    inside: Path, outside: Path, staged: Path
) -> None:
    place, moved, way = inside / "runs", inside / "moved", link(inside / "way", outside / "runs")
    before, ended = names_below(outside), threading.Event()

    def swap() -> None:
        while not ended.is_set():
            place.rename(moved)
            way.rename(place)
            place.rename(way)
            moved.rename(place)

    swapping = threading.Thread(target=swap)
    swapping.start()
    written = 0
    try:
        for number in range(SWAPS):
            try:
                put(staged, resolve_writable(place / f"{number}.pt"), source=staged, force=True)
                written += 1
            except CheckpointError:
                continue
    finally:
        ended.set()
        swapping.join()
    print(f"\n{written} of {SWAPS} written")
    assert names_below(outside) == before
    assert names_below(inside / "runs") == {
        "model.pt",
        "z_e.npy",
        *(f"{n}.pt" for n in range(SWAPS) if (place / f"{n}.pt").exists()),
    }


def test_a_copy_is_whole_with_the_modes_of_what_was_staged(inside: Path, staged: Path) -> None:
    out = inside / "runs" / "new.pt"
    put(staged, out, source=inside / "runs" / "model.pt", force=False)
    assert out.read_bytes() == b"repaired"
    assert out.stat().st_mode & 0o777 == 0o640
    assert names_below(inside / "runs") == {"model.pt", "z_e.npy", "new.pt"}


def test_what_is_there_stays_unless_it_may_be_replaced(inside: Path, staged: Path) -> None:
    source, out = inside / "runs" / "model.pt", inside / "runs" / "new.pt"
    out.write_bytes(b"another's")
    with pytest.raises(CheckpointError, match="exists"):
        put(staged, out, source=source, force=False)
    assert out.read_bytes() == b"another's"
    put(staged, out, source=source, force=True)
    assert out.read_bytes() == b"repaired"


def test_the_checkpoint_itself_is_never_replaced(inside: Path, staged: Path) -> None:
    source = inside / "runs" / "model.pt"
    before = source.read_bytes()
    os.link(source, inside / "runs" / "same.pt")
    for out in (source, inside / "runs" / "same.pt", link(inside / "runs" / "to.pt", source)):
        with pytest.raises(CheckpointError, match="the checkpoint itself"):
            put(staged, out, source=source, force=True)
    assert source.read_bytes() == before


def test_a_link_gives_way_and_what_it_leads_to_stays(inside: Path, outside: Path, staged: Path) -> None:
    out = link(inside / "runs" / "new.pt", outside / "runs" / "model.pt")
    before = (outside / "runs" / "model.pt").read_bytes()
    with pytest.raises(CheckpointError, match="exists"):
        put(staged, out, source=inside / "runs" / "model.pt", force=False)
    put(staged, out, source=inside / "runs" / "model.pt", force=True)
    assert not out.is_symlink()
    assert (outside / "runs" / "model.pt").read_bytes() == before


def test_a_repair_by_path_is_written_where_it_was_asked_for(inside: Path) -> None:
    case = Case(Asked(path="runs/model.pt", latents="runs/z_e.npy"))
    assert case.examination.wait(SECONDS)
    out = resolve_writable(inside / "runs" / "repaired.pt")
    case.begin_repair(out, "align", force=False)
    assert case.repair is not None
    assert case.repair.wait(SECONDS)
    assert (case.repair.problem, case.repair.details) == ("", "")
    assert case.repair.result is not None
    assert case.repair.result.repaired is not None
    assert case.repair.result.repaired.path == out
    assert list(torch.load(out, weights_only=True)) == ["quantize.embedding.weight"]
    case.begin_repair(inside / "runs" / "repaired.txt", "align", force=False)
    assert case.repair.wait(SECONDS)
    assert case.repair.problem.startswith(f"`{shown(inside / 'runs' / 'repaired.txt')}` must end in")
    assert names_below(inside / "runs") == {"model.pt", "z_e.npy", "repaired.pt"}


def test_by_default_others_open_the_start_folder_and_this_machine_all(tmp_path: Path) -> None:
    assert make(address="localhost", folder=tmp_path).folders == (Path("/"),)
    assert make(address="192.0.2.7", folder=tmp_path).folders == (tmp_path,)
    assert make(address="localhost", hosts=["vq.example.org"], folder=tmp_path).folders == (tmp_path,)
    assert make(address="0.0.0.0", files=["."], folder=tmp_path).folders == (tmp_path.resolve(),)


def test_the_page_names_the_folders(inside: Path) -> None:
    assert str(inside) in about_roots()
