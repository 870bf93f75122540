"""Deleting experiments: seen by nobody at once, nothing left in the end, nobody held up."""

import errno
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from sqlalchemy import inspect, select, text, update

from tests.services import rows
from tests.services.ledger import ListQueue
from tests.services.rows import PARENTS
from tmlib.accounts.models import User
from tmlib.db import Base, Connections, Database, portions
from tmlib.db.base import now
from tmlib.db.counters import reserve
from tmlib.db.spatial import RTREE
from tmlib.errors import DatabaseBusy, NotFound
from tmlib.experiments import deletion as experiments
from tmlib.experiments import service
from tmlib.experiments.models import Experiment
from tmlib.experiments.ownership import lock_experiment, owner
from tmlib.experiments.sharing import ExperimentRow
from tmlib.ledger import interactive, owners
from tmlib.ledger.models import Job, State, Submission, Task
from tmlib.objects import deletion as objects
from tmlib.objects.mapobject_types import delete_type, ensure_layer, ensure_mapobject_type
from tmlib.objects.models import Mapobject
from tmlib.objects.writing.recording import insert_objects
from tmlib.settings import Settings
from tmlib.storage import ExperimentStorage
from tmlib.workflow import deletion


def owned_tables() -> set[str]:
    """Tables whose rows belong to an experiment, by whatever way."""
    found = {"experiments", RTREE, *PARENTS}
    for table in Base.metadata.sorted_tables:
        if "owner_kind" in table.c or found & {key.column.table.name for key in table.foreign_keys}:
            found.add(table.name)
    return found


def create(database: Database, name: str) -> int:
    with database.transaction() as session:
        user = session.scalar(select(User))
        if user is None:
            user = User(name="ada", email="ada@lab.example", password_hash="-")
            session.add(user)
            session.flush()
        return service.create_experiment(
            session, user.id, name=name, microscope_type="cellvoyager", plate_format=96
        ).id


def add_objects(database: Database, experiment_id: int, n: int) -> int:
    """Objects of a type of their own, whose number is returned."""
    with database.transaction() as session:
        type_id = ensure_mapobject_type(session, experiment_id, f"Cells {now()}", "Site")
        insert_objects(
            session,
            experiment_id=experiment_id,
            mapobject_type_id=type_id,
            layer_id=ensure_layer(session, type_id, 0, 0, as_polygons=True),
            ref_ids=[1] * n,
            mapobject_ids=reserve(session, n, "mapobjects"),
            segmentation_ids=reserve(session, n, "mapobject_segmentations"),
            labels=list(range(1, n + 1)),
            is_border=[False] * n,
            centroids=np.zeros((n, 2)),
            geometries=np.full(n, shapely.box(0, 0, 1, 1), dtype=object),
        )
    return type_id


def listed(database: Database) -> list[ExperimentRow]:
    with database.session() as session:
        return service.list_experiments(session, None)


def count(database: Database, experiment_id: int) -> int:
    with database.session() as session:
        query = select(Mapobject.id).where(Mapobject.experiment_id == experiment_id)
        return len(session.scalars(query).all())


def remove(database: Database, settings: Settings, seconds: float = 60) -> None:
    objects.finish(database, seconds)
    experiments.finish(database, settings.data_dir, seconds)


def assert_nothing_is_left(database: Database, data_dir: Path) -> None:
    left = {table for table, found in rows.content(database).items() if found}
    assert not left & owned_tables()
    names = inspect(database.engine).get_table_names()
    assert not [name for name in names if name.startswith("mapobject") and name[-1].isdigit()]
    assert not ExperimentStorage(data_dir, 1).root.exists()


@pytest.fixture
def full(database: Database, settings: Settings) -> int:
    """Experiment 1, which has a row in each table, objects and files."""
    experiment_id = create(database, "screen")
    add_objects(database, experiment_id, 50)
    rows.fill(database)
    root = ExperimentStorage(settings.data_dir, experiment_id).root
    for folder in (root / "plates" / "a", root / "mosaics"):
        folder.mkdir(parents=True)
        for number in range(3):
            (folder / f"{number}").write_bytes(b"x")
    return experiment_id


def test_nothing_is_left(database: Database, settings: Settings, full: int) -> None:
    deletion.delete_experiment(database, settings, full)
    remove(database, settings)
    assert_nothing_is_left(database, settings.data_dir)


