"""A pipeline that is put together in a real browser."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance import sample
from tests.acceptance.test_bad_input import PATTERN, describe
from tests.services.browser import accessibility_findings, browser_page, item, log_in
from tests.services.installation import PASSWORD, USER, Installation
from tmclient import TmClient
from tmlib.jterator.project import Project
from tmlib.sample import simulate_plate

pytestmark = pytest.mark.parametrize("installation", ["sqlite"], indirect=True)

NAME = "pipeline in the browser"


@pytest.fixture
def client(installation: Installation) -> Iterator[TmClient]:
    with installation.client(NAME) as client:
        client.experiments.create(microscope_type="generic", plate_format=96)
        yield client
        client.experiments.delete()


def add(page: Page, module: str) -> None:
    item(page, "search-modules").fill(module)
    item(page, f"add-{module}").click()
    expect(item(page, "module-form")).to_contain_text(module)


def test_a_pipeline_is_put_together_saved_and_kept_as_a_file(
    installation: Installation, client: TmClient, tmp_path: Path
) -> None:
    with browser_page(expected=("400",)) as page:
        log_in(page, installation.url, USER, PASSWORD)
        item(page, f"workflow-{NAME}").click()
        item(page, "set-up-link").click()
        item(page, "pipeline-link").click()
        item(page, "channel-name").fill("DNA")
        item(page, "add-channel").click()
        for module in ("threshold_otsu", "smooth", "register_objects"):
            add(page, module)

        stays_unless_it_is_told(page)
        # what is missing is said by the server, in its words
        item(page, "save-pipeline").click()
        expect(item(page, "pipeline-outcome-error")).to_contain_text("has no key")
        item(page, "output-objects").fill("Nuclei")
        item(page, "module-smooth").click()
        item(page, "value-filter_size").fill("2.5")
        item(page, "module-smooth").press("Alt+ArrowUp")
        expect(item(page, "module-order").locator(".module")).to_have_text(
            ["1. smooth", "2. threshold_otsu", "3. register_objects"]
        )
        item(page, "grip-register_objects").drag_to(item(page, "module-smooth"))
        modules = item(page, "module-order").locator(".module")
        expect(modules.first).to_have_text("1. register_objects")
        item(page, "grip-register_objects").drag_to(item(page, "module-threshold_otsu"))
        expect(modules.last).to_have_text("3. register_objects")
        item(page, "module-threshold_otsu").click()
        options = item(page, "input-image").locator("option")
        expect(options).to_have_text(["choose", "DNA", "smooth.smoothed_image"])
        item(page, "input-image").select_option("smooth.smoothed_image")
        assert not accessibility_findings(page)
        item(page, "save-pipeline").click()
        expect(item(page, "pipeline-outcome")).to_have_text("Saved.")
        page.locator(".back").click()
        item(page, "set-up").wait_for()
        page.go_back()
        item(page, "module-register_objects").wait_for()

        stored = client.jterator_project.download()
        project = Project.from_dict(stored)
        assert [step.name for step in project.pipeline.pipeline] == [
            "smooth", "threshold_otsu", "register_objects",
        ]  # fmt: skip
        assert [channel.name for channel in project.pipeline.input.channels] == ["DNA"]
        assert [one.name for one in project.pipeline.output.objects] == ["Nuclei"]
        assert {one.name: one.value for one in project.handles["smooth"].input}[
            "filter_size"
        ] == 2.5

        with page.expect_download() as download:
            item(page, "write-yaml").click()
        file = tmp_path / "pipeline.yaml"
        download.value.save_as(file)
        file.write_text(file.read_text().replace("Nuclei", "Nuclei of the file"))
        item(page, "read-yaml").set_input_files(file)
        item(page, "confirm").click()
        item(page, "objects-Nuclei of the file").wait_for()
        [objects] = client.jterator_project.download()["pipeline"]["output"]["objects"]
        assert objects["name"] == "Nuclei of the file"


def stays_unless_it_is_told(page: Page) -> None:
    """Try to leave an editor with what is not saved, within the application and out of it."""
    address = page.url
    ways = (
        page.locator(".back").click,
        item(page, "logout").click,
        page.go_back,
    )
    for leave in ways:
        leave()
        item(page, "decline").click()
        expect(item(page, "decline")).to_have_count(0)
        item(page, "pipeline").wait_for()
        page.wait_for_url(address)
    with page.expect_event("dialog") as asked:
        page.evaluate("setTimeout(() => location.reload())")
    assert asked.value.type == "beforeunload"
    asked.value.dismiss()


def convert_images(client: TmClient, folder: Path) -> None:
    """Let an experiment have the images of two sites."""
    plate = simulate_plate(folder, wells=["B02"], rows=1, columns=2, height=128, width=128)
    client.plates.create("plate")
    client.acquisitions.create("plate", "acquisition")
    for file in plate.image_files:
        client.microscope_files.upload("plate", "acquisition", file)
    description = describe(PATTERN, 1, 2)
    for stage in description["stages"][1:]:
        stage["active"] = False
    client.workflow.submit(description)
    assert not sample.wait_for_end(client)["failed"]


def open_editor(page: Page, installation: Installation, client: TmClient, place: str = "") -> None:
    page.goto(f"{installation.url}/?pipeline={client.experiments.get()['id']}{place}")
    item(page, "pipeline").wait_for()


def test_a_pipeline_is_tried_out_before_it_is_saved(
    installation: Installation, client: TmClient, tmp_path: Path
) -> None:
    with browser_page() as page:
        log_in(page, installation.url, USER, PASSWORD)
        item(page, f"workflow-{NAME}").wait_for()
        open_editor(page, installation, client)
        expect(item(page, "no-sites")).to_contain_text("no images")
        convert_images(client, tmp_path)

        open_editor(page, installation, client, "&at=200,60,1")
        site = item(page, "test-site").locator("option:checked")
        expect(site).to_have_text("row 1, column 2")
        item(page, "test-site").select_option("row 1, column 1")
        for module in ("smooth", "threshold_otsu", "register_objects", "measure_morphology"):
            add(page, module)
        item(page, "module-smooth").click()
        item(page, "input-image").select_option("01")
        item(page, "module-register_objects").click()
        item(page, "output-objects").fill("Nuclei")
        item(page, "module-measure_morphology").click()
        for handle in ("extract_objects", "assign_objects"):
            item(page, f"input-{handle}").select_option("Nuclei")

        # what takes minutes is watched and ended
        item(page, "module-smooth").click()
        item(page, "value-filter_name").select_option("median")
        item(page, "value-filter_size").fill("301")
        item(page, "start-test").click()
        expect(item(page, "test-state")).to_have_text("Module 1 of 4: smooth …")
        item(page, "cancel-test").click()
        expect(item(page, "test-error")).to_contain_text("cancelled")
        item(page, "value-filter_size").fill("3")

        item(page, "start-test").click()
        expect(item(page, "test-state")).to_contain_text("Done in")
        found = item(page, "output-of-register_objects")
        expect(found).to_contain_text("object")
        before = found.inner_text()
        # the picture of the channel, and the outlines over it
        pictures = item(page, "test-picture").locator("img")
        expect(pictures).to_have_count(2)
        for picture in pictures.all():
            assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 128
        item(page, "made-measure_morphology").locator("summary").click()
        expect(item(page, "made-measure_morphology").locator("tbody")).to_contain_text("Area")
        # the graph has what goes from module to module, and chooses modules
        names = ("channel 01", "module smooth", "module threshold_otsu", "module register_objects")
        for one, other in pairwise((*names, "module measure_morphology")):
            expect(item(page, f"edge-{one} to {other}")).to_be_attached()
        item(page, "node-threshold_otsu").click()
        expect(item(page, "module-form")).to_contain_text("threshold_otsu")
        assert not accessibility_findings(page)
        item(page, "figure-threshold_otsu").click()
        item(page, "module-figure").locator(".main-svg").first.wait_for()
        item(page, "module-figure-close").click()

        # what is changed is tried out, and not stored; the page shows again what it showed
        item(page, "output-of-threshold_otsu").click()
        item(page, "module-threshold_otsu").click()
        item(page, "value-correction_factor").fill("3")
        item(page, "start-test").click()
        expect(found).not_to_have_text(before)
        expect(item(page, "test-state")).to_contain_text("Done in")
        expect(item(page, "output-of-threshold_otsu")).to_have_attribute("aria-pressed", "true")
        assert client.jterator_project.download()["handles"] == {}

        # a template finds nuclei and cells, and takes the place of what is there
        item(page, "template").select_option("Nuclei and cells")
        item(page, "template-nuclei").select_option("01")
        item(page, "template-cells").select_option("02")
        item(page, "use-template").click()
        item(page, "confirm").click()
        item(page, "module-register_cells").wait_for()
        item(page, "start-test").click()
        expect(item(page, "output-of-register_cells")).to_contain_text("object")
        expect(item(page, "test-state")).to_contain_text("Done in")

        # what goes wrong is told with the module, and the modules before it keep their results
        add(page, "rescale")
        item(page, "input-intensity_image").select_option("01")
        item(page, "value-min_value").fill("70000")
        item(page, "value-max_value").fill("0")
        item(page, "start-test").click()
        expect(item(page, "test-error")).to_contain_text('Module "rescale" failed: max_value')
        expect(item(page, "made-rescale")).to_contain_text("max_value")
        expect(item(page, "output-of-register_nuclei")).to_be_visible()
