from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.services.catalogue import document, random_rows
from tmlib.db import Database
from tmlib.errors import BadInput, Conflict, NotFound
from tmlib.portal.bucket_import import import_catalogue
from tmlib.portal.declaration import ENTITIES
from tmlib.portal.files import FileStore, KeptFile, PublishedFile, publish
from tmlib.portal.importing import import_rows
from tmlib.portal.models import TABLES
from tmlib.portal.withdrawal import list_depositions, withdraw


def deposition(number: int) -> dict[str, Any]:
    """One row of each class, all of one deposition."""
    made = document(random_rows(seed=number, n_rows=1))
    by_name = {entity.client_name: entity for entity in ENTITIES.values()}
    for name, [row] in made.items():
        row["id"] = number
        for item in by_name[name].items:
            row[item.column] = number
    made["Dataset"][0]["s3_prefix"] = f"s3://bucket/{number}/"
    made["GainFile"][0]["s3_file_path"] = f"s3://bucket/gains/{number}.mrc"
    return made


def counts(database: Database) -> set[int]:
    with database.session() as session:
        return {
            session.scalar(select(func.count()).select_from(table)) or 0
            for table in TABLES.values()
        }


def keys(database: Database) -> list[str]:
    with database.session() as session:
        return list(session.scalars(select(PublishedFile.key).order_by(PublishedFile.key)))


@pytest.fixture
def published(database: Database) -> Database:
    """Two depositions with files."""
    files = ("10/run/a.mrc", "10.mrc", "100/a.mrc", "20/a.mrc", "gains/10.mrc", "gains/20.mrc")
    with database.transaction() as session:
        for number in (10, 20):
            import_rows(session, deposition(number))
        publish(session, "bucket", [KeptFile(key, 1, "0" * 64) for key in files])
    return database


def test_all_that_belongs_to_a_deposition_goes_with_it(published: Database) -> None:
    assert counts(published) == {2}
    with published.transaction() as session:
        told = withdraw(session, 10, "The wrong sample.")
    assert told == {entity.client_name: 1 for entity in ENTITIES.values()}
    assert counts(published) == {1}
    assert keys(published) == ["10.mrc", "100/a.mrc", "20/a.mrc", "gains/20.mrc"]
    with published.session() as session:
        (ten, title, _, reason), (twenty, *_, none) = list_depositions(session)
    assert (ten, title, reason) == (
        10,
        deposition(10)["Deposition"][0]["title"],
        "The wrong sample.",
    )
    assert (twenty, none) == (20, None)


def test_the_number_of_what_was_withdrawn_is_not_given_again(
    published: Database, tmp_path: Path
) -> None:
    with published.transaction() as session:
        withdraw(session, 10, "The wrong sample.")
    store = FileStore(tmp_path)
    with pytest.raises(BadInput, match="Deposition 10: it was withdrawn"):
        import_catalogue(published, store, deposition(10), None, without_files=True)
    assert counts(published) == {1}


def test_what_happens_while_files_are_copied_is_seen(published: Database, tmp_path: Path) -> None:
    wanted = deposition(30)

    class Interrupted(FileStore):
        """Others import the same while files are copied, and withdraw it."""

        def sync(self, files: Iterable[KeptFile]) -> None:
            with published.transaction() as session:
                import_rows(session, deposition(30))
            with published.transaction() as session:
                withdraw(session, 30, "The wrong sample.")

    with pytest.raises(BadInput, match="Deposition 30: it was withdrawn"):
        import_catalogue(published, Interrupted(tmp_path), wanted, None, without_files=True)
    assert counts(published) == {2}


def test_what_another_deposition_has_there_is_named(published: Database) -> None:
    [annotation] = deposition(20)["Annotation"]
    annotation |= {"id": 30, "run_id": 10, "tomogram_voxel_spacing_id": None}
    with published.transaction() as session:
        import_rows(session, {"Annotation": [annotation]})
    with (
        pytest.raises(Conflict, match="Annotation 30 of the deposition 20"),
        published.transaction() as session,
    ):
        withdraw(session, 10, "The wrong sample.")
    assert len(keys(published)) == 6
    with published.transaction() as session:
        withdraw(session, 20, "First.")
        withdraw(session, 10, "Then.")
    assert counts(published) == {0}


def test_rows_are_of_the_deposition_of_what_they_describe(published: Database) -> None:
    [file] = deposition(20)["AnnotationFile"]
    file |= {"id": 30, "annotation_shape_id": 20, "tomogram_voxel_spacing_id": 10}
    file |= {"alignment_id": None}
    with published.transaction() as session:
        import_rows(session, {"AnnotationFile": [file]})
    with (
        pytest.raises(Conflict, match="AnnotationFile 30 of the deposition 20"),
        published.transaction() as session,
    ):
        withdraw(session, 10, "The wrong sample.")
    assert len(keys(published)) == 6
    with published.transaction() as session:
        withdraw(session, 20, "First.")
    assert counts(published) == {1}


def test_files_that_others_name_stay(published: Database) -> None:
    ours, theirs = deposition(10), deposition(20)
    shared = [
        {**theirs["GainFile"][0], "id": 31, "s3_file_path": "s3://bucket/gains/10.mrc"},
        {**theirs["GainFile"][0], "id": 32, "s3_file_path": "s3://bucket/10/run/theirs.mrc"},
        {**ours["GainFile"][0], "id": 33, "s3_file_path": "s3://bucket/20/ours.mrc"},
    ]
    with published.transaction() as session:
        import_rows(session, {"GainFile": shared})
        more = ("10/run/theirs.mrc", "20/ours.mrc")
        publish(session, "bucket", [KeptFile(key, 1, "0" * 64) for key in more])
    with published.transaction() as session:
        withdraw(session, 10, "The wrong sample.")
    assert keys(published) == [
        *("10.mrc", "10/run/theirs.mrc", "100/a.mrc", "20/a.mrc", "gains/10.mrc", "gains/20.mrc")
    ]


def test_what_is_not_there_cannot_be_withdrawn(published: Database) -> None:
    with pytest.raises(NotFound, match="deposition 3"), published.transaction() as session:
        withdraw(session, 3, "-")
