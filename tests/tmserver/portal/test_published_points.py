"""Points of published annotations, which viewers of other sites read without a login."""

import struct
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.services.catalogue import document, random_rows
from tests.tmserver.conftest import Person
from tests.tmserver.portal.conftest import without_database
from tmlib.annotation.precomputed import Points
from tmlib.annotation.recent_points import RecentPoints
from tmlib.annotation.schemas import cave_schemas
from tmlib.db import Database
from tmlib.portal.bucket_import import import_catalogue
from tmlib.portal.declaration import ENTITIES
from tmlib.portal.files import FileStore, find_file
from tmlib.portal.withdrawal import withdraw
from tmlib.settings import Settings

FILES = {
    "points": '{"type": "point", "location": {"x": 1.5, "y": 20, "z": 3}}\n\n'
    '{"type": "orientedPoint", "location": {"x": 4, "y": 5, "z": 0}}\n',
    "instances": '{"location": {"x": 1, "y": 2, "z": 0}, "instance_id": 6}\n',
    "wrong": '{"type": "point", "location": {"x": 1, "y": 2, "z": 0}}\n[]\n',
    "lost": "",
}
PLACE = '{"location": {"x": 1, "y": 2, "z": %s}, "instance_id": %s}\n'
UNFIT = (
    *(PLACE % (z, 1) for z in ("1e39", "-1e39", "1e400", "NaN", "1" * 400, "1" * 5000, '"nan"')),
    *(PLACE % (0, number) for number in ("1e400", "1" * 20, "1" * 400, "1" * 5000, "[]")),
    "[" * 5000,
)
"""Lines that no viewer can be told of."""
POINTS, INSTANCES, WRONG, LOST, NOT_HERE, MASK, UNPLACED = range(1, 8)
PARTS = ("info", "by_id/1", "spatial0/0_0_0")


def catalogue() -> dict[str, list[dict[str, Any]]]:
    """A catalogue with one row of each class, and more files of annotations."""
    made = document(random_rows(seed=2, n_rows=1))
    for entity in ENTITIES.values():
        [row] = made[entity.client_name]
        row |= {"id": 1, **{item.column: 1 for item in entity.items}}
    made["TomogramVoxelSpacing"][0]["voxel_spacing"] = 7.5
    shapes, files = made["AnnotationShape"], made["AnnotationFile"]
    shapes[0]["shape_type"] = "Point"
    shapes.append({**shapes[0], "id": 2, "shape_type": "InstanceSegmentation"})
    [file] = files
    file |= {"format": "ndjson", "https_path": ""}
    changes: dict[int, dict[str, Any]] = {
        POINTS: {"s3_path": "s3://bucket/1/points.ndjson"},
        INSTANCES: {"s3_path": "s3://bucket/1/instances.ndjson", "annotation_shape_id": 2},
        WRONG: {"s3_path": "", "https_path": "http://localhost/s3/bucket/1/wrong.ndjson"},
        LOST: {"s3_path": "s3://bucket/1/lost.ndjson"},
        NOT_HERE: {"s3_path": "", "https_path": "https://public.example/1.ndjson"},
        MASK: {"s3_path": "s3://bucket/1/points.ndjson", "format": "zarr"},
        UNPLACED: {"s3_path": "s3://bucket/1/points.ndjson", "tomogram_voxel_spacing_id": None},
    }
    made["AnnotationFile"] = [
        {**file, "id": number, **change} for number, change in changes.items()
    ]
    return made


@pytest.fixture
def anybody(app: Flask, database: Database, settings: Settings, tmp_path: Path) -> Person:
    (tmp_path / "bucket" / "1").mkdir(parents=True)
    for name, text in FILES.items():
        (tmp_path / "bucket" / "1" / f"{name}.ndjson").write_text(text)
    store = FileStore(settings.data_dir)
    import_catalogue(database, store, catalogue(), tmp_path / "bucket", without_files=True)
    return Person(app)


def read(anybody: Person, number: int, part: str) -> Any:
    response = anybody.request(
        "GET", f"/precomputed/published/{number}/{part}", headers={"Origin": "https://a.example"}
    )
    assert response.status_code == 200, response.text
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    return response.json if part == "info" else response.data


