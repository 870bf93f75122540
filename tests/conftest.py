"""What every test can ask for: a database of either kind, settings; and what none may do."""

import contextlib
import gc
import os
import secrets
import shutil
import socket
import sys
import zlib
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from sqlalchemy import URL

from tests import parallel
from tests.services import postgresql
from tests.services.installation import Installation, running_installation
from tests.tmserver import answers
from tmlib import schema
from tmlib.db import Database
from tmlib.settings import Settings

DATABASES = ("sqlite", "postgresql")

_PROCESSES = {"installation", "human", "timed", "postgresql_server", "empty_postgresql_url"}
"""Fixtures that start other programs."""

_SLOW = "tests/acceptance/"
"""Folder whose tests drive the running product."""

_ALIKE = (
    *("tests/tmclient/", "tests/tmserver/"),
    *("tests/acceptance/test_viewer", "tests/acceptance/test_browser_upload"),
    *("tests/acceptance/test_many_objects", "tests/acceptance/test_operations_page"),
    *("tests/acceptance/test_catalogue_pages", "tests/acceptance/test_clients_documents"),
    "tests/acceptance/test_annotation_guide",
)
"""Where the tests lie of code that does not tell databases apart: client, server and viewer."""

# a slow machine is no failure
hypothesis.settings.register_profile("tmserver", deadline=None)
hypothesis.settings.load_profile("tmserver")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--databases",
        choices=("sqlite", "different", "all"),
        help="where tests of both databases run: on SQLite; on both where the code tells them "
        "apart and else on either (the default); always on both, as what is named with :: does",
    )


