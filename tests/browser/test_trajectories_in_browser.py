"""The Trajectories page in a real browser: played, scrubbed, dragged, saved, and opened from disk."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from live_page import press, wait_until
from playwright.sync_api import BrowserContext, Page, expect
from real_app import Server, Tab

from app.trajectory_plot.standalone import standalone_html
from vqcore.trajectories.lockstep import trajectories
from vqcore.trajectories.setting import Setting

QUERY = "trajectories?steps=60&methods=no+quantization,STE,alternating"
PLOT = "document.querySelector('.vq-traj').vqTrajectories"
MOMENT = f"{PLOT}.player.moment"
STEP = f"{MOMENT}.step"


@pytest.fixture
def tab(open_tab: Callable[..., Tab], server: Server) -> Tab:
    found = open_tab(server, QUERY)
    wait_for_picture(found.page)
    return found


@pytest.fixture(scope="module")
def file_from_disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    setting = Setting(steps=40, methods=("STE", "alternating"))
    path = tmp_path_factory.mktemp("standalone") / "picture.html"
    path.write_text(standalone_html(setting, trajectories(setting)), encoding="utf-8")
    return path


def wait_for_picture(page: Page) -> None:
    wait_until(page, "document.querySelector('.vq-traj')?.vqTrajectories?.frames > 0")


def seek(page: Page, step: int) -> None:
    page.evaluate(f"{PLOT}.player.seek({step})")


def wait_for_quiet(tab: Tab) -> int:
    """How many messages the tab has sent once the page's first runs are over."""
    before = -1
    while tab.sent != before:
        before = tab.sent
        tab.page.wait_for_timeout(1500)
    return before


def row(page: Page, method: str):
    return page.locator(f".vq-traj-legend tr[data-method='{method}']")


def test_playing_and_scrubbing_advance_and_send_nothing_to_the_server(tab: Tab) -> None:
    page = tab.page
    sent = wait_for_quiet(tab)
    assert page.evaluate("document.querySelector('.stMain').scrollHeight") <= 900
    seek(page, 0)
    frames = page.evaluate(f"{PLOT}.frames")
    page.get_by_role("button", name="Play or pause").click()
    wait_until(page, f"{STEP} >= 10")
    page.get_by_role("button", name="Play or pause").click()
    assert not page.evaluate(f"{PLOT}.player.playing")
    drawn = page.evaluate(f"{PLOT}.frames") - frames
    assert drawn >= 3
    slider = page.get_by_role("slider", name="step", exact=True).bounding_box()
    page.mouse.move(slider["x"] + 10, slider["y"] + slider["height"] / 2)
    page.mouse.down()
    page.mouse.move(slider["x"] + slider["width"] - 5, slider["y"] + slider["height"] / 2, steps=8)
    page.mouse.up()
    wait_until(page, f"{STEP} > 50")
    strips = page.locator(".vq-traj-strips").bounding_box()
    page.mouse.click(strips["x"] + strips["width"] / 2, strips["y"] + 40)
    wait_until(page, f"{STEP} > 15 && {STEP} < 45")
    page.wait_for_timeout(1000)  # a message on its way would have come by now
    assert tab.sent == sent


def test_a_pause_rests_on_a_whole_step_and_the_end_is_the_end(tab: Tab) -> None:
    page = tab.page
    page.get_by_label("speed").select_option("8")
    seek(page, 50)
    page.keyboard.press("Space")
    wait_until(page, f"{STEP} === 60 && !{PLOT}.player.playing")
    expect(page.locator(".vq-traj-said")).to_contain_text("After 60 steps STE ends at")
    page.keyboard.press("Space")
    wait_until(page, f"{STEP} < 60 && {STEP} > 0")
    page.keyboard.press("Space")
    assert page.evaluate(f"{MOMENT}.part") == 0


