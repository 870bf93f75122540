import os
import pty
import subprocess
import sys

import pytest
from click.testing import CliRunner

from tests.tmserver.commands.conftest import Tm
from tests.tmserver.ispyb.conftest import told
from tmlib.accounts import external, service
from tmlib.accounts.external import ExternalPerson
from tmlib.db import Database
from tmlib.errors import NotLoggedIn
from tmlib.facility.portal import UserPortalProposalSync
from tmlib.facility.synchronisation import Synchronisation
from tmlib.settings import Settings
from tmserver.command_line import cli

PASSWORD = "correct horse battery"


def add(tm: Tm, name: str, *options: str) -> None:
    email = f"{name}@example.org"
    result = tm("user", "add", name, "--email", email, *options, TM_PASSWORD=PASSWORD)
    assert result.exit_code == 0, result.output


def test_a_user_that_was_added_can_log_in(tm: Tm, database: Database) -> None:
    add(tm, "ada", "--admin")
    with database.session() as session:
        user = service.authenticate(session, "ada", PASSWORD)
        assert (user.email, user.is_admin) == ("ada@example.org", True)


def test_users_are_listed(tm: Tm, database: Database) -> None:
    add(tm, "ada", "--admin")
    add(tm, "bob")
    tm("user", "disable", "bob")
    external.admit(database, ExternalPerson("ldap", "cy", "cy", "cy@example.org", groups=None))
    with database.transaction() as session:
        sent = told("MX", 1, persons=[{"login": "di"}])
        Synchronisation(session).run(UserPortalProposalSync.model_validate(sent))
    rows = [line.strip(" |").split("|") for line in tm("user", "list").output.splitlines()]
    cells = [[cell.strip() for cell in row] for row in rows]
    assert ["ada", "ada@example.org", "yes", "yes"] in cells
    assert ["bob", "bob@example.org", "no", "no"] in cells
    assert ["cy", "cy@example.org", "no", "by ldap"] in cells
    assert ["di", "di@portal.invalid", "no", "no password"] in cells


def test_a_disabled_user_is_out_until_enabled(tm: Tm, database: Database) -> None:
    add(tm, "ada")
    result = tm("user", "disable", "ada")
    assert (result.exit_code, result.output) == (0, "ada can no longer log in.\n")
    with database.session() as session, pytest.raises(NotLoggedIn):
        service.authenticate(session, "ada", PASSWORD)
    assert tm("user", "enable", "ada").exit_code == 0
    with database.session() as session:
        service.authenticate(session, "ada", PASSWORD)


def test_a_new_password_replaces_the_old_one(tm: Tm, database: Database) -> None:
    add(tm, "ada")
    assert tm("user", "passwd", "ada", TM_PASSWORD="another good one").exit_code == 0
    with database.session() as session:
        service.authenticate(session, "ada", "another good one")
    with database.session() as session, pytest.raises(NotLoggedIn):
        service.authenticate(session, "ada", PASSWORD)


def test_the_last_administrator_is_not_disabled(tm: Tm) -> None:
    add(tm, "ada", "--admin")
    result = tm("user", "disable", "ada")
    assert result.exit_code == 1
    assert '"ada" is the last administrator' in result.stderr
    add(tm, "bob", "--admin")
    assert tm("user", "disable", "ada").exit_code == 0


def test_a_password_comes_through_a_pipe(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TM_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("TM_DATABASE_URL", settings.resolved_database_url)
    arguments = ["user", "add", "ada", "--email", "ada@example.org"]
    result = CliRunner().invoke(cli, arguments, input=f"{PASSWORD}\n")
    assert result.exit_code == 0, result.output
    assert PASSWORD not in result.output
    with database.session() as session:
        service.authenticate(session, "ada", PASSWORD)


def test_a_missing_password_is_named(settings: Settings, database: Database) -> None:
    environment = os.environ | {
        "TM_DATA_DIR": str(settings.data_dir),
        "TM_DATABASE_URL": settings.resolved_database_url,
    }
    outcome = subprocess.run(
        [sys.executable, "-m", "tmserver", "user", "add", "ada", "--email", "ada@lab.example"],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 1
    assert "There is no password: set TM_PASSWORD" in outcome.stderr


def test_a_terminal_is_asked_twice_and_shows_nothing(
    settings: Settings, database: Database
) -> None:
    environment = os.environ | {
        "TM_DATA_DIR": str(settings.data_dir),
        "TM_DATABASE_URL": settings.resolved_database_url,
    }
    command = [sys.executable, "-m", "tmserver", "user", "add", "ada", "--email", "ada@lab.example"]
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command, env=environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    ) as process:
        os.close(theirs)
        shown = b""
        for question in (b"Password: ", b"Repeat for confirmation: "):
            while not shown.endswith(question):
                shown += os.read(ours, 1024)
            os.write(ours, PASSWORD.encode() + b"\n")
        while b"can log in" not in shown:
            shown += os.read(ours, 1024)
    os.close(ours)
    assert process.returncode == 0
    assert PASSWORD.encode() not in shown
    with database.session() as session:
        service.authenticate(session, "ada", PASSWORD)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["add", "ada", "--email", "b@example.org"], 'name "ada"'),
        (["add", "bob", "--email", "nowhere"], '"nowhere" is not an e-mail address'),
        (["passwd", "bob"], 'There is no user "bob"'),
    ],
)
def test_mistakes_are_one_sentence(tm: Tm, arguments: list[str], message: str) -> None:
    add(tm, "ada")
    result = tm("user", *arguments, TM_PASSWORD=PASSWORD)
    assert result.exit_code == 1
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
