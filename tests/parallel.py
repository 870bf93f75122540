"""How the tests are shared out among processes (pytest-xdist), and what these have in common.

The process that hands the tests out runs none. It has the PostgreSQL server, which ends with it
whatever way that happens, and a folder in which whoever needs something first makes it for all.
Without pytest-xdist one process is both.
"""

import contextlib
import functools
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from filelock import FileLock
from sqlalchemy import URL, make_url

from tests.services import postgresql

_GIGABYTE = 2**30
_MEMORY = Path("/dev/shm")  # noqa: S108 - pytest makes a folder there that is the user's own
_WORKER_MEMORY = 2 * _GIGABYTE
_FOLDER_MEMORY = 6 * _GIGABYTE

_GROUPS = "groups.json"

_SHARED = pytest.StashKey[Path]()
_STACK = pytest.StashKey[contextlib.ExitStack]()
_SERVER = pytest.StashKey[str | None]()
_TEMPLATE = pytest.StashKey[str]()

_INSTALLATIONS = {"human": "demo"}
"""Groups of the tests that use a running product that is not parametrised, by its fixture."""


def use_memory() -> None:
    """Keep the tests' folders in memory where there is room: they live for a moment only."""
    if "PYTEST_DEBUG_TEMPROOT" in os.environ or not os.access(_MEMORY, os.W_OK):
        return
    if min(shutil.disk_usage(_MEMORY).free, psutil.virtual_memory().available) > _FOLDER_MEMORY:
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(_MEMORY)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """As many as there are cores, and two at least, but no more than fit into memory."""
    fitting = psutil.virtual_memory().total // _WORKER_MEMORY
    return max(2, min(os.cpu_count() or 1, fitting))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Tell the process that hands the tests out which of them belong together."""
    if is_one_of_many(session.config):
        groups = json.dumps({item.nodeid: group(item) for item in session.items})

        def write(path: Path) -> None:
            path.write_text(groups)

        made_once(session.config, _GROUPS, write)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand tests out by the groups that they belong to, large groups first."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        @functools.cached_property
        def groups(self) -> dict[str, str]:
            found: dict[str, str] = json.loads((_folder(config) / _GROUPS).read_text())
            return found

        def _split_scope(self, nodeid: str) -> str:
            return self.groups[nodeid]

    return Scheduling(config, log)


def group(item: pytest.Item) -> str:
    """What one process does, so that something costly is made but once.

    The tests of a running product stay together, whatever their module, and else those of a module.
    """
    fixtures = getattr(item, "fixturenames", [])
    for name, product in _INSTALLATIONS.items():
        if name in fixtures:
            return product
    parameters: dict[str, Any] = item.callspec.params if hasattr(item, "callspec") else {}
    if "installation" in parameters:
        return f"installation-{parameters['installation']}"
    return item.path.relative_to(item.config.rootpath).as_posix()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a process that is about to start what there is for all of them."""
    config = node.config
    if _SERVER not in config.stash:
        config.stash[_STACK] = contextlib.ExitStack()
        config.stash[_SERVER] = _start_server(config)
    node.workerinput["shared"] = str(_folder(config))
    node.workerinput["postgresql"] = config.stash[_SERVER]
    node.workerinput["template"] = template(config)


def _start_server(config: pytest.Config) -> str | None:
    stack = config.stash[_STACK]
    try:
        url = stack.enter_context(postgresql.server())
    except postgresql.PostgresqlMissing:
        return None
    stack.callback(drop_template, config, url)
    return url.render_as_string(hide_password=False)


def template(config: pytest.Config) -> str:
    """Name of the database that others are copied from."""
    if _TEMPLATE not in config.stash:
        given = getattr(config, "workerinput", {}).get("template")
        config.stash[_TEMPLATE] = given or f"tm_template_{secrets.token_hex(4)}"
    return config.stash[_TEMPLATE]


def drop_template(config: pytest.Config, url: URL) -> None:
    """Drop the database that others were copied from."""
    postgresql.execute(url, f"DROP DATABASE IF EXISTS {template(config)} WITH (FORCE)")


def _folder(config: pytest.Config) -> Path:
    if _SHARED not in config.stash:
        given = getattr(config, "workerinput", {}).get("shared")
        factory: pytest.TempPathFactory = config._tmp_path_factory  # type: ignore[attr-defined]
        config.stash[_SHARED] = factory.mktemp("shared") if given is None else Path(given)
    return config.stash[_SHARED]


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the server."""
    if _STACK in config.stash:
        config.stash[_STACK].close()


def is_one_of_many(config: pytest.Config) -> bool:
    """Whether this process runs a share of the tests."""
    return hasattr(config, "workerinput")


@contextlib.contextmanager
def server(config: pytest.Config) -> Iterator[URL]:
    """The PostgreSQL server of all processes, or one that ends with the context.

    Raises
    ------
    tests.services.postgresql.PostgresqlMissing
        If there is none on this machine.
    """
    given = getattr(config, "workerinput", {}).get("postgresql")
    if given is None:
        with postgresql.server() as url:
            yield url
    else:
        yield make_url(given)


def made_once(config: pytest.Config, name: str, make: Callable[[Path], None]) -> Path:
    """A file or folder that the first process which needs it makes for all of them.

    Parameters
    ----------
    config
        Of this process.
    name
        What it is called.
    make
        Makes it under the path that it is given; what is half made is not used.
    """
    path = _folder(config) / name
    with FileLock(path.with_name(f"{name}.lock")):
        if not path.exists():
            unfinished = path.with_name(f"{name}.unfinished")
            make(unfinished)
            unfinished.rename(path)
    return path
