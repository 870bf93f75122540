"""Remembers which status every route has answered, and compares that with the document at the end.

A plugin of pytest: several processes may have run the tests, so that no test could look back on all
of them. Where only some of the tests of the web application were run, nothing is compared.
"""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask, Response, request

if TYPE_CHECKING:
    from tmserver.http.operations import Operation

Statuses = defaultdict[str, set[int]]

SEEN: Statuses = defaultdict(set)
"""Statuses by the names of interface and view."""

DOCUMENTED: Statuses = defaultdict(set)
"""What the document tells of."""

FOLDER = Path(__file__).parent

# a full disk needs a file system of its own, which the acceptance tests make
_SHOWN = {507}
# a mistake of the server, which no document promises: a test makes one on purpose
_PROVOKED = {500}

_OUTPUT = "answers"
_IS_COMPLETE = pytest.StashKey[bool]()
_PROBLEMS = pytest.StashKey[list[str]]()


def name_of(operation: "Operation") -> str:
    """What an operation is called, among those of all interfaces."""
    return f"{operation.api.name}.{operation.view.__name__}"


def watch(app: Flask) -> None:
    """Note from now on what an application answers."""
    # every run of tests has this plugin, and few the web application
    from tmserver.http.cors import is_preflight
    from tmserver.http.operations import Operation

    @app.after_request
    def note(response: Response) -> Response:
        view = app.view_functions.get(request.endpoint or "")
        # a browser that asks first is not answered by the view
        if isinstance(view, Operation) and not is_preflight():
            SEEN[name_of(view)].add(response.status_code)
        return response


def differences(documented: Mapping[str, set[int]], seen: Mapping[str, set[int]]) -> list[str]:
    """What is documented and was never seen, and what was seen and is not documented."""
    found = []
    for name, expected in documented.items():
        unseen = expected - seen.get(name, set()) - _SHOWN
        unknown = seen.get(name, set()) - expected - _PROVOKED
        found += [f"{name} was never seen to answer {status}" for status in sorted(unseen)]
        found += [
            f"{name} has answered {status}, which is not in the document"
            for status in sorted(unknown)
        ]
    return found


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Note that only some of the tests are run."""
    if items:
        items[0].config.stash[_IS_COMPLETE] = False


def pytest_collection_finish(session: pytest.Session) -> None:
    """Note whether all tests of the web application are run."""
    ran = {item.path for item in session.items}
    is_complete = session.config.stash.get(_IS_COMPLETE, True)
    session.config.stash[_IS_COMPLETE] = is_complete and set(FOLDER.rglob("test_*.py")) <= ran


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Take over what another process has seen."""
    told = getattr(node, "workeroutput", {}).get(_OUTPUT)
    is_complete = node.config.stash.get(_IS_COMPLETE, True)
    node.config.stash[_IS_COMPLETE] = is_complete and told is not None and told["is_complete"]
    for name, statuses in (told or {}).get("seen", {}).items():
        SEEN[name].update(statuses)
    for name, statuses in (told or {}).get("documented", {}).items():
        DOCUMENTED[name].update(statuses)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell the process that hands out tests what was seen here; there, compare."""
    config = session.config
    is_complete = config.stash.get(_IS_COMPLETE, False)
    if hasattr(config, "workeroutput"):
        config.workeroutput[_OUTPUT] = {
            "is_complete": is_complete,
            "seen": {name: list(statuses) for name, statuses in SEEN.items()},
            "documented": {name: list(statuses) for name, statuses in DOCUMENTED.items()},
        }
    elif is_complete and not session.testsfailed and not config.getoption("collectonly"):
        config.stash[_PROBLEMS] = differences(DOCUMENTED, SEEN)
        if config.stash[_PROBLEMS]:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say what the comparison came to."""
    if _PROBLEMS not in config.stash:
        return
    terminalreporter.section("answers of the web application")
    for problem in config.stash[_PROBLEMS]:
        terminalreporter.line(f"FAILED {problem}", red=True)
    if not config.stash[_PROBLEMS]:
        terminalreporter.line("All documented statuses of all routes were seen, and no others.")
