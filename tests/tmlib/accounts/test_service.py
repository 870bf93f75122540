from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.orm import Session

from tmlib.accounts import logins, service
from tmlib.accounts.identity import Account
from tmlib.db import Database
from tmlib.errors import BadInput, Conflict, NotFound, NotLoggedIn

PASSWORD = "correct horse"


@pytest.fixture
def user_id(database: Database) -> int:
    with database.transaction() as session:
        return service.create_user(session, "mara", PASSWORD, "mara@lab.example").id


def find_login(session: Session, user_id: int) -> Account:
    which = {"user_id": user_id, "login_id": "a login"}
    account, _ = logins.check(session.execute(logins.STATEMENT, which).one_or_none(), 0)
    return account


def test_the_password_proves_who_somebody_is(database: Database, user_id: int) -> None:
    with database.session() as session:
        assert service.authenticate(session, "mara", PASSWORD).id == user_id
        assert find_login(session, user_id).name == "mara"


@pytest.mark.parametrize(
    ("name", "password"), [("mara", "wrong horse"), ("nobody", PASSWORD), ("", "")]
)
def test_a_wrong_name_and_a_wrong_password_are_answered_alike(
    database: Database, user_id: int, name: str, password: str
) -> None:
    with (
        database.session() as session,
        pytest.raises(NotLoggedIn, match=r"^The user name or the password is wrong\.$"),
    ):
        service.authenticate(session, name, password)


def test_the_password_is_not_stored(database: Database, user_id: int) -> None:
    with database.session() as session:
        stored = service.get_user(session, user_id).password_hash
    assert stored.startswith("$argon2id$")
    assert PASSWORD not in stored


def test_a_disabled_user_is_refused_everywhere(database: Database, user_id: int) -> None:
    with database.transaction() as session:
        service.set_active(session, "mara", is_active=False)
    with database.session() as session:
        with pytest.raises(NotLoggedIn):
            service.authenticate(session, "mara", PASSWORD)
        with pytest.raises(NotLoggedIn):
            find_login(session, user_id)


def test_a_new_password_replaces_the_old_one(database: Database, user_id: int) -> None:
    with database.transaction() as session:
        service.set_password(session, "mara", "battery staple")
    with database.session() as session:
        assert service.authenticate(session, "mara", "battery staple").id == user_id
        with pytest.raises(NotLoggedIn):
            service.authenticate(session, "mara", PASSWORD)


@pytest.mark.parametrize(
    ("name", "email"), [("mara", "other@lab.example"), ("other", "mara@lab.example")]
)
def test_names_and_addresses_are_unique(
    database: Database, user_id: int, name: str, email: str
) -> None:
    with pytest.raises(Conflict, match="exists already"), database.transaction() as session:
        service.create_user(session, name, PASSWORD, email)


@pytest.mark.parametrize(
    ("name", "password", "email", "problem"),
    [
        ("", PASSWORD, "a@b", "user name"),
        (" mara", PASSWORD, "a@b", "user name"),
        ("ma\nra", PASSWORD, "a@b", "user name"),
        ("mara", "short", "a@b", "at least 8"),
        ("mara", "x" * 1025, "a@b", "at most 1024"),
        ("mara", PASSWORD, "nowhere", "e-mail"),
    ],
)
def test_unusable_users_are_refused(
    database: Database, name: str, password: str, email: str, problem: str
) -> None:
    with pytest.raises(BadInput, match=problem), database.transaction() as session:
        service.create_user(session, name, password, email)


def test_unknown_users_are_named(database: Database) -> None:
    with pytest.raises(NotFound, match='"nobody"'), database.transaction() as session:
        service.set_password(session, "nobody", PASSWORD)


def test_the_last_administrator_stays_one(database: Database) -> None:
    with database.transaction() as session:
        ids = [
            service.create_user(session, name, PASSWORD, f"{name}@lab.example", is_admin=True).id
            for name in ("ada", "bob")
        ]

    def demote(user_id: int) -> bool:
        try:
            with database.transaction() as session:
                service.change_user(session, user_id, is_admin=False)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor() as threads:
        assert sorted(threads.map(demote, ids)) == [False, True]
    with database.session() as session:
        assert [user.is_admin for user in service.list_users(session)].count(True) == 1
