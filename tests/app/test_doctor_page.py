"""The Doctor page as Streamlit runs it, without a browser."""

import errno
import gc
import re
import shlex
import threading
from html import unescape
from pathlib import Path

import numpy as np
import pytest
import torch
from page_runs import open_script, press, run, shown, state_in
from streamlit.testing.v1 import AppTest

from app.doctor import case as doctor_case
from app.doctor import examples as doctor_examples
from app.doctor.case import Case, command
from app.doctor.state import DoctorState
from app.links.doctor import Asked
from app.sessions.registry import Registry
from vqcore.checkpoints.reader import open_checkpoint
from vqcore.doctor.collecting import HOOK, RECIPES
from vqcore.doctor.examination import Examination, Request, examine
from vqcore.doctor.report import headline
from vqcore.doctor.treatment import foretell
from vqcore.projection.streams import Layout
from vqcore.projection.trustworthiness import Trust

SECONDS = 120
K, D, N = 64, 8, 8_000
USED = (3, 17, 40)
"""Codes that the latents of `collapsed` fall on."""


@pytest.fixture
def codebook() -> np.ndarray:
    return (3 * np.random.default_rng(0).standard_normal((K, D)) + 1).astype(np.float32)


@pytest.fixture
def latents(codebook: np.ndarray) -> np.ndarray:
    generator = np.random.default_rng(1)
    chosen = codebook[generator.choice(USED, size=N, p=(0.7, 0.2, 0.1))]
    return (chosen + 0.3 * generator.standard_normal(chosen.shape)).astype(np.float32)


@pytest.fixture
def collapsed(tmp_path: Path, codebook: np.ndarray, latents: np.ndarray) -> dict[str, str]:
    """The link to a file of a codebook that has collapsed."""
    np.save(tmp_path / "z_e.npy", latents)
    return {"path": str(saved(tmp_path, codebook)), "latents": str(tmp_path / "z_e.npy")}


def saved(folder: Path, codebook: np.ndarray, key: str = "quantize.embedding.weight") -> Path:
    path = folder / "model.pt"
    torch.save({key: torch.from_numpy(codebook), "encoder.weight": torch.zeros(3, 3)}, path)
    return path


def open_page(**query: str) -> AppTest:
    return open_script("doctor/page.py", SECONDS, **query)


def case_of(sessions: Registry) -> Case:
    return sessions.cases.values()[-1]


def examined(sessions: Registry, **query: str) -> AppTest:
    """The page of a link once the examination and what is drawn of it are done."""
    page = open_page(**query)
    assert case_of(sessions).examination.wait(SECONDS)
    return run(page)


def query_of(page: AppTest) -> dict[str, str]:
    return {name: values[0] if isinstance(values, list) else values for name, values in page.query_params.items()}


def html_of(page: AppTest) -> str:
    return "\n".join(element.proto.body for element in page.get("html"))


def markdown_of(page: AppTest) -> list[str]:
    found = (page.markdown, page.caption, page.error, page.warning, page.success, page.info, page.toast)
    return [element.value for elements in found for element in elements] + [one.label for one in page.expander]


def plain(text: str) -> str:
    """Escaped Markdown as it is read."""
    return re.sub(r"\\(.)", r"\1", text)


def charts_of(page: AppTest) -> set[str]:
    plots = [key for key in shown(page) if key.startswith("doctor-")]
    return {key.removeprefix("doctor-").removesuffix("-plot") for key in plots}


def test_the_empty_page_says_what_to_do_and_offers_examples(sessions: Registry) -> None:
    page = open_page()
    assert "Give a checkpoint" in html_of(page)
    assert [page.button(key=f"doctor-begin-{name}").label for name in doctor_examples.EXAMPLES]
    assert [*page.error, *page.warning, *page.toast] == []
    assert query_of(page) == {}
    assert sessions.cases.values() == ()


def test_how_latents_are_got_is_answered_for_the_library_that_is_chosen(sessions: Registry) -> None:
    page = open_page()
    for library, line in RECIPES.items():
        page.selectbox(key="doctor-library-empty").set_value(library)
        (code,) = [block.value for block in run(page).code]
        assert HOOK in code
        assert line in code


def test_examining_nothing_asks_for_a_path(sessions: Registry) -> None:
    page = press(open_page(), "doctor-examine")
    assert "path" in page.warning[0].value
    assert sessions.cases.values() == ()


