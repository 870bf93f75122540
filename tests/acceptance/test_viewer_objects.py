"""Objects in a real browser: what is known of one, and colours by what was measured of all."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.conftest import needs_images
from tests.services.browser import browser_page, item, log_in, map_picture
from tests.services.demo import Demo

pytestmark = needs_images

AREA = "Morphology_Area"


@pytest.fixture
def page(human: Demo) -> Iterator[Page]:
    """The map of the human cells, with nuclei alone."""
    with browser_page() as page:
        log_in(page, human.address, human.user, human.password)
        map_picture(page)
        item(page, "objects-Cells-visible").set_checked(False)
        page.evaluate("window.tmViewer.showRegion({x: 0, y: 0, width: 512, height: 512})")
        map_picture(page)
        yield page


def test_the_card_of_a_nucleus_has_its_values_among_those_of_all(page: Page, human: Demo) -> None:
    values = human.client.download_feature_values("Nuclei")
    nucleus = values.sort_values(AREA).iloc[-1]
    click_on(page, nucleus)
    number = int(nucleus["mapobject_id"])
    expect(item(page, "selected-object")).to_contain_text(f"Nuclei {number}")
    found = human.client.object_tables.get_object("Nuclei", number, ["well_name", AREA])
    well, area = found["columns"]
    expect(item(page, "object-place")).to_contain_text(f"well {well['value']}")
    item(page, "object-search").fill("morphology area")
    row = item(page, "object-values").locator("tr").filter(has_text=AREA).first
    expect(row).to_contain_text(f"{nucleus[AREA]:,.0f}")
    expect(row).to_contain_text(f"{area['percentile']:.0f} %")
    assert area["percentile"] > 99
    picture = item(page, "object-crop").locator("canvas")
    brightest = "(canvas) => Math.max(...canvas.getContext('2d').getImageData(0, 0, 48, 48).data)"
    assert picture.evaluate(brightest) > 100
    row.get_by_role("button").click()
    expect(item(page, "legend-Nuclei")).to_contain_text(AREA)
    expect(item(page, "objects-Nuclei-colour-by")).to_have_value(AREA)


def test_objects_are_coloured_by_any_column_and_the_scale_is_moved(page: Page) -> None:
    without = map_picture(page).astype(int)
    asked: list[str] = []
    page.on(
        "request",
        lambda request: asked.append(request.url) if "/api/" in request.url else None,
    )
    choice = item(page, "objects-Nuclei-colour-by")
    choice.click()
    expect(page.locator(f'datalist option[value="{AREA}"]').first).to_be_attached()
    choice.fill(AREA)
    legend = item(page, "legend-Nuclei")
    expect(legend).to_contain_text(f"Nuclei: {AREA}")
    coloured = map_picture(page).astype(int)
    assert abs(coloured - without).max() > 50
    assert [address for address in asked if "/values?" in address] != []
    n_asked = len(asked)
    item(page, "legend-Nuclei-palette").select_option("magma")
    other = map_picture(page).astype(int)
    assert abs(other - coloured).max() > 50
    item(page, "legend-Nuclei-high").fill("100")
    assert abs(map_picture(page).astype(int) - other).max() > 50
    item(page, "legend-Nuclei-log").set_checked(True)
    map_picture(page)
    assert asked[n_asked:] == []
    choice.fill("well_name")
    expect(legend).to_contain_text("well_name")
    expect(item(page, "legend-Nuclei-palette")).to_have_count(0)
    choice.fill("")
    expect(legend).to_have_count(0)


def click_on(page: Page, nucleus: Any) -> None:
    """Click on the centre of a nucleus of the only site."""
    x, y = page.evaluate(
        "([x, y]) => window.tmViewer.map.getPixelFromCoordinate([x, -y])",
        [nucleus["Morphology_Local_Centroid_x"], nucleus["Morphology_Local_Centroid_y"]],
    )
    item(page, "map").click(position={"x": x, "y": y})


def test_the_address_gives_back_the_whole_view(page: Page, human: Demo) -> None:
    values = human.client.download_feature_values("Nuclei")
    nucleus = values.sort_values(AREA).iloc[-1]
    item(page, "channel-1-visible").set_checked(False)
    item(page, "channel-0-max").fill("150")
    item(page, "channel-0-max").press("Enter")
    item(page, "channel-0-gamma").fill("-0.3")
    page.evaluate("window.tmViewer.showRegion({x: 40, y: 60, width: 300, height: 200})")
    map_picture(page)
    click_on(page, nucleus)
    item(page, "object-search").fill(AREA)
    item(page, "object-values").get_by_role("button").first.click()
    item(page, "legend-Nuclei-palette").select_option("cividis")
    shown = map_picture(page).astype(int)
    page.wait_for_url("**scale.Nuclei=cividis**")
    place = page.evaluate("window.tmViewer.map.getView().getCenter()")
    address = page.url
    with browser_page() as other:
        log_in(other, address, human.user, human.password)
        expect(item(other, "legend-Nuclei")).to_contain_text(AREA)
        expect(item(other, "selected-object")).to_contain_text(f"Nuclei {nucleus.mapobject_id:.0f}")
        expect(item(other, "channel-0-max")).to_have_value("150")
        expect(item(other, "channel-1-visible")).not_to_be_checked()
        expect(item(other, "legend-Nuclei-palette")).to_have_value("cividis")
        assert other.evaluate("window.tmViewer.map.getView().getCenter()") == pytest.approx(place)
        other.mouse.move(1250, 890)
        restored = map_picture(other).astype(int)
        assert (abs(restored - shown).max(axis=2) > 20).mean() < 0.01
        other.goto(human.address)
        expect(item(other, "channel-0-max")).to_have_value("150")


def test_a_plate_map_is_loaded_and_its_wells_lead_to_the_map(page: Page, human: Demo) -> None:
    (well,) = human.client.wells.list()
    content = f"well;compound\n{well['name']};taxol\nP24;DMSO\n"
    try:
        file = {"name": "plate map.csv", "mimeType": "text/csv", "buffer": content.encode()}
        item(page, "conditions-file").set_input_files([file])
        expect(item(page, "conditions-outcome")).to_contain_text("1 well described. ")
        expect(item(page, "conditions-outcome")).to_contain_text("left out: P24")
        stored = human.client.plates.get_conditions(well["plate_name"])
        assert stored == f"well_name,compound\n{well['name']},taxol\n"
        expect(item(page, "well-figure")).to_have_value("compound")
        expect(item(page, "well-legend")).to_contain_text("taxol")
        item(page, "objects-Nuclei-colour-by").fill("compound")
        expect(item(page, "legend-Nuclei")).to_contain_text("taxol")
        page.evaluate("window.tmViewer.showRegion({x: 0, y: 0, width: 20, height: 20})")
        button = item(page, f"well-{well['name']}")
        expect(button).to_have_attribute("title", f"{well['name']}\ncompound taxol")
        button.click()
        map_picture(page)
        centre = page.evaluate("window.tmViewer.map.getView().getCenter()")
        assert centre == pytest.approx([256, -256], abs=2)
        item(page, "well-figure").focus()
        item(page, "well-figure").select_option("Number of Nuclei")
        n_nuclei = len(human.client.download_feature_values("Nuclei"))
        expect(button).to_have_attribute("aria-label", re.compile(f"Number of Nuclei {n_nuclei}$"))
    finally:
        human.client.plates.put_conditions(well["plate_name"], "well_name\n")
