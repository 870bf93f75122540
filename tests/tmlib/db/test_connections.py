"""Time limits, pools, forks, and a server that goes away."""

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from operator import methodcaller
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pytest
from psycopg2 import Error
from psycopg2.extensions import TRANSACTION_STATUS_IDLE, cursor
from sqlalchemy import URL, Text, bindparam, func, literal, literal_column, select, text
from sqlalchemy.exc import DBAPIError, MultipleResultsFound, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnection

from tests.services import pgbouncer, postgresql
from tests.services.experiments import add_experiment
from tests.services.statements import sent_statements
from tmlib.accounts.models import User
from tmlib.db import (
    Connections,
    Database,
    Process,
    bulk_reading,
    clock,
    connections,
    hung_servers,
    spatial,
)
from tmlib.db import engine as engines
from tmlib.errors import DatabaseBusy
from tmlib.experiments.models import Experiment
from tmlib.ledger import failures
from tmlib.objects.models import MapobjectSegmentation
from tmlib.settings import Settings

NUMBERS = pa.schema([("number", pa.int64())])
BACKEND = text("SELECT pg_backend_pid()")
PREPARED_BACKEND = select(func.pg_backend_pid())
PREPARED_WAIT = select(func.pg_sleep(bindparam("seconds")))


@pytest.fixture
def busy(postgresql_url: str) -> Iterator[Database]:
    """A database whose users wait for a moment only."""
    limits = Connections(
        kept=1, more=0, connect_seconds=0.2, statement_seconds=0.3, lock_seconds=0.2
    )
    database = Database(postgresql_url, limits)
    yield database
    database.close()


def test_processes_are_limited_as_the_settings_say(postgresql_url: str) -> None:
    settings = Settings(database_url=postgresql_url, job_lock_seconds=0, web_connections=3)
    show = text(
        "SELECT current_setting('statement_timeout'), current_setting('lock_timeout'), "
        "current_setting('application_name')"
    )
    found = {}
    for process in Process:
        database = Database.of(settings, process)
        with database.session() as session:
            found[process] = tuple(session.execute(show).one())
        database.close()
    assert found[Process.WEB] == ("1min", "10s", "tm web")
    assert found[Process.WORKER] == ("2h", "0", "tm worker")
    assert found[Process.GUARD] == ("2h", "0", "tm guard")


@pytest.mark.parametrize("way", ["many rows", "in parts", "copy"])
def test_so_is_a_transaction_whose_first_statement_is_of_another_kind(
    postgresql_url: str, way: str
) -> None:
    database = Database(postgresql_url, Connections(lock_seconds=7))
    with database.transaction() as session:
        if way == "many rows":
            session.execute(text("DELETE FROM users WHERE id = :id"), [{"id": -1}, {"id": -2}])
        elif way == "in parts":
            numbers = text("SELECT * FROM generate_series(1, 5)").execution_options(yield_per=2)
            assert session.scalars(numbers).all() == [1, 2, 3, 4, 5]
        else:
            assert bulk_reading.fetch_table(session, select(literal(3)), NUMBERS)[
                "number"
            ].to_pylist() == [3]
        assert session.scalar(text("SELECT current_setting('lock_timeout')")) == "7s"
    database.close()


def test_a_transaction_of_one_statement_sends_nothing_else(postgresql_url: str) -> None:
    database = Database(postgresql_url, Connections(kept=1, more=0, lock_seconds=7))
    sent: list[str] = []

    class Recording(cursor):
        def execute(self, query: str, parameters: object = None) -> None:
            sent.append(query)
            super().execute(query, parameters)

    with database.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        driver.cursor_factory = Recording
    with database.session() as session:
        session.scalar(BACKEND)
    assert sent == ["SET LOCAL lock_timeout = 7000; SELECT pg_backend_pid()"]
    database.close()


