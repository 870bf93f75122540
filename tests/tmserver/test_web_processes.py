"""What is ended through one process of the web server has ended in all others at once."""

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.services.installation import PASSWORD, clean_environment
from tests.services.postgresql import free_port
from tests.services.web_server import WebServer, wait_until_ready
from tmlib.accounts.service import create_user
from tmlib.db import Database
from tmlib.settings import Settings
from tmserver.supervisor import web_server

PATIENCE = 120
FRIENDS = ("disabled", "new password", "unshared", "left", "removed", "logged out", "token", "url")

Processes = tuple[WebServer, WebServer]


@pytest.fixture
def processes(settings: Settings, database: Database) -> Iterator[Processes]:
    """Two web servers, which share nothing but the database and the files."""
    with database.transaction() as session:
        for name in ("admin", *FRIENDS):
            email = f"{name.replace(' ', '-')}@lab.example"
            create_user(session, name, PASSWORD, email, is_admin=name == "admin")
    environment = clean_environment(settings.data_dir, settings.resolved_database_url)
    environment["TM_QUEUE"] = "tests.tmserver.conftest:ListQueue"
    ports = (free_port(), free_port())
    started = [
        subprocess.Popen(
            web_server.command(f"127.0.0.1:{port}", workers=1, threads=2), env=environment
        )
        for port in ports
    ]
    try:
        one, other = (
            wait_until_ready(port, process) for port, process in zip(ports, started, strict=True)
        )
        yield one, other
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(PATIENCE)


@dataclass
class Somebody:
    """Who asks with a token, or with a signed URL."""

    token: str = ""
    url: str = ""

    def may(self, server: WebServer, path: str) -> int:
        """The status with which a process answers who wants to read something."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return server.call("GET", self.url or path, headers=headers).status_code


def log_in(server: WebServer, name: str) -> str:
    body = {"username": name, "password": PASSWORD}
    token: str = server.data("POST", "/auth", json=body)["access_token"]
    return token


def ask(server: WebServer, token: str, method: str, path: str, **body: Any) -> Any:
    """What is answered to whoever has a token."""
    return server.data(method, path, headers={"Authorization": f"Bearer {token}"}, json=body)


def test_what_is_ended_in_one_process_has_ended_in_all(processes: Processes) -> None:
    one, other = processes
    admin = log_in(one, "admin")
    kind = {"workflow_type": "canonical", "microscope_type": "cellvoyager", "plate_format": 96}
    body = {"name": "Screen", "plate_acquisition_mode": "basic", **kind}
    made = ask(one, admin, "POST", "/api/experiments", **body)
    path = f"/api/experiments/{made['id']}"
    friends = {name: Somebody(log_in(one, name)) for name in FRIENDS}
    group = ask(one, admin, "POST", "/api/groups", name="lab", owner="admin")
    members = f"/api/groups/{group['id']}"
    ask(one, admin, "PUT", f"{path}/shares/groups/lab", permission="read")
    for name in FRIENDS:
        if name in ("left", "removed"):
            ask(one, admin, "PUT", f"{members}/members/{name}")
        else:
            ask(one, admin, "PUT", f"{path}/shares/{name}", permission="read")
    numbers = {user["name"]: user["id"] for user in ask(one, admin, "GET", "/api/users")}
    logins = {name: friend.token for name, friend in friends.items()}
    script = ask(one, logins["token"], "POST", "/auth/tokens", name="script", scope="read")
    friends["token"] = Somebody(script["token"])
    [signed] = ask(one, logins["url"], "POST", f"{path}/signed-urls", paths=[path])
    friends["url"] = Somebody(url=signed["url"])

    ends: dict[str, tuple[Callable[[], object], int]] = {
        "disabled": (
            lambda: ask(one, admin, "DELETE", f"/api/users/{numbers['disabled']}"),
            401,
        ),
        "new password": (
            lambda: ask(
                one,
                logins["new password"],
                "PUT",
                "/auth/password",
                old_password=PASSWORD,
                new_password=f"{PASSWORD} anew",
            ),
            401,
        ),
        "unshared": (lambda: ask(one, admin, "DELETE", f"{path}/shares/unshared"), 404),
        "left": (lambda: ask(one, logins["left"], "POST", f"{members}/leave"), 404),
        "removed": (lambda: ask(one, admin, "DELETE", f"{members}/members/removed"), 404),
        "logged out": (lambda: ask(one, logins["logged out"], "POST", "/auth/logout"), 401),
        "token": (
            lambda: ask(one, logins["token"], "DELETE", f"/auth/tokens/{script['id']}"),
            401,
        ),
        "url": (lambda: ask(one, logins["url"], "POST", "/auth/logout"), 401),
    }
    assert set(ends) == set(FRIENDS)
    for name, (end, status) in ends.items():
        for _ in range(2):  # so that both know who it is, if they remember anything
            assert [friends[name].may(server, path) for server in processes] == [200, 200], name
        end()
        assert [friends[name].may(server, path) for server in (other, one)] == [status] * 2, name
