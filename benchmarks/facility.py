"""Lists and statistics of a facility after ten years, with the bare SQL."""

import json
import os
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import psutil
from sqlalchemy import insert, text, update

from benchmarks.databases import DATABASES
from benchmarks.serving import Laboratory, Server, laboratory, served
from benchmarks.timing import print_header, print_row, readable
from tmlib.accounts.models import User
from tmlib.db import Database
from tmlib.experiments.models import Acquisition, Experiment, Plate
from tmlib.facility.models import (
    Booking,
    Instrument,
    Proposal,
    ProposalExperiment,
    ProposalMember,
)
from tmlib.ledger.models import State, Submission, Task
from tmlib.uploads.models import FileKind, FileUploadStatus, MicroscopeFile
from tmserver.ispyb.forms import PREFIX

SIZES = "TM_BENCH_COLLECTIONS"
"""Environment variable: numbers of data collections, separated by commas."""

_USUAL = "20000"
_PER_PLATE = 10  # and of each experiment, which has one plate
_PER_BOOKING = 100
_BOOKINGS_PER_PROPOSAL = 20
_N_INSTRUMENTS = 4
_BEGIN, _DAYS = datetime(2016, 1, 1, tzinfo=UTC), 3652
_PROPOSAL = 1  # whose member asks
_AT_ONCE = 5000
_RUNS = 20

Row = dict[str, Any]
Result = TypeVar("Result")

_COLLECTIONS = """
    acquisitions a JOIN proposal_experiments pe ON pe.experiment_id = a.experiment_id
"""
_EVENTS = """
    SELECT found.*, count(*) OVER () AS total FROM (
        SELECT 'dc' AS kind, a.plate_id AS number, min(a.created_at) AS at
        FROM {collections} WHERE {of} GROUP BY a.plate_id
        UNION ALL
        SELECT 'robot', s.id, t.started_at
        FROM submissions s
        JOIN tasks t ON t.submission_id = s.id AND t.parent_id IS NULL
        JOIN proposal_experiments pe ON pe.experiment_id = s.owner_id
        WHERE s.owner_kind = 'experiment' AND {of_action}
    ) AS found ORDER BY at DESC LIMIT 25
"""
_SESSIONS = """
    WITH page AS (
        SELECT b.*, p.name AS proposal, i.name AS instrument, count(*) OVER () AS total
        FROM bookings b
        JOIN proposals p ON p.id = b.proposal_id
        JOIN instruments i ON i.id = b.instrument_id
        WHERE {of} ORDER BY b.starts_at DESC LIMIT 25
    ), spans AS (
        SELECT id, lead(starts_at) OVER (PARTITION BY proposal_id ORDER BY starts_at, id) AS until
        FROM bookings WHERE proposal_id IN (SELECT proposal_id FROM page)
    )
    SELECT page.*, (
        SELECT count(*) FROM {collections}
        WHERE pe.proposal_id = page.proposal_id AND a.created_at >= page.starts_at
        AND (spans.until IS NULL OR a.created_at < spans.until)
    ) FROM page JOIN spans ON spans.id = page.id ORDER BY page.starts_at DESC
"""
_TIMES = """
    SELECT count(*), min(created_at), max(ends_at) FROM (
        SELECT a.created_at, max(f.updated_at) AS ends_at
        FROM {collections} JOIN microscope_files f ON f.acquisition_id = a.id
        WHERE {of} GROUP BY a.id, a.created_at
    ) AS collected
"""
_HOURS = """
    SELECT substr(CAST(a.created_at AS text), 1, 13), count(*)
    FROM {collections} WHERE {of} GROUP BY 1
"""
_PROPOSALS = f"pe.proposal_id = {_PROPOSAL}"


class _Question(NamedTuple):
    name: str
    path: str
    sql: str


def main() -> None:
    """Print how long each request takes, and a statement that finds what is answered."""
    for kind in DATABASES:
        for size in os.environ.get(SIZES, _USUAL).split(","):
            with laboratory(kind) as installation:
                _fill(installation.database, int(size))
                with served("tmserver.wsgi:application", installation.environment) as server:
                    _measure(installation, server, f"{int(size):,} on {kind}")