def test_jobs_of_others_are_kept(database: Database, settings: Settings, full: int) -> None:
    of_other = {"owner_kind": "installation", "owner_id": full}
    with database.transaction() as session:
        session.execute(update(Submission).values(of_other))
        session.execute(update(Job).values(of_other))
    deletion.delete_experiment(database, settings, full)
    remove(database, settings)
    with database.session() as session:
        assert session.scalar(select(Experiment.id)) is None
        assert session.scalar(select(Job.owner_kind)) == "installation"
        assert session.scalar(select(Submission.owner_id)) == full


def test_nothing_is_handed_in_for_a_deleted_one(
    database: Database, settings: Settings, full: int
) -> None:
    queue = ListQueue()
    deletion.delete_experiment(database, settings, full)
    with pytest.raises(NotFound, match="was deleted"):
        interactive.submit(
            database,
            queue,
            owner(full),
            1,
            program="writing",
            job_type="WritingJob",
            description={},
            jobs={"letter": {}},
        )
    assert queue.interactive_ids == []
    remove(database, settings)
    assert_nothing_is_left(database, settings.data_dir)


def test_it_ends_however_little_time_there_is_for_it(
    database: Database, settings: Settings, full: int
) -> None:
    deletion.delete_experiment(database, settings, full)
    for _ in range(100):
        remove(database, settings, 0)
    assert_nothing_is_left(database, settings.data_dir)


def test_it_is_out_of_sight_at_once_and_its_name_is_free(
    database: Database, settings: Settings, full: int
) -> None:
    deletion.delete_experiment(database, settings, full)
    with database.session() as session:
        assert session.get(Experiment, full) is not None
        assert service.list_experiments(session, None) == []
        with pytest.raises(NotFound):
            service.get_experiment(session, 1, full, "read", is_admin=True)
        with pytest.raises(NotFound):
            lock_experiment(session, full)
    other = create(database, "screen")
    with pytest.raises(NotFound):
        deletion.delete_experiment(database, settings, full)
    remove(database, settings)
    with database.session() as session:
        assert session.scalars(select(Experiment.id)).all() == [other]


def test_nothing_is_killed_for_it_while_something_is_handed_in(postgresql_url: str) -> None:
    database, impatient = (
        Database(postgresql_url, connections=Connections(lock_seconds=seconds))
        for seconds in (0, 0.1)
    )
    experiment_id = create(database, "screen")
    with database.transaction() as session:
        owners.hold(session, owner(experiment_id))
        with pytest.raises(DatabaseBusy), impatient.transaction() as deleting:
            lock_experiment(deleting, experiment_id)
    with impatient.transaction() as session:
        lock_experiment(session, experiment_id)
    for one in (database, impatient):
        one.close()


def test_files_of_jobs_that_still_run_are_waited_for(
    database: Database, settings: Settings, full: int
) -> None:
    with database.transaction() as session:
        session.scalars(select(Job)).one().state = State.RUNNING
        session.scalars(select(Task)).one().state = State.RUNNING
    deletion.delete_experiment(database, settings, full)
    with database.session() as session:
        assert session.scalars(select(Job.state)).one() is State.TERMINATED
    storage = ExperimentStorage(settings.data_dir, full)
    assert (storage.root / "mosaics" / "1").exists()
    with database.transaction() as session:  # the lease has passed
        experiments.hide(session, full)
    remove(database, settings)
    assert_nothing_is_left(database, settings.data_dir)


