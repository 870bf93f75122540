"""Every migration forward and back, with rows in all tables, on both databases."""

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import select, text

from tests.services import rows
from tests.services.rows import Rows
from tests.tmlib.db import first_revision
from tmlib import schema
from tmlib.accounts import audit_entries
from tmlib.accounts.audit_entries import WhichResource
from tmlib.db import Connections, Database, connections, revision
from tmlib.db.spatial import in_box
from tmlib.errors import DatabaseBusy
from tmlib.experiments import deletion, service
from tmlib.objects.models import Mapobject, MapobjectSegmentation
from tmlib.objects.service import count_objects, get_mapobject_info, get_segmentation_layers
from tmlib.objects.writing.object_ids import ids_of_site
from tmlib.settings import Settings
from tmlib.workflow.deletion import delete_experiment
from tmlib.workflow.status import status


@pytest.fixture
def empty(database: Database) -> Database:
    schema.downgrade(database, "base")
    return database


def revisions() -> list[str]:
    script = ScriptDirectory.from_config(revision.migrations())
    return [one.revision for one in script.walk_revisions()][::-1]


def kept(before: Rows, after: Rows) -> Rows:
    """The rows of tables that there were before, as far as the columns go that there are after."""
    return {
        table: [
            {name: value for name, value in row.items() if name in (after[table] or [row])[0]}
            for row in found
        ]
        for table, found in before.items()
        if table in after
    }


@pytest.mark.slow
def test_each_revision_keeps_what_was_there(empty: Database) -> None:
    schema.upgrade(empty, revisions()[0])
    known = rows.tables(empty)
    for present, following in itertools.pairwise(revisions()):
        rows.fill(empty, known)
        before = rows.content(empty, known)
        schema.upgrade(empty, following)
        known = rows.tables(empty)
        after = rows.content(empty, known)
        assert kept(before, after) == kept(after, before), following
        schema.downgrade(empty, present)
        assert rows.content(empty) == before, following
        schema.upgrade(empty, following)
    rows.fill(empty)
    assert all(rows.content(empty).values())
    assert schema.differences(empty) == []


def test_what_the_first_version_has_left_is_read_by_this_one(
    empty: Database, tmp_path: Path
) -> None:
    schema.upgrade(empty, "0001")
    first_revision.load(empty)
    schema.upgrade(empty)
    with empty.session() as session:
        (experiment,) = service.list_experiments(session, None)
        assert (experiment.name, experiment.user_name) == ("Färbung 3", "mara")
        assert count_objects(session, experiment.id) == {"Plates": 1, "Cells": 2}
        info = get_mapobject_info(session, experiment.id, 12)
        assert (info.type, info.plate_name, info.well_name, info.label) == ("Cells", "P1", "B03", 2)
        layer = get_segmentation_layers(session, experiment.id, "Cells")[0]
        segmentation = MapobjectSegmentation
        inside = in_box(
            session,
            segmentation.id,
            segmentation.segmentation_layer_id,
            segmentation.outline,
            layer.id,
            (0, 0, 25, 25),
        )
        found = session.scalars(
            select(segmentation).where(segmentation.experiment_id == experiment.id, inside)
        ).one()
        assert (found.mapobject_id, found.outline.bounds) == (11, (10, 10, 20, 20))
        state = status(session, experiment.id)
        assert state is not None
        assert (state["state"], state["percent_done"]) == ("TERMINATED", 100)
    delete_experiment(empty, Settings(data_dir=tmp_path), experiment.id)
    deletion.finish(empty, tmp_path, 60)
    with empty.session() as session:
        assert session.scalars(select(segmentation)).all() == []


def test_audit_entries_of_experiments_become_those_of_resources(empty: Database) -> None:
    schema.upgrade(empty, "0019")
    rows.fill(empty)
    with empty.transaction() as session:
        session.execute(text("UPDATE audit_events SET experiment_id = 7, experiment_name = 'Old'"))
    schema.upgrade(empty)
    with empty.session() as session:
        which = [WhichResource("experiment", 7, "Old")]
        [entry] = audit_entries.find(session, resources=which, limit=2)
    assert (entry.resource_kind, entry.resource_id, entry.resource_name) == which[0]


