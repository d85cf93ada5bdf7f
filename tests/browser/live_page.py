"""What the browser tests ask of the Live page."""

import re
from urllib.parse import parse_qs, urlsplit

import psutil
from playwright.sync_api import Page

MAP = ".st-key-map-plot .js-plotly-plot"
BARS = ".st-key-bars-plot .js-plotly-plot"
CURVES = ".st-key-curves-plot .js-plotly-plot"
MILLISECONDS = 60_000
WHERE = "(document.querySelector('.vq-story') ?? document.querySelector('.vq-status'))"
"""What says the step: the story of the Live page, and the status of the side-by-side page."""

SAID = f"{WHERE}?.innerText"
STEP = (
    f"Number((/training is at ([\\d,]+)/i.exec({SAID}) ?? /step ([\\d,]+)/i.exec({SAID}))?.[1].replaceAll(',', ''))"
)
"""What training has reached, also where an earlier step is shown."""


def wait_until(page: Page, condition: str, timeout: float = MILLISECONDS) -> None:
    page.wait_for_function(condition, timeout=timeout)


def wait_for_charts(page: Page) -> None:
    """Until map, bars and curves are drawn."""
    drawn = [f"document.querySelector('{plot}')?._fullLayout" for plot in (MAP, BARS, CURVES)]
    wait_until(page, " && ".join(drawn))


def step_of(page: Page) -> int:
    return page.evaluate(STEP)


def wait_for_step(page: Page, step: int) -> None:
    wait_until(page, f"{STEP} >= {step}")


def wait_for_movement(page: Page) -> None:
    wait_for_charts(page)
    wait_for_step(page, step_of(page) + 1)


def seen(plot: str) -> str:
    """JavaScript: a chart as Plotly draws it for a hand that points at it; else all of it is painted."""
    return f"""(() => {{
        const plot = document.querySelector('{plot}');
        plot?.dispatchEvent(new PointerEvent('pointerenter'));
        return plot;
    }})()"""


def traces(plot: str) -> str:
    """JavaScript: all traces of a chart."""
    return f"{seen(plot)}?._fullData"


def count_draws(page: Page, plot: str) -> None:
    """From now on, `window.draws` counts how often `plot` was drawn."""
    page.evaluate(
        f"""() => {{
            window.draws = 0;
            document.querySelector('{plot}').addEventListener('drawn', () => window.draws++);
        }}"""
    )


def watch_removals(page: Page, kept: str = ".js-plotly-plot") -> None:
    """From now on, `window.removals` counts what matches `kept` and is taken away; `window.originals` are today's."""
    page.evaluate(
        """(kept) => {
            window.removals = 0;
            window.originals = [...document.querySelectorAll(kept)];
            new MutationObserver((changes) => {
                for (const change of changes) for (const node of change.removedNodes) {
                    if (node.matches?.(kept) || node.querySelector?.(kept)) window.removals++;
                }
            }).observe(document.body, { childList: true, subtree: true });
        }""",
        kept,
    )


def axis_title(plot: str = MAP) -> str:
    return f"document.querySelector('{plot}').layout.xaxis.title?.text"


def session_of(page: Page) -> str:
    return parse_qs(urlsplit(page.url).query)["session"][0]


def choose(page: Page, name: str, choice: str) -> None:
    """Press one choice of a segmented control: of the view, or a switch."""
    page.locator(f".st-key-view-{name}, {control(name)}").get_by_text(choice, exact=True).click()


def control(name: str) -> str:
    """A switch or setting in the sidebar, whose key ends in a number that grows."""
    return f"[data-testid=stSidebar] [class*='st-key-{name}-']"


def pick(page: Page, name: str, choice: str) -> None:
    """Take one choice of a drop-down in the sidebar."""
    page.locator(control(name)).locator("[data-baseweb=select], [role=combobox]").first.click()
    page.get_by_role("option", name=choice, exact=True).click()


def drag(page: Page, plot: str, path: list[tuple[float, float]]) -> None:
    """Drag over `plot` along places given as shares of its width and height."""
    page.locator(plot).scroll_into_view_if_needed()
    box = page.locator(f"{plot} .nsewdrag").first.bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in path]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=4)
    page.mouse.up()


def press(page: Page, name: str) -> None:
    page.locator(
        f".st-key-{name} button:visible, button.vq-{name}"
    ).click()  # Streamlit hides a second one for narrow screens


def wait_for_state(page: Page, state: str) -> None:
    wait_until(page, f"document.querySelector('.vq-status')?.dataset.state === '{state}'")


def pause(page: Page) -> None:
    """Pause, and wait until every chart shows the step at which that is: one follows after the other."""
    press(page, "play")
    wait_for_state(page, "paused")
    wait_for_rest(page)


def wait_for_rest(page: Page) -> None:
    """Until no chart has been drawn for a second."""
    page.evaluate(
        """() => new Promise((done) => {
            let quiet = setTimeout(done, 1000);
            const again = () => (clearTimeout(quiet), (quiet = setTimeout(done, 1000)));
            for (const plot of document.querySelectorAll('.js-plotly-plot')) plot.addEventListener('drawn', again);
        })"""
    )


def umap_workers(pid: int) -> list[psutil.Process]:
    children = psutil.Process(pid).children(recursive=True)
    return [child for child in children if re.search(r"vqcore\.projection\.worker", " ".join(child.cmdline()))]