def test_the_page_says_what_numpy_counts(
    sessions: Registry, collapsed: dict[str, str], codebook: np.ndarray, latents: np.ndarray
) -> None:
    page = examined(sessions, **collapsed)
    squares = np.square(latents[:, None].astype(np.float64) - codebook).sum(2)
    codes = squares.argmin(1)
    shares = np.bincount(codes, minlength=K) / N
    entropy = -(shares[shares > 0] * np.log(shares[shares > 0])).sum()
    error = squares.min(1).mean() / latents.var(0, dtype=np.float64).sum()
    said = html_of(page)
    assert set(np.flatnonzero(shares)) == set(USED)
    assert "Index collapse: 3 of 64 codes carry 99% of assignments." in said
    assert f"N = {N:,}" in said
    assert f"N/K = {N // K}" in said
    assert f'<td class="num">{len(USED)} ({100 * len(USED) / K:.0f}%)</td>' in said
    assert f'<td class="num">{entropy / np.log(K):.2f}</td>' in said
    assert f'<td class="num">{error:.3g}</td>' in said
    assert f"perplexity {np.exp(entropy):.1f} of {K}" in " ".join(markdown_of(page))
    assert "0–2, 4–16, 18–39, 41–63" in [block.value for block in page.code]
    assert charts_of(page) == {"map", "usage", "norms", "neighbours", "spectrum", "distances"}
    assert [*page.error, *page.warning] == []


def test_the_verdict_and_the_findings_are_those_of_the_command(sessions: Registry, collapsed: dict[str, str]) -> None:
    page = examined(sessions, **collapsed)
    examination = examine(Request(path=Path(collapsed["path"]), latents=Path(collapsed["latents"])))
    assert headline(examination) in unescape(html_of(page))
    (one,) = examination.examined
    labels = [plain(expander.label) for expander in page.expander]
    assert [finding.title in label for finding, label in zip(one.findings, labels, strict=True)]
    assert all(finding.severity in label for finding, label in zip(one.findings, labels, strict=True))
    lines = [block.value for block in page.code]
    assert all(line in lines for remedy in one.verdict.remedies if (line := remedy.vqtorch))


def test_what_needs_latents_is_not_drawn_without_them(sessions: Registry, collapsed: dict[str, str]) -> None:
    page = examined(sessions, path=collapsed["path"])
    assert charts_of(page) == {"map", "norms", "neighbours", "spectrum"}
    assert "Needs latents" in html_of(page)
    assert "nothing counts usage" in html_of(page)
    assert any("Needs latents" in caption.value for caption in page.caption)


def test_codes_in_the_place_of_latents_are_taken_for_codes(
    sessions: Registry, collapsed: dict[str, str], tmp_path: Path
) -> None:
    np.save(tmp_path / "codes.npy", np.arange(N) % 32)
    page = examined(sessions, path=collapsed["path"], latents=str(tmp_path / "codes.npy"))
    assert "32 (50%)" in html_of(page)
    assert "usage of the given codes" in html_of(page)
    assert "--codes" in command(case_of(sessions).request)


