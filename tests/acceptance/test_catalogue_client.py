"""The published client of the CryoET Data Portal reads the catalogue, unmodified."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graphql import print_schema
from sqlalchemy import select

from tests.services import catalogue_client, environments
from tests.services.catalogue import Rows, document, fits, random_rows, related
from tests.services.installation import Installation, clean_environment
from tmlib.db import Database
from tmlib.portal.declaration import ENTITIES
from tmlib.portal.importing import import_rows
from tmlib.portal.models import TABLES
from tmserver.portal.schema import SCHEMA

SESSION = Path(__file__).with_name("catalogue_client_session.py")
SPACING = "10000/run/Reconstructions/VoxelSpacing10.000"
NEWEST = catalogue_client.VERSIONS[0]

# the first run also installs the client
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def rows() -> Rows:
    return random_rows(seed=5, n_rows=12)


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of one dataset, below it as their keys say."""
    folder = tmp_path_factory.mktemp("bucket")
    volume = np.arange(2 * 3 * 4, dtype="f4").tobytes()
    for key, content in {
        "10000/dataset_metadata.json": b"{}",
        "10000/run/Frames/frame_0.mrc": volume,
        "10000/run/TiltSeries/1/run.mrc": volume,
        "10000/run/TiltSeries/1/run.rawtlt": b"0.0\n",
        "10000/run/TiltSeries/1/run.zarr/.zattrs": b"{}",
        f"{SPACING}/Tomograms/1/run.mrc": volume * 400_000,  # in parts, by S3
        f"{SPACING}/Tomograms/1/run.zarr/.zattrs": b"{}",
        f"{SPACING}/Tomograms/1/run.zarr/0/0/0/0": volume,
        f"{SPACING}/Annotations/1/points.ndjson": b'{"type": "point"}\n',
        f"{SPACING}/Annotations/1/masks.zarr/0/0/0/0": volume,
        f"{SPACING}/Annotations/1/metadata.json": b"{}",
    }.items():
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def catalogue(
    installation: Installation, rows: Rows, bucket: Path, tmp_path_factory: pytest.TempPathFactory
) -> Installation:
    """The running product with rows of every class, and a dataset with files."""
    with_files = tmp_path_factory.mktemp("document") / "catalogue.json"
    with_files.write_text(json.dumps(dataset_of(rows, f"{installation.url}/s3/portal-test")))
    database = Database(installation.database_url)
    with database.transaction() as session:
        import_rows(session, document(rows))
    database.close()
    environment = clean_environment(installation.data_dir, installation.database_url)
    command = [sys.executable, "-m", "tmserver", "catalogue", "import", str(with_files)]
    subprocess.run([*command, "--files", str(bucket)], env=environment, check=True)
    return installation


def dataset_of(rows: Rows, https: str) -> dict[str, Any]:
    """A dataset with one row of each class that has files, which are where the rows say."""
    names: tuple[str, ...] = (
        "Deposition",
        "Dataset",
        "Run",
        "Frame",
        "Tiltseries",
        "TomogramVoxelSpacing",
    )
    names += ("Alignment", "Tomogram", "Annotation", "AnnotationShape", "AnnotationFile")
    classes = {ENTITIES[name].client_name: name for name in names}
    made = document({name: rows[name][:1] for name in names})
    for name, [row] in made.items():
        row["id"] = 10000
        for item in ENTITIES[classes[name]].items:
            row[item.column] = 10000
        for column in row:
            if column.startswith(("s3_", "https_", "key_photo")):
                row[column] = None
    paths = {
        "Dataset": {"prefix": "10000/"},
        "Run": {"prefix": "10000/run/"},
        "Frame": {"frame_path": "10000/run/Frames/frame_0.mrc"},
        "TiltSeries": {
            "mrc_file": "10000/run/TiltSeries/1/run.mrc",
            "omezarr_dir": "10000/run/TiltSeries/1/run.zarr",
            "angle_list": "10000/run/TiltSeries/1/run.rawtlt",
        },
        "TomogramVoxelSpacing": {"prefix": f"{SPACING}/"},
        "Tomogram": {
            "mrc_file": f"{SPACING}/Tomograms/1/run.mrc",
            "omezarr_dir": f"{SPACING}/Tomograms/1/run.zarr",
        },
        "Annotation": {"metadata_path": f"{SPACING}/Annotations/1/metadata.json"},
        "AnnotationFile": {"path": f"{SPACING}/Annotations/1/points.ndjson"},
    }
    for name, keys in paths.items():
        for attribute, key in keys.items():
            made[name][0][f"s3_{attribute}"] = f"s3://portal-test/{key}"
            made[name][0][f"https_{attribute}"] = f"{https}/{key}"
    [file] = made["AnnotationFile"]
    file["format"] = "ndjson"
    masks = f"{SPACING}/Annotations/1/masks.zarr"
    as_zarr = {"s3_path": f"s3://portal-test/{masks}", "https_path": f"{https}/{masks}"}
    made["AnnotationFile"].append({**file, **as_zarr, "id": 10001, "format": "zarr"})
    return made


@pytest.fixture(scope="module", params=catalogue_client.VERSIONS + catalogue_client.BETWEEN)
def version(request: pytest.FixtureRequest, pytestconfig: pytest.Config) -> str:
    chosen: str = request.param
    if chosen in catalogue_client.BETWEEN and pytestconfig.getoption("--databases") != "all":
        pytest.skip("versions between the newest and an old one are asked by make test-all")
    return chosen