def test_a_prepared_statement_finds_what_a_session_does(database: Database) -> None:
    with database.transaction() as session:
        experiment_id = add_experiment(session).id
    columns = Experiment.__table__.c
    query = select(*columns, clock.after(-1).is_not(None), literal("50 %")).where(
        columns.id == bindparam("wanted")
    )
    with database.session() as session:
        expected = tuple(session.execute(query, {"wanted": experiment_id}).one())
    for _ in range(2):
        found = database.one_or_none(query, {"wanted": experiment_id, "another": 1})
        assert found == expected
        assert list(map(type, found)) == list(map(type, expected))
    assert database.one_or_none(query, {"wanted": -1}) is None
    with pytest.raises(KeyError):
        database.one_or_none(query, {})
    both = select(literal(1)).union_all(select(literal(2))).subquery()
    with pytest.raises(MultipleResultsFound):
        database.one_or_none(select(both), {})
    with pytest.raises(ValueError, match="not one value"):
        database.one_or_none(query.where(columns.id.in_([1, 2])), {})


def test_it_is_all_that_is_sent(postgresql_url: str) -> None:
    database = Database(postgresql_url, Connections(kept=1, more=0, lock_seconds=7))
    sent = sent_statements(database)
    assert database.one_or_none(PREPARED_BACKEND, {})
    [statement] = sent
    assert statement.startswith("SET LOCAL lock_timeout = 7000; SELECT pg_backend_pid()")
    # the driver sends no other that begins the transaction
    begins_here = select(func.now() == func.statement_timestamp())
    assert database.one_or_none(begins_here, {}) == (True,)
    # nothing of that transaction is left
    with database.engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        assert driver.info.transaction_status == TRANSACTION_STATUS_IDLE
    database.close()


def test_it_is_given_up_when_it_takes_too_long(busy: Database) -> None:
    with pytest.raises(DatabaseBusy, match="took longer") as caught:
        busy.one_or_none(PREPARED_WAIT, {"seconds": 60})
    assert failures.may_pass(caught.value)
    assert busy.one_or_none(PREPARED_BACKEND, {})


def test_its_connection_outlives_what_is_refused(busy: Database) -> None:
    connection = busy.one_or_none(PREPARED_BACKEND, {})
    for values, refusal in (({"seconds": 60}, DatabaseBusy), ({"seconds": "\x00"}, ValueError)):
        with pytest.raises(refusal):
            busy.one_or_none(PREPARED_WAIT, values)
        assert busy.one_or_none(PREPARED_BACKEND, {}) == connection


def test_it_has_no_connection_beyond_those_of_the_process(busy: Database) -> None:
    with busy.session() as session:
        session.scalar(BACKEND)
        with pytest.raises(NoConnection):
            busy.one_or_none(PREPARED_BACKEND, {})
    assert busy.one_or_none(PREPARED_BACKEND, {})


def test_it_finds_a_server_again_that_was_away(busy: Database, postgresql_server: URL) -> None:
    [pid] = busy.one_or_none(PREPARED_BACKEND, {}) or ()
    postgresql.execute(postgresql_server, f"SELECT pg_terminate_backend({pid}, 10000)")
    assert busy.one_or_none(PREPARED_BACKEND, {}) not in (None, (pid,))


def test_it_tells_of_a_server_that_is_not_there(postgresql_url: str) -> None:
    database = Database(f"{postgresql_url}_missing")
    with pytest.raises(SQLAlchemyError) as caught:
        database.one_or_none(PREPARED_BACKEND, {})
    assert failures.may_pass(caught.value)
    database.close()


def test_it_tells_of_an_embedded_database_that_is_taken(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "_BUSY_SECONDS", 0)
    database, other = Database(sqlite_url), Database(sqlite_url)
    columns = Experiment.__table__.c
    with other.engine.connect() as taking:
        taking.exec_driver_sql("PRAGMA locking_mode = EXCLUSIVE")
        taking.exec_driver_sql("INSERT INTO revoked_logins VALUES ('a', '2020-01-01 00:00:00')")
        with pytest.raises(DatabaseBusy, match="Somebody"):
            database.one_or_none(select(columns.id), {})
    other.close()
    assert database.one_or_none(select(columns.id), {}) is None
    database.close()


def test_a_statement_that_takes_too_long_is_given_up(busy: Database) -> None:
    with pytest.raises(DatabaseBusy, match="took longer") as caught, busy.session() as session:
        session.execute(text("SELECT pg_sleep(60)"))
    assert failures.may_pass(caught.value)
    with busy.session() as session:
        assert session.scalar(text("SELECT 1")) == 1


