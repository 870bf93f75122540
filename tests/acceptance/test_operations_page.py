"""The pages of operators in a real browser: a run is watched, killed and retried, to its end."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.acceptance.test_bad_input import PATTERN, create, describe
from tests.services.browser import accessibility_findings, browser_page, draw_twice, item, log_in
from tests.services.installation import PASSWORD, USER, Installation
from tests.tmlib.jterator.user_modules.projects import doing, project
from tmclient import TmClient
from tmlib.accounts.models import User
from tmlib.accounts.service import create_user
from tmlib.db import Database
from tmlib.experiments.models import Experiment
from tmlib.experiments.sharing import share_experiment
from tmlib.sample import simulate_plate

# what is looked at is tested elsewhere on both databases
pytestmark = pytest.mark.parametrize("installation", ["postgresql"], indirect=True)

NAME = "screen of operators"


@pytest.fixture
def client(installation: Installation, tmp_path: Path) -> Iterator[TmClient]:
    """A client for an experiment with images of two sites, of which the second waits for a file.

    One job works on both: when the first one is done, its log says so.
    """
    images = tmp_path / "images"
    simulate_plate(images, wells=["B02"], rows=1, columns=2, height=128, width=128)
    gate, begun = tmp_path / "gate", tmp_path / "begun"
    waiting = (
        "import os, time\n"
        f"while os.path.exists({str(begun)!r}) and not os.path.exists({str(gate)!r}):\n"
        "    time.sleep(0.1)\n"
        f"open({str(begun)!r}, 'w').close()\n"
        "return Output((image > level).astype(np.int32), '')"
    )
    with installation.client(f"{NAME} {tmp_path.name}") as client:
        create(client)
        client.upload_microscope_files("plate", "acquisition", images)
        client.upload_jterator_project(**project(doing(waiting), level=1000))
        yield client
        gate.touch()


@pytest.fixture
def administrator(installation: Installation) -> Iterator[None]:
    """The tests' user is an administrator for the time of a test."""
    database = Database(installation.database_url)
    for is_admin in (True, False):
        with database.transaction() as session:
            session.query(User).filter_by(name=USER).update({"is_admin": is_admin})
        if is_admin:
            yield
    database.close()


def open_workflow(page: Page, installation: Installation, client: TmClient) -> None:
    log_in(page, installation.url, USER, PASSWORD)
    item(page, f"workflow-{client.experiment_name}").click()
    expect(item(page, "live")).to_have_text("Live")


def test_a_run_is_watched_killed_and_retried(
    installation: Installation, client: TmClient, tmp_path: Path
) -> None:
    with browser_page() as page:
        open_workflow(page, installation, client)
        expect(item(page, "summary")).to_contain_text("No workflow")
        client.submit_workflow(describe(PATTERN, 1, 2))

        # nobody loads the page again from here on
        expect(item(page, "step-imextract").locator(".pill")).to_have_text("done")
        expect(item(page, "step-jterator").locator(".pill")).to_have_text("running")
        expect(item(page, "step-jterator").locator(".step-jobs")).to_contain_text("1 running")
        job = item(page, "job-jterator_run_0000001")
        job.click()
        expect(item(page, "log-stderr")).to_contain_text("Bright at site")
        expect(item(page, "log-note")).to_contain_text("Live")
        item(page, "log-search").fill("BRIGHT")
        expect(item(page, "log-found")).to_have_text("1 of 1")
        assert accessibility_findings(page) == []
        item(page, "close-log").click()

        item(page, "kill").click()
        item(page, "confirm").click()
        expect(item(page, "summary").locator(".pill")).to_have_text("killed")
        expect(item(page, "retry")).to_be_visible()
        expect(item(page, "kill")).to_be_hidden()

        (tmp_path / "gate").touch()
        item(page, "retry").click()
        item(page, "confirm").click()
        expect(item(page, "percent")).to_have_text("100 %")
        expect(item(page, "summary").locator(".pill")).to_have_text("done")
        expect(item(page, "retry")).to_be_hidden()
    [job_status] = client.get_workflow_jobs("jterator", step_phase="run")
    assert (job_status["exitcode"], job_status["attempt"]) == (0, 2)
    assert len(client.download_feature_values("Bright")) > 0