def _measure(installation: Laboratory, server: Server, what: str) -> None:
    print_header([what, "bare SQL", "tmserver", "ratio"])
    headers = server.log_in()
    clock = _ProcessorTime(installation, server)
    with installation.database.connection() as connection:
        sql = text("SELECT id, starts_at FROM bookings WHERE proposal_id = :p ORDER BY 2 DESC")
        session, since = connection.execute(sql, {"p": _PROPOSAL}).all()[0]
    for is_admin in (False, True):
        with installation.database.transaction() as transaction:
            transaction.execute(update(User).where(User.name == "ada").values(is_admin=is_admin))
        asked = _as_administrator() if is_admin else _as_member(session, str(since))
        for question in asked:
            answer, taken = clock.of(lambda: _ask(server, headers, question.path))  # noqa: B023 - called at once
            with installation.database.connection() as connection:
                statement = text(question.sql)
                rows, bare = clock.of(lambda: connection.execute(statement).all())  # noqa: B023 - called at once
            if answer.get("total") != rows[0]._mapping.get("total"):
                raise SystemExit(
                    f"{question.path} has another length than the list of its statement."
                )
            print_row([question.name, readable(bare), readable(taken), f"{taken / bare:.2f}"])


def _as_member(session: int, since: str) -> Iterator[_Question]:
    of_session = f"{_PROPOSALS} AND a.created_at >= '{since}'"
    owners = f"s.owner_id IN (SELECT a.experiment_id FROM {_COLLECTIONS} WHERE {of_session})"  # noqa: S608 - our own words
    here = {"collections": _COLLECTIONS, "of": of_session}
    all_ = {"collections": _COLLECTIONS, "of": _PROPOSALS}
    yield _Question(
        "events of a session",
        f"/events?sessionId={session}",
        _EVENTS.format(**here, of_action=owners),
    )
    yield _Question("events", "/events", _EVENTS.format(**all_, of_action=_PROPOSALS))
    of = {"collections": _COLLECTIONS, "of": f"b.proposal_id = {_PROPOSAL}"}
    yield _Question("sessions", "/sessions", _SESSIONS.format(**of))
    yield _Question(
        "times of a session", f"/stats/times?sessionId={session}", _TIMES.format(**here)
    )
    yield _Question(
        "breakdown of a session", f"/stats/breakdown?sessionId={session}", _TIMES.format(**here)
    )
    yield _Question(
        "errors of a session", f"/stats/errors?sessionId={session}", _TIMES.format(**here)
    )
    yield _Question("times of a proposal", "/stats/times?proposal=MX1", _TIMES.format(**all_))
    yield _Question(
        "hourly rates of a proposal", "/stats/hourlies?proposal=MX1", _HOURS.format(**all_)
    )


def _as_administrator() -> Iterator[_Question]:
    everything = {"collections": _COLLECTIONS, "of": "1 = 1"}
    yield _Question(
        "events, as administrator", "/events", _EVENTS.format(**everything, of_action="1 = 1")
    )
    yield _Question("sessions, as administrator", "/sessions", _SESSIONS.format(**everything))
    may = "BETWEEN '2020-05-01 00:00:00' AND '2020-05-31 23:59:59.999999'"
    month = f"(b.starts_at {may} OR b.ends_at {may})"
    yield _Question(
        "sessions of a month, as administrator",
        "/sessions?year=2020&month=5",
        _SESSIONS.format(collections=_COLLECTIONS, of=month),
    )


class _ProcessorTime:
    """What all processes take that have to do with an answer, the database's server included."""

    def __init__(self, installation: Laboratory, server: Server) -> None:
        self._processes = [server.process]
        if not installation.database.is_sqlite:
            with installation.database.connection() as connection:
                backend = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            parent = psutil.Process(backend).parent()
            self._processes += [] if parent is None else [parent]

    def of(self, function: Callable[[], Result]) -> tuple[Result, float]:
        """What a function returns, and the mean time of some runs after the first one."""
        result = function()
        start = self._now()
        for _ in range(_RUNS):
            function()
        return result, (self._now() - start) / _RUNS

    def _now(self) -> float:
        total = time.process_time()
        for one in self._processes:
            ended = one.cpu_times()
            total += ended.children_user + ended.children_system
            for part in (one, *one.children(recursive=True)):
                taken = part.cpu_times()
                total += taken.user + taken.system
        return total


