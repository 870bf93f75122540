"""What the status of a workflow says while it runs, and pages of its jobs."""

from typing import Any

import pytest

from tests.services.ledger import ListQueue, planned
from tmlib.db import Database
from tmlib.experiments.models import Experiment
from tmlib.ledger import engine
from tmlib.ledger.engine import Outcome
from tmlib.workflow import service

STAGES = {
    "type": "canonical",
    "stages": [
        {"name": "image_conversion", "mode": "parallel"},
        {"name": "image_preprocessing"},
        {"name": "pyramid_creation"},
    ],
}
N_BATCHES = {"metaextract": [3], "metaconfig": [], "imextract": [1], "corilla": [2]}


def do(database: Database, queue: ListQueue, *, exitcode: int = 0, cpu_time: float = 0.0) -> None:
    """Do the next job."""
    with database.transaction() as session:
        taken = engine.claim(session, queue.job_ids.pop(0), "node1:7", "node1", lease=30)
    assert taken is not None
    following = []
    if taken.phase == "init":
        sizes = N_BATCHES.get(taken.step_name, [4, 2, 1])
        batches = [[{"number": number} for number in range(size)] for size in sizes]
        following = planned(batches, taken.step_name)
    outcome = Outcome(
        exitcode,
        error="It went wrong." if exitcode else None,
        cpu_time=cpu_time,
        memory=int(cpu_time),
        following=following,
    )
    with database.transaction() as session:
        queue.enqueue(engine.finish(session, taken.job_id, taken.attempt, outcome))


def status(database: Database, experiment: Experiment, depth: int = 5) -> dict[str, Any]:
    with database.session() as session:
        found = service.status(session, experiment.id, depth)
    assert found is not None
    return found


def percents(tree: dict[str, Any]) -> dict[str, float]:
    """How far each part has come, by name."""
    found = {f"{tree['type']} {tree['name']}": tree["percent_done"]}
    for part in tree["subtasks"]:
        found |= percents(part)
    return found


def submit(
    database: Database, experiment: Experiment, queue: ListQueue, **description: Any
) -> None:
    service.submit(database, queue, experiment.id, experiment.user_id, description or STAGES)


def test_percents_never_fall_and_end_at_a_hundred(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    submit(database, experiment, queue)
    before = percents(status(database, experiment))
    whole = [before["Workflow screen"]]
    while queue.job_ids:
        do(database, queue)
        after = percents(status(database, experiment))
        assert all(after[name] >= percent for name, percent in before.items())
        before = after
        whole.append(after["Workflow screen"])
    assert whole == sorted(set(whole)), "each job brings the whole on"
    assert set(before.values()) == {100.0}


def test_percents_count_what_will_come(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    submit(database, experiment, queue, type="canonical", stages=[{"name": "pyramid_creation"}])
    do(database, queue)
    found = percents(status(database, experiment))
    assert found["InitJob illuminati_init_0000001"] == 100.0
    assert found["WorkflowStep illuminati"] == pytest.approx(100 / 3)
    do(database, queue)
    found = percents(status(database, experiment))
    assert found["SingleRunPhase illuminati_run-00"] == pytest.approx(100 / 4)
    assert found["MultiRunPhase illuminati_run"] == pytest.approx(100 / 7)
    assert found["Workflow screen"] == pytest.approx((100 + 100 / 7) / 3)
    assert found["RunJob illuminati_run-00_0000002"] == 0.0


def test_a_failed_workflow_stays_where_it_came_to(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    submit(database, experiment, queue, type="canonical", stages=[{"name": "pyramid_creation"}])
    do(database, queue)
    for exitcode in (0, 1, 0, 0):
        do(database, queue, exitcode=exitcode)
    found = status(database, experiment)
    assert (found["state"], found["failed"]) == ("TERMINATED", True)
    assert found["percent_done"] == pytest.approx((100 + 400 / 7) / 3)


def test_phases_say_what_their_jobs_have_used(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    submit(database, experiment, queue)
    assert (status(database, experiment)["cpu_time"], status(database, experiment)["memory"]) == (
        None,
        None,
    )
    for seconds in (60, 120, 30):
        do(database, queue, cpu_time=seconds)
    found = status(database, experiment)
    assert (found["cpu_time"], found["memory"]) == ("0:03:30", 120)


def test_a_page_goes_over_from_one_phase_to_the_next(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    submit(database, experiment, queue, type="canonical", stages=[{"name": "pyramid_creation"}])
    while queue.job_ids:
        do(database, queue)

    def names(**page: Any) -> list[str]:
        with database.session() as session:
            found = service.jobs(session, experiment.id, step_name="illuminati", **page)
        return [job["name"].removeprefix("illuminati_") for job in found]

    everything = names()
    assert everything == [
        "collect_0000001",
        "init_0000001",
        *(f"run-00_{number:07d}" for number in (1, 2, 3, 4)),
        *(f"run-01_{number:07d}" for number in (1, 2)),
        "run-02_0000001",
    ]
    for start in range(10):
        for size in range(10):
            assert names(index=start, batch_size=size) == everything[start : start + size]
    assert names(index=-2, batch_size=3) == everything[:1]
    assert names(phase="run") == everything[2:]
    assert names(phase="illuminati_init") == everything[1:2]
    assert names(phase="ru") == []


def test_a_job_is_found_by_its_name(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    submit(database, experiment, queue, type="canonical", stages=[{"name": "pyramid_creation"}])
    do(database, queue)

    def found(name: str, phase: str | None = None) -> list[str]:
        with database.session() as session:
            jobs = service.jobs(
                session, experiment.id, step_name="illuminati", phase=phase, name=name
            )
        return [job["name"] for job in jobs]

    assert found("illuminati_run-01_0000002") == ["illuminati_run-01_0000002"]
    assert found("illuminati_run-01_0000002", phase="run") == ["illuminati_run-01_0000002"]
    for other in ("illuminati_run-01_2", "illuminati_run-01_0000003", "run", "", "x_" + "9" * 20):
        assert found(other) == []
    assert found("illuminati_run-01_0000002", phase="init") == []
