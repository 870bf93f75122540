from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text, update

from tests.tmserver.conftest import Person
from tmlib.accounts.models import PersonalToken
from tmlib.accounts.service import change_user
from tmlib.db import Database
from tmlib.db.base import now


def make(person: Person, scope: str, **more: Any) -> Person:
    """Somebody who has nothing but a personal token of a person."""
    created = person.post("/auth/tokens", name=f"to {scope}", scope=scope, **more)
    return Person(person.app, authorization=f"Bearer {created['token']}")


@pytest.mark.usefixtures("experiment")
def test_a_token_is_shown_once_and_listed_by_how_it_begins(
    owner: Person, database: Database
) -> None:
    created = owner.post("/auth/tokens", name="microscope 2", scope="write", days=30)
    token = created.pop("token")
    assert token.startswith("tm_")
    assert token.startswith(created["prefix"])
    assert owner.get("/auth/tokens") == [created]
    assert (created["name"], created["scope"]) == ("microscope 2", "write")
    assert created["last_used_at"] is None
    assert created["expires_at"] > now().isoformat()
    with database.session() as session:
        for row in session.execute(select(PersonalToken.__table__)):
            assert token not in str(row)


def test_a_script_does_with_a_token_what_its_user_may(owner: Person, experiment: str) -> None:
    script = make(owner, "write")
    assert script.get("/auth/user")["name"] == "owner"
    assert script.put(experiment, name="Renamed") == {"message": "ok"}
    assert script.authorization is not None
    script.authorization = script.authorization.replace("Bearer", "JWT")
    assert script.get(experiment)["name"] == "Renamed"


def test_a_token_for_reading_changes_nothing(owner: Person, experiment: str) -> None:
    script = make(owner, "read")
    before = script.get(experiment)
    for method in ("PUT", "DELETE"):
        assert "may only read" in script.refused(method, experiment, 403, json={"name": "No"})
    assert owner.get(experiment) == before


def test_a_token_opens_no_further_doors(owner: Person, administrator: Person) -> None:
    for person in (owner, administrator):
        script = make(person, "write")
        for method, path in (
            ("GET", "/auth/tokens"),
            ("POST", "/auth/tokens"),
            ("POST", "/auth/refresh"),
            ("PUT", "/auth/password"),
            ("PUT", "/auth/user"),
            ("GET", "/api/users"),
            ("POST", "/api/users"),
        ):
            assert "log in with your password" in script.refused(method, path, 403)


def test_the_token_of_an_administrator_opens_what_is_the_administrators_own(
    administrator: Person, experiment: str
) -> None:
    script = make(administrator, "write")
    script.refused("GET", experiment, 404)
    script.refused("GET", "/api/experiments?everybody=true", 403)
    assert administrator.get(experiment)["name"] == "Screen"


def test_a_removed_token_stops_at_once(owner: Person, people: dict[str, Person]) -> None:
    script = make(owner, "read")
    [listed] = owner.get("/auth/tokens")
    people["stranger"].refused("DELETE", f"/auth/tokens/{listed['id']}", 404)
    assert script.get("/auth/user")["name"] == "owner"
    owner.delete(f"/auth/tokens/{listed['id']}")
    script.refused("GET", "/auth/user", 401)
    owner.refused("DELETE", f"/auth/tokens/{listed['id']}", 404)


def test_a_script_can_end_its_own_token(owner: Person) -> None:
    script = make(owner, "write")
    script.post("/auth/logout")
    script.refused("GET", "/auth/user", 401)
    assert owner.get("/auth/tokens") == []


def test_a_token_expires(owner: Person, database: Database) -> None:
    script = make(owner, "read", days=1)
    assert script.get("/auth/user")["name"] == "owner"
    with database.transaction() as session:
        session.execute(update(PersonalToken).values(expires_at=now()))
    assert '"to read" has expired' in script.refused("GET", "/auth/user", 401)


def test_the_tokens_of_a_disabled_user_are_gone_for_good(owner: Person, database: Database) -> None:
    script = make(owner, "read")
    assert owner.user_id is not None
    for is_active in (False, True):
        with database.transaction() as session:
            change_user(session, owner.user_id, is_active=is_active)
        script.refused("GET", "/auth/user", 401)


def test_the_last_use_is_noted_by_the_hour(owner: Person, database: Database) -> None:
    script = make(owner, "read")

    def use() -> Any:
        script.get("/auth/user")
        [token] = owner.get("/auth/tokens")
        return token["last_used_at"]

    first = use()
    assert first is not None
    assert use() == first
    long_ago = now() - timedelta(minutes=61)
    with database.transaction() as session:
        session.execute(update(PersonalToken).values(last_used_at=long_ago))
    assert use() > first


def test_what_a_token_is_for_is_done_though_its_use_cannot_be_noted(
    owner: Person, database: Database
) -> None:
    refusal = "ALTER TABLE personal_tokens ADD CHECK (last_used_at IS NULL)"
    if database.is_sqlite:
        refusal = """
            CREATE TRIGGER refusal BEFORE UPDATE ON personal_tokens
            BEGIN SELECT RAISE(ABORT, 'the disk is full'); END
        """
    with database.transaction() as session:
        session.execute(text(refusal))
    script = make(owner, "read")
    assert script.get("/auth/user")["name"] == "owner"
    [token] = owner.get("/auth/tokens")
    assert token["last_used_at"] is None


def test_tokens_that_cannot_be_are_named(owner: Person) -> None:
    make(owner, "read")
    for change, status, problem in (
        ({"scope": "admin"}, 400, "'read' or 'write'"),
        ({"days": 0}, 400, "at least 1"),
        ({"name": ""}, 400, "must not be empty"),
        ({"name": "to read"}, 409, '"to read"'),
    ):
        body = {"name": "another", "scope": "read"} | change
        assert problem in owner.refused("POST", "/auth/tokens", status, json=body)
    assert len(owner.get("/auth/tokens")) == 1
    assert owner.get("/auth/tokens", offset=1) == []


def test_invented_tokens_are_refused(anonymous: Person) -> None:
    for invented in ("tm_", "tm_" + "x" * 43, "tm_\x00"):
        headers = {"Authorization": f"Bearer {invented}"}
        anonymous.refused("GET", "/auth/user", 401, headers=headers)
