"""Tools over HTTP: asking, waiting, looking at what was found."""

import io
import json
import subprocess
import sys
from collections import Counter
from typing import Any

import mapbox_vector_tile
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from flask import Flask

from tests.services.ledger import ListQueue
from tests.tmserver.conftest import Person
from tmlib.db import Database
from tmlib.experiments.models import Experiment, Plate, Site, Well
from tmlib.ids import encode_id
from tmlib.ledger.execution import Worker
from tmlib.objects.mapobject_types import ensure_mapobject_type
from tmlib.objects.tiles import vector_tiles
from tmlib.objects.writing.recording import prepare_site_objects, record
from tmlib.settings import Settings
from tmlib.storage import ExperimentStorage

HEIGHT, WIDTH = 300, 400
CLUSTERING = {
    "tool_name": "Clustering",
    "session_uuid": "1b2c",
    "payload": {
        "chosen_object_type": "Cells",
        "selected_features": ["size", "Intensity_mean_DNA"],
        "options": {"method": "kmeans", "k": 2},
    },
}
HEATMAP = {
    "tool_name": "Heatmap",
    "payload": {"chosen_object_type": "Cells", "selected_feature": "size"},
}


@pytest.fixture
def storage(settings: Settings, experiment_id: int) -> ExperimentStorage:
    return ExperimentStorage(settings.data_dir, experiment_id)


@pytest.fixture
def cells(
    owner: Person,
    database: Database,
    experiment: str,
    experiment_id: int,
    storage: ExperimentStorage,
) -> dict[str, Any]:
    """A type with six objects on one site, two features, one value missing."""
    with database.transaction() as session:
        found = session.get_one(Experiment, experiment_id)
        found.map_height, found.map_width, found.map_levels = HEIGHT, WIDTH, 2
        plate = Plate(experiment_id=experiment_id, name="Plate 1")
        session.add(plate)
        session.flush()
        well = Well(experiment_id=experiment_id, plate_id=plate.id, name="A01")
        session.add(well)
        session.flush()
        site = Site(
            experiment_id=experiment_id,
            well_id=well.id,
            y=0,
            x=0,
            field=0,
            height=HEIGHT,
            width=WIDTH,
        )
        session.add(site)
        type_id = ensure_mapobject_type(session, experiment_id, "Cells", "Site")
        ensure_mapobject_type(session, experiment_id, "Nuclei", "Site")
    labels = np.zeros((HEIGHT, WIDTH), dtype=np.int32)
    for number in range(6):
        labels[10 + 40 * number : 30 + 40 * number, 10:50] = number + 1
    values = {"size": [1, 2, 3, 21, 22, 23], "Intensity_mean_DNA": [5, 5, 5, 6, 6, np.nan]}
    prepared = prepare_site_objects(
        database,
        storage,
        mapobject_type_id=type_id,
        site_id=site.id,
        site_offset=(0, 0),
        tpoint=0,
        zplane=0,
        labels=labels,
        measurements=pd.DataFrame(values, index=range(1, 7), dtype=float),
    )
    with database.transaction() as session:
        record(session, prepared)
    [found] = owner.get(f"{experiment}/mapobject_types", name="Cells")
    return dict(found)


def work(app: Flask, database: Database, settings: Settings) -> None:
    """Run the jobs that the application has enqueued."""
    queue = app.extensions["tmserver"].queue
    worker = Worker(database, ListQueue(), settings)
    while queue.job_ids:
        worker.run(queue.job_ids.pop(0))


@pytest.fixture
def found(
    owner: Person,
    app: Flask,
    database: Database,
    settings: Settings,
    experiment: str,
    cells: dict[str, Any],
) -> dict[str, Any]:
    """The result of a clustering."""
    submission_id = owner.post(f"{experiment}/tools/request", **CLUSTERING)["submission_id"]
    work(app, database, settings)
    [result] = owner.get(f"{experiment}/tools/results", submission_id=submission_id)
    return dict(result)


def test_tools_describe_what_they_take(owner: Person) -> None:
    tools = {tool["name"]: tool for tool in owner.get("/api/tools")}
    assert {name: tool["icon"] for name, tool in tools.items()} == {
        "Heatmap": "HMP",
        "Clustering": "CLU",
        "Classification": "SVC",
        "Prediction": "PRD",
        "Gating": "GAT",
        "Selection": "SEL",
        "Embedding": "EMB",
        "Normalisation": "NRM",
        "HitList": "HIT",
        "Aggregation": "AGG",
    }
    assert tools["Classification"]["methods"] == ["randomforest", "svm", "logisticregression"]
    schema = tools["Clustering"]["payload_schema"]
    assert schema["required"] == ["chosen_object_type", "selected_features", "options"]
    assert schema["$defs"]["KMeansOptions"]["properties"]["k"]["minimum"] == 2
    assert all(tool["description"] for tool in tools.values())


