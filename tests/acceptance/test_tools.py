"""Tools on a plate that a workflow has measured, with real workers."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import psutil
import pytest
from pandas import DataFrame
from sklearn.cluster import KMeans
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import RobustScaler
from sqlalchemy import select

from tests.acceptance.sample import Finished
from tests.services.installation import Installation
from tmclient import TmClient
from tmlib.db import Database
from tmlib.settings import Settings
from workers.queue import CeleryQueue

FEATURES = ["Morphology_Area", "Morphology_Eccentricity"]
DEADLINE_SECONDS = 120
N_WAITING = 2000

Tile = dict[int, str]


@pytest.fixture
def nuclei(finished: Finished) -> DataFrame:
    values = finished.client.download_feature_values("Nuclei").set_index("mapobject_id")
    return values.dropna(subset=FEATURES)


def ask(client: TmClient, tool_name: str, **payload: Any) -> dict[str, Any]:
    submission_id = client.request_tool(tool_name, {"chosen_object_type": "Nuclei"} | payload)
    return client.wait_for_tool(submission_id)


def labels(client: TmClient, result: dict[str, Any]) -> Tile:
    """The labels of a part of the map, by object."""
    [layer] = result["layers"]
    max_zoom = client.get_channels()[0]["layers"][0]["max_zoom"]
    found: Tile = {}
    for x in range(4):
        place = {"x": x, "y": 1, "z": max_zoom}
        tile = client.download_labeled_tile(layer["id"], result_id=result["id"], **place)
        found |= {one["id"]: one["properties"]["label"] for one in tile["features"]}
    assert len(found) > 10
    return found


def test_tools_find_what_scikit_learn_finds(finished: Finished, nuclei: DataFrame) -> None:
    client = finished.client
    heatmap = ask(client, "Heatmap", selected_feature=FEATURES[0])
    area = nuclei[FEATURES[0]]
    bounds = heatmap["attributes"]["min"], heatmap["attributes"]["max"]
    assert bounds == (area.min(), area.max())
    assert all(float(text) == area[id_] for id_, text in labels(client, heatmap).items())
    options = {"method": "kmeans", "k": 3}
    clusters = ask(client, "Clustering", selected_features=FEATURES, options=options)
    model = make_pipeline(
        RobustScaler(quantile_range=(1, 99)), KMeans(3, n_init=10, random_state=0)
    )
    expected = dict(zip(nuclei.index, model.fit_predict(nuclei[FEATURES]), strict=True))
    assert labels(client, clusters).items() <= {i: str(v) for i, v in expected.items()}.items()


def test_tools_do_not_wait_for_workflows(installation: Installation, finished: Finished) -> None:
    with busy(installation, "--queues jobs"):
        queue = CeleryQueue(Settings(data_dir=installation.data_dir))
        # ids that no job has: workers that get to them have nothing to do
        queue.enqueue(range(10**9, 10**9 + N_WAITING))
        result = ask(finished.client, "Heatmap", selected_feature=FEATURES[1])
        assert result["attributes"]["n_objects"] > 0
        assert queue.depth() > N_WAITING / 2


@contextmanager
def busy(installation: Installation, pool: str) -> Iterator[list[psutil.Process]]:
    """Keep the processes of a pool from taking anything."""
    processes = installation.children(pool)
    database = Database(installation.database_url)
    # whoever is stopped in the middle of a transaction holds SQLite up for everybody
    with database.transaction() as session:
        session.execute(select(1))
        for process in processes:
            process.suspend()
    database.close()
    try:
        yield processes
    finally:
        for process in processes:
            process.resume()


def test_killing_the_worker_of_a_tool_changes_nothing(
    installation: Installation, finished: Finished, nuclei: DataFrame
) -> None:
    client = finished.client
    by_size = nuclei.sort_values(FEATURES[0]).index
    classes = {"small": by_size[:30], "large": by_size[-30:]}
    payload = {
        "selected_features": FEATURES,
        "training_classes": [
            {"name": name, "object_ids": ids.tolist(), "color": f"#00000{number}"}
            for number, (name, ids) in enumerate(classes.items())
        ],
        "options": {"method": "svm", "n_fold_cv": 10},
    }
    undisturbed = ask(client, "Classification", **payload)
    submission_id = kill_in_the_middle(
        installation,
        client,
        lambda: client.request_tool("Classification", {"chosen_object_type": "Nuclei"} | payload),
    )
    result = client.wait_for_tool(submission_id)
    [job] = client.get_tools_status(submission_id=submission_id)
    assert job["attempt"] > 1
    assert result["attributes"] == undisturbed["attributes"]
    assert labels(client, result) == labels(client, undisturbed)
    assert {"0.0", "1.0"} == set(labels(client, result).values())
    assert np.sum(list(result["attributes"]["counts"].values())) == len(nuclei)


def kill_in_the_middle(
    installation: Installation, client: TmClient, request: Callable[[], int]
) -> int:
    """Kill the processes that run tools while one of them does; gives what that one was asked."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    submission_id = request()
    while time.monotonic() < deadline:
        [job] = client.get_tools_status(submission_id=submission_id)
        if job["done"]:
            # it was quicker than this: with another one there is another chance
            submission_id = request()
        if job["state"] != "RUNNING":
            continue
        workers = installation.children("--queues interactive")
        # what is looked at must not change before the kill
        for worker in workers:
            worker.send_signal(signal.SIGSTOP)
        running = client.get_tools_status(submission_id=submission_id, state="RUNNING")
        for worker in workers:
            worker.send_signal(signal.SIGKILL if running else signal.SIGCONT)
        if workers and running:
            return submission_id
    pytest.fail("The tool was never seen running.")
