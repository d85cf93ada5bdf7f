"""The browser's history: controls change the URL in place, and Back and Forward lead from page to page."""

from collections.abc import Callable

from live_page import choose, press, session_of, wait_for_charts, wait_for_state, wait_until
from playwright.sync_api import expect
from real_app import Server, Tab


def test_controls_change_the_url_without_entries_in_the_history(open_tab: Callable[..., Tab], server: Server) -> None:
    page = open_tab(server, "?problem=plane&paused=1").page
    wait_for_charts(page)
    wait_until(page, "location.search.includes('session=')")
    before = page.evaluate("history.length")
    for choice in ("P and C", "gradients"):
        choose(page, "curves", choice)
        wait_until(page, f"new URLSearchParams(location.search).get('curves') === '{choice}'")
    press(page, "play")
    wait_until(page, "!location.search.includes('paused')")
    press(page, "play")
    wait_until(page, "location.search.includes('paused=1')")
    assert page.evaluate("history.length") == before


def test_back_and_forward_lead_from_page_to_page_and_find_the_run(
    open_tab: Callable[..., Tab], server: Server
) -> None:
    page = open_tab(server, "?problem=plane&paused=1").page
    wait_for_state(page, "paused")
    wait_until(page, "location.search.includes('session=')")
    session = session_of(page)
    page.get_by_role("link", name="Trajectories").click()
    wait_until(page, "location.pathname.endsWith('/trajectories')")
    expect(page.locator(".st-key-trajectory-plot")).to_be_visible()
    page.go_back()
    wait_for_state(page, "paused")
    wait_until(page, f"location.search.includes('session={session}')")
    page.go_forward()
    expect(page.locator(".st-key-trajectory-plot")).to_be_visible()
    wait_until(page, "location.pathname.endsWith('/trajectories')")


def test_new_leads_to_the_start_cards_and_back_to_the_run(open_tab: Callable[..., Tab], server: Server) -> None:
    page = open_tab(server, "?problem=plane&paused=1").page
    wait_for_state(page, "paused")
    wait_until(page, "location.search.includes('session=')")
    session = session_of(page)
    page.get_by_role("link", name="New", exact=True).click()
    expect(page.locator("[class*='st-key-start-'] button:visible")).to_have_count(6)
    page.go_back()
    wait_for_state(page, "paused")
    assert session_of(page) == session
    page.get_by_role("link", name="VQ Scope").click()
    expect(page.locator("[class*='st-key-start-'] button:visible")).to_have_count(6)