def _ask(server: Server, headers: Mapping[str, str], path: str) -> Any:
    request = urllib.request.Request(f"{server.url}{PREFIX}{path}", headers=dict(headers))  # noqa: S310 - http to our own child
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - http to our own child
        return json.load(answer)


def _fill(database: Database, n_collections: int) -> None:
    """Add ten years of bookings, and what was acquired in them; all of one user."""
    n_bookings = n_collections // _PER_BOOKING
    n_proposals = max(1, n_bookings // _BOOKINGS_PER_PROPOSAL)
    span = timedelta(days=_DAYS) / n_bookings
    with database.transaction() as session:
        session.add(User(id=2, name="owner", email="owner@example.org", password_hash=""))
        session.flush()
        first = session.scalar(text("SELECT max(id) FROM experiments")) + 1
        first_plate = session.scalar(text("SELECT max(id) FROM plates")) + 1

        def add(model: type, rows: Iterator[Row]) -> None:
            while some := list(islice(rows, _AT_ONCE)):
                session.execute(insert(model), some)

        def begin(booking: int) -> datetime:
            return _BEGIN + booking * span

        def began(collection: int) -> datetime:
            booking, place = divmod(collection, _PER_BOOKING)
            return begin(booking) + span * 0.8 * (place + 0.5) / _PER_BOOKING

        experiments = range(n_collections // _PER_PLATE)
        add(
            Proposal,
            (
                {"id": i + 1, "name": f"MX{i + 1}", "code": "MX", "number": str(i + 1)}
                for i in range(n_proposals)
            ),
        )
        add(ProposalMember, iter([{"proposal_id": _PROPOSAL, "user_id": 1}]))
        add(Instrument, ({"id": i + 1, "name": f"Scope {i}"} for i in range(_N_INSTRUMENTS)))
        add(
            Booking,
            (
                {
                    "proposal_id": i % n_proposals + 1,
                    "instrument_id": i % _N_INSTRUMENTS + 1,
                    "visit_number": i // n_proposals + 1,
                    "starts_at": begin(i),
                    "ends_at": begin(i) + span * 0.8,
                    "scheduled": True,
                }
                for i in range(n_bookings)
            ),
        )
        add(
            Experiment,
            (
                {
                    "id": first + i,
                    "name": f"Screen {i}",
                    # nobody's who asks, so that she sees one proposal alone
                    "user_id": 2,
                    "microscope_type": "cellvoyager",
                    "workflow_type": "canonical",
                    "plate_format": 96,
                    "plate_acquisition_mode": "basic",
                }
                for i in experiments
            ),
        )
        add(
            ProposalExperiment,
            (
                {
                    "experiment_id": first + i,
                    "proposal_id": i * _PER_PLATE // _PER_BOOKING % n_proposals + 1,
                }
                for i in experiments
            ),
        )
        add(
            Plate,
            (
                {"id": first_plate + i, "experiment_id": first + i, "name": "Plate"}
                for i in experiments
            ),
        )
        add(
            Acquisition,
            (
                {
                    "id": i + 1,
                    "experiment_id": first + i // _PER_PLATE,
                    "plate_id": first_plate + i // _PER_PLATE,
                    "name": f"Run {i % _PER_PLATE}",
                    "created_at": began(i),
                }
                for i in range(n_collections)
            ),
        )
        add(
            MicroscopeFile,
            (
                {
                    "experiment_id": first + i // _PER_PLATE,
                    "acquisition_id": i + 1,
                    "name": "image.tif",
                    "kind": FileKind.IMAGE,
                    "status": FileUploadStatus.COMPLETE,
                    "updated_at": began(i) + timedelta(minutes=2),
                }
                for i in range(n_collections)
            ),
        )
        add(
            Submission,
            (
                {
                    "id": i + 1,
                    "owner_kind": "experiment",
                    "owner_id": first + i,
                    "user_id": 2,
                    "program": "workflow",
                    "description": {},
                }
                for i in experiments
            ),
        )
        add(
            Task,
            (
                {
                    "submission_id": i + 1,
                    "kind": "workflow",
                    "type": "",
                    "name": "workflow",
                    "position": 0,
                    "state": State.TERMINATED,
                    "exitcode": 0,
                    "started_at": began((i + 1) * _PER_PLATE),
                    "finished_at": began((i + 1) * _PER_PLATE),
                }
                for i in experiments
            ),
        )
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