def test_the_axis_of_the_codes_levels_is_said_and_can_be_overruled(sessions: Registry, tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers([[[5]], [[20]]], size=(2, 400, 2))  # the first axis is the levels'
    np.save(tmp_path / "codes.npy", values)
    tables = torch.randn(2, K, D)
    torch.save({f"quantizer.layers.{level}.codebook.embed": tables[level] for level in (0, 1)} | {
        f"quantizer.layers.{level}.codebook.cluster_size": torch.rand(K) for level in (0, 1)
    }, tmp_path / "two.pt")  # fmt: skip
    query = {"path": str(tmp_path / "two.pt"), "latents": str(tmp_path / "codes.npy")}
    page = examined(sessions, **query)
    assert "axis 0 is taken as the 2 codebooks" in html_of(page)
    assert "axis 2 is as long" in html_of(page)
    assert "5 (8%)" in html_of(page)
    page.number_input(key=f"doctor-level-axis-{state_in(page, DoctorState).generation}").set_value(2)
    press(page, "doctor-reread-apply")
    assert case_of(sessions).examination.wait(SECONDS)
    run(page)
    assert query_of(page) == query | {"level_axis": "2"}
    assert html_of(page).count("20 (31%)") == 2
    assert "--level-axis 2" in command(case_of(sessions).request)


def test_what_the_vectors_alone_tell_is_drawn_before_the_latents_are_counted(
    sessions: Registry, collapsed: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    may_count = threading.Event()

    def slowly(request: Request, **options: object) -> Examination:
        if request.latents is not None:
            assert may_count.wait(SECONDS)
        return examine(request, **options)

    monkeypatch.setattr(doctor_case, "examine", slowly)
    page = open_page(**collapsed)
    case = case_of(sessions)
    assert case.wait_for_reading(SECONDS) is not None
    assert case.first_facts(0).wait(SECONDS)
    run(page)
    assert charts_of(page) == {"map", "norms", "neighbours", "spectrum"}
    assert "No verdict yet" in html_of(page)
    assert "Drawn once the latents" in html_of(page)
    assert "Needs latents" not in html_of(page)
    may_count.set()
    assert case.examination.wait(SECONDS)
    run(page)
    assert "Index collapse" in html_of(page)
    assert charts_of(page) == {"map", "usage", "norms", "neighbours", "spectrum", "distances"}


def test_typing_a_path_and_its_latents_examines_them(sessions: Registry, collapsed: dict[str, str]) -> None:
    page = open_page()
    page.text_input(key="doctor-path-1").set_value(f'"{collapsed["path"]}"')
    page.text_input(key="doctor-latents-1").set_value(collapsed["latents"])
    press(page, "doctor-examine")
    assert case_of(sessions).examination.wait(SECONDS)
    assert "Index collapse" in html_of(run(page))
    assert query_of(page)["latents"] == collapsed["latents"]


def test_a_reload_shows_the_same_examination(sessions: Registry, collapsed: dict[str, str]) -> None:
    examined(sessions, **collapsed)
    first = case_of(sessions)
    page = open_page(**collapsed)
    assert "Index collapse" in html_of(page)
    assert case_of(sessions) is first
    press(page, "doctor-examine")
    assert case_of(sessions) is not first  # asked for again by hand, the file is read again


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/nowhere/model.pt", "No such file"),
        ("~nobody-of-that-name/x.pt", "not a path on this machine"),
        ("<img src=x onerror=alert(1)>", "No such file"),
        ("[a](javascript:alert(1))\n# head", "No such file"),
        ("\x00", "cannot be opened"),
    ],
)
def test_a_path_that_cannot_be_read_is_a_sentence_with_the_way_back(sessions: Registry, path: str, word: str) -> None:
    page = examined(sessions, path=path)
    (said,) = [error.value for error in page.error]
    assert word in plain(said)
    assert not re.search(r"(?<!\\)[<\[#]", said)
    press(page, "doctor-back")
    assert query_of(page) == {}
    assert "Give a checkpoint" in html_of(page)


def test_a_link_that_means_nothing_is_named(sessions: Registry, collapsed: dict[str, str]) -> None:
    page = open_page(**collapsed, axis="sideways", rows="<b>", colour="red")
    said = plain(" ".join(toast.value for toast in page.toast))
    assert all(word in said for word in ("`axis`", "`rows`", "`colour`"))
    assert query_of(page) == collapsed


HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "[a](javascript:alert(1))",
    "two\nlines\n# head",
    "$x^2$ :red[x] `code`",
    "'onmouseover='alert(1)",
    "x" * 10_000,
)


def test_names_from_a_file_are_shown_as_they_are(sessions: Registry, tmp_path: Path, codebook: np.ndarray) -> None:
    path = tmp_path / "model.pt"
    torch.save({f"{name}.quantize.embedding.weight": torch.from_numpy(codebook) + 1 for name in HOSTILE}, path)
    page = examined(sessions, path=str(path))
    assert not page.error
    said = html_of(page)
    assert "<img" not in said
    assert "'onmouseover" not in said
    assert '"onmouseover' not in said
    assert len(said) < 40_000
    assert all(name[:8].split("\n")[0] in unescape(re.sub("<wbr>", "", said)) for name in HOSTILE)
    for text in markdown_of(page):
        assert "<img" not in text
        assert "\n#" not in text
        assert not re.search(r"(?<!\\)\]\(javascript", text)


