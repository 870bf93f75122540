import io
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.services.catalogue import Rows, document, random_rows
from tmlib.db import Database
from tmlib.digests import digest_of
from tmlib.errors import BadInput
from tmlib.portal.bucket_import import import_catalogue, missing_files
from tmlib.portal.declaration import ENTITIES
from tmlib.portal.files import FileStore, PublishedFile
from tmlib.portal.importing import import_rows
from tmlib.portal.models import TABLES
from tmlib.portal.reading import Reader

MOMENT = "2024-05-01"

DEPOSITION = {
    "id": 10000,
    "title": "Ribosomes",
    "description": "in cells",
    "deposition_date": MOMENT,
    "release_date": "2024-05-01T12:00:00Z",
    "last_modified_date": "2024-05-01T12:00:00.5+02:00",
}
TYPE = {"id": 1, "deposition_id": 10000, "type": "dataset"}


def count(database: Database) -> int:
    with database.session() as session:
        return sum(
            session.execute(select(func.count()).select_from(table)).scalar_one()
            for table in TABLES.values()
        )


def take(database: Database, content: Any, **options: Any) -> dict[str, int]:
    with database.transaction() as session:
        return import_rows(session, content, **options)


def test_all_rows_are_there_as_they_were(database: Database, rows: Rows) -> None:
    told = take(database, json.loads(json.dumps(document(rows))))
    assert told["TiltSeries"] == len(rows["Tiltseries"])
    assert "Tiltseries" not in told
    for name, content in rows.items():
        names = list(ENTITIES[name].fields)
        with database.connection() as connection:
            found = Reader(connection).rows(ENTITIES[name], names)
        columns = [ENTITIES[name].fields[one].column for one in names]
        assert [tuple(row.values()) for row in found] == [
            tuple(row[column] for column in columns)
            for row in sorted(content, key=lambda row: row["id"])
        ]


