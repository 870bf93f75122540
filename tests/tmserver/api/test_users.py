from typing import Any

import pytest
from flask import Flask

from tests.tmserver.conftest import PASSWORD, Person
from tmlib.accounts.service import change_user
from tmlib.db import Database

MARA = {"name": "mara", "email": "mara@lab.example", "password": PASSWORD}


def find(administrator: Person, name: str) -> dict[str, Any]:
    [found] = [user for user in administrator.get("/api/users") if user["name"] == name]
    assert isinstance(found, dict)
    return found


def log_in(anonymous: Person, name: str = "mara", password: str = PASSWORD) -> dict[str, str]:
    """Headers that prove a login."""
    token = anonymous.post("/auth", username=name, password=password)["access_token"]
    return {"Authorization": f"Bearer {token}"}


def test_an_administrator_adds_somebody_who_can_log_in(
    administrator: Person, anonymous: Person
) -> None:
    created = administrator.post("/api/users", **MARA)
    assert created == {
        "id": created["id"],
        "name": "mara",
        "email": "mara@lab.example",
        "is_admin": False,
        "is_active": True,
    }
    assert administrator.get(f"/api/users/{created['id']}") == created
    assert find(administrator, "mara") == created
    assert anonymous.request("GET", "/auth/user", headers=log_in(anonymous)).status_code == 200


def test_the_list_of_users_can_be_cut(administrator: Person) -> None:
    names = [user["name"] for user in administrator.get("/api/users")]
    assert names == sorted(names)
    cut = administrator.get("/api/users", limit=2, offset=1)
    assert [user["name"] for user in cut] == names[1:3]


def test_what_cannot_be_a_user_is_refused(administrator: Person) -> None:
    before = administrator.get("/api/users")
    path = f"/api/users/{find(administrator, 'stranger')['id']}"
    for change, status, problem in (
        ({"name": "owner"}, 409, '"owner"'),
        ({"email": "owner@lab.example"}, 409, "owner@lab.example"),
        ({"name": " mara"}, 400, "user name"),
        ({"email": "nowhere"}, 400, "e-mail"),
        ({"password": "short"}, 400, "at least 8"),
    ):
        body = MARA | change
        assert problem in administrator.refused("POST", "/api/users", status, json=body)
        assert problem in administrator.refused("PUT", path, status, json=change)
    assert administrator.get("/api/users") == before


def test_an_administrator_changes_all_of_a_user(administrator: Person, anonymous: Person) -> None:
    path = f"/api/users/{administrator.post('/api/users', **MARA)['id']}"
    old_login = log_in(anonymous)
    administrator.put(path, name="marie", email="m@lab.example", password="another long one")
    administrator.put(path, is_admin=True)
    changed = administrator.get(path)
    assert (changed["name"], changed["email"]) == ("marie", "m@lab.example")
    assert changed["is_admin"] is True
    anonymous.refused("GET", "/auth/user", 401, headers=old_login)
    new_login = log_in(anonymous, "marie", "another long one")
    assert anonymous.request("GET", "/api/users", headers=new_login).status_code == 200


def test_a_disabled_user_is_out_at_once_and_stays_out_of_old_logins(
    administrator: Person, anonymous: Person
) -> None:
    path = f"/api/users/{administrator.post('/api/users', **MARA)['id']}"
    login = log_in(anonymous)
    administrator.delete(path)
    assert find(administrator, "mara")["is_active"] is False
    anonymous.refused("GET", "/auth/user", 401, headers=login)
    anonymous.refused("POST", "/auth", 401, json={"username": "mara", "password": PASSWORD})
    administrator.put(path, is_active=True)
    anonymous.refused("GET", "/auth/user", 401, headers=login)
    log_in(anonymous)


def test_the_last_administrator_stays(
    administrator: Person, people: dict[str, Person], database: Database
) -> None:
    path = f"/api/users/{find(administrator, 'administrator')['id']}"
    for change in ({"is_admin": False}, {"is_active": False}):
        assert "last administrator" in administrator.refused("PUT", path, 409, json=change)
    assert "last administrator" in administrator.refused("DELETE", path, 409)

    owner_id = people["owner"].user_id
    assert owner_id is not None
    with database.transaction() as session:
        change_user(session, owner_id, is_admin=True)
    administrator.delete(path)
    administrator.refused("GET", "/api/users", 401)
    assert find(people["owner"], "administrator")["is_active"] is False


def test_administrators_give_their_own_password_up_to_change_it(administrator: Person) -> None:
    path = f"/api/users/{find(administrator, 'administrator')['id']}"
    message = administrator.refused("PUT", path, 403, json={"password": "another long one"})
    assert "/auth/password" in message


def test_unknown_users_are_not_found(administrator: Person) -> None:
    for method, body in (("GET", None), ("PUT", {"is_active": True}), ("DELETE", None)):
        administrator.refused(method, "/api/users/OTk5OTk5", 404, json=body)


def test_users_change_their_own_address(owner: Person, administrator: Person) -> None:
    owner.put("/auth/user", email="new@lab.example")
    assert owner.get("/auth/user")["email"] == "new@lab.example"
    taken = {"email": "reader@lab.example"}
    assert "reader@lab.example" in owner.refused("PUT", "/auth/user", 409, json=taken)


def test_a_new_password_ends_all_but_the_login_that_set_it(
    anonymous: Person, administrator: Person
) -> None:
    administrator.post("/api/users", **MARA)
    this, other = log_in(anonymous), log_in(anonymous)
    script = anonymous.request(
        "POST", "/auth/tokens", headers=this, json={"name": "script", "scope": "read"}
    ).json
    assert script is not None
    change = {"old_password": PASSWORD, "new_password": "another long one"}
    answer = anonymous.request("PUT", "/auth/password", headers=this, json=change)
    assert answer.status_code == 200
    assert answer.json is not None
    renewed = {"Authorization": f"JWT {answer.json['access_token']}"}
    assert anonymous.request("GET", "/auth/user", headers=renewed).status_code == 200
    for ended in (this, other, {"Authorization": f"Bearer {script['data']['token']}"}):
        anonymous.refused("GET", "/auth/user", 401, headers=ended)
    anonymous.refused("POST", "/auth", 401, json={"username": "mara", "password": PASSWORD})
    log_in(anonymous, password="another long one")


def test_a_password_is_changed_only_by_who_knows_it(owner: Person) -> None:
    for old, new, problem in (
        ("a wrong one", "another long one", "old password"),
        (PASSWORD, "short", "at least 8"),
    ):
        body = {"old_password": old, "new_password": new}
        assert problem in owner.refused("PUT", "/auth/password", 400, json=body)
    assert owner.get("/auth/user")["name"] == "owner"


@pytest.mark.usefixtures("people")
def test_a_browser_goes_on_with_its_new_password(app: Flask) -> None:
    browser = app.test_client()
    browser.post("/auth/cookie", json={"username": "owner", "password": PASSWORD})

    def proof() -> dict[str, str]:
        cookie = browser.get_cookie("csrf_access_token")
        assert cookie is not None
        return {"X-CSRF-TOKEN": cookie.value}

    first = proof()
    change = {"old_password": PASSWORD, "new_password": "another long one"}
    answer = browser.put("/auth/password", json=change, headers=first)
    assert answer.json == {"message": "ok", "access_token": None}
    assert browser.get("/auth/user").status_code == 200
    assert proof() != first
    assert browser.put("/auth/user", json={"email": "x@y"}, headers=proof()).status_code == 200