def test_the_reading_can_be_overruled(sessions: Registry, collapsed: dict[str, str]) -> None:
    page = examined(sessions, path=collapsed["path"])
    generation = state_in(page, DoctorState).generation
    page.number_input(key=f"doctor-rows-{generation}").set_value(16)
    press(page, "doctor-reread-apply")
    assert case_of(sessions).examination.wait(SECONDS)
    run(page)
    assert query_of(page) == {"path": collapsed["path"], "rows": "16"}
    assert len(case_of(sessions).examination.result.examination.examined) == K // 16
    page.selectbox(key="doctor-look-0").set_value(2)
    run(page)
    assert query_of(page)["look"] == "3"
    assert "rows 32:48" in html_of(page)


def test_a_key_that_is_not_there_is_a_sentence_and_can_be_put_right(
    sessions: Registry, collapsed: dict[str, str]
) -> None:
    page = examined(sessions, path=collapsed["path"], codebook="quantize.embedding.wieght")
    assert "quantize.embedding.weight" in plain(page.error[0].value)
    generation = state_in(page, DoctorState).generation
    page.multiselect(key=f"doctor-key-{generation}").set_value([])
    press(page, "doctor-reread-apply")
    assert case_of(sessions).examination.wait(SECONDS)
    assert "Usage cannot be judged" in html_of(run(page))
    assert query_of(page) == {"path": collapsed["path"]}


def test_a_folder_is_followed_through_training(sessions: Registry, tmp_path: Path, codebook: np.ndarray) -> None:
    for step in (10, 20, 30):
        shifted = torch.from_numpy(codebook + np.float32(step))
        torch.save({"quantize.embedding.weight": shifted}, tmp_path / f"<b>model-step={step}.pt")
    (tmp_path / "broken-step=40.pt").write_bytes(b"")
    page = examined(sessions, path=str(tmp_path))
    said = html_of(page)
    assert "Through training" in said
    assert "series" in charts_of(page)
    assert "<b>model" not in said
    norms = [np.linalg.norm(codebook + np.float32(step), axis=1).mean() for step in (10, 20, 30)]
    assert all(f"<td>{norm:.3g}</td>" in said for norm in norms)
    assert any("Skipped" in caption.value and "empty" in caption.value for caption in page.caption)


def foretold(sessions: Registry, page: AppTest) -> AppTest:
    press(page, "doctor-what-if-begin")
    assert case_of(sessions).what_if.wait(SECONDS)
    return run(page)


def test_what_if_shows_before_and_after_each_remedy(sessions: Registry, collapsed: dict[str, str]) -> None:
    page = foretold(sessions, examined(sessions, **collapsed))
    expected = foretell(open_checkpoint(collapsed["path"]), Path(collapsed["latents"])).foretold
    said = html_of(page)
    for outcome in (expected.before, *expected.after.values()):
        assert f'<td class="num">{outcome.codebooks[0].active:,} of {K}</td>' in said
        assert f'<td class="num">{outcome.relative_error:.1%}</td>' in said


def repair(sessions: Registry, page: AppTest) -> AppTest:
    press(page, "doctor-repair")
    assert case_of(sessions).repair.wait(SECONDS)
    return run(page)


def test_a_repaired_copy_is_written_and_never_over_another_file_unasked(
    sessions: Registry, collapsed: dict[str, str], tmp_path: Path, latents: np.ndarray
) -> None:
    out = tmp_path / "model-restart.pt"
    out.write_bytes(b"precious")
    page = repair(sessions, examined(sessions, **collapsed))
    assert "exists" in page.error[0].value
    assert out.read_bytes() == b"precious"
    page.checkbox(key="doctor-force").check()
    page = repair(sessions, page)
    assert not page.error
    assert "61 codes moved" in plain(page.success[0].value)
    table = torch.load(out, weights_only=True)["quantize.embedding.weight"].numpy()
    codes = np.square(latents[:, None] - table).sum(2).argmin(1)
    assert len(np.unique(codes)) > K // 2


def test_the_source_is_never_written_to(sessions: Registry, collapsed: dict[str, str]) -> None:
    before = Path(collapsed["path"]).read_bytes()
    page = examined(sessions, **collapsed)
    page.text_input(key=f"doctor-out-restart-{state_in(page, DoctorState).generation}").set_value(collapsed["path"])
    page.checkbox(key="doctor-force").check()
    page = repair(sessions, page)
    assert "never written to" in page.error[0].value
    assert Path(collapsed["path"]).read_bytes() == before