def test_who_waits_too_long_for_others_gives_up(busy: Database, postgresql_url: str) -> None:
    other = Database(postgresql_url)
    lock = text("LOCK TABLE users")
    with other.transaction() as session:
        session.execute(lock)
        with pytest.raises(DatabaseBusy, match="Somebody else"), busy.transaction() as waiting:
            waiting.execute(lock)
    other.close()


def test_so_does_who_reads_in_bulk(busy: Database, postgresql_url: str) -> None:
    other = Database(postgresql_url)
    users = select(User.id)
    with other.transaction() as session:
        session.execute(text("LOCK TABLE users"))
        with pytest.raises(DatabaseBusy, match="Somebody else") as caught, busy.session() as reader:
            bulk_reading.fetch_table(reader, users, NUMBERS)
    assert failures.may_pass(caught.value)
    other.close()
    with busy.session() as session:
        assert len(bulk_reading.fetch_table(session, users, NUMBERS)) == 0


def test_reading_in_bulk_is_given_up_when_it_takes_too_long(busy: Database) -> None:
    slow = select(func.length(func.pg_sleep(60).cast(Text)))
    with pytest.raises(DatabaseBusy, match="took longer") as caught, busy.session() as session:
        bulk_reading.fetch_table(session, slow, NUMBERS)
    assert failures.may_pass(caught.value)


def test_so_is_writing_in_bulk(busy: Database, postgresql_url: str) -> None:
    other = Database(postgresql_url)
    with other.transaction() as session:
        session.execute(text("LOCK TABLE mapobject_segmentations"))
        with pytest.raises(DatabaseBusy) as caught, busy.transaction() as writer:
            spatial.bulk_insert(writer, MapobjectSegmentation, {"id": [1]})
    assert failures.may_pass(caught.value)
    other.close()


def test_what_is_wrong_in_bulk_is_told_as_elsewhere(busy: Database) -> None:
    with busy.session() as session:
        with pytest.raises(DBAPIError) as caught:
            bulk_reading.fetch_table(session, select(literal_column("no_such")), NUMBERS)
        assert not caught.value.connection_invalidated
    assert not failures.may_pass(caught.value)


def test_so_does_a_writer_on_sqlite(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "_BUSY_SECONDS", 0)
    database = Database(sqlite_url)
    with database.transaction() as session:
        session.execute(text("SELECT 1"))
        with pytest.raises(DatabaseBusy, match="Somebody"), database.transaction() as waiting:
            waiting.execute(text("SELECT 1"))
    database.close()


def test_a_transaction_that_does_nothing_is_ended(postgresql_url: str) -> None:
    database, watcher = (
        Database(postgresql_url, Connections(idle_seconds=0.1)),
        Database(postgresql_url),
    )
    lives = text("SELECT count(*) FROM pg_stat_activity WHERE pid = :pid")
    with database.session() as session:
        pid = session.scalar(BACKEND)
        while True:
            with watcher.session() as looking:
                if not looking.scalar(lives, {"pid": pid}):
                    break
        with pytest.raises(SQLAlchemyError) as caught:
            session.scalar(BACKEND)
    assert failures.may_pass(caught.value)
    with database.session() as session:
        assert session.scalar(BACKEND) != pid
    database.close()
    watcher.close()


def test_nobody_waits_for_a_writer_that_stands_still(postgresql_url: str) -> None:
    stopped = Database(postgresql_url, Connections(idle_writer_seconds=0.1))
    other = Database(postgresql_url)
    lock = text("LOCK TABLE users")
    with stopped.session() as reading:
        reader = reading.scalar(BACKEND)
        with ExitStack() as still:
            still.enter_context(stopped.transaction()).execute(lock)
            with other.transaction() as waiting:
                waiting.execute(lock)
            with pytest.raises(SQLAlchemyError):
                still.close()
        assert reading.scalar(BACKEND) == reader
    stopped.close()
    other.close()


def test_a_process_has_no_more_connections_than_it_may(busy: Database) -> None:
    with busy.session() as session:
        session.scalar(BACKEND)
        with pytest.raises(NoConnection) as caught, busy.session() as second:
            second.scalar(BACKEND)
    assert failures.may_pass(caught.value)


