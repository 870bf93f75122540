"""What is said of wells, while workflows forget them and record them again."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from tmlib.db import Database
from tmlib.errors import NotFound
from tmlib.experiments import conditions, plates
from tmlib.experiments.models import Acquisition, Experiment, Plate, Well
from tmlib.images.reading import ImageProperties
from tmlib.microscopes import PlaneMetadata
from tmlib.workflow.steps import configuration

# SQLite has one writer at a time
only_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.fixture
def acquisition(database: Database, experiment: Experiment) -> Acquisition:
    """One whose plate has the wells A01, of which a compound and a note are known, and A02."""
    with database.transaction() as session:
        plate = plates.create_plate(session, experiment.id, "plate")
        found = plates.create_acquisition(session, experiment.id, plate.id, "acquisition")
        session.flush()
        record(session, found, "A01", "A02")
    with database.transaction() as session:
        for well in session.scalars(select(Well)):
            well.description = {"compound": f"old of {well.name}", "notes": ["dry"]}
    return found


def record(session: Session, acquisition: Acquisition, *wells: str) -> None:
    planes = [
        configuration.Plane(
            *(well, (0, 0), "DAPI", 0, 0),
            (PlaneMetadata(f"{well}.tif", 0, 0, well, "DAPI", 0, 0, 0, None, None),),
            ImageProperties(8, 8, 16, 1),
        )
        for well in wells
    ]
    configuration.record(session, acquisition, planes, {})


def forget(session: Session, acquisition: Acquisition) -> None:
    configuration.forget(session, acquisition.experiment_id)


def put(session: Session, acquisition: Acquisition, **compounds: str) -> None:
    given: dict[str, dict[str, conditions.Condition]] = {
        well: {"compound": compound} for well, compound in compounds.items()
    }
    conditions.put_conditions(session, acquisition.experiment_id, acquisition.plate_id, given)


def descriptions(database: Database) -> dict[str, object]:
    with database.session() as session:
        return {well.name: well.description for well in session.scalars(select(Well))}


def at_once(
    database: Database, first: Callable[[Session], None], second: Callable[[Session], None]
) -> None:
    """Begin the second before the first is committed."""
    waits = text(
        "SELECT count(*) FROM pg_locks WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    )

    def do_second() -> None:
        with database.transaction() as session:
            second(session)

    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as session:
            first(session)
            session.flush()
            other = pool.submit(do_second)
            while not (session.scalar(waits) or other.done()):
                pass
        other.result()


def test_a_plate_map_replaces_what_was_said_of_forgotten_wells(
    database: Database, acquisition: Acquisition
) -> None:
    with database.transaction() as session:
        forget(session, acquisition)
        record(session, acquisition, "A01")
    with database.transaction() as session:
        put(session, acquisition, A01="new")
    with database.transaction() as session:
        record(session, acquisition, "A02")
    assert descriptions(database) == {
        "A01": {"compound": "new", "notes": ["dry"]},
        "A02": {"notes": ["dry"]},
    }


@only_postgresql
def test_wells_are_forgotten_with_the_plate_map_that_is_written_at_once(
    database: Database, acquisition: Acquisition
) -> None:
    at_once(
        database,
        lambda session: put(session, acquisition, A01="new"),
        lambda session: forget(session, acquisition),
    )
    with database.session() as session:
        kept = session.get_one(Plate, acquisition.plate_id).well_descriptions
    assert kept["A01"] == {"compound": "new", "notes": ["dry"]}


@only_postgresql
def test_wells_are_recorded_after_the_plate_map_that_is_written_at_once(
    database: Database, acquisition: Acquisition
) -> None:
    with database.transaction() as session:
        forget(session, acquisition)
        record(session, acquisition, "A01")
    at_once(
        database,
        lambda session: put(session, acquisition, A01="new"),
        lambda session: record(session, acquisition, "A02"),
    )
    assert descriptions(database)["A02"] == {"notes": ["dry"]}


@only_postgresql
def test_a_well_that_is_forgotten_at_once_cannot_be_described(
    database: Database, acquisition: Acquisition
) -> None:
    with database.session() as session:
        [well] = session.scalars(select(Well).where(Well.name == "A01"))
    with pytest.raises(NotFound, match="no such well"):
        at_once(
            database,
            lambda session: forget(session, acquisition),
            lambda session: conditions.describe_well(
                session, acquisition.experiment_id, well.id, {"compound": "newest"}
            ),
        )