def test_the_web_server_does_without_the_libraries_of_tools() -> None:
    code = "import sys, tmserver.application; sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_request_becomes_a_job_and_then_a_result(
    owner: Person,
    app: Flask,
    database: Database,
    settings: Settings,
    experiment: str,
    cells: dict[str, Any],
) -> None:
    jobs, results = f"{experiment}/tools/jobs", f"{experiment}/tools/results"
    submission_id = owner.post(f"{experiment}/tools/request", **CLUSTERING)["submission_id"]
    [job] = owner.get(jobs, submission_id=submission_id)
    assert (job["name"], job["type"], job["state"]) == ("tool_Clustering", "ToolJob", "SUBMITTED")
    assert (job["live"], job["done"], job["exitcode"]) == (True, False, None)
    assert owner.get(results) == []
    work(app, database, settings)
    [job] = owner.get(jobs)
    assert (job["state"], job["exitcode"], job["percent_done"]) == ("TERMINATED", 0, 100)
    assert job["submission_id"] == submission_id
    log = owner.get(f"{jobs}/{job['id']}/log")
    assert "1 of 6 objects lack a value" in log["stderr"]
    [result] = owner.get(results)
    assert result == {
        "id": result["id"],
        "name": f"Clustering-{submission_id}",
        "submission_id": submission_id,
        "tool_name": "Clustering",
        "mapobject_type_name": "Cells",
        "type": "ScalarToolResult",
        "attributes": result["attributes"],
        "layer": {
            "id": cells["layers"][0]["id"],
            "type": "ScalarLayer",
            "attributes": result["attributes"],
        },
        "layers": cells["layers"],
        "plots": result["plots"],
        "has_wells": False,
    }
    assert result["attributes"]["unique_labels"] == [0, 1]
    assert result["attributes"]["n_missing"] == 1
    assert {plot["type"] for plot in result["plots"]} == {"cluster_profiles", "sizes"}
    assert all(set(plot["attributes"]) == {"data", "layout"} for plot in result["plots"])


def test_a_selection_of_the_most_objects_fits_into_a_request(
    owner: Person, experiment: str, cells: dict[str, Any]
) -> None:
    path = f"{experiment}/tools/request"
    schemas = {tool["name"]: tool["payload_schema"] for tool in owner.get("/api/tools")}
    most = schemas["Selection"]["properties"]["object_ids"]["maxItems"]
    for n_objects, reason in [(most, "no object 999999999"), (most + 1, "at most 900000")]:
        payload = {"chosen_object_type": "Cells", "object_ids": [999_999_999] * n_objects}
        asked = {"tool_name": "Selection", "payload": payload}
        assert reason in owner.refused("POST", path, 400, json=asked)


def test_jobs_are_chosen_by_tool_state_and_submission(
    owner: Person, experiment: str, cells: dict[str, Any], found: dict[str, Any]
) -> None:
    jobs = f"{experiment}/tools/jobs"
    waiting = owner.post(f"{experiment}/tools/request", **HEATMAP)["submission_id"]

    def chosen(**query: Any) -> list[int]:
        return [job["submission_id"] for job in owner.get(jobs, **query)]

    assert chosen() == [waiting, found["submission_id"]]
    assert chosen(tool_name="Heatmap") == chosen(name="tool_Heatmap") == [waiting]
    name = owner.get(jobs, submission_id=waiting)[0]["name"]
    assert chosen(name=name, submission_id=waiting) == [waiting]
    assert chosen(state="TERMINATED") == chosen(limit=1, offset=1) == [found["submission_id"]]
    assert chosen(submission_id=waiting, state="RUNNING") == []
    assert "'NEW'" in owner.refused("GET", jobs, 400, query_string={"state": "running"})
    owner.refused("GET", f"{jobs}/{encode_id(99)}/log", 404)


def test_both_spellings_of_results_answer(
    owner: Person, experiment: str, found: dict[str, Any]
) -> None:
    for path in (f"{experiment}/tools/result", f"{experiment}/tools/results"):
        assert owner.get(path) == [found]
        assert owner.get(path, name=found["name"]) == [found]
        assert owner.get(path, name="another") == owner.get(path, submission_id=99) == []
        assert owner.get(f"{path}/{found['id']}") == found
        assert owner.get(path, offset=1) == []
        owner.refused("GET", f"{path}/{encode_id(99)}", 404)