def test_a_server_that_was_away_is_found_again(busy: Database, postgresql_server: URL) -> None:
    with busy.session() as session:
        pid = session.scalar(BACKEND)
    postgresql.execute(postgresql_server, f"SELECT pg_terminate_backend({pid}, 10000)")
    with busy.session() as session:
        assert session.scalar(BACKEND) != pid


def test_forked_processes_have_connections_of_their_own(busy: Database) -> None:
    with busy.session() as session:
        parents = session.scalar(BACKEND)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with busy.session() as session:
            os.write(writing, str(session.scalar(BACKEND)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    childs = int(os.read(reading, 100))
    os.close(reading)
    os.close(writing)
    assert childs != parents
    with busy.session() as session:
        assert session.scalar(BACKEND) == parents


@pytest.fixture
def pooler(postgresql_url: str) -> Iterator[str]:
    """URL of the database by way of PgBouncer."""
    if shutil.which("pgbouncer") is None:
        pytest.skip("there is no PgBouncer on this machine: install it (on Debian pgbouncer)")
    with pgbouncer.pooler(postgresql_url) as url:
        yield url


def test_a_pooler_keeps_the_limits_of_its_users_apart(pooler: str) -> None:
    short, long = (
        Database(pooler, Connections(statement_seconds=seconds)) for seconds in (0.3, 60)
    )
    with long.session() as session:
        pid = session.scalar(BACKEND)
    with short.session() as session:
        assert session.scalar(BACKEND) == pid
        with pytest.raises(DatabaseBusy):
            session.execute(text("SELECT pg_sleep(60)"))
    with long.session() as session:
        assert session.scalar(BACKEND) == pid
        session.execute(text("SELECT pg_sleep(0.4)"))
    short.close()
    long.close()


def test_an_embedded_database_is_for_its_owner_alone(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'data' / 'tmserver.db'}")
    with database.transaction() as session:
        session.execute(text("CREATE TABLE one (id INTEGER)"))
        files = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob("data/*")}
    database.close()
    assert files == {f"tmserver.db{ending}": 0o600 for ending in ("", "-shm", "-wal")}
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


@pytest.fixture(scope="module")
def own_server() -> Iterator[URL]:
    """A server whose processes can be stopped."""
    try:
        with postgresql.private_server() as server:
            yield server.url
    except postgresql.PostgresqlMissing as reason:
        pytest.skip(str(reason))


@pytest.fixture
def stopped(
    own_server: URL, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Database, psutil.Process]]:
    """A database of limited patience, and the server's process that it speaks with."""
    monkeypatch.setattr(connections, "_GRACE_SECONDS", 0.5)
    limits = Connections(kept=1, more=0, connect_seconds=2, statement_seconds=0.2)
    database = Database(own_server.render_as_string(hide_password=False), limits)
    with database.session() as session:
        backend = psutil.Process(session.scalar(BACKEND))
    yield database, backend
    backend.resume()
    database.close()


def test_nobody_waits_for_ever_for_a_server_that_stands_still(
    stopped: tuple[Database, psutil.Process],
) -> None:
    database, backend = stopped
    with database.session() as session:
        session.scalar(BACKEND)
        backend.suspend()
        with pytest.raises(SQLAlchemyError) as caught:
            session.scalar(BACKEND)
    assert failures.may_pass(caught.value)
    with database.session() as session:
        assert session.scalar(BACKEND) != backend.pid


def test_nor_does_a_prepared_statement(stopped: tuple[Database, psutil.Process]) -> None:
    database, backend = stopped
    backend.suspend()
    with pytest.raises(SQLAlchemyError) as caught:
        database.one_or_none(PREPARED_BACKEND, {})
    assert failures.may_pass(caught.value)
    assert database.one_or_none(PREPARED_BACKEND, {}) not in (None, (backend.pid,))


def test_nobody_waits_for_ever_for_further_rows(
    stopped: tuple[Database, psutil.Process],
) -> None:
    database, backend = stopped
    numbers = text("SELECT generate_series(1, 1000)").execution_options(stream_results=True)
    with database.session() as session:
        rows = session.execute(numbers).partitions(10)
        assert len(next(rows)) == 10
        backend.suspend()
        with pytest.raises(SQLAlchemyError):
            list(rows)


