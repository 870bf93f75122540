"""Thousands of objects in a real browser: seen at every zoom, coloured without new tiles."""

from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Page, Request, expect

from tests.services.browser import browser_page, hold, item, log_in, map_picture
from tests.services.installation import PASSWORD, USER, Installation
from tmclient import TmClient
from tmlib.accounts.service import find_user
from tmlib.db import Database
from tmlib.sample.experiment import GeneratedExperiment, generate_experiment

SIZE = GeneratedExperiment(n_objects=12_000, n_features=2)


@pytest.fixture
def client(installation: Installation) -> Iterator[TmClient]:
    database = Database(installation.database_url)
    with database.session() as session:
        user_id = find_user(session, USER).id
    generate_experiment(database, installation.data_dir, user_id, "crowd", SIZE)
    database.close()
    with installation.client("crowd") as client:
        yield client
        client.delete_experiment()


@pytest.fixture
def page(installation: Installation, client: TmClient) -> Iterator[Page]:
    with browser_page() as page:
        log_in(page, installation.url, USER, PASSWORD)
        item(page, "experiment-crowd").click()
        page.wait_for_selector('[data-testid=map][data-tiles-pending="0"]')
        # so far out that there are too many objects to draw each
        page.evaluate("window.tmViewer.showRegion({x: -40000, y: -30000, width: 1e5, height: 6e4})")
        yield page


def test_objects_from_the_whole_plate_to_a_single_one(page: Page, client: TmClient) -> None:
    far = map_picture(page)
    assert (far.max(axis=2) > 60).mean() > 0.005
    expect(item(page, "legend-Cells")).to_contain_text("Cells in each square")
    lit = np.argwhere(far.max(axis=2) > 60)
    y, x = lit[len(lit) // 2].tolist()
    item(page, "map").hover(position={"x": x, "y": y})
    expect(item(page, "object-label")).to_contain_text("here")

    layer = client.get_segmentation_layers("Cells")[0]["id"]
    cell = client.find_nearest_mapobjects(layer, x=9000, y=3000, limit=1)[0]
    region = f"{{x: {cell['x'] - 200}, y: {cell['y'] - 150}, width: 400, height: 300}}"
    page.evaluate(f"window.tmViewer.showRegion({region})")
    map_picture(page)
    left, top = page.evaluate(
        "([x, y]) => window.tmViewer.map.getPixelFromCoordinate([x, -y])", [cell["x"], cell["y"]]
    )
    item(page, "map").click(position={"x": left, "y": top})
    expect(item(page, "selected-object")).to_contain_text(f"Cells {cell['id']}")
    expect(item(page, "legend")).to_be_hidden()


def test_a_pointer_that_rests_is_told_what_comes_below_it(page: Page, client: TmClient) -> None:
    held = hold(page, "**/vector_tiles?*")
    layer = client.get_segmentation_layers("Cells")[0]["id"]
    cell = client.find_nearest_mapobjects(layer, x=9000, y=3000, limit=1)[0]
    with page.expect_request("**/vector_tiles?*"):
        page.evaluate(
            "([x, y]) => window.tmViewer.showRegion({x: x - 20, y: y - 15, width: 40, height: 30})",
            [cell["x"], cell["y"]],
        )
    left, top = page.evaluate(
        "([x, y]) => window.tmViewer.map.getPixelFromCoordinate([x, -y])", [cell["x"], cell["y"]]
    )
    item(page, "map").hover(position={"x": left, "y": top})
    expect(item(page, "position")).to_contain_text("x ")
    held.release()
    expect(item(page, "object-label")).to_contain_text(f"Cells {cell['id']}")


def test_colours_of_values_fetch_no_tile(page: Page) -> None:
    before = map_picture(page).astype(int)
    fetched: list[str] = []

    def note(request: Request) -> None:
        fetched.append(request.url)

    page.on("request", note)
    page.evaluate("window.tmViewer.colourBy('Cells', 'Intensity_sum_001')")
    coloured = map_picture(page).astype(int)
    expect(item(page, "legend-Cells")).to_contain_text("Intensity_sum_001")
    assert np.abs(coloured - before).max() > 60
    page.evaluate("window.tmViewer.colourBy('Cells', 'Morphology_area')")
    assert np.abs(map_picture(page).astype(int) - coloured).max() > 60
    page.evaluate("window.tmViewer.colourBy('Cells', null)")
    assert np.array_equal(map_picture(page), before)
    asked = ["values" if "/values?" in url else url.partition("?")[0] for url in fetched]
    assert asked.count("values") == 2
    assert not [url for url in asked if url.endswith("vector_tiles")]