@pytest.mark.parametrize("pieces", [1, 4, 12, 20])
def test_another_process_finishes_what_one_that_was_killed_began(
    database: Database,
    settings: Settings,
    full: int,
    pieces: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with database.transaction() as session:
        experiments.hide(session, full)
    database.close()
    child = os.fork()
    if child == 0:
        remove_all = experiments._remove

        def cut_short(*arguments: Any) -> Iterator[None]:
            for number, _ in enumerate(remove_all(*arguments), start=1):
                if number == pieces:
                    os.kill(os.getpid(), signal.SIGKILL)
                yield

        monkeypatch.setattr(experiments, "_remove", cut_short)
        experiments.finish(database, settings.data_dir, 60)
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    remove(database, settings)
    with database.session() as session:  # another takes over only when the first must be dead
        assert session.get(Experiment, full) is not None
    with database.transaction() as session:
        experiments.hide(session, full)
    remove(database, settings)
    assert_nothing_is_left(database, settings.data_dir)


def test_many_rows_are_deleted_in_portions(
    database: Database, settings: Settings, full: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portions, "rows", lambda _: 7)
    monkeypatch.setattr(portions, "give_way", lambda _: None)
    deletion.delete_experiment(database, settings, full)
    remove(database, settings)
    assert_nothing_is_left(database, settings.data_dir)


def test_objects_of_a_deleted_type_are_removed_in_portions(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portions, "rows", lambda _: 7)
    monkeypatch.setattr(portions, "give_way", lambda _: None)
    experiment_id = create(database, "screen")
    type_id = add_objects(database, experiment_id, 20)
    add_objects(database, experiment_id, 5)
    with database.transaction() as session:
        delete_type(session, ExperimentStorage(settings.data_dir, experiment_id), type_id)
    remove(database, settings, 0)
    assert count(database, experiment_id) == 18
    remove(database, settings)
    assert count(database, experiment_id) == 5
    assert not rows.content(database)["deleted_mapobject_types"]


@contextmanager
def reading(database: Database) -> Iterator[None]:
    """Somebody reads all objects for long, as an export may do."""
    with database.session() as reader:
        reader.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        reader.execute(
            text("SELECT count(*) FROM mapobjects JOIN mapobject_segmentations USING (id)")
        )
        yield


def make_due(database: Database) -> None:
    """Let the time pass after which those are tried again that could not be removed."""
    with database.transaction() as session:
        due = Experiment.deletion_due.is_not(None)
        session.execute(update(Experiment).where(due).values(deletion_due=now()))


def pending(database: Database) -> int | None:
    with database.session() as session:
        return session.scalar(text("SELECT count(*) FROM pg_inherits WHERE inhdetachpending"))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_deletions_and_others_go_on_while_somebody_reads_for_long(
    database: Database, settings: Settings, full: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(experiments, "_DETACH_SECONDS", 0.1)
    others = [create(database, f"other {number}") for number in range(3)]
    for experiment_id in others:
        add_objects(database, experiment_id, 20)
    impatient = Database(settings.resolved_database_url, Connections(lock_seconds=1))
    with reading(database):
        deletion.delete_experiment(impatient, settings, full)
        remove(database, settings)
        assert pending(database) == 1
        for experiment_id in others[:2]:
            deletion.delete_experiment(impatient, settings, experiment_id)
            remove(database, settings)
            make_due(database)
        assert [one.id for one in listed(impatient)] == others[2:]
        late = create(impatient, "late")
        add_objects(impatient, late, 5)
        add_objects(impatient, others[2], 5)
        # only what the reader may still look at is left
        assert not ExperimentStorage(settings.data_dir, full).root.exists()
    remove(database, settings)
    make_due(database)
    remove(database, settings)
    assert pending(database) == 0
    assert (count(database, others[2]), count(database, late)) == (25, 5)
    for experiment_id in (others[2], late):
        deletion.delete_experiment(impatient, settings, experiment_id)
    remove(database, settings)
    impatient.close()
    assert_nothing_is_left(database, settings.data_dir)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_objects_are_gone_at_once_unless_just_these_are_read(
    database: Database, settings: Settings, full: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(experiments, "_DETACH_SECONDS", 0.1)
    other = create(database, "other")
    add_objects(database, other, 20)
    with database.session() as reader:
        query = "SELECT count(*) FROM mapobjects WHERE experiment_id = :id"
        reader.execute(text(query), {"id": full})
        deletion.delete_experiment(database, settings, other)
        remove(database, settings)
        assert count(database, other) == 0


def test_one_that_cannot_be_removed_keeps_no_other(
    database: Database, settings: Settings, full: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = create(database, "other")
    broken = ExperimentStorage(settings.data_dir, full)
    delete_files = ExperimentStorage.delete

    def fail(storage: ExperimentStorage) -> None:
        if storage == broken:
            raise PermissionError(errno.EACCES, "Permission denied")
        delete_files(storage)

    monkeypatch.setattr(ExperimentStorage, "delete", fail)
    for experiment_id in (full, other):
        deletion.delete_experiment(database, settings, experiment_id)
    remove(database, settings)
    with database.session() as session:
        assert session.scalars(select(Experiment.id)).all() == [full]
    monkeypatch.setattr(ExperimentStorage, "delete", delete_files)
    make_due(database)
    remove(database, settings)
    assert_nothing_is_left(database, settings.data_dir)
