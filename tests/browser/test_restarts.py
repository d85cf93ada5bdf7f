"""A restart with other settings, as a hand does it: typed, clicked at once, and held against the run before."""

from collections.abc import Callable

from live_page import CURVES, press, step_of, traces, wait_for_charts, wait_for_step, wait_until
from playwright.sync_api import expect
from real_app import Server, Tab

OF_RUN_1 = f"{traces(CURVES)}.filter((trace) => /, run 1$/.test(trace.name))"


def test_a_setting_typed_and_applied_at_once_has_the_earlier_run_behind_it(
    open_tab: Callable[..., Tab], server: Server
) -> None:
    page = open_tab(server, "?problem=plane&num_codes=16&paused=1").page
    wait_for_charts(page)
    press(page, "step")
    wait_for_step(page, 1)
    page.get_by_role("spinbutton", name="Codes K").fill("8")
    page.locator("button.vq-apply").click()  # which also ends the typing
    wait_until(page, f"{OF_RUN_1}.length > 0")
    assert step_of(page) == 0
    wait_until(page, "location.search.includes('num_codes=8')")
    press(page, "step")
    wait_for_step(page, 1)
    assert page.evaluate(f"{OF_RUN_1}.length") > 0
    page.get_by_role("button", name="2 runs").click()
    expect(page.locator(".vq-runs tbody tr")).to_contain_text("K 16")