def test_results_are_renamed(
    owner: Person,
    app: Flask,
    database: Database,
    settings: Settings,
    experiment: str,
    found: dict[str, Any],
) -> None:
    path = f"{experiment}/tools/result/{found['id']}"
    upcoming = f"Heatmap-{found['submission_id'] + 1}"
    owner.put(path, name=upcoming)
    assert owner.get(path)["name"] == upcoming
    owner.post(f"{experiment}/tools/request", **HEATMAP)
    work(app, database, settings)
    _, other = owner.get(f"{experiment}/tools/results")
    assert other["name"] == f"{upcoming}*"
    message = owner.refused("PUT", path, 409, json={"name": other["name"]})
    assert other["name"] in message
    assert owner.get(path)["name"] == upcoming
    owner.refused("PUT", path, 400, json={"name": ""})


def test_results_are_deleted_with_their_labels(
    owner: Person, experiment: str, found: dict[str, Any], storage: ExperimentStorage
) -> None:
    assert len(list((storage.root / "tool_results").iterdir())) == 1
    owner.delete(f"{experiment}/tools/results/{found['id']}")
    assert owner.get(f"{experiment}/tools/results") == []
    assert list((storage.root / "tool_results").iterdir()) == []
    owner.refused("DELETE", f"{experiment}/tools/results/{found['id']}", 404)


def test_results_are_deleted_with_their_objects(
    owner: Person,
    experiment: str,
    cells: dict[str, Any],
    found: dict[str, Any],
    storage: ExperimentStorage,
) -> None:
    assert found["layers"] == cells["layers"]
    owner.delete(f"{experiment}/mapobject_types/{cells['id']}")
    assert owner.get(f"{experiment}/tools/results") == []
    assert list((storage.root / "tool_results").iterdir()) == []
    assert len(owner.get(f"{experiment}/tools/jobs")) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tool_name": "Palmistry"}, "use one of Heatmap, Clustering, Classification"),
        ({"payload": {}}, '"chosen_object_type", "selected_features", "options"'),
        ({"payload": [1]}, '"payload"'),
        ({"payload": {"chosen_object_type": "Dells"}}, 'did you mean "Cells"?'),
        ({"payload": {"selected_features": ["siz"]}}, 'did you mean "size"?'),
        ({"payload": {"selected_features": []}}, "0 were given, but at least 1 must be"),
        ({"payload": {"selected_features": ["size"] * 10_001}}, "at most 10000 may be given"),
        ({"payload": {"chosen_object_type": "Nuclei"}}, "there are none yet"),
        ({"payload": {"options": {"method": "kmeans", "k": 7}}}, "7 clusters"),
        ({"payload": {"options": {"method": "kmeans", "k": 0}}}, '"options.kmeans.k" is 0'),
        ({"payload": {"options": {"method": "dbscan", "k": 2}}}, "one of 'kmeans', 'hdbscan'"),
        ({"payload": {"chosen_object_type": "a\x00"}}, '"chosen_object_type"'),
    ],
)
def test_requests_that_cannot_work_are_refused(
    owner: Person, experiment: str, cells: dict[str, Any], change: dict[str, Any], message: str
) -> None:
    payload = change.get("payload")
    if payload and isinstance(payload, dict):
        change = {"payload": CLUSTERING["payload"] | payload}  # type: ignore[operator]
    body = CLUSTERING | change
    assert message in owner.refused("POST", f"{experiment}/tools/request", 400, json=body)
    assert owner.get(f"{experiment}/tools/jobs") == []


def test_an_unknown_method_of_classification_is_named(
    owner: Person, experiment: str, cells: dict[str, Any]
) -> None:
    payload = {**CLUSTERING["payload"], "training_classes": [], "options": {"method": "magic"}}  # type: ignore[dict-item]
    body = {"tool_name": "Classification", "payload": payload}
    message = owner.refused("POST", f"{experiment}/tools/request", 400, json=body)
    assert "'magic'" in message
    assert "'logisticregression'" in message


def tile(person: Person, path: str, **query: Any) -> dict[int, dict[str, Any]]:
    response = person.request("GET", path, query_string={"x": 0, "y": 0, "z": 1} | query)
    assert response.status_code == 200, response.text
    return {feature["id"]: feature for feature in json.loads(response.data)["features"]}


