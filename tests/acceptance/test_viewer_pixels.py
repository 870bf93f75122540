"""The picture in a real browser: all 16 bits of it, and nothing fetched twice."""

import io
from collections.abc import Iterator
from urllib.parse import urljoin

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page, expect

from tests.acceptance.conftest import needs_images
from tests.services.browser import browser_page, item, log_in, map_picture
from tests.services.demo import Demo

pytestmark = needs_images

SIZE = 512


@pytest.fixture(params=["webgl", "canvas"])
def page(request: pytest.FixtureRequest, human: Demo) -> Iterator[Page]:
    """One channel in white and nothing else, with the whole site in view."""
    with browser_page() as page:
        log_in(page, f"{human.address}&renderer={request.param}", human.user, human.password)
        page.wait_for_selector('[data-testid=map][data-tiles-pending="0"]')
        for name in ("0", "1", "2"):
            item(page, f"channel-{name}-visible").set_checked(name == "0")
        item(page, "channel-0-colour").fill("#ffffff")
        for name in ("Nuclei", "Cells"):
            item(page, f"objects-{name}-visible").set_checked(False)
        show(page, 0, 0, SIZE)
        assert page.evaluate("window.tmViewer.renderer") == request.param
        yield page


def test_contrast_is_set_by_what_is_in_view_and_fetches_nothing(page: Page) -> None:
    asked = tile_requests(page)
    pixels = stored_pixels(page)
    imaged = pixels[pixels > 0]
    from_all_images = item(page, "channel-0-max").input_value()
    y, x = (int(place) for place in np.unravel_index(pixels.argmax(), pixels.shape))
    hover(page, x, y)
    expect(item(page, "position")).to_have_text(f"x {x}, y {y} · 0: {pixels[y, x]:,}")
    item(page, "channel-0-auto").click()
    darkest, brightest = np.quantile(imaged, [0.01, 0.998], method="inverted_cdf")
    expect(item(page, "channel-0-min")).to_have_value(str(darkest))
    expect(item(page, "channel-0-max")).to_have_value(str(brightest))
    median = np.quantile(imaged, 0.5, method="inverted_cdf")
    expect(item(page, "channel-0-histogram")).to_have_attribute(
        "aria-label",
        f"Intensities in view: {imaged.min()} to {imaged.max()}, half of them up to {median}",
    )
    linear = site_picture(page).mean()
    item(page, "channel-0-gamma").fill("-0.5")
    assert site_picture(page).mean() > linear * 1.2
    item(page, "channel-0-max").fill(str(darkest + 1))
    item(page, "channel-0-max").press("Enter")
    shown = site_picture(page)[..., 0].mean() / 255
    assert abs(shown - (pixels > darkest).mean()) < 0.02
    item(page, "channel-0-all").click()
    expect(item(page, "channel-0-max")).to_have_value(from_all_images)
    assert asked == []


def test_contrast_can_follow_the_view(page: Page) -> None:
    maximum = item(page, "channel-0-max")
    maximum.fill("2000")
    maximum.press("Enter")
    item(page, "contrast-follows").set_checked(True)
    expect(maximum).not_to_have_value("2000")
    whole = maximum.input_value()
    show(page, 0, 0, SIZE // 8)
    expect(maximum).not_to_have_value(whole)


def test_what_was_seen_before_is_not_fetched_again(page: Page) -> None:
    show(page, 0, 0, SIZE // 2)
    asked = tile_requests(page)
    show(page, SIZE // 2, SIZE // 2, SIZE // 2)
    show(page, 0, 0, SIZE)
    item(page, "channel-0-visible").set_checked(False)
    item(page, "channel-0-visible").set_checked(True)
    map_picture(page)
    assert len(set(asked)) == len(asked)
    assert all("format=png16" in address and "version=" in address for address in asked)


def show(page: Page, x: int, y: int, size: int) -> None:
    region = {"x": x, "y": y, "width": size, "height": size}
    page.evaluate("(region) => window.tmViewer.showRegion(region)", region)
    map_picture(page)


def hover(page: Page, x: int, y: int) -> None:
    """Put the pointer on a pixel of the map."""
    left, top = page.evaluate(
        "(place) => window.tmViewer.map.getPixelFromCoordinate(place)", [x + 0.5, -(y + 0.5)]
    )
    item(page, "map").hover(position={"x": left, "y": top})


def tile_requests(page: Page) -> list[str]:
    """Addresses of the channels' tiles that are asked for from now on."""
    asked: list[str] = []
    page.on(
        "request",
        lambda request: asked.append(request.url) if "channel_layers" in request.url else None,
    )
    return asked


def stored_pixels(page: Page) -> NDArray[np.uint16]:
    """The first channel of the site as the server has it."""
    experiment = page.url.partition("experiment=")[2].partition("&")[0]
    base = page.url.partition("?")[0]
    channels = page.request.get(f"{base}api/experiments/{experiment}/channels").json()["data"]
    (layer,) = channels[0]["layers"]
    pixels = np.zeros((SIZE, SIZE), np.uint16)
    for y, x in np.ndindex(2, 2):
        place = layer["tiles"].format(x=x, y=y, z=layer["max_zoom"])
        answer = page.request.get(urljoin(base, f"{place}&format=png16"))
        tile = np.asarray(Image.open(io.BytesIO(answer.body())))
        pixels[256 * y : 256 * (y + 1), 256 * x : 256 * (x + 1)] = tile
    return pixels


def site_picture(page: Page) -> NDArray[np.uint8]:
    """What the map shows of the site."""
    picture = map_picture(page)
    corners = page.evaluate(
        f"[[0, 0], [{SIZE}, -{SIZE}]].map((at) => window.tmViewer.map.getPixelFromCoordinate(at))"
    )
    (left, top), (right, bottom) = np.round(corners).astype(int)
    return picture[max(top, 0) : bottom, max(left, 0) : right]