def test_late_answers_take_back_nothing_and_missing_ones_are_asked_for_again(
    installation: Installation, client: TmClient
) -> None:
    asked: list[Route] = []
    is_away = True

    def refuse(route: Route) -> None:
        if is_away:
            route.fulfill(status=503, json={"error": {"message": "Too many listen."}})
        else:
            route.continue_()

    def hold_first(route: Route) -> None:
        # the second one asks whether the user may do something
        if not asked:
            asked.append(route)
        elif is_away:
            route.fulfill(status=503, json={"error": {"message": "Away for a moment."}})
        else:
            route.continue_()

    with browser_page(expected=("503",)) as page:
        page.route("**/workflow/operations/events", refuse)
        page.route("**/workflow/operations", hold_first)
        log_in(page, installation.url, USER, PASSWORD)
        with page.expect_request("**/workflow/operations"):
            item(page, f"workflow-{client.experiment_name}").click()
        client.submit_workflow(describe(PATTERN, 1, 2))
        page.unroute("**/workflow/operations/events")
        with page.expect_response("**/workflow/operations"):
            # as if the page had been hidden for a while
            page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        expect(item(page, "step-jterator").locator(".pill")).to_have_text("running")
        nothing: dict[str, Any] = {"workflow": None, "steps": {}, "failures": []}
        with page.expect_response("**/workflow/operations"):
            asked[0].fulfill(json={"data": nothing})
        draw_twice(page)
        expect(item(page, "summary")).not_to_contain_text("No workflow")
        expect(item(page, "live")).to_have_text("Live")
        expect(item(page, "kill")).to_be_hidden()
        is_away = False
        client.kill_workflow()
        expect(item(page, "retry")).to_be_visible()


def test_a_failure_is_told_with_its_reason_and_run_again_from_its_stage(
    installation: Installation, client: TmClient, tmp_path: Path
) -> None:
    client.upload_jterator_project(**project(doing("raise ValueError('the lamp was off')")))
    with browser_page(width=390, height=844) as page:
        open_workflow(page, installation, client)
        client.submit_workflow(describe(PATTERN, 1, 2))
        expect(item(page, "failures")).to_contain_text("the lamp was off")
        item(page, "job-state").select_option("failed")
        expect(item(page, "jobs").locator("li")).to_have_count(1)
        assert accessibility_findings(page) == []
        item(page, "job-text").fill("no such words")
        expect(item(page, "jobs").locator("li")).to_have_count(0)
        item(page, "job-text").fill("THE LAMP")
        expect(item(page, "jobs").locator("li")).to_have_count(1)

        (tmp_path / "gate").touch()
        client.upload_jterator_project(**project(level=1000))
        item(page, "stage").select_option("image_analysis")
        item(page, "resubmit").click()
        item(page, "confirm").click()
        expect(item(page, "summary").locator(".pill")).to_have_text("done")
        expect(item(page, "failures")).to_be_hidden()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_who_may_only_read_is_offered_nothing_to_do(
    installation: Installation, client: TmClient, tmp_path: Path
) -> None:
    client.submit_workflow(describe(PATTERN, 1, 2))
    name = f"reader-{tmp_path.name}"
    database = Database(installation.database_url)
    with database.transaction() as session:
        reader = create_user(session, name, PASSWORD, f"{name}@example.org")
        session.flush()
        experiment = session.query(Experiment).filter_by(name=client.experiment_name).one()
        share_experiment(session, experiment.id, reader.id, write_access=False)
    database.close()
    with browser_page() as page:
        log_in(page, installation.url, name, PASSWORD)
        item(page, f"workflow-{client.experiment_name}").click()
        expect(item(page, "step-jterator").locator(".pill")).to_have_text("running")
        for action in ("kill", "retry", "resubmit"):
            expect(item(page, action)).to_be_hidden()
        expect(item(page, "operations-link")).to_have_count(0)
    client.kill_workflow()


def test_the_installation_is_watched_by_administrators_alone(
    installation: Installation, client: TmClient, tmp_path: Path, administrator: None
) -> None:
    with browser_page() as page:
        log_in(page, installation.url, USER, PASSWORD)
        item(page, "operations-link").click()
        expect(item(page, "queue-jobs")).to_contain_text("on the queue")
        client.submit_workflow(describe(PATTERN, 1, 2))
        workflow = item(page, "operations").locator("a.step", has_text=client.experiment_name)
        expect(workflow).to_contain_text("jterator")
        jobs = item(page, "jobs").locator("li", has_text=client.experiment_name)
        expect(jobs.filter(has_text="jterator_run_0000001")).to_have_count(1)
        assert accessibility_findings(page) == []

        host = page.locator(".host")
        expect(host).to_contain_text("1 of 2 workers busy")
        host.locator("button").click()
        item(page, "confirm").click()
        expect(item(page, "host-state")).to_have_text("draining")
        (tmp_path / "gate").touch()
        # the job that runs ends; those that follow wait
        expect(item(page, "host-state")).to_have_text("drained")
        host.locator("button").click()
        expect(workflow.locator(".pill")).to_have_text("done")
        workflow.click()
        expect(item(page, "percent")).to_have_text("100 %")