def test_tiles_carry_the_labels(
    owner: Person, experiment: str, cells: dict[str, Any], found: dict[str, Any]
) -> None:
    layer = f"{experiment}/segmentation_layers/{cells['layers'][0]['id']}"
    plain = tile(owner, f"{layer}/tiles")
    labeled = tile(owner, f"{layer}/labeled_tiles", result_id=found["id"])
    assert labeled == tile(owner, f"{layer}/labeled_tile", result_name=found["name"])
    assert {id_: one["geometry"] for id_, one in labeled.items()} == {
        id_: one["geometry"] for id_, one in plain.items()
    }
    one, two, three, four, five, six = (labeled[id_]["properties"]["label"] for id_ in range(1, 7))
    assert {one, four} == {"0", "1"}
    assert (one, four, six) == (two, five, "nan")
    assert one == three
    path = f"{layer}/labeled_tiles?x=0&y=0&z=1&result_id={found['id']}"
    etag = owner.request("GET", path).headers["ETag"]
    assert owner.request("GET", path, headers={"If-None-Match": etag}).status_code == 304


def test_labels_of_a_heatmap_are_values_as_text(
    owner: Person,
    app: Flask,
    database: Database,
    settings: Settings,
    experiment: str,
    cells: dict[str, Any],
) -> None:
    owner.post(f"{experiment}/tools/request", **HEATMAP)
    work(app, database, settings)
    [result] = owner.get(f"{experiment}/tools/results")
    assert result["layer"]["type"] == "HeatmapLayer"
    layer = f"{experiment}/segmentation_layers/{cells['layers'][0]['id']}"
    labeled = tile(owner, f"{layer}/labeled_tiles", result_id=result["id"])
    labels = [labeled[id_]["properties"]["label"] for id_ in range(1, 7)]
    assert labels == ["1.0", "2.0", "3.0", "21.0", "22.0", "23.0"]


def density(person: Person, path: str, monkeypatch: pytest.MonkeyPatch, **query: Any) -> list[Any]:
    """Properties of the cells of the outermost tile, when few objects are too many for outlines."""
    with monkeypatch.context() as patch:
        patch.setattr(vector_tiles, "MAX_OUTLINES", 0)
        patch.setattr(vector_tiles, "MAX_CENTROIDS", 0)
        response = person.request("GET", path, query_string={"x": 0, "y": 0, "z": 0} | query)
    assert response.status_code == 200, response.text
    layer = mapbox_vector_tile.decode(response.data)["density"]
    return [feature["properties"] for feature in layer["features"]]