def test_work_of_other_owners_than_experiments_is_gone_with_all_its_parts(empty: Database) -> None:
    schema.upgrade(empty, "0021")
    rows.fill(empty)
    with empty.transaction() as session:
        # those belong to experiments
        for table in ("tool_results", "tool_models"):
            session.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - a constant
        for table in ("submissions", "jobs"):
            session.execute(text(f"UPDATE {table} SET owner_kind = 'installation'"))  # noqa: S608 - a constant
    schema.downgrade(empty, "0020")
    left = rows.content(empty)
    assert [left[table] for table in ("submissions", "tasks", "jobs")] == [[], [], []]


def test_objects_of_several_time_points_keep_the_ids_that_they_had(empty: Database) -> None:
    """Of those with one type, site and label the first is found by its label from now on."""
    schema.upgrade(empty, "0013")
    objects = ((11, 4, 1, 0), (12, 4, 2, 0), (13, 4, 1, 1), (14, 5, 1, 0), (15, 4, None, 0))
    with empty.transaction() as session:
        if not empty.is_sqlite:
            for parent in rows.PARENTS:
                session.execute(
                    text(f"CREATE TABLE {parent}_3 PARTITION OF {parent} FOR VALUES IN (3)")
                )
        outline = rows.SQUARE.wkb if empty.is_sqlite else rows.SQUARE.wkb_hex
        for number, site_id, label, tpoint in objects:
            values = {"number": number, "site": site_id, "label": label, "layer": 7 + tpoint}
            session.execute(text("INSERT INTO mapobjects VALUES (3, :number, 2, :site)"), values)
            session.execute(
                text(
                    "INSERT INTO mapobject_segmentations VALUES "
                    "(3, :number, :number, :layer, :label, false, 1, 1, :outline)"
                ),
                values | {"outline": outline},
            )
    schema.upgrade(empty)
    with empty.session() as session:
        found = session.execute(
            select(Mapobject.id, Mapobject.ref_id, Mapobject.label).order_by(Mapobject.id)
        ).all()
        outlined = session.execute(
            select(MapobjectSegmentation.mapobject_id, MapobjectSegmentation.label).order_by(
                MapobjectSegmentation.mapobject_id
            )
        ).all()
        assert ids_of_site(session, 3, 2, 4) == {1: 11, 2: 12}
    assert list(map(tuple, found)) == [
        (11, 4, 1), (12, 4, 2), (13, 4, None), (14, 5, 1), (15, 4, None)
    ]  # fmt: skip
    assert list(map(tuple, outlined)) == [(one[0], one[2]) for one in objects]


def test_two_upgrades_at_once_wait_for_each_other(empty: Database) -> None:
    problems = []

    def upgrade() -> None:
        try:
            schema.upgrade(empty)
        except Exception as error:  # noqa: BLE001 - shown below
            problems.append(error)

    threads = [threading.Thread(target=upgrade) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert revision.current(empty) == revision.needed()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_an_upgrade_takes_as_long_as_it_needs(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_GRACE_SECONDS", 0)
    hurried = Database(database_url, Connections(statement_seconds=0.5))
    wait = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND wait_event = 'advisory' AND clock_timestamp() - query_start > interval '1.5 s'"
    )
    with ThreadPoolExecutor() as threads:
        with database.transaction() as first:
            first.execute(text(f"SELECT pg_advisory_xact_lock({schema._LOCK_KEY})"))
            upgrade = threads.submit(schema.upgrade, hurried)
            while not upgrade.done():
                with database.session() as session:
                    if session.scalar(wait):
                        break
        upgrade.result()
    hurried.close()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_an_upgrade_does_not_make_others_wait_for_long(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "_LOCK_SECONDS", 0.2)
    with database.session() as reader:
        reader.execute(text("SELECT count(*) FROM experiments"))
        with pytest.raises(DatabaseBusy):
            schema.downgrade(database, "base")
    assert revision.current(database) == revision.needed()
    assert schema.differences(database) == []
