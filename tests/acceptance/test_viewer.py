"""The viewer in a real browser: what a scientist sees of a plate is what was measured."""

import io
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page, expect
from scipy import ndimage
from skimage.filters import threshold_li

from tests.acceptance.conftest import needs_images
from tests.services.browser import browser_page, item, log_in, map_picture
from tests.services.demo import Demo

pytestmark = needs_images

SIZE = 512


@pytest.fixture
def page(human: Demo) -> Iterator[Page]:
    """The map of the human cells, chosen from the list of experiments after a login."""
    with browser_page() as page:
        log_in(page, human.address.partition("/?")[0], human.user, human.password)
        item(page, f"experiment-{human.client.experiment_name}").click()
        page.wait_for_selector('[data-testid=map][data-tiles-pending="0"]')
        yield page


def show_only(page: Page, channel: str) -> None:
    """Show one channel in white, and no objects."""
    for name in ("0", "1", "2"):
        item(page, f"channel-{name}-visible").set_checked(name == channel)
    item(page, f"channel-{channel}-colour").fill("#ffffff")
    for name in ("Nuclei", "Cells"):
        item(page, f"objects-{name}-visible").set_checked(False)


def show_everything(page: Page) -> None:
    page.evaluate(f"window.tmViewer.showRegion({{x: 0, y: 0, width: {SIZE}, height: {SIZE}}})")


def test_outlines_sit_on_the_nuclei(page: Page) -> None:
    show_only(page, "0")
    show_everything(page)
    without = site_picture(page).astype(int)
    item(page, "objects-Nuclei-visible").set_checked(True)
    item(page, "objects-Nuclei-colour").fill("#ff0000")
    drawn = np.abs(site_picture(page).astype(int) - without).sum(axis=2) > 60
    gray = without.mean(axis=2)
    stained = gray > threshold_li(gray)
    enclosed = ndimage.binary_fill_holes(drawn)
    assert 0.05 < stained.mean() < 0.6
    at_place = overlap(enclosed, stained)
    assert at_place > 0.75
    elsewhere = [
        overlap(np.roll(enclosed, shift, axis), stained) for axis in (0, 1) for shift in (-8, 8)
    ]
    assert at_place > max(elsewhere) + 0.1


def test_the_wheel_zooms_at_once(page: Page) -> None:
    show_everything(page)
    scale = item(page, "scale-bar")
    before = scale.inner_text()
    item(page, "map").hover()
    page.mouse.wheel(0, 1000)
    expect(scale).not_to_have_text(before)


def test_a_double_click_zooms(page: Page) -> None:
    show_everything(page)
    map_picture(page)
    scale = item(page, "scale-bar")
    before = scale.inner_text()
    item(page, "map").dblclick()
    expect(scale).not_to_have_text(before)


def test_channels_can_be_switched_off_and_coloured(page: Page) -> None:
    show_only(page, "0")
    show_everything(page)
    white = site_picture(page)
    item(page, "channel-0-colour").fill("#00ff00")
    green = site_picture(page)
    centre = white.mean(axis=2) > 200
    assert centre.any()
    assert green[centre][:, 1].mean() > 200
    assert green[centre][:, [0, 2]].mean() < 30
    item(page, "channel-0-visible").set_checked(False)
    assert site_picture(page).mean() < white.mean() / 4


def test_contrast_follows_the_slider_and_the_numbers(page: Page) -> None:
    show_only(page, "0")
    show_everything(page)
    before = site_picture(page).mean()
    maximum = item(page, "channel-0-max")
    maximum.fill(str(int(maximum.input_value()) // 4))
    maximum.press("Enter")
    assert site_picture(page).mean() > before * 1.2


def test_a_click_or_a_key_on_a_nucleus_tells_which_one_it_is(page: Page, human: Demo) -> None:
    show_everything(page)
    item(page, "objects-Cells-visible").set_checked(False)
    item(page, "objects-Nuclei-visible").set_checked(True)
    site_picture(page)
    values = human.client.download_feature_values("Nuclei")
    nucleus = values.sort_values("Morphology_Area").iloc[-1]
    centre = [nucleus["Morphology_Local_Centroid_x"], -nucleus["Morphology_Local_Centroid_y"]]
    x, y = page.evaluate("(at) => window.tmViewer.map.getPixelFromCoordinate(at)", centre)
    item(page, "map").click(position={"x": x, "y": y})
    selected = item(page, "selected-object")
    expect(selected).to_contain_text(str(int(nucleus["mapobject_id"])))
    item(page, "map").press("Escape")
    expect(selected).to_be_hidden()
    page.evaluate("(centre) => window.tmViewer.map.getView().setCenter(centre)", centre)
    map_picture(page)
    item(page, "map").press("Enter")
    expect(selected).to_contain_text(str(int(nucleus["mapobject_id"])))


def test_the_right_password_leads_to_a_list_with_pictures(human: Demo) -> None:
    with browser_page() as page:
        for password in ("wrong", human.password):
            log_in(page, human.address.partition("/?")[0], human.user, password)
            if password == "wrong":
                expect(item(page, "login-error")).to_contain_text("password")
        thumbnail = item(page, f"thumbnail-{human.client.experiment_name}")
        expect(thumbnail.locator("img")).to_have_count(3)
        for image in thumbnail.locator("img").all():
            assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") == 256
        picture = np.asarray(Image.open(io.BytesIO(thumbnail.screenshot())).convert("RGB"))
        assert picture.max(axis=(0, 1)).min() > 100, "some channel is not blended in"
        assert picture.mean() < 80, "something is bright beside the images"


def test_a_link_leads_to_its_experiment_after_the_login(human: Demo) -> None:
    with browser_page(width=420, height=800) as page:
        log_in(page, human.address, human.user, human.password)
        page.wait_for_selector('[data-testid=map][data-tiles-pending="0"]')
        item(page, "logout").wait_for(state="attached")
        assert "experiment=" in page.url


def site_picture(page: Page) -> NDArray[np.uint8]:
    """What the map shows of the site, without the controls that float around it."""
    picture = map_picture(page)
    corners = page.evaluate(
        f"[[0, 0], [{SIZE}, -{SIZE}]].map((at) => window.tmViewer.map.getPixelFromCoordinate(at))"
    )
    (left, top), (right, bottom) = np.round(corners).astype(int)
    return picture[max(top, 0) : bottom, max(left, 0) : right]


def overlap(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Share of their union that two areas have in common."""
    return float((one & other).sum() / (one | other).sum())