def test_density_tiles_count_the_labels(
    owner: Person,
    experiment: str,
    cells: dict[str, Any],
    found: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = f"{experiment}/segmentation_layers/{cells['layers'][0]['id']}/vector_tiles"
    labeled = density(owner, path, monkeypatch, result_id=found["id"])
    totals = Counter[str]()
    for cell in labeled:
        assert cell["count"] == sum(n for key, n in cell.items() if key.startswith("label:"))
        totals.update(cell)
    assert totals["count"] == 6
    assert totals["label:nan"] == 1
    assert totals["label:0"] + totals["label:1"] == 5
    plain = density(owner, path, monkeypatch)
    assert sorted(cell["count"] for cell in plain) == sorted(cell["count"] for cell in labeled)
    etags = [
        owner.request("GET", f"{path}?x=0&y=0&z=0{query}").headers["ETag"]
        for query in ("", f"&result_id={found['id']}")
    ]
    assert etags[0] != etags[1]


def test_density_tiles_of_a_heatmap_have_means(
    owner: Person,
    app: Flask,
    database: Database,
    settings: Settings,
    experiment: str,
    cells: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    owner.post(f"{experiment}/tools/request", **HEATMAP)
    work(app, database, settings)
    [result] = owner.get(f"{experiment}/tools/results")
    path = f"{experiment}/segmentation_layers/{cells['layers'][0]['id']}/vector_tiles"
    found = density(owner, path, monkeypatch, result_id=result["id"])
    assert sum(cell["count"] for cell in found) == 6
    assert sum(cell["missing"] for cell in found) == 0
    total = sum(cell["mean"] * cell["count"] for cell in found)
    assert total == pytest.approx(1 + 2 + 3 + 21 + 22 + 23)


def test_metadata_have_a_column_for_every_result(
    owner: Person,
    app: Flask,
    database: Database,
    settings: Settings,
    experiment: str,
    cells: dict[str, Any],
    found: dict[str, Any],
) -> None:
    owner.post(f"{experiment}/tools/request", **HEATMAP)
    work(app, database, settings)
    path = f"{experiment}/mapobject_types/{cells['id']}/metadata"
    answer = owner.request("GET", path).data
    frame = pd.read_csv(io.BytesIO(answer), dtype=str, keep_default_na=False)
    heatmap = f"Heatmap-{found['submission_id'] + 1}"
    assert frame.columns.tolist()[-3:] == ["is_border", found["name"], heatmap]
    assert frame[heatmap].tolist() == ["1.0", "2.0", "3.0", "21.0", "22.0", "23.0"]
    clusters = frame[found["name"]].tolist()
    assert clusters[:3] == clusters[:1] * 3
    assert clusters[5] == "nan"
    arrow = owner.request("GET", path, query_string={"format": "arrow"}).data
    table = pa.ipc.open_stream(arrow).read_all()
    assert table[heatmap].to_pylist() == frame[heatmap].tolist()
    assert table["mapobject_id"].to_pylist() == list(range(1, 7))


def test_labels_are_exported_and_compared(
    owner: Person,
    app: Flask,
    database: Database,
    settings: Settings,
    experiment: str,
    cells: dict[str, Any],
    found: dict[str, Any],
) -> None:
    three = CLUSTERING["payload"] | {"options": {"method": "kmeans", "k": 3}}  # type: ignore[operator]
    owner.post(f"{experiment}/tools/request", tool_name="Clustering", payload=three)
    owner.post(f"{experiment}/tools/request", **HEATMAP)
    work(app, database, settings)
    _, finer, heatmap = owner.get(f"{experiment}/tools/results")
    path = f"{experiment}/tools/results/{found['id']}"

    def exported(result: dict[str, Any], **query: Any) -> bytes:
        answer = owner.request(
            "GET", f"{experiment}/tools/results/{result['id']}/labels", query_string=query
        )
        assert answer.status_code == 200
        return answer.data

    csv = pd.read_csv(io.BytesIO(exported(found)), dtype={"label": str})
    assert csv.columns.tolist() == ["mapobject_id", "tpoint", "label"]
    assert csv["mapobject_id"].tolist() == [1, 2, 3, 4, 5]
    parquet = pq.read_table(io.BytesIO(exported(found, format="parquet"))).to_pandas()
    assert parquet["label"].tolist() == csv["label"].tolist()
    assert exported(heatmap).splitlines()[1:3] == [b"1,0,1.0", b"2,0,2.0"]
    arrow = pa.ipc.open_stream(exported(heatmap, format="arrow")).read_all()
    assert arrow["label"].to_pylist() == [1, 2, 3, 21, 22, 23]
    pairs = owner.get(f"{path}/agreement", other_id=finer["id"])
    assert sum(pair["n_objects"] for pair in pairs) == 5
    assert len(pairs) == 3
    itself = owner.get(f"{path}/agreement", other_id=found["id"])
    assert [(one["label"], one["other_label"]) for one in itself] == [("0", "0"), ("1", "1")]
    query = {"other_id": heatmap["id"]}
    assert "numbers" in owner.refused("GET", f"{path}/agreement", 400, query_string=query)
    owner.refused("GET", f"{path}/agreement", 404, query_string={"other_id": encode_id(99)})


def test_labels_that_are_not_there_are_named(
    owner: Person, experiment: str, cells: dict[str, Any], found: dict[str, Any]
) -> None:
    layer = f"{experiment}/segmentation_layers/{cells['layers'][0]['id']}/labeled_tiles"

    def problem(status: int, **query: Any) -> str:
        place = {"x": 0, "y": 0, "z": 1}
        return owner.refused("GET", layer, status, query_string=place | query)

    assert '"result_id" or "result_name"' in problem(400)
    assert "no such tool result" in problem(404, result_id=encode_id(99))
    assert '"other"' in problem(404, result_name="other")
    assert "not a valid id" in problem(400, result_id="?")


@pytest.mark.parametrize("name", ["reader", "stranger"])
def test_who_only_reads_asks_and_changes_nothing(
    people: dict[str, Person],
    experiment: str,
    found: dict[str, Any],
    name: str,
) -> None:
    owner, other = people["owner"], people[name]
    if name == "reader":
        owner.put(f"{experiment}/shares/reader", permission="read")
        assert other.get(f"{experiment}/tools/results") == [found]
        assert len(other.get(f"{experiment}/tools/jobs")) == 1
    status = 403 if name == "reader" else 404
    other.refused("POST", f"{experiment}/tools/request", status, json=HEATMAP)
    path = f"{experiment}/tools/results/{found['id']}"
    other.refused("PUT", path, status, json={"name": "mine"})
    other.refused("DELETE", path, status)
    assert owner.get(f"{experiment}/tools/results") == [found]
    assert len(owner.get(f"{experiment}/tools/jobs")) == 1