def drop(page: AppTest, role: str, name: str, content: bytes) -> AppTest:
    """Drop a file on the place for it."""
    (place,) = [one for one in page.file_uploader if one.key.startswith(f"doctor-drop-{role}")]
    place.set_value((name, content, "application/octet-stream"))
    return run(page)


def test_dropped_files_are_examined_and_the_repaired_copy_goes_back_to_the_browser(
    sessions: Registry, collapsed: dict[str, str]
) -> None:
    page = open_page()
    assert page.button(key="doctor-examine-dropped").disabled
    drop(page, "checkpoint", "../../<b>.pt", Path(collapsed["path"]).read_bytes())
    drop(page, "latents", "z.npy", Path(collapsed["latents"]).read_bytes())
    assert not page.file_uploader
    press(page, "doctor-examine-dropped")
    case = case_of(sessions)
    assert case.examination.wait(SECONDS)
    assert "Index collapse" in html_of(run(page))
    page = repair(sessions, page)
    assert plain(page.get("download_button")[0].proto.label) == "Download b-restart.pt"
    assert (case.folder.path / "checkpoint" / "b-restart.pt").exists()


def test_a_file_that_was_dropped_by_mistake_is_taken_back(sessions: Registry, collapsed: dict[str, str]) -> None:
    page = drop(open_page(), "checkpoint", "wrong.pt", b"wrong")
    (dropped,) = [sessions.uploads.find(state_in(page, DoctorState).dropped)]
    path = dropped.files["checkpoint"]
    assert any("wrong.pt" in plain(text) for text in markdown_of(page))
    press(page, "doctor-take-back-checkpoint")
    assert not path.exists()
    assert page.button(key="doctor-examine-dropped").disabled
    assert len(page.file_uploader) == 2