def test_the_keys_step_jump_and_leave_the_controls_alone(tab: Tab) -> None:
    page = tab.page
    seek(page, 20)
    for key, step in (("ArrowRight", 21), ("ArrowLeft", 20), ("Shift+ArrowRight", 30), ("Shift+ArrowLeft", 20)):
        page.keyboard.press(key)
        assert page.evaluate(STEP) == step
    page.locator("[data-testid=stSidebar] [class*='st-key-trajectory-seed'] input").click()
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(STEP) == 20


def test_sub_steps_go_through_a_step_and_say_what_each_does(tab: Tab) -> None:
    page = tab.page
    seek(page, 4)
    row(page, "alternating").get_by_role("button").click()
    page.get_by_text("sub-steps").click()
    said = page.locator(".vq-traj-said > span")
    expected = (
        "The encoder gives z_e",
        "is nearest",
        "Before the task step only the codebook moves",
        "z_e receives ĝ",
    )
    for phase, words in zip(("encode", "assign", "inner step", "task step"), expected, strict=True):
        assert page.evaluate(MOMENT)["phase"] == phase
        expect(said).to_contain_text(words)
        page.keyboard.press("ArrowRight")
    assert page.evaluate(STEP) == 5
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(MOMENT) == {"step": 4, "phase": "task step", "part": 1}
    wait_until(page, f"{PLOT}.plane.pointed.has('delay')")
    (tail, tip, _), scale = page.evaluate(f"[{PLOT}.plane.pointed.get('delay'), {PLOT}.plane.scale]")
    assert math.dist(tail, tip) / scale == pytest.approx(page.evaluate(f"{PLOT}.focus.measures.delay[4]"), rel=1e-3)
    row(page, "STE").get_by_role("button").click()
    expect(page.get_by_role("button", name="inner step", exact=True)).to_be_disabled()
    page.evaluate(f"{PLOT}.player.speed = 8; {PLOT}.player.seek(4)")
    page.keyboard.press("Space")
    wait_until(page, f"{STEP} >= 6")


def test_the_legend_hides_a_method_and_puts_one_in_focus(tab: Tab) -> None:
    page = tab.page
    group = page.locator(".vq-traj-plane g[stroke='var(--vq-vermillion)']")
    row(page, "STE").get_by_role("checkbox").uncheck()
    expect(group).to_have_attribute("visibility", "hidden")
    row(page, "STE").get_by_role("checkbox").check()
    expect(group).to_have_attribute("visibility", "visible")
    cells = page.evaluate(f"{PLOT}.plane.cells.getAttribute('d')")
    seek(page, 30)
    row(page, "alternating").get_by_role("button").click()
    expect(row(page, "alternating")).to_have_class("vq-traj-focus")
    wait_until(page, f"{PLOT}.plane.cells.getAttribute('d') !== {cells!r}")


def test_dragging_a_code_or_the_start_computes_anew_and_reset_brings_the_seeds_places_back(tab: Tab) -> None:
    page = tab.page
    first = page.evaluate(f"{PLOT}.picture.first_codes")
    for handle, name in (("codes-3", "first_codes"), ("starts-0", "starts")):
        grip = page.locator(f"[data-handle={handle}]").bounding_box()
        page.mouse.move(grip["x"] + grip["width"] / 2, grip["y"] + grip["height"] / 2)
        page.mouse.down()
        page.mouse.move(grip["x"] + 50, grip["y"] + 60, steps=4)
        page.mouse.up()
        wait_until(page, f"location.search.includes('{handle.split('-')[0]}=')")
        before = first if name == "first_codes" else None
        wait_until(page, f"JSON.stringify({PLOT}.picture.{name}) !== JSON.stringify({before or []})")
    moved = page.evaluate(f"{PLOT}.picture.first_codes")
    assert [at for at, place in enumerate(moved) if abs(place[0] - first[at][0]) > 1e-3] == [3]
    page.get_by_role("button", name="Reset places").click()
    wait_until(page, f"JSON.stringify({PLOT}.picture.first_codes) === JSON.stringify({first})")
    wait_until(page, "!location.search.includes('codes=') && !location.search.includes('starts=')")


