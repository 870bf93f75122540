"""Tools in a real browser: what is filled in on the page colours the objects on the map."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import APIResponse, FilePayload, Locator, Page, Route, expect

from tests.acceptance.sample import Finished
from tests.services.browser import (
    browser_page,
    draw_twice,
    item,
    log_in,
    map_picture,
)
from tests.services.installation import PASSWORD, USER, Installation
from tmclient import TmClient, TmClientError

AREA, ECCENTRICITY = "Morphology_Area", "Morphology_Eccentricity"
CENTRE = ("centroid_x", "centroid_y")
SIGNS = ("negative", "positive")
RESOLUTION = "window.tmViewer.map.getView().getResolution()"


@pytest.fixture
def client(finished: Finished) -> TmClient:
    return finished.client


@pytest.fixture
def page(installation: Installation, client: TmClient) -> Iterator[Page]:
    """The map of the first site, where only the nuclei are to be seen."""
    # a request that is refused on purpose is noted in the browser's console
    with browser_page(width=1400, height=1000, expected=("400",)) as page:
        log_in(page, installation.url, USER, PASSWORD)
        item(page, f"experiment-{client.experiment_name}").click()
        page.wait_for_selector('[data-testid=map][data-tiles-pending="0"]')
        for channel in client.get_channels():
            item(page, f"channel-{channel['name']}-visible").set_checked(False)
        item(page, "objects-Cells-visible").set_checked(False)
        page.evaluate("window.tmViewer.showRegion({x: 0, y: 0, width: 512, height: 512})")
        # it would lie above nuclei that are clicked
        item(page, "mini-map-toggle").click()
        yield page


def choose(page: Page, tool: str, *features: str) -> None:
    """Open the form of a tool for the nuclei, and choose features."""
    item(page, "tool-choice").select_option(tool)
    item(page, "tool-type").select_option("Nuclei")
    for name in features:
        picker = item(page, "tool-selected_features")
        picker.locator("input[type=search]").fill(name)
        picker.locator(f'input[value="{name}"]').check()


def run(page: Page) -> str:
    """Start the tool and wait for its result, which colours the objects; gives its name."""
    before = page.locator("[data-testid=result-details]").count()
    old = item(page, "result-details").element_handle() if before else None
    item(page, "tool-run").click()
    if old is not None:
        old.wait_for_element_state("hidden")
    item(page, "result-details").wait_for()
    chosen = page.locator("[data-testid=results] input:checked")
    name = str(chosen.get_attribute("data-testid")).removeprefix("result-")
    # the colours come a moment later
    expect(item(page, "legend-Nuclei")).to_contain_text(name)
    return name


def colours(picture: NDArray[np.uint8]) -> set[tuple[int, ...]]:
    """Strong colours of the outlines, coarsely."""
    pixels = picture.reshape(-1, 3).astype(int)
    strong = pixels[np.ptp(pixels, axis=1) > 80]
    found, counts = np.unique(strong // 64, axis=0, return_counts=True)
    return {tuple(colour) for colour in found[counts > 40].tolist()}


def nuclei_on_screen(client: TmClient) -> list[dict[str, Any]]:
    """Nuclei well within the first site, by their size."""
    columns = ["mapobject_id", "centroid_x", "centroid_y", AREA]
    rows = client.iterate_table("Nuclei", columns=columns, sort=[{"column": AREA}])
    found = [row for page in rows for row in page.to_dict("records")]
    return [
        {str(name): value for name, value in row.items()}
        for row in found
        if max(row["centroid_x"], row["centroid_y"]) < 480
    ]


def click_on(page: Page, nucleus: dict[str, Any]) -> None:
    left, top = page.evaluate(
        "([x, y]) => window.tmViewer.map.getPixelFromCoordinate([x, -y])",
        [nucleus["centroid_x"], nucleus["centroid_y"]],
    )
    item(page, "map").click(position={"x": left, "y": top})


def test_a_heatmap_and_clusters_colour_the_nuclei(page: Page) -> None:
    plain = colours(map_picture(page))
    choose(page, "Heatmap")
    item(page, "tool-selected_feature").locator("input").fill(AREA)
    run(page)
    heatmap = colours(map_picture(page))
    assert heatmap != plain
    assert len(heatmap) > 3
    choose(page, "Clustering", AREA, ECCENTRICITY)
    item(page, "tool-method").select_option("kmeans")
    item(page, "tool-k").fill("3")
    run(page)
    expect(item(page, "legend-Nuclei")).to_contain_text("cluster 2")
    clusters = colours(map_picture(page))
    assert len(clusters) >= 3
    assert clusters != heatmap
    item(page, "result-plots").click()
    profiles = item(page, "plot-cluster_profiles")
    expect(profiles.locator(".heatmaplayer image")).to_be_visible()
    expect(profiles).to_contain_text("Profiles")
    item(page, "plots-close").click()
    page.locator("[data-testid=results] input:checked").click()
    expect(item(page, "legend-Nuclei")).to_have_count(0)
    assert not clusters <= colours(map_picture(page))


def test_nuclei_are_classified_from_examples_that_were_clicked(
    page: Page, client: TmClient
) -> None:
    by_area = nuclei_on_screen(client)
    before = page.evaluate(RESOLUTION)
    choose(page, "Classification", AREA)
    item(page, "tool-method").select_option("randomforest")
    item(page, "tool-n_fold_cv").fill("2")
    for index, (name, nuclei) in enumerate((("small", by_area[:4]), ("large", by_area[-4:]))):
        item(page, f"training-{index}-name").fill(name)
        item(page, f"training-{index}-active").check()
        for nucleus in nuclei:
            click_on(page, nucleus)
        expect(item(page, f"training-{index}-count")).to_have_text("4")
    assert page.evaluate(RESOLUTION) == before, "quick clicks on objects zoomed the map"
    result = run(page)
    legend = item(page, "legend-Nuclei")
    expect(legend).to_contain_text("small")
    expect(legend).to_contain_text("large")
    assert len(colours(map_picture(page))) >= 2
    [found] = client.get_tool_results(name=result)
    assert found["attributes"]["n_training_objects"] == {"small": 4, "large": 4}


def test_nuclei_are_classified_from_what_was_remarked_on_them(page: Page, client: TmClient) -> None:
    by_area = nuclei_on_screen(client)
    client.annotation_tables.create("sizes", "reference_tag", mapobject_type="Nuclei")
    remarks = [("small", nucleus) for nucleus in by_area[:3]]
    remarks += [("large", nucleus) for nucleus in by_area[-4:]]
    client.annotations.add(
        "sizes", [{"target_id": nucleus["mapobject_id"], "tag": tag} for tag, nucleus in remarks]
    )
    choose(page, "Classification", AREA)
    item(page, "tool-method").select_option("randomforest")
    item(page, "tool-n_fold_cv").fill("2")
    expect(item(page, "training-add")).to_be_visible()
    item(page, "tool-training_table").select_option("sizes.tag")
    expect(item(page, "training-add")).to_be_hidden()
    result = run(page)
    expect(item(page, "legend-Nuclei")).to_contain_text("small")
    [found] = client.get_tool_results(name=result)
    assert found["attributes"]["n_training_objects"] == {"small": 3, "large": 4}
    client.annotation_tables.delete("sizes")


def choose_axes(page: Page) -> Locator:
    """Fill in both axes of the window of gates; gives the plot when it shows them."""
    for axis, name in (("x", AREA), ("y", ECCENTRICITY)):
        page.locator(f"#gates-{axis}").fill(name)
        page.locator(f"#gates-{axis}").press("Tab")
    expect(item(page, "gates-dialog")).to_contain_text("Draw rectangles")
    return item(page, "gates-plot")


def test_a_plot_of_axes_chosen_before_does_not_come_in_the_way(page: Page) -> None:
    late: list[Route] = []

    def hold(route: Route) -> None:
        if AREA in route.request.url or ECCENTRICITY in route.request.url:
            route.continue_()
        else:
            late.append(route)

    page.route("**/values?*", hold)
    choose(page, "Gating")
    item(page, "gates-draw").click()
    plot = choose_axes(page)
    assert late
    for route in late:
        with page.expect_response(route.request.url):
            route.continue_()
    draw_twice(page)
    expect(plot.locator(".xtitle")).to_have_text(AREA)
    expect(plot.locator(".ytitle")).to_have_text(ECCENTRICITY)


def test_gates_are_drawn_in_a_scatter_plot(page: Page, client: TmClient) -> None:
    choose(page, "Gating")
    item(page, "gates-draw").click()
    plot = choose_axes(page)
    box = plot.locator(".nsewdrag").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 2, box["y"] + box["height"] - 2, steps=5)
    page.mouse.up()
    item(page, "gates-dialog-close").click()
    expect(item(page, "tool-gates")).to_contain_text(
        re.compile(f"rectangle.*{AREA}.*{ECCENTRICITY}")
    )
    result = run(page)
    [found] = client.get_tool_results(name=result)
    values = client.download_feature_values("Nuclei")[AREA]
    inside = found["attributes"]["counts"]["1"]
    assert 0 < inside <= np.count_nonzero(values > values.min() + 0.45 * np.ptp(values))


def submission_of(route: Route) -> int:
    return int(parse_qs(urlsplit(route.request.url).query)["submission_id"][0])


def test_a_tool_that_ends_before_the_page_looks_shows_its_result(
    page: Page, client: TmClient
) -> None:
    def look_late(route: Route) -> None:
        client.wait_for_tool(submission_of(route))
        route.continue_()

    page.route("**/tools/jobs?submission_id=*", look_late)
    choose(page, "Heatmap")
    item(page, "tool-selected_feature").locator("input").fill(AREA)
    assert run(page).startswith("Heatmap")
    expect(item(page, "tool-failure")).to_have_count(0)


def test_a_tool_that_fails_before_the_page_looks_says_why(page: Page, client: TmClient) -> None:
    def look_late(route: Route) -> None:
        with pytest.raises(TmClientError, match="different"):
            client.wait_for_tool(submission_of(route))
        route.continue_()

    page.route("**/tools/jobs?submission_id=*", look_late)
    choose(page, "Clustering", AREA)
    item(page, "tool-k").fill("900")
    item(page, "tool-run").click()
    expect(item(page, "tool-failure")).to_contain_text("different")


def test_a_tool_that_ends_while_the_page_is_opened_is_in_the_list(
    page: Page, client: TmClient
) -> None:
    made: list[str] = []

    def run_meanwhile(route: Route) -> None:
        payload = {"chosen_object_type": "Nuclei", "selected_feature": AREA}
        made.append(client.wait_for_tool(client.request_tool("Heatmap", payload))["name"])
        route.continue_()

    page.route("**/tools/jobs?limit=*", run_meanwhile)
    page.reload()
    expect(item(page, "results")).to_be_visible()
    expect(item(page, f"result-{made[0]}")).to_have_count(1)


def test_a_late_list_of_results_does_not_replace_a_newer_one(page: Page) -> None:
    held: list[Route] = []
    answers: list[APIResponse] = []

    def hold_first(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)
            answers.append(route.fetch())

    page.route("**/tools/results", hold_first)
    choose(page, "Heatmap")
    item(page, "tool-selected_feature").locator("input").fill(AREA)
    with page.expect_request("**/tools/results"):
        item(page, "tool-run").click()
    item(page, "tool-selected_feature").locator("input").fill(ECCENTRICITY)
    newer = run(page)
    while not answers:
        draw_twice(page)
    with page.expect_response("**/tools/results"):
        held[0].fulfill(response=answers[0])
    draw_twice(page)
    expect(item(page, f"result-{newer}")).to_be_checked()
    expect(item(page, "legend-Nuclei")).to_contain_text(newer)


def test_a_number_that_is_missing_is_asked_for(page: Page) -> None:
    choose(page, "Clustering", AREA)
    item(page, "tool-run").click()
    assert page.evaluate("document.activeElement.dataset.testid") == "tool-k"
    assert page.evaluate("document.activeElement.validity.valueMissing")
    expect(item(page, "tool-error")).to_be_empty()


def test_a_mistake_is_told_beside_the_form(page: Page) -> None:
    choose(page, "Clustering")
    item(page, "tool-k").fill("3")
    item(page, "tool-run").click()
    expect(item(page, "tool-error")).to_have_text(
        'Parameter "selected_features" cannot be used: 0 were given, but at least 1 must be.'
    )


def test_controls_are_chosen_by_what_was_done_and_by_clicks_on_the_plate(
    page: Page, client: TmClient
) -> None:
    plate_map = b"well,compound\nB02,DMSO\nC04,taxol\n"
    file: FilePayload = {"name": "plate.csv", "mimeType": "text/csv", "buffer": plate_map}
    [plate] = client.plates.list()
    try:
        item(page, "conditions-file").set_input_files([file])
        expect(item(page, "conditions-outcome")).to_contain_text("2 wells described")
        go_by_the_mini_map(page)
        item(page, "tool-choice").select_option("HitList")
        item(page, "tool-type").select_option("Nuclei")
        negative, positive = (item(page, f"tool-{kind}_controls") for kind in SIGNS)
        negative.locator("select").focus()
        negative.locator("select").select_option("compound: DMSO")
        expect(negative.locator("li")).to_contain_text("compound: DMSO")
        expect(negative.locator("li")).to_contain_text("1 well")
        positive.get_by_role("button", name="Click wells").click()
        expect(item(page, "well-picking")).to_contain_text("positive controls")
        treated, other = (item(page, f"well-{name}") for name in ("C04", "B02"))
        treated.hover()
        page.mouse.down()
        other.hover()
        page.mouse.up()
        expect(other).to_have_attribute("aria-pressed", "true")
        other.click()
        expect(treated).to_have_attribute("aria-pressed", "true")
        expect(other).to_have_attribute("aria-pressed", "false")
        positive.get_by_role("button", name="Done").click()
        expect(treated).not_to_have_attribute("aria-pressed", "true")
        positive.get_by_label("Names of wells").fill("b2")
        positive.get_by_label("Names of wells").press("Tab")
        with page.expect_request("**/tools/request") as asked:
            item(page, "tool-run").click()
        payload = json.loads(asked.value.post_data or "")["payload"]
        assert payload["negative_controls"] == [{"column": "compound", "value": "DMSO"}]
        assert payload["positive_controls"] == ["C04", "b2"]
        problem = "cannot be a negative and a positive control"
        expect(item(page, "tool-error")).to_contain_text(problem)
    finally:
        client.plates.put_conditions(plate["name"], "well_name\n")


def go_by_the_mini_map(page: Page) -> None:
    """Click on the mini-map, which is there while a part of the plate alone is in view."""
    overview = item(page, "mini-map")
    expect(overview).to_be_hidden()
    item(page, "mini-map-toggle").click()
    box = overview.bounding_box()
    assert box is not None
    overview.click(position={"x": 0.75 * box["width"], "y": 0.5 * box["height"]})
    view = "window.tmViewer.map.getView()"
    _, bottom, right, _ = page.evaluate(f"{view}.getProjection().getExtent()")
    centre = page.evaluate(f"{view}.getCenter()")
    assert centre == pytest.approx([0.75 * right, 0.5 * bottom], rel=0.05)
    item(page, "zoom-fit").click()
    expect(overview).to_be_hidden()


def drag(page: Page, places: list[tuple[float, float]]) -> None:
    """Drag over the map through places, in pixels of the map."""
    corner = item(page, "map").bounding_box()
    assert corner is not None
    for number, (x, y) in enumerate(places):
        left, top = page.evaluate(
            "([x, y]) => window.tmViewer.map.getPixelFromCoordinate([x, -y])", [x, y]
        )
        page.mouse.move(corner["x"] + left, corner["y"] + top, steps=4)
        if number == 0:
            page.mouse.down()
    page.mouse.up()


def test_nuclei_are_selected_on_the_map_and_kept_under_a_name(page: Page, client: TmClient) -> None:
    nuclei = nuclei_on_screen(client)
    map_picture(page)
    choose(page, "Selection")
    item(page, "selection-rectangle").click()
    drag(page, [(10, 10), (240, 500)])
    expect(item(page, "selection-rectangle")).to_have_attribute("aria-pressed", "false")
    count = item(page, "selection-count")
    expect(count).not_to_have_text("0 objects chosen")
    before = count.inner_text()
    encircled, listed = [row for row in nuclei if 280 < row["centroid_x"] < 480][:2]
    x, y = (encircled[name] for name in CENTRE)
    item(page, "selection-lasso").click()
    corners = [(x - 15, y - 15), (x + 15, y - 15), (x + 15, y + 15), (x - 15, y + 15)]
    drag(page, [*corners, corners[0]])
    expect(count).not_to_have_text(before)
    item(page, "selection-list").fill(str(listed["mapobject_id"]))
    item(page, "selection-list").press("Tab")
    item(page, "tool-name").fill("on the left")
    assert run(page) == "on the left"
    columns = ["mapobject_id", *CENTRE, "on the left"]
    rows = next(client.iterate_table("Nuclei", columns=columns))
    across, down = rows["centroid_x"], rows["centroid_y"]
    is_chosen = across.between(10, 240) & down.between(10, 500)
    is_chosen |= across.between(x - 15, x + 15) & down.between(y - 15, y + 15)
    is_chosen |= rows["mapobject_id"] == listed["mapobject_id"]
    assert (rows["on the left"] == "1").tolist() == is_chosen.tolist()
    expect(item(page, "legend-Nuclei")).to_contain_text("on the left")


def test_results_are_compared_renamed_and_deleted(page: Page, client: TmClient) -> None:
    map_picture(page)
    click_on(page, nuclei_on_screen(client)[0])
    expect(item(page, "selected-object")).to_be_visible()
    for k in ("2", "3"):
        choose(page, "Clustering", AREA)
        item(page, "tool-k").fill(k)
        last = run(page)
    item(page, "result-compare").click()
    expect(page.locator("table.agreement tbody tr")).not_to_have_count(0)
    item(page, "comparison-close").click()
    page.once("dialog", lambda dialog: dialog.accept("three sizes"))
    item(page, "result-rename").click()
    item(page, "result-three sizes").wait_for()
    values = item(page, "object-values").get_by_role("button", name="three sizes")
    expect(values).to_have_count(1)
    assert [one["name"] for one in client.get_tool_results(name="three sizes")]
    page.once("dialog", lambda dialog: dialog.accept())
    item(page, "result-delete").click()
    item(page, "result-three sizes").wait_for(state="detached")
    expect(values).to_have_count(0)
    expect(item(page, "object-values").get_by_role("button", name=AREA, exact=True)).to_have_count(
        1
    )
    assert client.get_tool_results(name="three sizes") == []
    assert last
