from pathlib import Path
from typing import Any

import pytest

from tmlib.accounts.models import User
from tmlib.db import Database
from tmlib.errors import BadInput, Conflict, Forbidden, NotFound
from tmlib.experiments import plates, service, sharing
from tmlib.experiments.trash import Trash
from tmlib.storage import ExperimentStorage, trash_folder


def add_user(database: Database, name: str) -> int:
    with database.transaction() as session:
        user = User(name=name, email=f"{name}@lab.example", password_hash="-")
        session.add(user)
        session.flush()
        return user.id


def add_experiment(database: Database, user_id: int, **changes: Any) -> int:
    values = {"name": "Screen", "microscope_type": "cellvoyager", "plate_format": 96, **changes}
    with database.transaction() as session:
        return service.create_experiment(session, user_id, **values).id


@pytest.fixture
def owner(database: Database) -> int:
    return add_user(database, "owner")


@pytest.fixture
def friend(database: Database) -> int:
    return add_user(database, "friend")


def test_others_know_nothing_of_an_experiment(database: Database, owner: int, friend: int) -> None:
    experiment_id = add_experiment(database, owner)
    with database.session() as session:
        assert service.get_experiment(session, owner, experiment_id, "write").name == "Screen"
        assert service.list_experiments(session, friend) == []
        with pytest.raises(NotFound):
            service.get_experiment(session, friend, experiment_id, "read")


def test_sharing_lets_others_read_and_then_write(
    database: Database, owner: int, friend: int
) -> None:
    experiment_id = add_experiment(database, owner)
    with database.transaction() as session:
        sharing.share_experiment(session, experiment_id, friend, write_access=False)
    with database.session() as session:
        service.get_experiment(session, friend, experiment_id, "read")
        assert [one.id for one in service.list_experiments(session, friend)] == [experiment_id]
        with pytest.raises(Forbidden, match='ask "owner"'):
            service.get_experiment(session, friend, experiment_id, "write")
    with database.transaction() as session:
        sharing.share_experiment(session, experiment_id, friend, write_access=True)
    with database.session() as session:
        service.get_experiment(session, friend, experiment_id, "write")


def test_a_name_is_unique_for_a_user(database: Database, owner: int, friend: int) -> None:
    add_experiment(database, owner)
    add_experiment(database, friend)
    with pytest.raises(Conflict, match='"Screen"'):
        add_experiment(database, owner)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"microscope_type": "telescope"}, "cellvoyager"),
        ({"plate_format": 97}, "1, 6, 12, 24, 48, 96, 384, 1536"),
        ({"plate_acquisition_mode": "fast"}, "basic, multiplexing"),
    ],
)
def test_unknown_kinds_are_refused_with_the_known_ones(
    database: Database, owner: int, values: dict[str, Any], problem: str
) -> None:
    with pytest.raises(BadInput, match=problem):
        add_experiment(database, owner, **values)


def test_lists_can_be_cut(database: Database, owner: int) -> None:
    ids = [add_experiment(database, owner, name=name) for name in ("a", "b", "c")]
    with database.session() as session:
        page = service.list_experiments(session, owner, limit=1, offset=1)
        rest = service.list_experiments(session, owner, offset=1)
        named = service.list_experiments(session, owner, name="c")
    assert [one.id for one in page] == ids[1:2]
    assert [one.id for one in rest] == ids[1:]
    assert [one.id for one in named] == ids[2:]


def test_files_of_a_deleted_plate_are_not_those_of_the_next(
    database: Database, owner: int, tmp_path: Path
) -> None:
    experiment_id = add_experiment(database, owner)
    storage = ExperimentStorage(tmp_path, experiment_id)
    with database.transaction() as session:
        plate = plates.create_plate(session, experiment_id, "P")
        acquisition = plates.create_acquisition(session, experiment_id, plate.id, "A")
    folder = storage.microscope_images(plate.id, acquisition.id)
    folder.mkdir(parents=True)
    with database.transaction() as session:
        plates.delete_plate(session, tmp_path, experiment_id, plate.id)
    assert not folder.exists()
    with database.transaction() as session:  # whoever left the trash behind was killed
        plate = plates.create_plate(session, experiment_id, "P")
        plates.delete_plate(session, tmp_path, experiment_id, plate.id)
    trash = trash_folder(tmp_path)
    assert [path.is_dir() for path in trash.iterdir()] == [True]
    Trash(trash).empty()
    assert not [*trash.iterdir()]
    assert [path.name for path in storage.root.iterdir()] == ["plates"]


def test_plates_and_acquisitions_of_other_experiments_are_out_of_reach(
    database: Database, owner: int
) -> None:
    mine = add_experiment(database, owner, name="mine")
    other = add_experiment(database, owner, name="other")
    with database.transaction() as session:
        plate = plates.create_plate(session, other, "P")
        acquisition = plates.create_acquisition(session, other, plate.id, "A")
    with database.session() as session:
        with pytest.raises(NotFound):
            plates.get_plate(session, mine, plate.id)
        with pytest.raises(NotFound):
            plates.get_acquisition(session, mine, acquisition.id)


def test_names_of_plates_and_acquisitions_are_unique(database: Database, owner: int) -> None:
    experiment_id = add_experiment(database, owner)
    with database.transaction() as session:
        plate_id = plates.create_plate(session, experiment_id, "P").id
        plates.create_acquisition(session, experiment_id, plate_id, "A")
        other_id = plates.create_plate(session, experiment_id, "Q").id
    with pytest.raises(Conflict, match='plate "P"'), database.transaction() as session:
        plates.create_plate(session, experiment_id, "P")
    with pytest.raises(Conflict, match='plate "P"'), database.transaction() as session:
        plates.update_plate(session, experiment_id, other_id, name="P")
    with pytest.raises(Conflict, match='acquisition "A"'), database.transaction() as session:
        plates.create_acquisition(session, experiment_id, plate_id, "A")