@pytest.mark.parametrize("ask", [methodcaller("fetchone"), next, methodcaller("close")])
def test_nor_for_what_else_a_cursor_on_the_server_is_asked(
    stopped: tuple[Database, psutil.Process], ask: Callable[[object], object]
) -> None:
    database, backend = stopped
    connection = database.engine.raw_connection()
    rows: Any = connection.cursor("rows")
    rows.itersize = 1
    rows.execute("SELECT generate_series(1, 1000)")
    backend.suspend()
    with pytest.raises(Error):
        ask(rows)
    connection.invalidate()


def test_nor_for_a_statement_for_each_of_many_rows(
    stopped: tuple[Database, psutil.Process],
) -> None:
    database, backend = stopped
    with database.session() as session:
        session.scalar(BACKEND)
        backend.suspend()
        with pytest.raises(SQLAlchemyError) as caught:
            session.execute(
                text("SELECT set_config('tm.number', :number, true)"),
                [{"number": "1"}, {"number": "2"}],
            )
    assert failures.may_pass(caught.value)


def test_many_rows_may_take_longer_than_each_of_them(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_GRACE_SECONDS", 0)
    database = Database(postgresql_url, Connections(statement_seconds=1))
    with database.session() as session:
        session.execute(text("SELECT pg_sleep(:seconds)"), [{"seconds": 0.06}] * 30)
        assert session.scalar(text("SELECT 1")) == 1
    database.close()


def test_servers_are_watched_once_there_can_be_a_thread_for_it(
    stopped: tuple[Database, psutil.Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    database, backend = stopped
    monkeypatch.setattr(hung_servers, "_watch", type(hung_servers._watch)())
    with monkeypatch.context() as full, database.session() as session:
        full.setattr(threading.Thread, "start", _refuse)
        with pytest.raises(RuntimeError, match="no thread"):
            session.scalar(BACKEND)
        full.undo()
    with database.session() as session:
        session.scalar(BACKEND)
        backend.suspend()
        with pytest.raises(SQLAlchemyError):
            session.scalar(BACKEND)


def test_whoever_watches_servers_is_not_woken_by_each_statement(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[int] = []

    class Counting(threading.Condition):
        def notify(self, n: int = 1) -> None:
            woken.append(n)
            super().notify(n)

    with monkeypatch.context() as counting:
        counting.setattr(threading, "Condition", Counting)
        watch = type(hung_servers._watch)()
    monkeypatch.setattr(hung_servers, "_watch", watch)
    # far longer than the statements take
    monkeypatch.setattr(hung_servers, "_LOOK_EVERY_SECONDS", 3600)
    database = Database(postgresql_url, Connections(statement_seconds=60))
    for _ in range(10):
        with database.session() as session:
            session.scalar(BACKEND)
    database.close()
    # once if there was no statement any more when the watch began
    assert len(woken) <= 1
    assert watch._thread is not None


def _refuse(thread: threading.Thread) -> None:
    raise RuntimeError("There is no thread left.")


def test_nobody_waits_for_ever_for_rows_in_bulk(
    stopped: tuple[Database, psutil.Process],
) -> None:
    database, backend = stopped
    with database.session() as session:
        session.scalar(BACKEND)
        backend.suspend()
        with pytest.raises(SQLAlchemyError) as caught:
            bulk_reading.fetch_table(session, select(literal(3)), NUMBERS)
    assert failures.may_pass(caught.value)
    with database.session() as session:
        assert session.scalar(BACKEND) != backend.pid


def test_nobody_waits_for_ever_for_a_commit(stopped: tuple[Database, psutil.Process]) -> None:
    database, backend = stopped
    with ExitStack() as stack:
        session = stack.enter_context(database.transaction())
        session.execute(text("CREATE TABLE one (id INTEGER)"))
        backend.suspend()
        with pytest.raises(SQLAlchemyError) as caught:
            stack.close()
    assert failures.may_pass(caught.value)
    with database.session() as session:
        assert session.scalar(BACKEND) != backend.pid


def test_a_connection_that_stands_still_is_replaced(
    stopped: tuple[Database, psutil.Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tmlib.db.postgresql._ASKED_AFTER_SECONDS", 0)
    database, backend = stopped
    backend.suspend()
    with database.session() as session:
        assert session.scalar(BACKEND) != backend.pid
