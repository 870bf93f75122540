"""Objects in a real browser: what is known of one, and colours by what was measured of all."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import FilePayload, Locator, Page, Route, expect

from tests.acceptance.conftest import needs_images
from tests.services.browser import (
    accessibility_findings,
    browser_page,
    draw_twice,
    hold,
    item,
    log_in,
    map_picture,
)
from tests.services.demo import Demo

pytestmark = needs_images

AREA = "Morphology_Area"
PERIMETER = "Morphology_Perimeter"


@pytest.fixture
def page(human: Demo) -> Iterator[Page]:
    """The map of the human cells, with nuclei alone."""
    # a plate map that is refused on purpose is noted in the browser's console
    with browser_page(expected=("400",)) as page:
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
    data = "(canvas) => [...canvas.getContext('2d').getImageData(0, 0, 48, 48).data]"
    assert np.reshape(picture.evaluate(data), (48, 48, 4))[..., :3].max() > 100
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
    with page.expect_download() as download:
        item(page, "save-picture").click()
    assert download.value.suggested_filename.endswith(".png")
    saved = np.asarray(Image.open(download.value.path()).convert("RGB")).astype(int)
    assert saved.shape == coloured.shape
    within = np.s_[200:500, 250:700]
    assert abs(saved[within] - coloured[within]).max() < 10
    assert (saved[-17:-15, 16:40] == 255).all(), "the scale bar is missing"
    highest = abs(saved[-60:, -200:] - (253, 231, 37)).max(axis=2)
    assert (highest < 10).sum() > 20, "the legend is missing"
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


def test_what_is_chosen_and_moved_while_values_are_fetched_is_not_lost(page: Page) -> None:
    choice, legend = item(page, "objects-Nuclei-colour-by"), item(page, "legend-Nuclei")
    choice.click()
    expect(page.locator(f'datalist option[value="{AREA}"]').first).to_be_attached()
    choice.fill(AREA)
    expect(legend).to_contain_text(AREA)
    late = hold(page, f"**/values?column={PERIMETER}&*")
    choice.fill(PERIMETER)
    item(page, "legend-Nuclei-palette").select_option("magma")
    draw_twice(page)
    expect(choice).to_have_value(PERIMETER)
    late.release()
    expect(legend).to_contain_text(PERIMETER)
    expect(item(page, "legend-Nuclei-palette")).to_have_value("viridis")

    page.route("**/values?column=well_name&*", lambda route: route.fulfill(body="none"))
    choice.fill("well_name")
    expect(item(page, "notice")).to_be_visible()
    expect(choice).to_have_value("well_name")
    expect(legend).to_contain_text(PERIMETER)
    item(page, "legend-Nuclei-palette").focus()
    expect(choice).to_have_value(PERIMETER)
    page.wait_for_url(f"**by.Nuclei={PERIMETER}**")


def test_another_time_point_has_other_values(human: Demo) -> None:
    asked: list[str] = []

    def two_time_points(route: Route) -> None:
        answer = route.fetch()
        channels = answer.json()
        for channel in channels["data"]:
            channel["layers"] += [layer | {"tpoint": 1} for layer in channel["layers"]]
        route.fulfill(response=answer, json=channels)

    def as_the_first(route: Route) -> None:
        asked.append(route.request.url)
        route.continue_(url=route.request.url.replace("tpoint=1", "tpoint=0"))

    with browser_page() as page:
        page.route("**/channels", two_time_points)
        page.route("**tpoint=1**", as_the_first)
        log_in(page, human.address, human.user, human.password)
        map_picture(page)
        item(page, "objects-Cells-visible").set_checked(False)
        page.evaluate("window.tmViewer.showRegion({x: 0, y: 0, width: 512, height: 512})")
        map_picture(page)
        click_on(page, human.client.download_feature_values("Nuclei").iloc[0])
        expect(item(page, "object-values").locator("tr")).not_to_have_count(0)
        item(page, "well-figure").focus()
        item(page, "well-figure").select_option("Number of Nuclei")
        button = item(page, "well-panel").locator("button.well")
        expect(button).to_have_attribute("aria-label", re.compile("Number of Nuclei"))
        page.wait_for_url("**selected=**")
        address = page.url
        item(page, "tpoint").fill("1")
        expect(button).to_have_attribute("aria-label", re.compile("Number of Nuclei"))
        expect(item(page, "object-values").locator("tr")).not_to_have_count(0)
        parts = ("/table/objects/", "/table/groups?")
        assert [part for part in parts if not any(part in url for url in asked)] == []
        play = item(page, "tpoint-play")
        play.click()
        for played in ("0", "1"):
            expect(item(page, "tpoint")).to_have_value(played)
        play.click()
        expect(play).to_have_attribute("aria-label", "Play (time point)")
        # the first one is on show where an address names one that is not there
        page.goto(address.replace("t=0", "t=7"))
        expect(item(page, "object-values").locator("tr")).not_to_have_count(0)


def click_on(page: Page, nucleus: Any, *, add: bool = False) -> None:
    """Click on the centre of a nucleus of the only site; ``add`` to what is selected."""
    x, y = page.evaluate(
        "([x, y]) => window.tmViewer.map.getPixelFromCoordinate([x, -y])",
        [nucleus["Morphology_Local_Centroid_x"], nucleus["Morphology_Local_Centroid_y"]],
    )
    item(page, "map").click(position={"x": x, "y": y}, modifiers=["Shift"] if add else [])


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


def selected_pixels(page: Page) -> int:
    """How much of the map has the colour of the selection."""
    picture = map_picture(page).astype(int)
    return int((abs(picture - (228, 87, 46)).max(axis=2) < 40).sum())


def test_a_table_beside_the_map_shows_and_makes_the_same_selection(page: Page, human: Demo) -> None:
    by_area = human.client.download_feature_values("Nuclei").sort_values(AREA, ascending=False)
    ids = [int(number) for number in by_area["mapobject_id"]]
    item(page, "dock-toggle").click()
    table, rows = item(page, "object-table"), item(page, "object-table").locator("tbody tr")
    expect(item(page, "table-where")).to_have_text(f"1 to 50 of {len(ids)}")
    item(page, "table-add-column").fill(AREA)
    sort = table.get_by_role("button", name=AREA, exact=True)
    sort.click()
    sorted_up = table.get_by_role("button", name=f"{AREA} ▲")
    expect(sorted_up).to_be_focused()
    sorted_up.click()
    expect(rows.first).to_have_attribute("data-testid", f"table-row-{ids[0]}")

    rows.first.click()
    expect(item(page, "selected-object")).to_contain_text(f"Nuclei {ids[0]}")
    expect(rows.first).to_have_attribute("aria-current", "true")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(item(page, "selected-object")).to_contain_text(f"Nuclei {ids[1]}")
    centre = page.evaluate("window.tmViewer.map.getView().getCenter()")
    second = by_area.iloc[1]
    across, down = (second[f"Morphology_Local_Centroid_{axis}"] for axis in "xy")
    assert centre == pytest.approx([across, -down], abs=1)

    page.keyboard.press("Space")
    expect(item(page, "selected-count")).to_have_text("1 object selected")
    item(page, "only-selected").check()
    expect(item(page, "table-where")).to_have_text("1 to 1 of 1")
    item(page, "clear-selection").click()
    expect(item(page, "table-where")).to_have_text("No Nuclei meet the filter.")
    item(page, "only-selected").uncheck()

    limit = float(by_area[AREA].iloc[9])
    item(page, "filter-column").fill(AREA)
    item(page, "filter-min").fill(str(limit))
    item(page, "filter-add").click()
    n_large = int((by_area[AREA] >= limit).sum())
    expect(item(page, "table-where")).to_have_text(f"1 to {n_large} of {n_large}")
    assert selected_pixels(page) == 0
    item(page, "select-shown").click()
    expect(item(page, "selected-count")).to_have_text(f"{n_large} objects selected")
    page.evaluate("window.tmViewer.showRegion({x: 0, y: 0, width: 512, height: 512})")
    assert selected_pixels(page) > 50
    expect(table.locator("[aria-selected=true]")).to_have_count(n_large)
    click_on(page, second, add=True)
    expect(item(page, f"table-row-{ids[1]}")).to_have_attribute("aria-selected", "false")
    expect(table.locator("[aria-selected=true]")).to_have_count(n_large - 1)
    # what is clicked beside the type on show is not taken in
    item(page, "objects-Nuclei-visible").set_checked(False)
    item(page, "objects-Cells-visible").set_checked(True)
    map_picture(page)
    click_on(page, second, add=True)
    draw_twice(page)
    expect(item(page, "selected-count")).to_have_text(f"{n_large - 1} objects selected")
    item(page, "objects-Cells-visible").set_checked(False)
    item(page, "objects-Nuclei-visible").set_checked(True)
    assert accessibility_findings(page) == []

    page.wait_for_url("**docked=table,Nuclei**")
    page.reload()
    expect(item(page, "table-where")).to_have_text(f"1 to {n_large} of {n_large}")
    expect(rows.first).to_have_attribute("data-testid", f"table-row-{ids[0]}")
    item(page, "filter-list").get_by_role("button").click()
    item(page, "select-rectangle").click()
    drag(page, [(0.2, 0.2), (0.8, 0.8)])
    expect(item(page, "selected-count")).to_contain_text(re.compile("^[1-9]"))
    n_drawn = int(item(page, "selected-count").inner_text().split()[0])
    page.once("dialog", lambda dialog: dialog.accept("in the middle"))
    item(page, "keep-selection").click()
    expect(item(page, "legend-Nuclei")).to_contain_text("in the middle")
    kept = human.client.object_tables.download_column("Nuclei", "in the middle")
    assert (kept["in the middle"] == "1").sum() == n_drawn
    item(page, "dock-close").click()
    expect(item(page, "dock")).to_have_count(0)
    expect(page).not_to_have_url(re.compile("docked"))


def test_a_gallery_shows_crops_in_the_order_of_the_table(page: Page, human: Demo) -> None:
    by_area = human.client.download_feature_values("Nuclei").sort_values(AREA, ascending=False)
    ids = [int(number) for number in by_area["mapobject_id"]]
    page.goto(f"{human.address}&docked=gallery,Nuclei&sort=-{AREA}")
    crops = item(page, "gallery").locator("button")
    expect(crops).to_have_count(24)
    expect(item(page, "gallery-where")).to_have_text(f"1 to 24 of {len(ids)}")
    expect(crops.first).to_have_attribute("aria-label", re.compile(f"^Nuclei {ids[0]}, "))
    expect(item(page, "gallery-scale")).to_have_text("20 px")
    expect(crops.first.locator("canvas")).to_have_js_property("width", 64)
    assert crop_of(crops.first).max() > 100

    item(page, "channel-0-visible").set_checked(False)
    item(page, "channel-1-visible").set_checked(False)
    item(page, "channel-2-visible").set_checked(False)
    map_picture(page)
    assert crop_of(crops.first).max() == 0
    item(page, "channel-0-visible").set_checked(True)
    map_picture(page)
    drawn = crop_of(crops.first)
    assert drawn[..., 2].max() > 100

    crops.nth(2).click(modifiers=["Shift"])
    crops.nth(3).click(modifiers=["Shift"])
    crops.nth(1).click()
    expect(item(page, "selected-object")).to_contain_text(f"Nuclei {ids[1]}")
    expect(item(page, "selected-count")).to_have_text("2 objects selected")
    item(page, "gallery-source").select_option("selection")
    expect(crops).to_have_count(2)
    expect(crops.first).to_have_attribute("aria-label", re.compile(f"^Nuclei {ids[2]}, .*selected"))
    item(page, "gallery-source").select_option("sample")
    expect(crops).to_have_count(24)
    expect(item(page, "gallery-where")).to_have_text(f"24 of {len(ids)}")
    assert accessibility_findings(page) == []
    item(page, "dock-table").click()
    rows = item(page, "object-table").locator("[aria-selected=true]")
    expect(rows).to_have_count(2)
    expect(rows.first).to_have_attribute("data-testid", f"table-row-{ids[2]}")


def test_a_range_of_a_histogram_becomes_a_selection_and_a_filter(page: Page, human: Demo) -> None:
    areas = human.client.download_feature_values("Nuclei")[AREA]
    page.goto(f"{human.address}&docked=distribution,Nuclei&sort={AREA}")
    map_picture(page)
    histogram = item(page, "distribution-histogram")
    expect(item(page, "distribution-column")).to_have_value(AREA)
    expect(item(page, "distribution-where")).to_contain_text(f"{len(areas)} values, median")
    expect(histogram.locator(".bin")).to_have_count(60)
    boxes = item(page, "box-plots")
    lower, median, upper = areas.quantile([0.25, 0.5, 0.75])
    label = re.compile(f"Median {median:,.4g}, quartiles {lower:,.4g} and {upper:,.4g},")
    expect(boxes.get_by_role("img")).to_have_attribute("aria-label", label)

    box = histogram.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 1, box["y"] + 40, steps=3)
    page.mouse.up()
    expect(item(page, "selected-count")).to_contain_text(re.compile("^[1-9]"))
    low, high = [float(item(page, f"distribution-{end}").input_value()) for end in ("min", "max")]
    assert low == pytest.approx((areas.min() + areas.max()) / 2, rel=0.02)
    chosen = f"{areas.between(low, high).sum()} object"
    expect(item(page, "selected-count")).to_contain_text(chosen)
    expect(histogram.locator(".bin[title*=selected]")).not_to_have_count(0)

    limit = float(areas.sort_values().iloc[-20])
    item(page, "distribution-max").fill("")
    item(page, "distribution-min").fill(str(limit))
    item(page, "distribution-min").press("Enter")
    n_large = int((areas >= limit).sum())
    expect(item(page, "selected-count")).to_have_text(f"{n_large} objects selected")
    assert accessibility_findings(page) == []
    item(page, "distribution-filter").click()
    expect(item(page, "distribution-where")).to_contain_text(f"{n_large} values")
    item(page, "clear-selection").click()
    boxes.get_by_role("button").click()
    expect(item(page, "selected-count")).to_have_text(f"{n_large} objects selected")
    item(page, "dock-table").click()
    expect(item(page, "table-where")).to_have_text(f"1 to {n_large} of {n_large}")


def test_views_follow_the_type_that_was_chosen_last(page: Page, human: Demo) -> None:
    page.goto(f"{human.address}&docked=distribution,Nuclei&sort={AREA}")
    bins = item(page, "distribution-histogram").locator(".bin")
    expect(bins).to_have_count(60)
    # of cells nothing is measured, and their columns come late
    cells = next(one for one in human.client.object_types.list() if one["name"] == "Cells")
    waiting: list[Route] = []
    address = f"**/mapobject_types/{quote(cells['id'])}/table/columns"
    page.route(address, lambda route: waiting.append(route))
    with page.expect_request(address):
        item(page, "dock-type").select_option("Cells")
    item(page, "dock-type").select_option("Nuclei")
    while not waiting:
        draw_twice(page)
    (late,) = waiting
    answer = late.fetch()
    columns = [one for one in answer.json()["data"] if one["kind"] == "metadata"]
    late.fulfill(response=answer, json={"data": columns})
    draw_twice(page)
    expect(item(page, "distribution-column")).to_have_value(re.compile("_"))
    expect(bins).to_have_count(60)
    item(page, "dock-type").select_option("Cells")
    expect(item(page, "distribution-where")).to_have_text("Nothing is measured of Cells.")
    expect(bins).to_have_count(0)


def crop_of(button: Locator) -> NDArray[np.uint8]:
    """The pixels of a crop: red, green and blue."""
    data = "(canvas) => [...canvas.getContext('2d').getImageData(0, 0, 64, 64).data]"
    pixels = button.locator("canvas").evaluate(data)
    return np.reshape(pixels, (64, 64, 4)).astype(np.uint8)[..., :3]


def drag(page: Page, places: list[tuple[float, float]]) -> None:
    """Drag over the map through places, in shares of its size."""
    box = item(page, "map").bounding_box()
    assert box is not None
    for number, (across, down) in enumerate(places):
        page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"], steps=4)
        if number == 0:
            page.mouse.down()
    page.mouse.up()


def test_a_plate_map_is_loaded_and_its_wells_lead_to_the_map(page: Page, human: Demo) -> None:
    (well,) = human.client.wells.list()
    content = f"well;compound\n{well['name']};taxol\nP24;DMSO\n"
    try:
        file: FilePayload = {
            "name": "plate map.csv",
            "mimeType": "text/csv",
            "buffer": content.encode(),
        }
        item(page, "conditions-file").set_input_files([file])
        expect(item(page, "conditions-outcome")).to_contain_text("1 well described. ")
        expect(item(page, "conditions-outcome")).to_contain_text("left out: P24")
        stored = human.client.plates.get_conditions(well["plate_name"])
        assert stored == f"well_name,compound\n{well['name']},taxol\n"
        item(page, "conditions-edit").click()
        table = item(page, "conditions-text")
        expect(table).to_have_value(stored)
        table.fill("well\tcompound\nnone of all\ttaxol\n")
        item(page, "conditions-store").click()
        expect(item(page, "conditions-problem")).to_contain_text("none of all")
        table.fill(f"well\tcompound\n{well['name']}\ttaxol\n")
        assert accessibility_findings(page) == []
        item(page, "conditions-store").click()
        expect(table).to_have_count(0)
        item(page, "conditions-draw").click()
        item(page, "draw-name").fill("dose")
        item(page, "draw-value").fill("5")
        item(page, f"well-{well['name']}").click()
        expect(item(page, f"well-{well['name']}")).to_have_attribute("aria-pressed", "true")
        item(page, "draw-store").click()
        expect(item(page, "draw-name")).to_have_count(0)
        stored = human.client.plates.get_conditions(well["plate_name"])
        assert stored == f"well_name,compound,dose\n{well['name']},taxol,5\n"
        expect(item(page, "well-figure")).to_have_value("compound")
        expect(item(page, "well-legend")).to_contain_text("taxol")
        item(page, "objects-Nuclei-colour-by").fill("compound")
        expect(item(page, "legend-Nuclei")).to_contain_text("taxol")
        page.evaluate("window.tmViewer.showRegion({x: 0, y: 0, width: 20, height: 20})")
        button = item(page, f"well-{well['name']}")
        expect(button).to_have_attribute("title", f"{well['name']}\ncompound taxol\ndose 5")
        button.click()
        map_picture(page)
        expect(button).to_have_attribute("aria-current", "true")
        centre = page.evaluate("window.tmViewer.map.getView().getCenter()")
        assert centre == pytest.approx([256, -256], abs=2)
        item(page, "well-figure").focus()
        item(page, "well-figure").select_option("Number of Nuclei")
        n_nuclei = len(human.client.download_feature_values("Nuclei"))
        expect(button).to_have_attribute("aria-label", re.compile(f"Number of Nuclei {n_nuclei}$"))
    finally:
        human.client.plates.put_conditions(well["plate_name"], "well_name\n")
