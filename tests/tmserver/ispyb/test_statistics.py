"""Statistics agree with what happened."""

import hashlib
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import insert, select, update

from tests.tmserver.api.test_uploads import IMAGE
from tests.tmserver.conftest import Person
from tests.tmserver.ispyb.conftest import NOW, Visitor, names
from tmlib.db import Database
from tmlib.experiments.models import Acquisition
from tmlib.facility.statistics import alike
from tmlib.ledger.models import Job
from tmlib.uploads.models import FileUploadStatus, MicroscopeFile

As = Callable[[str], Visitor]

NO_DIGITS = str.maketrans("0123456789", "ghijklmnop")
START = NOW - timedelta(hours=1)  # of the session MX1-1, which lasts four hours


@pytest.fixture
def timed(database: Database, acquired: int) -> int:
    """The session's number; the acquisition began 30 minutes after its start and took 15."""
    _move(database, START + timedelta(minutes=30), START + timedelta(minutes=45))
    return acquired


def _move(database: Database, starts: datetime, ends: datetime) -> None:
    with database.transaction() as session:
        session.execute(update(Acquisition).values(created_at=starts))
        session.execute(update(MicroscopeFile).values(updated_at=ends))


def test_hours_of_sessions_add_up(visitor: As, timed: int) -> None:
    times = visitor("reader").get("/stats/times", proposal="MX1")
    [entry] = times["sessions"]
    [session, _] = names(visitor("reader").get("/sessions"), "sessionId")
    assert entry.pop("sessionId") == session
    none = dict.fromkeys(("edge", "xrf", "robot", "strategy", "centring", "fault"), 0)
    assert entry == pytest.approx(
        {
            "duration": 4,
            "startup": 0.5,
            "datacollection": 0.25,
            "remaining": 3.25,
            "thinking": 3.25,
            **none,
        }
    )
    assert times["average"] == pytest.approx(entry)
    assert visitor("reader").get("/stats/times", sessionId=session)["sessions"]
    nothing = visitor("writer").get("/stats/times", proposal="MX1")
    assert nothing["sessions"] == []
    assert set(nothing["average"].values()) == {0}


def test_a_session_is_broken_down(visitor: As, timed: int, run: int) -> None:
    found = visitor("owner").get("/stats/breakdown", session="MX1-1")
    overview = found["overview"]
    assert (overview["duration"], overview["beamLineName"]) == (4, "Spinning disk")
    assert overview["counts"] == {
        "datacollections": 1,
        "failed": 0,
        "datacollectionTypes": {"canonical": 1},
        "robot": 1,
        "edge": 0,
        "xrf": 0,
    }
    collected, processed = found["history"]
    assert (collected["eventType"], collected["subType"]) == ("dc", "canonical")
    assert collected["status"] == "Data collection successful"
    assert (processed["eventType"], processed["status"]) == ("robot", "FAILED")
    assert found["plottables"]["series"] == [
        {"title": "numberOfImages", "unit": None, "data": [1.0]}
    ]
    assert found["plottables"]["time"] == [collected["startTime"]]
    for hidden in ({"session": "MX9-1"}, {"session": "MX2-1"}, {"sessionId": 999}):
        refused = visitor("owner").get("/stats/breakdown", 404, **hidden)
        assert refused == {"detail": "Session not found"}


def test_what_failed_is_counted_with_the_reason(
    visitor: As, database: Database, timed: int, run: int
) -> None:
    [totals] = visitor("owner").get("/stats/errors", session="MX1-1")["totals"]
    assert (totals["total"], totals["failed"], totals["failedPercent"]) == (1, 0, 0)
    assert totals["messages"] == [{"count": 1, "message": "The file is damaged."}]
    with database.transaction() as session:
        is_image = MicroscopeFile.name == IMAGE
        failed = update(MicroscopeFile).where(is_image).values(status=FileUploadStatus.FAILED)
        session.execute(failed)
    [totals] = visitor("owner").get("/stats/errors", session="MX1-1")["totals"]
    assert (totals["total"], totals["failed"], totals["failedPercent"]) == (1, 1, 100)
    assert visitor("writer").get("/stats/errors", session="MX1-1") == {"totals": []}


def test_messages_that_are_alike_count_as_one() -> None:
    told = ["File 1 is damaged", "No memory", "File 2 is damaged", "No memory", "x"]
    assert alike(Counter(told)) == [
        ("x", 1),
        ("File 1 is damaged", 2),
        ("No memory", 2),
    ]
    wells = Counter(
        f"The image of well {row}{column} lacks" for row in "ABC" for column in range(9)
    )
    assert [count for _, count in alike(wells)] == [27]


def test_of_many_reasons_the_most_frequent_ones_are_told(
    visitor: As, database: Database, timed: int, run: int
) -> None:
    with database.transaction() as session:
        [job] = session.scalars(select(Job))
        values = {column.name: getattr(job, column.name) for column in Job.__table__.columns}
        del values["id"]
        letters = (hashlib.sha256(str(n).encode()).hexdigest() for n in range(1200))
        errors = ["It happens twice."] * 2 + [text.translate(NO_DIGITS) for text in letters]
        session.execute(
            insert(Job),
            [{**values, "index": n + 2, "error": error} for n, error in enumerate(errors)],
        )
    [totals] = visitor("owner").get("/stats/errors", session="MX1-1")["totals"]
    assert len(totals["messages"]) <= 1000
    assert totals["messages"][-1] == {"count": 2, "message": "It happens twice."}


def test_data_collections_are_counted_by_the_hour(
    visitor: As, owner: Person, experiment: str, timed: int
) -> None:
    owner.post(f"{experiment}/acquisitions", name="Run 2", plate_name="Plate 1")
    found = visitor("owner").get("/stats/hourlies", proposal="MX1")
    assert found["datacollections"]["hour"] == list(range(24))
    # at the same hour, or at two
    assert sum(found["datacollections"]["average"]) == 2
    assert found["loaded"]["average"] == [0] * 24
    assert sum(visitor("writer").get("/stats/hourlies", proposal="MX1")["loaded"]["average"]) == 0


def test_something_must_be_asked_for(visitor: As, facility: None) -> None:
    for path in ("breakdown", "errors", "times", "hourlies"):
        text = visitor("owner").get(f"/stats/{path}", 422)["detail"]
        assert text.startswith("Please provide either `")
        visitor("owner").get(f"/stats/{path}", 422, session="none")