@pytest.fixture(scope="module")
def kept(
    catalogue: Installation,
    version: str,
    pytestconfig: pytest.Config,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """What a version of the client has found."""
    folder = tmp_path_factory.mktemp("found")
    python = catalogue_client.python(pytestconfig, version)
    environments.run(python, SESSION, catalogue.url, folder)
    found: dict[str, Any] = json.loads((folder / "kept.json").read_text())
    return {**found, "folder": folder}


@pytest.fixture(scope="module")
def all_rows(rows: Rows, catalogue: Installation) -> Rows:
    """What the catalogue has."""
    database = Database(catalogue.database_url)
    with database.connection() as connection:
        read = {
            name: connection.execute(select(TABLES[name])).mappings().all() for name in ENTITIES
        }
    database.close()
    return {name: [dict(row) for row in found] for name, found in read.items()}


def test_it_finds_every_row_of_every_class(
    kept: dict[str, Any], all_rows: Rows, version: str
) -> None:
    expected = document(all_rows)
    if version == NEWEST:
        assert set(kept["listed"]) == set(expected)
    for name, found in kept["listed"].items():
        # an old version does not know all attributes
        known = set(found[0])
        assert found == [
            {column: value for column, value in row.items() if column in known}
            for row in sorted(expected[name], key=lambda row: row["id"])
        ], name
        assert kept["got"][name] == found[: len(kept["got"][name])]
        if version == NEWEST:
            assert known == set(expected[name][0])
    assert kept["nothing"] is None


def test_it_follows_every_relation(kept: dict[str, Any], all_rows: Rows, version: str) -> None:
    by_client_name = {entity.client_name: entity for entity in ENTITIES.values()}
    n_followed = 0
    for name, followed in kept["related"].items():
        entity = by_client_name[name]
        relations = {one.name: wire for wire, one in entity.relations.items()}
        by_id = {row["id"]: row for row in all_rows[entity.name]}
        for number, found in followed.items():
            for relation, told in found.items():
                there = related(all_rows, entity, by_id[int(number)], relations[relation])
                numbers = sorted(row["id"] for row in there)
                assert told == (numbers if isinstance(told, list) else next(iter(numbers), None))
            n_followed += len(found)
        if version == NEWEST:
            assert set(found) == set(relations)
    assert n_followed >= 3 * 60


def test_it_finds_what_fits_filters(kept: dict[str, Any], all_rows: Rows) -> None:
    filters: dict[str, tuple[str, dict[str, Any]]] = {
        "text": ("Run", {"name": {"_ilike": "%a%"}}),
        "not text": ("Run", {"name": {"_neq": "a", "_like": "%_%"}}),
        "list": ("Annotation", {"objectName": {"_in": ["a", "A", "z"]}}),
        "none": ("Annotation", {"objectState": {"_is_null": True}}),
        "number": ("Tomogram", {"sizeX": {"_gte": 10, "_lt": 40}}),
        "enumeration": ("Dataset", {"sampleType": {"_eq": "tissue"}}),
        "up": ("Tomogram", {"run": {"dataset": {"deposition": {"id": {"_gt": 10}}}}}),
        "down": ("Run", {"annotations": {"annotationShapes": {"shapeType": {"_eq": "Point"}}}}),
        "deep": (
            "Dataset",
            {"runs": {"tomograms": {"tomogramVoxelSpacing": {"run": {"dataset": {}}}}}},
        ),
        "empty": ("Run", {}),
        "many": ("Run", {"id": {"_lt": 5000}}),
    }
    for key, (name, where) in filters.items():
        some = [row for row in all_rows[name] if fits(all_rows, ENTITIES[name], row, where)]
        assert kept["found"][key] == sorted(row["id"] for row in some), key
    assert kept["found"]["moment"] == sorted(
        row["id"] for row in all_rows["Dataset"] if row["release_date"].isoformat() >= "2023-12-31"
    )


def test_it_downloads_what_there_is(kept: dict[str, Any], bucket: Path) -> None:
    folder: Path = kept["folder"]
    assert contents(folder / "everything" / "10000") == contents(bucket / "10000")
    assert contents(folder / "run" / "run") == contents(bucket / "10000" / "run")
    frames = contents(folder / "frames")
    assert {name.rpartition("/")[2] for name in frames} == {"frame_0.mrc"}
    assert contents(folder / "spacing") == {
        f"Reconstructions/VoxelSpacing10.000/{name}": content
        for name, content in contents(bucket / SPACING).items()
    }
    tomogram = contents(bucket / SPACING / "Tomograms" / "1")
    assert contents(folder / "tomogram") == tomogram
    series = contents(folder / "series")
    assert series == contents(bucket / "10000" / "run" / "TiltSeries" / "1")
    annotations = contents(folder / "annotations")
    assert annotations == contents(bucket / SPACING / "Annotations" / "1")


def contents(folder: Path) -> dict[str, bytes]:
    """The files in a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_boto_is_told_what_is_not_there(kept: dict[str, Any]) -> None:
    assert kept["refused"] == {
        "missing": "NoSuchKey",
        "missing head": "404",
        "bucket": "NoSuchBucket",
        "range": "InvalidRange",
        "write": "MethodNotAllowed",
        "delete": "MethodNotAllowed",
    }


def test_the_schema_is_the_one_that_it_carries(kept: dict[str, Any], version: str) -> None:
    if version == NEWEST:
        assert print_schema(SCHEMA).split() == kept["schema"].split()
