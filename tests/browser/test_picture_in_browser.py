"""The picture in a real browser: its places are those of map and bars, and its codes those of the network."""

from collections.abc import Callable

import numpy as np
import pytest
from live_page import wait_for_charts, wait_until
from PIL import Image
from playwright.sync_api import expect
from real_app import Server, Tab

from vqcore.training.recipe import default_recipe
from vqcore.training.trainer import Trainer

QUERY = "?problem=patches&num_codes=64&batch_size=4&code_init=kmeans&paused=1&bars=usage"
RECIPE = default_recipe("patches", device="cpu", num_codes=64, batch_size=4, code_init="kmeans")
PICTURE = "document.querySelector('.vq-picture-root')?.vqPicture"
PLACES = np.random.default_rng(26).integers(0, 2 * 48 * 32, 50)
CODES = np.random.default_rng(27).permutation(64)[:50]

MARKED = (
    """(place) => {
    PICTURE.showPoint(place);
    const at = (chart, kind) => {
        const node = document.querySelector(`.st-key-${chart} .vq-plot`);
        const { left, top } = node.querySelector(`.vq-mark-${kind}`).style, { xaxis, yaxis } = node._fullLayout;
        return [[xaxis, left], [yaxis, top]].map(([axis, at]) => axis.p2l(parseFloat(at) - axis._offset));
    };
    const bar = Math.round(at('bars-plot', 'bar')[0]);
    const bars = window.vqScopeStage.parts.get('bars-plot').figure.data[0];
    return { code: at('map-plot', 'code'), vector: at('map-plot', 'vector'), bar: bars.customdata[bar],
        told: document.querySelector('.vq-picture-info').textContent };
}"""
).replace("PICTURE", PICTURE)

LIT = (
    """async (code) => {
    const variants = [{ ...PICTURE.data.variants[0], lit: [code] }];
    await PICTURE.receive({ ...PICTURE.data, variants }, PICTURE.given);
    const { veil: over, sheet: make } = PICTURE.views.all.find(({ key }) => key === 'codes-0'), { tiles } = PICTURE;
    const veil = pixels(over), sheet = pixels(make()), wide = make().width;
    function pixels(canvas) { return canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data; }
    const places = [...PICTURE.data.variants[0].codes.keys()].map((place) => {
        const [tile, row, column] = tiles.whereIs(place);
        return 4 * (row * wide + tile * tiles.across + column);
    });
    return [places.map((at) => veil[at + 3] === 0), places.slice(0, 200).map((at) => [...sheet.slice(at, at + 3)])];
}"""
).replace("PICTURE", PICTURE)


def test_fifty_places_and_codes_are_the_same_in_picture_map_bars_and_network(
    open_tab: Callable[..., Tab], server: Server, tmp_path
) -> None:
    trainer = Trainer(RECIPE)
    (snapshot,), (picture,) = trainer.snapshots(), trainer.pictures()
    codes, z_e = picture.codes.ravel(), picture.z_e.reshape(-1, 32).astype(float)
    page = open_tab(server, QUERY).page
    wait_for_charts(page)
    wait_until(page, f"{PICTURE}?.data?.variants?.[0]?.step === 0")
    assert np.array_equal(page.evaluate(f"[...{PICTURE}.data.variants[0].codes]"), codes)
    points = page.evaluate(
        """() => window.vqScopeStage.parts.get('map-plot').figure.data.filter(({ meta }) => meta?.role)
            .map(({ meta, customdata, x, y }) => [meta.role, [...customdata], [...x], [...y]])"""
    )
    lies = {role: dict(zip(ids, zip(x, y, strict=True), strict=True)) for role, ids, x, y in points}
    p = np.array([lies["P"][row] for row in range(len(snapshot.z_e))])
    padded = np.concatenate([snapshot.z_e, np.ones((len(p), 1))], 1).astype(float)
    plane = np.linalg.lstsq(padded, p, rcond=None)[0]  # the map is affine: P says how every z_e is projected
    page.evaluate(f"{PICTURE}.showPoint(0)")
    wait_until(page, f"{PICTURE}.onMap(0) !== null")
    reach = np.ptp(p, axis=0).max()
    for place in PLACES.tolist():
        marked, code = page.evaluate(MARKED, place), int(codes[place])
        assert f": code {code}, at {int((codes == code).sum()):,} of 3,072 places" in marked["told"]
        assert marked["bar"] == code
        wanted = (lies["Q"] | lies.get("C", {}))[code]
        assert np.abs(np.subtract(marked["code"], wanted)).max() < 0.005 * reach
        assert np.abs(np.subtract(marked["vector"], [*z_e[place], 1] @ plane)).max() < 0.01 * reach
    own = page.evaluate(f"[...{PICTURE}.given.colours]")
    for code in CODES.tolist():
        lit, colours = page.evaluate(LIT, code)
        assert np.array_equal(lit, codes == code)
    assert colours == [own[3 * code : 3 * code + 3] for code in codes[:200]]

    # By hand: a click on a place chooses its code everywhere; the card then shows where else it is.
    canvas = page.locator(".vq-picture-canvas").last
    box = canvas.bounding_box()
    assert box is not None
    canvas.click(position={"x": box["width"] * 0.2, "y": box["height"] * 0.7})
    wait_until(page, "location.search.includes('select=c')")
    code = int(page.evaluate("new URLSearchParams(location.search).get('select')").removeprefix("c"))
    row, column = int(48 * 0.7), int(0.4 * 32)
    assert code in codes.reshape(2, 48, 32)[0, row - 1 : row + 2, column - 1 : column + 2]
    expect(page.locator(".vq-card-used figcaption").first).to_have_text(
        f"{int((picture.codes[0] == code).sum()):,} of 1,536 places"
    )
    page.get_by_role("radio", name="picture").click()
    wait_until(page, f"{PICTURE}?.data?.variants?.[0]?.lit?.[0] === {code}")

    # A wipe between the first two views, by keyboard, and the panel as a file.
    page.get_by_role("button", name="wipe").click()
    wiped = page.locator(".vq-picture-canvas")
    expect(wiped).to_have_count(1)
    wiped.focus()
    page.keyboard.press("Alt+ArrowRight")
    assert page.evaluate(f"{PICTURE}.views.divider") == pytest.approx(0.3)
    with page.expect_download() as download:
        page.get_by_role("button", name="PNG", exact=True).click()
    download.value.save_as(tmp_path / "picture.png")
    saved = Image.open(tmp_path / "picture.png")
    saved.load()
    assert (
        saved.width == 2 * page.evaluate(f"{PICTURE}.field.clientWidth") + 2 * 16
    )  # a margin of 8 pixels on each side
    assert "CC BY 2.0" in saved.text["Copyright"]