def test_catalogues_can_refer_to_what_is_there(database: Database) -> None:
    take(database, {"Deposition": [DEPOSITION]})
    take(database, {"DepositionType": [TYPE]})
    assert count(database) == 2


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"title": None}, "Deposition 10000: title: it is missing"),
        ({"title": 3}, "Deposition 10000: title: 3 is no text"),
        ({"title": "a\0"}, "Deposition 10000: title: A text has a character that is none"),
        ({"name": "x"}, "Deposition 10000: there is no attribute name"),
        ({"release_date": "soon"}, "Deposition 10000: release_date: 'soon' is no point in time"),
        ({"id": 2**31}, "id: 2147483648 is no id"),
        ({"id": "1"}, "id: '1' is no id"),
        ({"id": None}, "Deposition, row 1: id: it is missing"),
    ],
)
def test_what_is_wrong_with_a_row_is_named(
    database: Database, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(BadInput) as refused:
        take(database, {"Deposition": [{**DEPOSITION, **changes}]})
    assert reason in refused.value.message
    assert count(database) == 0


@pytest.mark.parametrize(
    ("content", "reasons"),
    [
        ([], ["it is no JSON object"]),
        ({"Deposit": []}, ["Deposit: there is no such class"]),
        ({"Deposition": {}}, ["Deposition: it is no list"]),
        ({"Deposition": [3]}, ["Deposition, row 1: it is no JSON object"]),
        ({"Deposition": [DEPOSITION, DEPOSITION]}, ["Deposition 10000: there are several"]),
        ({"DepositionType": [TYPE]}, ["DepositionType 1: deposition_id: there is no Deposition"]),
        (
            {"Deposition": [DEPOSITION], "DepositionType": [{**TYPE, "type": "film"}]},
            ["DepositionType 1: type: 'film' is none of annotation, dataset, tomogram"],
        ),
        (
            {"Deposition": [{"id": 1}], "DepositionType": [{**TYPE, "id": 0}]},
            ["Deposition 1: title: it is missing", "DepositionType 0: id: 0 is no id"],
        ),
    ],
)
def test_nothing_is_taken_unless_all_is_right(
    database: Database, content: Any, reasons: list[str]
) -> None:
    with pytest.raises(BadInput) as refused:
        take(database, content)
    for reason in reasons:
        assert reason in refused.value.message
    assert count(database) == 0


def test_ids_that_are_taken_are_named(database: Database) -> None:
    take(database, {"Deposition": [DEPOSITION]})
    with pytest.raises(BadInput, match="Deposition 10000: the catalogue has one with this id"):
        take(database, {"Deposition": [DEPOSITION], "DepositionType": [TYPE]})
    assert count(database) == 1


def test_numbers_that_are_too_large_are_named(database: Database, rows: Rows) -> None:
    content = document(rows)
    frame = content["Frame"][0]
    for number in (10**400, -(10**400), float("inf"), float("nan")):
        frame["file_size"] = number
        with pytest.raises(BadInput, match=f"Frame {frame['id']}: file_size: .*(no n|too l)"):
            take(database, content)


def test_contents_are_those_that_were_read(tmp_path: Path) -> None:
    class Changing(type(tmp_path)):  # type: ignore[misc] # the class of paths of this system
        """A file that others change as soon as somebody has opened it."""

        def open(self, *arguments: Any, **options: Any) -> Any:
            content = io.BytesIO(self.read_bytes())
            self.write_bytes(b"changed, and longer")
            return content

        def read_bytes(self) -> bytes:
            return Path(self).read_bytes()

        def write_bytes(self, content: Any) -> int:
            return Path(self).write_bytes(content)

    (tmp_path / "file").write_bytes(b"content")
    store = FileStore(tmp_path / "data")
    kept = store.keep("key", Changing(tmp_path / "file"))
    assert kept.size == len(b"content")
    assert store.path(kept.digest).read_bytes() == b"content"
    assert digest_of(b"content") == kept.digest


def test_folders_of_contents_are_there_after_a_power_failure(
    tmp_path: Path, steps: list[str]
) -> None:
    (tmp_path / "file").write_bytes(b"content")
    store = FileStore(tmp_path)
    folder = store.path(digest_of(b"content")).parent
    kept = store.keep("key", tmp_path / "file")
    assert {f"sync {tmp_path.name}", f"sync {folder.parent.name}"} <= set(steps)
    store.sync([kept])
    assert steps[-1] == f"sync {folder.name}"


def test_nothing_is_published_that_a_folder_leads_to_outside(
    database: Database, tmp_path: Path
) -> None:
    """It may be a secret that the server can read, and who imports has not looked for."""
    (tmp_path / "secret").write_text("secret")
    folder, store = tmp_path / "bucket", FileStore(tmp_path / "data")
    folder.mkdir()
    (folder / "a.json").write_text("{}")
    (folder / "b.json").symlink_to("a.json")
    link = folder / "c.json"
    link.symlink_to(tmp_path / "secret")
    [dataset] = document(random_rows(seed=3, n_rows=1))["Dataset"]
    dataset |= {"deposition_id": 10000, "s3_prefix": "s3://bucket/"}
    content = {"Deposition": [DEPOSITION], "Dataset": [dataset]}
    with pytest.raises(BadInput, match="is a link out of"):
        import_catalogue(database, store, content, folder, without_files=True)
    assert count(database) == 0
    link.unlink()
    import_catalogue(database, store, content, folder, without_files=True)
    with database.session() as session:
        keys = session.scalars(select(PublishedFile.key).order_by(PublishedFile.key)).all()
    assert keys == ["a.json", "b.json"]


def test_files_that_rows_name_have_to_be_there(database: Database, tmp_path: Path) -> None:
    rows = document(random_rows(seed=3, n_rows=1))
    [file], [run] = rows["AnnotationFile"], rows["Run"]
    rows = {"Deposition": rows["Deposition"], "Dataset": rows["Dataset"], "Run": [run]}
    rows["AnnotationFile"] = [{**file, "alignment_id": None, "annotation_shape_id": None}]
    rows["AnnotationFile"][0] |= {"format": "zarr", "tomogram_voxel_spacing_id": None}
    rows["Dataset"][0]["s3_prefix"] = "s3://bucket/1/"
    run["s3_prefix"] = "s3://bucket/1/run/"
    rows["AnnotationFile"][0]["s3_path"] = "s3://bucket/1/run/masks.zarr"

    def check(rows: Rows) -> Any:
        return missing_files(rows, tmp_path)

    with pytest.raises(BadInput) as refused:
        take(database, rows, check=check)
    assert str(tmp_path / "1/run/masks.zarr") in refused.value.message
    assert refused.value.message.count("s3_prefix: there are no files in") == 2

    chunk = tmp_path / "1/run/masks.zarr/0/0"
    chunk.parent.mkdir(parents=True)
    chunk.write_bytes(b"-")
    run["s3_prefix"] = "s3://bucket/1/run"
    with pytest.raises(BadInput, match="has no slash at its end"):
        take(database, rows, check=check)
    run["s3_prefix"] += "/"
    assert take(database, rows, check=check)["Run"] == 1
