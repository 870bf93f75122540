"""Annotation tables in a real browser: points and remarks on the map, changed and undone."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.conftest import needs_images
from tests.services.browser import accessibility_findings, browser_page, item, log_in, map_picture
from tests.services.demo import Demo
from tmlib.accounts import service
from tmlib.db import Database

pytestmark = needs_images

PINK = (255, 92, 138)


@pytest.fixture
def page(human: Demo) -> Iterator[Page]:
    """The map of the human cells at full resolution, without the colours of channels."""
    with browser_page(expected=("ERR_INTERNET_DISCONNECTED",)) as page:
        log_in(page, human.address, human.user, human.password)
        for channel in range(3):
            item(page, f"channel-{channel}-visible").set_checked(False)
        page.evaluate("window.tmViewer.showRegion({x: 0, y: 0, width: 512, height: 512})")
        map_picture(page)
        yield page


def click_at(page: Page, x: float, y: float, *, add: bool = False) -> None:
    """Click on a place of the map in its pixels, y downwards; ``add`` to what is selected."""
    left, top = page.evaluate(
        "([x, y]) => window.tmViewer.map.getPixelFromCoordinate([x, -y])", [x, y]
    )
    item(page, "map").click(position={"x": left, "y": top}, modifiers=["Shift"] if add else [])


def pixels_of(page: Page, colour: tuple[int, int, int]) -> int:
    """How much of the map has a colour."""
    picture = map_picture(page).astype(int)
    return int((abs(picture - colour).max(axis=2) < 12).sum())


def make_table(page: Page, name: str, about: str, answers: str) -> None:
    """Make a table of points or remarks with one of a few answers."""
    item(page, "new-annotation-table").click()
    item(page, "annotation-table-name").fill(name)
    item(page, "annotation-table-about").select_option(about)
    item(page, "annotation-table-answers").fill(answers)
    item(page, "make-annotation-table").click()
    expect(item(page, f"annotations-{name}")).to_be_visible()
    expect(item(page, "annotation-table-form")).to_have_count(0)


def test_points_are_added_changed_and_undone_on_the_map(page: Page, human: Demo) -> None:
    rows = human.client.annotations
    make_table(page, "mitoses", "", "early, late")
    assert pixels_of(page, PINK) == 0
    item(page, "annotations-mitoses-add").click()
    click_at(page, 100, 60)
    item(page, "annotation-answer").select_option("late")
    item(page, "annotation-remark").fill("two poles")
    page.keyboard.press("Enter")
    expect(item(page, "annotation-outcome")).to_contain_text("Saved as number 1.")
    click_at(page, 300, 400)
    expect(item(page, "annotation-remark")).to_have_value("two poles")
    item(page, "save-annotation").click()
    expect(item(page, "annotation-outcome")).to_contain_text("Saved as number 2.")
    item(page, "cancel-annotation").click()
    kept = rows.get("mitoses")
    assert kept["answer"].tolist() == ["late", "late"]
    for number, place in enumerate(((100, 60), (300, 400))):
        x, y, z = kept.iloc[number][["pt_x", "pt_y", "pt_z"]]
        assert (x, y, z) == pytest.approx((*place, 0), abs=1)
    assert pixels_of(page, PINK) > 50
    expect(item(page, "annotations-mitoses-count")).to_have_text("2 points")

    click_at(page, 100, 60)
    expect(item(page, "annotation-author")).to_contain_text("demo, ")
    expect(item(page, "annotation-values")).to_contain_text("two poles")
    item(page, "edit-annotation").click()
    item(page, "place-pt").click()
    click_at(page, 200, 60)
    item(page, "annotation-answer").select_option("early")
    # an answer that is lost loses nothing, and nothing is entered twice
    page.context.set_offline(True)
    item(page, "save-annotation").click()
    expect(item(page, "annotation-error")).to_contain_text("The server does not answer")
    page.context.set_offline(False)
    item(page, "save-annotation").click()
    expect(item(page, "annotation-outcome")).to_have_text("Saved.")
    history = item(page, "annotation-history")
    history.locator("summary").click()
    expect(history.locator("li")).to_have_count(2)
    expect(history.locator("li").nth(1)).to_contain_text("answer early")
    changed = rows.get("mitoses").set_index("id")
    assert changed.index.tolist() == [2, 3]
    assert changed.loc[3, "pt_x"] == pytest.approx(200, abs=1)
    assert changed.loc[3, "remark"] == "two poles"
    assert accessibility_findings(page) == []

    item(page, "delete-annotation").click()
    expect(item(page, "annotation-outcome")).to_have_text("Deleted.")
    expect(item(page, "annotations-mitoses-count")).to_have_text("1 point")
    assert rows.get("mitoses")["id"].tolist() == [2]
    item(page, "map").focus()
    page.keyboard.press("Control+z")
    expect(item(page, "annotation-outcome")).to_contain_text("Undone: the deletion of")
    item(page, "undo-annotation").click()
    expect(item(page, "annotation-outcome")).to_contain_text("Undone: the change of")
    back = rows.get("mitoses").set_index("id")
    assert back["answer"].tolist() == ["late", "late"]
    assert sorted(back["pt_x"].tolist()) == pytest.approx([100, 300], abs=1)
    first = rows.get_history("mitoses", 1)
    assert [state["values"]["answer"] for state in first] == ["late", "early", "early", "late"]
    assert [state["superseded_by"] for state in first] == [3, 4, 5, None]


def test_remarks_and_what_was_typed_outlive_a_login(page: Page, human: Demo) -> None:
    nucleus = human.client.download_feature_values("Nuclei").iloc[0]
    x, y = nucleus["Morphology_Local_Centroid_x"], nucleus["Morphology_Local_Centroid_y"]
    make_table(page, "quality", "Nuclei", "good, bad")
    item(page, "objects-Cells-visible").set_checked(False)
    map_picture(page)
    click_at(page, x, y)
    expect(item(page, "remarks")).to_contain_text(f"Nuclei {nucleus.mapobject_id:.0f}")
    item(page, "remark-quality").click()
    item(page, "annotation-answer").select_option("bad")
    item(page, "annotation-remark").fill("out of focus")
    page.context.clear_cookies()
    item(page, "save-annotation").click()
    expect(item(page, "login-error")).to_contain_text("Your session has ended")
    log_in_again(page, human)
    expect(item(page, "annotation-remark")).to_have_value("out of focus")
    item(page, "save-annotation").click()
    expect(item(page, "annotation-outcome")).to_have_text("Saved.")
    (kept,) = human.client.annotations.get("quality").to_dict("records")
    assert (kept["target_id"], kept["answer"]) == (nucleus.mapobject_id, "bad")
    expect(item(page, "remarks-quality")).to_contain_text("bad, out of focus")


def test_objects_are_answered_one_by_one_with_keys(page: Page, human: Demo) -> None:
    make_table(page, "review", "Nuclei", "good, bad")
    item(page, "objects-Cells-visible").set_checked(False)
    map_picture(page)
    nuclei = human.client.download_feature_values("Nuclei").iloc[[5, 40, 80]]
    for _, nucleus in nuclei.iterrows():
        x, y = (nucleus[f"Morphology_Local_Centroid_{axis}"] for axis in "xy")
        click_at(page, x, y, add=True)
    known, first, second = (int(number) for number in nuclei["mapobject_id"])
    human.client.annotations.add("review", [{"target_id": known, "answer": "bad"}])
    tasks, where = item(page, "tasks"), item(page, "task-where")
    tasks.locator("summary").click()
    item(page, "task-table").select_option("review")
    item(page, "task-list").select_option("the 3 selected")
    item(page, "task-begin").click()
    expect(where).to_have_text(f"Nuclei {first}, 1 of 2")
    expect(item(page, "selected-object")).to_contain_text(f"Nuclei {first}")
    centre = page.evaluate("window.tmViewer.map.getView().getCenter()")
    place = [nuclei.iloc[1][f"Morphology_Local_Centroid_{axis}"] for axis in "xy"]
    assert centre == pytest.approx([place[0], -place[1]], abs=1)
    page.keyboard.press("2")
    expect(where).to_have_text(f"Nuclei {second}, 2 of 2")
    page.keyboard.press("ArrowLeft")
    expect(item(page, "task-there")).to_have_text("Already: bad")
    assert accessibility_findings(page) == []
    page.keyboard.press("1")
    expect(where).to_have_text(f"Nuclei {second}, 2 of 2")
    page.keyboard.press("s")
    expect(where).to_have_text("All 2 are done.")
    page.reload()
    expect(where).to_have_text("All 2 are done.")
    item(page, "task-end").click()
    expect(tasks).to_be_visible()
    rows = human.client.annotations
    assert rows.get("review").set_index("target_id")["answer"].to_dict() == {
        known: "bad",
        first: "good",
    }
    states = rows.get_history("review", 2)
    assert [state["values"]["answer"] for state in states] == ["bad", "good"]


def log_in_again(page: Page, human: Demo) -> None:
    """Fill in the login form where one is asked to."""
    form = item(page, "login-form")
    form.locator("input[name=username]").fill(human.user)
    form.locator("input[name=password]").fill(human.password)
    form.locator("button[type=submit]").click()
    map_picture(page)


def test_who_may_only_look_sees_no_editing(human: Demo) -> None:
    password = "a password for the guest"
    database = Database(f"sqlite:///{human.data_dir / 'tmserver.db'}")
    with database.transaction() as session:
        service.create_user(session, "guest", password, "guest@lab.example")
    database.close()
    human.client.sharing.share("guest")
    human.client.annotation_tables.create(
        "seen", "bound_tag", voxel_resolution=[1, 1, 1], write_permission="PUBLIC"
    )
    human.client.annotations.add("seen", [{"pt": {"position": [250, 250, 0]}, "tag": "odd"}])
    with browser_page() as page:
        log_in(page, human.address, "guest", password)
        item(page, "annotations-seen-visible").check()
        item(page, "annotations-seen-count").click()
        item(page, "annotations-seen").get_by_role("button", name="1: odd").click()
        expect(item(page, "annotation-values")).to_contain_text("odd")
        expect(item(page, "annotation-author")).to_contain_text("demo, ")
        centre = page.evaluate("window.tmViewer.map.getView().getCenter()")
        assert centre == pytest.approx([250, -250], abs=1)
        for part in ("annotations-seen-add", "edit-annotation", "new-annotation-table", "tasks"):
            expect(item(page, part)).to_have_count(0)


def test_many_points_are_drawn_as_densities(page: Page, human: Demo) -> None:
    human.client.annotation_tables.create("spots", "bound_tag", voxel_resolution=[2, 2, 1])
    sent = [
        {"pt": {"position": [x, y, 0]}, "tag": "a"}
        for x in range(0, 500, 10)
        for y in range(0, 500, 10)
    ]
    human.client.annotations.add("spots", sent)
    item(page, "reload-annotations").click()
    item(page, "annotations-spots-colour").fill("#ff5c8a")
    item(page, "annotations-spots-visible").check()
    count = item(page, "annotations-spots-count")
    expect(count).to_contain_text("squares show")
    map_picture(page)
    size = page.evaluate("window.tmViewer.map.getSize()")
    assert size[0] > 0
    page.evaluate("window.tmViewer.showRegion({x: 0, y: 0, width: 40, height: 40})")
    expect(count).to_have_text(re.compile(r"^\d+ points$"))
    assert pixels_of(page, PINK) > 50