def test_the_picture_is_saved_as_svg_png_and_html(tab: Tab, tmp_path: Path) -> None:
    page = tab.page
    for button, start in (("Save the picture as SVG", b"<svg"), ("Save the picture as PNG", b"\x89PNG")):
        with page.expect_download() as saved:
            page.get_by_role("button", name=button).click()
        saved.value.save_as(tmp_path / "saved")
        written = (tmp_path / "saved").read_bytes()
        assert written.startswith(start)
        assert b"var(" not in written
    with page.expect_download() as saved:
        press(page, "save-html")
    saved.value.save_as(tmp_path / "saved.html")
    assert "STE" in (tmp_path / "saved.html").read_text(encoding="utf-8")


def test_another_page_and_back_keeps_the_setting_and_the_session(tab: Tab) -> None:
    page = tab.page
    page.get_by_role("link", name="Live", exact=True).click()
    expect(page.get_by_role("button", name="A photograph loses its colours")).to_be_visible()
    assert "steps=" not in page.url
    page.get_by_role("link", name="Trajectories").click()
    wait_for_picture(page)
    wait_until(page, "location.search.includes('steps=60')")
    assert page.evaluate(f"{PLOT}.picture.steps") == 60


def test_nothing_is_wider_than_the_page(tab: Tab) -> None:
    page = tab.page
    for width, height in ((390, 844), (1024, 768), (1440, 900)):
        page.set_viewport_size({"width": width, "height": height})
        wait_until(page, f"innerWidth === {width} && document.documentElement.scrollWidth <= {width}")


def test_while_it_computes_the_old_picture_is_dimmed_under_its_old_name_beside_one_control(tab: Tab) -> None:
    page = tab.page
    page.evaluate(
        """() => {
            const seen = (window.seen = []), shown = document.querySelector('.vq-traj');
            const look = () => {
                const name = shown.querySelector('.vq-traj-name').firstChild.data;
                const controls = [...document.querySelectorAll('[class*="st-key-trajectory-landscape"]')];
                seen.push({
                    name,
                    drawn: shown.vqTrajectories.picture.landscape.title,
                    waits: shown.matches('[data-stale="true"] *'),
                    light: Number(getComputedStyle(shown.querySelector('.vq-traj-upper')).opacity),
                    controls: controls.filter((control) => control.checkVisibility()).length,
                });
                requestAnimationFrame(look);
            };
            look();
        }"""
    )
    before = page.evaluate("seen[0].name")
    # So many steps that it takes seconds: the picture waits, which is what this test looks at.
    page.locator("[class*='st-key-trajectory-steps'] input").fill("4000")
    page.keyboard.press("Enter")
    wait_until(page, "location.search.includes('steps=4000')")
    page.locator(".st-key-trajectory-landscape [role=combobox], .st-key-trajectory-landscape input").first.click()
    page.get_by_role("option").nth(2).click()
    wait_until(page, f"seen.at(-1).name !== {before!r} && !seen.at(-1).waits && seen.at(-1).light === 1")
    seen = page.evaluate("seen")
    assert all(moment["name"] == moment["drawn"] for moment in seen)
    assert any(moment["waits"] and moment["light"] < 0.6 and moment["name"] == before for moment in seen)
    assert {moment["controls"] for moment in seen} == {1}


def test_the_standalone_page_plays_from_disk_without_a_request(browser: BrowserContext, file_from_disk: Path) -> None:
    tab = Tab(browser.new_page())
    requests: list[str] = []
    tab.page.on("request", lambda request: requests.append(request.url))
    tab.page.goto(file_from_disk.as_uri())
    wait_for_picture(tab.page)
    seek(tab.page, 0)
    tab.page.keyboard.press("Space")
    wait_until(tab.page, f"{STEP} >= 5")
    tab.page.get_by_text("sub-steps").click()
    wait_until(tab.page, f"{MOMENT}.phase === 'assign'")
    assert tab.page.locator("[data-handle]").count() == 0
    assert [url for url in requests if not url.startswith("data:")] == [file_from_disk.as_uri()]
    assert tab.problems == []
    tab.page.close()
