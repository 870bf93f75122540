"""What Prometheus reads, by Prometheus' own parser, and what documents say of it."""

import json
import re
from pathlib import Path

import pytest
from flask import Flask
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from werkzeug.test import TestResponse

from tests.services.ledger import ListQueue, planned
from tests.services.redis import running_redis
from tests.tmserver.conftest import Person
from tmlib.db import Database
from tmlib.ledger import engine
from tmlib.ledger.engine import Outcome
from tmlib.settings import Settings
from tmlib.workflow import service

ROOT = Path(__file__).parents[3]
CONVERSION = {"type": "canonical", "stages": [{"name": "image_conversion"}]}
TOKEN = "scrape me"


def read(response: TestResponse) -> dict[str, Metric]:
    assert response.status_code == 200, response.text
    assert response.content_type == "text/plain; version=0.0.4; charset=utf-8"
    return {family.name: family for family in text_string_to_metric_families(response.text)}


def values(family: Metric, label: str = "") -> dict[str, float]:
    return {sample.labels.get(label, ""): sample.value for sample in family.samples}


def at_work(database: Database, experiment_id: int, user_id: int) -> None:
    """A workflow with a failed job, one that ended well, one that runs, and two that wait."""
    queue = ListQueue()
    service.submit(database, queue, experiment_id, user_id, CONVERSION)
    [job_id] = queue.job_ids
    following = end(
        database, job_id, Outcome(0, following=planned([[{"number": n} for n in range(5)]]))
    )
    end(database, following[0], Outcome(1, error="It went wrong."))
    end(database, following[1], Outcome(0, cpu_time=1.5, memory=300))
    with database.transaction() as session:
        engine.claim(session, following[2], "node1:7", "node1", lease=30)


def end(database: Database, job_id: int, outcome: Outcome) -> list[int]:
    with database.transaction() as session:
        taken = engine.claim(session, job_id, "node1:7", "node1", lease=30)
        assert taken is not None
        return engine.finish(session, taken.job_id, taken.attempt, outcome)


def test_queues_hosts_and_workflows_are_told(
    app: Flask,
    administrator: Person,
    owner: Person,
    database: Database,
    settings: Settings,
    experiment_id: int,
) -> None:
    assert owner.user_id is not None
    at_work(database, experiment_id, owner.user_id)
    with running_redis(settings.data_dir / "redis") as (url, _):
        services = app.extensions["tmserver"]
        services.settings = settings.model_copy(update={"broker_url": url})
        found = read(administrator.request("GET", "/metrics"))
    assert values(found["tmserver_redis_up"]) == {"": 1}
    assert values(found["tmserver_queue_messages"], "queue") == {"jobs": 0, "interactive": 0}
    waiting = values(found["tmserver_queue_jobs_waiting"], "queue")
    assert waiting == {"jobs": 2, "interactive": 0}
    running = values(found["tmserver_queue_jobs_running"], "queue")
    assert running == {"jobs": 1, "interactive": 0}
    assert values(found["tmserver_host_jobs_running"], "host") == {"node1": 1}
    assert values(found["tmserver_host_workers"], "host") == {"node1": 0}
    states = values(found["tmserver_host_state"], "state")
    assert [state for state, is_so in states.items() if is_so] == ["working"]
    assert values(found["tmserver_step_jobs_done"], "step") == {"metaextract": 3}
    assert values(found["tmserver_step_cpu_seconds"], "step") == {"metaextract": 1.5}
    assert values(found["tmserver_step_memory_peak_bytes"], "step") == {"metaextract": 300 * 2**20}
    assert values(found["tmserver_workflows"], "state")["running"] == 1
    jobs = values(found["tmserver_workflow_jobs"], "state")
    assert jobs == {"waiting": 2, "running": 1, "done": 2, "failed": 1}
    [ratio] = found["tmserver_workflow_done_ratio"].samples
    assert ratio.labels == {"experiment_id": str(experiment_id), "experiment": "Screen"}
    assert 0 < ratio.value < 1


@pytest.fixture
def on_a_cluster(app: Flask) -> None:
    """Have the ids of jobs carried by a Redis, which is away."""
    services = app.extensions["tmserver"]
    update = {"broker_url": "redis://127.0.0.1:1/0", "queue": Settings().queue}
    services.settings = services.settings.model_copy(update=update)


@pytest.mark.usefixtures("on_a_cluster")
def test_a_redis_that_is_away_is_told(administrator: Person) -> None:
    found = read(administrator.request("GET", "/metrics"))
    assert values(found["tmserver_redis_up"]) == {"": 0}
    assert found["tmserver_queue_messages"].samples == []
    assert "tmserver_build_info" in found


def test_without_a_redis_there_is_none_that_could_be_away(
    app: Flask, administrator: Person, settings: Settings
) -> None:
    settings.queue_dir.mkdir(parents=True)
    app.extensions["tmserver"].settings = settings
    found = read(administrator.request("GET", "/metrics"))
    assert "tmserver_redis_up" not in found
    assert values(found["tmserver_queue_messages"], "queue") == {"jobs": 0, "interactive": 0}


def test_the_token_for_monitoring_opens_metrics_and_nothing_else(app: Flask) -> None:
    services = app.extensions["tmserver"]
    anybody = Person(app, authorization=f"Bearer {TOKEN}")
    anybody.refused("GET", "/metrics", 401)
    services.settings = services.settings.model_copy(update={"metrics_token": SecretStr(TOKEN)})
    read(anybody.request("GET", "/metrics"))
    anybody.refused("GET", "/api/experiments", 401)
    for wrong in (f"Bearer {TOKEN}r", "Bearer", "Bearer ", f"Basic {TOKEN}", "Bearer \xe9"):
        Person(app, authorization=wrong).refused("GET", "/metrics", 401)


def test_an_empty_token_for_monitoring_opens_nothing(app: Flask) -> None:
    services = app.extensions["tmserver"]
    services.settings = services.settings.model_copy(update={"metrics_token": SecretStr("")})
    Person(app, authorization="Bearer ").refused("GET", "/metrics", 401)


@pytest.mark.parametrize(("role", "status"), [("administrator", 200), ("owner", 403)])
def test_personal_tokens_of_administrators_open_metrics(
    people: dict[str, Person], app: Flask, role: str, status: int
) -> None:
    made = people[role].post("/auth/tokens", name="prometheus", scope="read")
    person = Person(app, authorization=f"Bearer {made['token']}")
    assert person.request("GET", "/metrics").status_code == status


@pytest.mark.usefixtures("on_a_cluster")
def test_documents_name_what_there_is(
    administrator: Person, owner: Person, database: Database, experiment_id: int
) -> None:
    assert owner.user_id is not None
    at_work(database, experiment_id, owner.user_id)
    found = read(administrator.request("GET", "/metrics"))
    text = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(tmserver_\w+)` \| (.*?) \|", text, re.M)
    assert [name for name, _ in rows] == list(found)
    for name, labels in rows:
        assert found[name].type == "gauge"
        for sample in found[name].samples:
            assert set(sample.labels) == set(re.findall(r"`(\w+)`", labels)), name


@pytest.mark.usefixtures("on_a_cluster")
def test_the_dashboard_asks_for_what_there_is(administrator: Person) -> None:
    known = set(read(administrator.request("GET", "/metrics")))
    content = (ROOT / "docs" / "grafana-dashboard.json").read_text(encoding="utf-8")
    panels = json.loads(content)["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        for target in panel["targets"]:
            names = re.findall(r"tmserver_\w+", target["expr"])
            assert names, target
            assert set(names) <= known, target