def pytest_configure(config: pytest.Config) -> None:
    parallel.use_memory()
    for plugin in (parallel, answers):
        config.pluginmanager.register(plugin, plugin.__name__)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Choose the databases, and mark as slow what starts other programs."""
    # nobody is told what is left out: the other database has shown the same
    items[:] = on_chosen_databases(items, _databases(config))
    for item in items:
        # among the parameters may be arrays, which are compared with nothing
        kinds = item.callspec.params.values() if hasattr(item, "callspec") else ()
        names = {kind for kind in kinds if isinstance(kind, str)}
        starts = _PROCESSES.intersection(getattr(item, "fixturenames", ()))
        if starts or "postgresql" in names or item.nodeid.startswith(_SLOW):
            item.add_marker(pytest.mark.slow)


def pytest_collection_finish() -> None:
    """Leave what all tests use out of the search for garbage, which takes a tenth of their time."""
    gc.collect()
    gc.freeze()


def _databases(config: pytest.Config) -> str:
    chosen: str | None = config.getoption("--databases")
    are_named = any("::" in argument for argument in config.args)
    return chosen or ("all" if are_named else "different")


def on_chosen_databases(items: Sequence[pytest.Item], choice: str) -> list[pytest.Item]:
    """Leave one of two out where a test would run on both databases and need not.

    Which of them is left out depends on nothing but the name of the test, so that each database
    has half of a folder, and all processes choose alike.
    """
    nodeids = {item.nodeid for item in items}
    left_out = set()
    for item in items:
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        if "postgresql" in (parameters.get("database_url"), parameters.get("installation")):
            both = item.nodeid.replace("postgresql", "sqlite"), item.nodeid
            if both[0] in nodeids and choice == "sqlite":
                left_out.add(both[1])
            elif both[0] in nodeids and choice == "different" and item.nodeid.startswith(_ALIKE):
                left_out.add(both[zlib.crc32(both[0].encode()) % 2])
    return [item for item in items if item.nodeid not in left_out]


@pytest.fixture(scope="session", autouse=True)
def one_browser() -> Iterator[None]:
    """End the browser of this process, if a test has started it."""
    yield
    if "tests.services.browser" in sys.modules:
        sys.modules["tests.services.browser"].close()


@pytest.fixture(scope="session", autouse=True)
def only_this_machine() -> Iterator[None]:
    """Refuse connections to anywhere else, so that no test depends on what others run."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def check(family: int, address: Any) -> None:
        if family in (socket.AF_INET, socket.AF_INET6):
            host = str(address[0])
            if not (host in ("localhost", "::1") or host.startswith("127.")):
                raise RuntimeError(f"A test wanted to connect to {host}, off this machine.")

    def checked_connect(self: socket.socket, address: Any) -> None:
        check(self.family, address)
        connect(self, address)

    def checked_connect_ex(self: socket.socket, address: Any) -> int:
        check(self.family, address)
        return connect_ex(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", checked_connect)
        patch.setattr(socket.socket, "connect_ex", checked_connect_ex)
        yield


@pytest.fixture(scope="session", autouse=True)
def unconfigured() -> Iterator[None]:
    """Forget what the environment of whoever runs the tests configures."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith("TM_") and not name.startswith("TM_TEST_"):
                patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def postgresql_server(pytestconfig: pytest.Config) -> Iterator[URL]:
    """A PostgreSQL server with PostGIS; the test is skipped where there is none."""
    with contextlib.ExitStack() as stack:
        try:
            url = stack.enter_context(parallel.server(pytestconfig))
        except postgresql.PostgresqlMissing as error:
            pytest.skip(str(error))
        yield url


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: URL, pytestconfig: pytest.Config) -> Iterator[str]:
    """Name of a database with all tables and no rows, from which others are copied."""

    name = parallel.template(pytestconfig)

    def make(sign: Path) -> None:
        postgresql.execute(postgresql_server, f"CREATE DATABASE {name}")
        migrate(_render(postgresql_server, name))
        sign.touch()

    parallel.made_once(pytestconfig, name, make)
    yield name
    if not parallel.is_one_of_many(pytestconfig):
        parallel.drop_template(pytestconfig, postgresql_server)


@pytest.fixture(scope="session")
def sqlite_template(pytestconfig: pytest.Config) -> Path:
    """A database file with all tables and no rows."""
    return parallel.made_once(
        pytestconfig, "template.db", lambda path: migrate(f"sqlite:///{path}")
    )


@pytest.fixture
def empty_postgresql_url(postgresql_server: URL) -> Iterator[str]:
    """URL of a PostgreSQL database without tables."""
    name = f"tm_test_{secrets.token_hex(4)}"
    postgresql.execute(postgresql_server, f"CREATE DATABASE {name}")
    yield _render(postgresql_server, name)
    postgresql.execute(postgresql_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def postgresql_url(postgresql_server: URL, postgresql_template: str) -> Iterator[str]:
    """URL of a PostgreSQL database with all tables and no rows."""
    name = f"tm_test_{secrets.token_hex(4)}"
    postgresql.copy_database(postgresql_server, postgresql_template, name)
    yield _render(postgresql_server, name)
    postgresql.execute(postgresql_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """URL of an SQLite database with all tables and no rows."""
    path = tmp_path / "data" / "tmserver.db"
    path.parent.mkdir()
    shutil.copyfile(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest) -> str:
    """URL of a database with all tables and no rows; the test runs once on each kind."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The database with all tables and no rows; the test runs once on each kind."""
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """An installation's settings, with a data folder of its own and the test's database."""
    return Settings(
        data_dir=tmp_path / "data", database_url=database_url, lease_seconds=2, max_attempts=3
    )


@pytest.fixture(scope="session", params=DATABASES)
def installation(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """The running product on either database, the same one for all tests that ask for it.

    It has one worker process on PostgreSQL and two on SQLite: nothing may depend on that.
    """
    data_dir = tmp_path_factory.mktemp(request.param) / "data"
    # the lease is short, so that the work of a worker that was killed is soon taken over
    environment = {"TM_LEASE_SECONDS": "5", "TM_ALLOW_USER_MODULES": "true"}
    if request.param == "sqlite":
        with running_installation(data_dir, processes=2, environment=environment) as running:
            yield running
        return
    server: URL = request.getfixturevalue("postgresql_server")
    name = f"tm_installation_{secrets.token_hex(4)}"
    postgresql.execute(server, f"CREATE DATABASE {name}")
    url = _render(server, name)
    with running_installation(data_dir, url, processes=1, environment=environment) as running:
        yield running
    postgresql.execute(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the server printed last when a test of it fails."""
    report = yield
    running = getattr(item, "funcargs", {}).get("installation")
    if report.failed and isinstance(running, Installation):
        lines = running.log.read_text(errors="replace").splitlines()[-60:]
        report.sections.append(("messages of the server", "\n".join(lines)))
    return report


def migrate(url: str) -> None:
    """Create all tables."""
    database = Database(url)
    schema.upgrade(database)
    database.close()


def _render(server: URL, database_name: str) -> str:
    return server.set(database=database_name).render_as_string(hide_password=False)
