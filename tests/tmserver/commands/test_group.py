import pytest

from tests.tmserver.commands.conftest import Tm
from tmlib.accounts import audit_entries, groups
from tmlib.accounts.audit_entries import WhichResource
from tmlib.accounts.models import User
from tmlib.db import Database


@pytest.fixture(autouse=True)
def users(database: Database) -> None:
    with database.transaction() as session:
        for name in ("ada", "bob"):
            session.add(User(name=name, email=f"{name}@example.org", password_hash="-"))


def members(database: Database) -> list[tuple[str, bool]]:
    with database.session() as session:
        return groups.list_members(session, groups.find_group(session, "imaging").id)


def test_groups_are_made_filled_and_deleted(tm: Tm, database: Database) -> None:
    for arguments in (("add", "imaging", "--owner", "ada"), ("add-member", "imaging", "bob")):
        result = tm("group", *arguments)
        assert result.exit_code == 0, result.output
    assert members(database) == [("ada", True), ("bob", False)]
    lines = [line.split() for line in tm("group", "list").output.splitlines()]
    assert ["imaging", "ada", "yes"] in lines
    assert ["imaging", "bob", "no"] in lines

    tm("group", "add-member", "imaging", "bob", "--owner")
    tm("group", "remove-member", "imaging", "ada")
    assert members(database) == [("bob", True)]
    assert tm("group", "delete", "imaging").exit_code == 0
    assert "imaging" not in tm("group", "list").output

    with database.session() as session:
        which = [WhichResource("group", name="imaging")]
        found = audit_entries.find(session, resources=which, limit=10)
    assert [entry.action for entry in found] == [
        "tm group delete",
        "tm group remove-member",
        "tm group add-member",
        "tm group add-member",
        "tm group add",
    ]
    shown = tm("audit", "--resource", "group").output
    assert shown.count("group imaging") == 5


@pytest.mark.parametrize(
    "arguments",
    [
        ("add", "imaging", "--owner", "nobody"),
        ("delete", "imaging"),
        ("add-member", "imaging", "bob"),
        ("remove-member", "imaging", "bob"),
    ],
)
def test_what_is_not_there_is_named(tm: Tm, arguments: tuple[str, ...]) -> None:
    result = tm("group", *arguments)
    assert result.exit_code == 1
    assert "There is no" in result.output
