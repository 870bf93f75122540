"""Uploading from a real browser, also where the connection breaks."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.services.browser import (
    accessibility_findings,
    browser_page,
    draw_twice,
    hold,
    item,
    log_in,
)
from tests.services.installation import PASSWORD, USER, Installation
from tmclient import TmClient

LARGE_BYTES = 20 * 2**20  # above what the page sends in one request


@pytest.fixture
def client(installation: Installation) -> Iterator[TmClient]:
    with installation.client("from a browser") as client:
        client.create_experiment("canonical", "cellvoyager", 96, "basic")
        yield client
        client.delete_experiment()


@pytest.fixture
def page(installation: Installation, client: TmClient) -> Iterator[Page]:
    """The page for uploads of the experiment, reached as a user reaches it."""
    with browser_page(expected=("ERR_CONNECTION_RESET", "400")) as page:
        log_in(page, installation.url, USER, PASSWORD)
        item(page, "experiment-from a browser").click()
        item(page, "upload-link").click()
        item(page, "upload").wait_for()
        yield page


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Files as a microscope writes them, the last of them large, and one that is none of them."""
    names = [f"plate1_A01_T0001F{number:03}L01A01Z01C01.tif" for number in range(1, 7)]
    for name in names:
        (tmp_path / name).write_bytes(name.encode() * 100)
    with (tmp_path / names[-1]).open("ab") as large:
        large.truncate(LARGE_BYTES)
    (tmp_path / "notes.txt").write_text("my notes")
    return sorted(tmp_path.iterdir())


def choose(page: Page, files: list[Path]) -> None:
    item(page, "upload-files").set_input_files(files)


def arrived(installation: Installation) -> dict[str, bytes]:
    """What is in the experiment's folder, by name."""
    folders = installation.data_dir.glob("experiments/*/plates/*/acquisitions/*/microscope_*")
    return {file.name: file.read_bytes() for folder in folders for file in folder.iterdir()}


def test_files_arrive_and_others_are_left_out(
    page: Page, client: TmClient, files: list[Path], installation: Installation
) -> None:
    choose(page, files)
    message = item(page, "upload-message")
    expect(message).to_contain_text("6 of 6 files have arrived.")
    expect(message).to_contain_text("Left out, by their names: notes.txt")
    [plate] = client.get_plates()
    assert plate["status"] == "COMPLETE"
    sent = {file.name: file.read_bytes() for file in files if file.suffix == ".tif"}
    assert sent.items() <= arrived(installation).items()
    choose(page, files)
    expect(message).to_contain_text("6 had arrived before.")
    expect(item(page, "upload-choice")).to_contain_text("7 files, 21.0 MB")
    expect(item(page, "acquisition-Acquisition 1")).to_contain_text("6 files")
    assert not accessibility_findings(page)
    item(page, "delete-Acquisition 1").click()
    item(page, "confirm").click()
    expect(item(page, "acquisition-Acquisition 1")).to_have_count(0)
    [plate] = client.get_plates()
    assert not plate["acquisitions"]


def test_a_page_that_is_left_sends_nothing_later(
    page: Page, client: TmClient, files: list[Path]
) -> None:
    sent: list[str] = []
    held = hold(page, "**/upload/register")
    page.on("request", lambda request: sent.append(request.url))
    with page.expect_request("**/upload/register"):
        choose(page, files)
    # what is chosen meanwhile is not begun a second time
    choose(page, files)
    item(page, "to-experiment").click()
    item(page, "message").wait_for()
    assert len(held.routes) == 1
    with page.expect_response("**/upload/register"):
        held.release()
    draw_twice(page)
    assert not [url for url in sent if "/tus" in url]
    registered = client.get_microscope_files("Plate 1", "Acquisition 1")
    assert {file["status"] for file in registered} == {"WAITING"}


def test_an_upload_goes_on_where_it_was_broken_off(
    page: Page, client: TmClient, files: list[Path], installation: Installation
) -> None:
    def refuse(route: Route) -> None:
        if route.request.method == "PATCH":
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route("**/tus/**", refuse)
    choose(page, files)
    message = item(page, "upload-message")
    expect(message).to_contain_text("5 of 6 files")
    item(page, "upload-stop").click()
    expect(message).to_contain_text("Choose the files again")
    page.unroute("**/tus/**")
    with page.expect_request(lambda request: request.method == "HEAD" and "/tus/" in request.url):
        choose(page, files)
    expect(message).to_contain_text("1 of 1 files have arrived. 5 had arrived before.")
    assert arrived(installation)[files[-1].name] == files[-1].read_bytes()


def test_a_folder_is_uploaded_with_its_sub_folders(
    page: Page, client: TmClient, tmp_path: Path, installation: Installation
) -> None:
    chosen = tmp_path / "chosen"
    name = "plate1_A01_T0001F001L01A01Z01C01.tif"
    for folder in ("day 1", "day 2/a"):
        (chosen / folder).mkdir(parents=True)
        (chosen / folder / name).write_text(folder)
    item(page, "upload-folder").set_input_files(chosen)
    message = item(page, "upload-message")
    expect(message).to_contain_text("2 of 2 files have arrived.")
    [plate] = client.get_plates()
    [acquisition] = plate["acquisitions"]
    files = client.get_microscope_files(plate["name"], acquisition["name"])
    assert {file["name"] for file in files} == {f"day 1/{name}", f"day 2/a/{name}"}
    other = tmp_path / "MFGTMP_1_A01f00d0.C01"
    other.write_text("x")
    item(page, "upload-files").set_input_files(other)
    expect(message).to_contain_text(".C01 files (Cellomics's own format) are not read")