def test_a_full_disk_is_a_sentence_where_a_file_is_dropped(
    sessions: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("shutil.copyfileobj", full)
        page = drop(open_page(), "checkpoint", "model.pt", b"some")
        (said,) = [plain(error.value) for error in page.error]
        assert re.fullmatch(r"`model.pt` cannot be kept: No space left on device\. Free disk space [^.]+\.", said)
        assert page.button(key="doctor-examine-dropped").disabled
    drop(run(page), "checkpoint", "model.pt", b"some")
    assert not page.error
    assert not page.button(key="doctor-examine-dropped").disabled


def test_a_dropped_file_that_is_gone_is_a_sentence(sessions: Registry) -> None:
    assert "Drop it again" in examined(sessions, upload="nobody").error[0].value


@pytest.fixture
def quick_example(monkeypatch: pytest.MonkeyPatch) -> str:
    quick = doctor_examples.EXAMPLES["levels"]._replace(steps=12)
    monkeypatch.setitem(doctor_examples.EXAMPLES, "levels", quick)
    return "levels"


def test_an_example_is_trained_and_examined(sessions: Registry, quick_example: str) -> None:
    page = press(open_page(), f"doctor-begin-{quick_example}")
    assert query_of(page) == {"example": quick_example}
    case = case_of(sessions)
    assert case.examination.wait(SECONDS)
    assert "3 in the file" in html_of(run(page))
    assert "trained here" in html_of(page)
    assert [one.codebook.num_codes for one in case.examination.result.examination.examined] == [128] * 3
    assert shlex.split(command(case.request))[4] == str(case.request.path)
    assert query_of(press(page, "doctor-close")) == {}


def test_the_files_of_an_example_go_with_its_case(quick_example: str) -> None:
    case = Case(Asked(example=quick_example))
    assert case.examination.wait(SECONDS)
    folder = case.folder.path
    assert case.request.path.is_relative_to(folder)
    assert folder.exists()
    case.close()
    del case
    assert not folder.exists()


def test_an_unknown_example_is_a_sentence(sessions: Registry) -> None:
    assert "`example` must be one of" in plain(examined(sessions, example="<script>").error[0].value)


def test_an_examination_can_be_cancelled(sessions: Registry) -> None:
    page = open_page(example="default-start")
    press(page, "doctor-cancel")
    assert case_of(sessions).examination.wait(SECONDS)
    assert "cancelled" in run(page).info[0].value
    press(page, "doctor-back")
    assert query_of(page) == {}


@pytest.mark.parametrize(
    "name", ["plain.pt", "with space and 'quote'.pt", "-dash.pt", "$(touch x).pt", "two\nlines.pt"]
)
def test_the_command_survives_the_shell(name: str) -> None:
    request = Request(path=Path(name), latents=Path("z e.npy"), key="-odd key", axis="K,D", rows=4)
    words = shlex.split(command(request))
    assert words[:4] == ["python", "-m", "vqcore", "doctor"]
    assert Path(words[4]) == Path(name)
    assert not words[4].startswith("-")
    assert words[5:] == ["--latents", "z e.npy", "--codebook=-odd key", "--axis", "K,D", "--rows", "4"]


def layout_of(sessions: Registry) -> tuple[str, np.ndarray]:
    """The one layout that was asked for: its stream and its points."""
    ((stream, points, _),) = sessions.projection.requests
    return stream, points


def test_umap_is_begun_only_when_asked_for_and_drawn_with_its_trust(
    sessions: Registry, collapsed: dict[str, str], codebook: np.ndarray
) -> None:
    page = examined(sessions, **collapsed)
    assert sessions.projection.requests == []
    page.segmented_control(key="doctor-map-PCA").set_value("UMAP")
    run(page)
    assert query_of(page) == collapsed | {"map": "UMAP"}
    stream, points = layout_of(sessions)
    np.testing.assert_array_equal(points[-K:], codebook)
    assert len(points) == 2_000 + K
    assert any("PCA for now" in caption.value for caption in page.caption)
    run(page)
    assert len(sessions.projection.requests) == 1
    sessions.projection.layouts[stream] = Layout(
        np.zeros((len(points), 2), np.float32), None, 1.0, False, Trust(0.91, 15, 200, len(points))
    )
    run(page)
    (said,) = [plain(caption.value) for caption in page.caption if "UMAP preserves" in caption.value]
    assert "trustworthiness 0.91" in said
    assert "all 64 codes" in said
    assert "showing 2,000 of 8,000 latents" in said
    assert "dashed" not in said


def test_umap_can_be_cancelled_and_the_plane_of_pca_is_back(sessions: Registry, collapsed: dict[str, str]) -> None:
    page = examined(sessions, **collapsed, map="UMAP")
    stream, _ = layout_of(sessions)
    press(page, "doctor-map-cancel")
    assert sessions.projection.cancelled == [stream]
    assert query_of(page) == collapsed
    assert not any("UMAP" in caption.value for caption in page.caption)  # the ellipses are told by the map itself


def test_a_layout_is_forgotten_with_what_it_is_of(sessions: Registry, collapsed: dict[str, str]) -> None:
    examined(sessions, **collapsed, map="UMAP")
    stream, _ = layout_of(sessions)
    sessions.cases.close()
    gc.collect()
    assert sessions.projection.forgotten == [stream]


def test_what_the_command_can_be_told_the_page_can_be_told_too(
    sessions: Registry, tmp_path: Path, codebook: np.ndarray, latents: np.ndarray
) -> None:
    path = saved(tmp_path, codebook, key="a.b")
    np.savez(tmp_path / "z.npz", z=latents.T, other=latents)
    page = examined(sessions, path=str(path), latents=str(tmp_path / "z.npz"))
    generation = state_in(page, DoctorState).generation
    keys = page.multiselect(key=f"doctor-key-{generation}")
    assert "a.b" in keys.options  # which no rule recognizes
    keys.set_value(["a.b"])
    for name, value in (("search", "cosine"), ("structure", "residual")):
        page.selectbox(key=f"doctor-{name}-{generation}").set_value(value)
    page.text_input(key=f"doctor-latents-key-{generation}").set_value("z")
    page.number_input(key=f"doctor-latents-axis-{generation}").set_value(0)
    np.save(tmp_path / "mask.npy", np.arange(N) < N - 1_000)
    page.text_input(key=f"doctor-mask-{generation}").set_value(str(tmp_path / "mask.npy"))
    press(page, "doctor-reread-apply")
    assert case_of(sessions).examination.wait(SECONDS)
    assert f"N = {N - 1_000:,}" in html_of(run(page))
    asked = case_of(sessions).request
    assert asked is not None
    assert (asked.key, asked.search, asked.structure) == (("a.b",), "cosine", "residual")
    assert (asked.latents_key, asked.latents_axis) == ("z", 0)
    assert f"--latents-key z --latents-axis 0 --mask {tmp_path}/mask.npy" in command(asked)
    assert query_of(page)["search"] == "cosine"