def test_everybody_reads_published_points(anybody: Person) -> None:
    info = read(anybody, POINTS, "info")
    assert info["dimensions"] == {axis: [pytest.approx(7.5e-10), "m"] for axis in "xyz"}
    assert (info["annotation_type"], info["properties"]) == ("POINT", [])
    assert struct.unpack("<3f", read(anybody, POINTS, "by_id/2")) == (4, 5, 0)
    count, *places = struct.unpack_from("<Q6f", read(anybody, POINTS, "spatial0/0_0_0"))
    assert (count, sorted(places)) == (2, [0, 1.5, 3, 4, 5, 20])
    [instance] = read(anybody, INSTANCES, "info")["properties"]
    assert (instance["id"], instance["type"]) == ("instance_id", "int32")
    assert struct.unpack("<3fi", read(anybody, INSTANCES, "by_id/1")) == (1, 2, 0, 6)


def test_what_is_no_published_point_is_not_found(
    anybody: Person, database: Database, settings: Settings
) -> None:
    for part in ("by_id/3", "by_id/x", "spatial0/1_0_0", "spatial0/0", "by/0_0_0"):
        assert anybody.refused("GET", f"/precomputed/published/{POINTS}/{part}", 404)
    store = FileStore(settings.data_dir)
    [lost] = [path for path in store.contents("e") if path.stat().st_size == 0]
    lost.unlink()
    for number, reason in (
        *((WRONG, "Line 2 of this file is no point"), (LOST, "not there any more")),
        *((NOT_HERE, "not at this server"), (MASK, "no points"), (UNPLACED, "no points")),
        *((99, "no points"), (2**31, "no points")),
    ):
        assert reason in anybody.refused("GET", f"/precomputed/published/{number}/info", 404)
    with database.transaction() as session:
        withdraw(session, 1, "The wrong sample.")
    for part in PARTS:
        assert anybody.refused("GET", f"/precomputed/published/{POINTS}/{part}", 404)


def test_numbers_that_are_too_large_are_no_points(
    anybody: Person, database: Database, settings: Settings
) -> None:
    file = find_file(database, "bucket", "1/instances.ndjson")
    content = FileStore(settings.data_dir).path(file.digest)
    for line in UNFIT:
        content.write_text(FILES["instances"] + line)
        reason = anybody.refused("GET", f"/precomputed/published/{INSTANCES}/info", 404)
        assert reason == "Line 2 of this file is no point.", line[:80]
    largest = PLACE % ("3.4e38", 2**53)
    content.write_text(largest + PLACE % ("-3.4e38", "null"))
    info = read(anybody, INSTANCES, "info")
    assert info["upper_bound"][2] - info["lower_bound"][2] > 6e38
    assert struct.unpack("<4f", read(anybody, INSTANCES, "by_id/1"))[2:] == (
        pytest.approx(3.4e38),
        2**53,
    )


@pytest.mark.parametrize("number", ["nan", "1e39", "1e400", "-1", "9" * 30, "9" * 5000])
def test_what_is_no_number_of_a_file_or_point_is_not_found(anybody: Person, number: str) -> None:
    assert anybody.refused("GET", f"/precomputed/published/{number}/info", 400)
    for part in (f"by_id/{number}", f"spatial0/{number}_0_0", f"spatial{number}/0_0_0"):
        assert anybody.refused("GET", f"/precomputed/published/{POINTS}/{part}", 404)


def test_viewers_come_again_while_points_cannot_be_read(
    app: Flask, monkeypatch: pytest.MonkeyPatch, anybody: Person
) -> None:
    recent = RecentPoints(patience=0)
    monkeypatch.setattr(app.extensions["tmserver"], "recent_points", recent)

    def make() -> Points:
        for part in PARTS:
            busy = anybody.request("GET", f"/precomputed/published/{POINTS}/{part}")
            assert (busy.status_code, busy.headers["Retry-After"]) == (503, "2")
        return Points(cave_schemas()["bound_tag"], "pt", [1, 1, 1], [])

    recent.get("others", make)
    assert read(anybody, POINTS, "info")["dimensions"]
    with without_database(app):
        assert anybody.refused("GET", f"/precomputed/published/{POINTS}/info", 503)
