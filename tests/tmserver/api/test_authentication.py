import base64
import json
from datetime import timedelta

import jwt
import pytest
from flask import Flask
from flask_jwt_extended import decode_token
from sqlalchemy import select

from tests.services.statements import sent_statements
from tests.tmserver.conftest import PASSWORD, Answer, Person
from tmlib.accounts import logins
from tmlib.accounts.attempts import MAX_FAILURES
from tmlib.accounts.models import FailedLogin, RevokedLogin, User
from tmlib.accounts.service import set_active
from tmlib.db import Database
from tmlib.db.base import now
from tmlib.errors import NotLoggedIn
from tmlib.settings import Settings
from tmserver.application import create_app
from tmserver.authentication import issue_token

LOGIN = {"username": "owner", "password": PASSWORD}


def log_in(person: Person) -> str:
    token: str = person.post("/auth", **LOGIN)["access_token"]
    return token


def ask(person: Person, authorization: str) -> Answer:
    return person.request("GET", "/auth/user", headers={"Authorization": authorization})


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("scheme", ["JWT", "Bearer", "jwt", "BEARER"])
def test_a_token_opens_the_api_under_both_names(anonymous: Person, scheme: str) -> None:
    response = ask(anonymous, f"{scheme} {log_in(anonymous)}")
    assert response.json == {
        "data": {"id": "MQ==", "name": "owner", "email": "owner@lab.example", "is_admin": False}
    }


@pytest.mark.usefixtures("people")
def test_the_token_tells_the_original_viewer_who_it_is(anonymous: Person) -> None:
    claims = json.loads(base64.urlsafe_b64decode(log_in(anonymous).split(".")[1] + "=="))
    assert claims["sub"] == str(claims["uid"])
    assert claims["uname"] == "owner"
    assert claims["exp"] - claims["iat"] == 72 * 3600


@pytest.mark.usefixtures("people")
def test_forged_and_broken_tokens_are_refused(anonymous: Person) -> None:
    token = log_in(anonymous)
    header, payload, signature = token.split(".")
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    for forged in (
        f"{unsigned}.{payload}.",
        f"{header}.{payload}.{signature[::-1]}",
        "nonsense",
        "",
    ):
        assert ask(anonymous, f"Bearer {forged}").status_code == 401
    refused = ask(anonymous, f"Basic {token}")
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == 'Bearer realm="tmserver"'


@pytest.mark.usefixtures("people")
def test_a_wrong_password_is_answered_with_401(anonymous: Person) -> None:
    for body in (LOGIN | {"password": "wrong password"}, LOGIN | {"username": "nobody"}):
        for path in ("/auth", "/auth/cookie"):
            response = anonymous.request("POST", path, json=body)
            assert response.status_code == 401
            assert "Set-Cookie" not in response.headers


@pytest.mark.usefixtures("people")
def test_no_message_tells_what_was_sent_as_a_password(anonymous: Person, owner: Person) -> None:
    for password in (12345678, ["12345678"], {"a": "12345678"}, True):
        body = {"username": "owner", "password": password}
        message = anonymous.refused("POST", "/auth", 400, json=body)
        assert message == 'Parameter "password" is ***, but must be text.'
    body = {"old_password": 12345678, "new_password": "another long one"}
    assert "12345678" not in owner.refused("PUT", "/auth/password", 400, json=body)


def test_after_too_many_failures_even_the_right_password_has_to_wait(
    app: Flask, anonymous: Person, owner: Person
) -> None:
    attempts = app.extensions["tmserver"].login_attempts
    for _ in range(MAX_FAILURES - 1):
        with pytest.raises(NotLoggedIn), attempts.attempt("owner", "127.0.0.1"):
            raise NotLoggedIn("The password is wrong.")
    anonymous.refused("POST", "/auth", 401, json=LOGIN | {"password": "wrong"})
    for path in ("/auth", "/auth/cookie"):
        anonymous.refused("POST", path, 429, json=LOGIN)
    assert int(anonymous.request("POST", "/auth", json=LOGIN).headers["Retry-After"]) > 0
    body = {"old_password": PASSWORD, "new_password": "another long one"}
    owner.refused("PUT", "/auth/password", 429, json=body)


@pytest.mark.usefixtures("people")
def test_a_disabled_user_is_out_at_once(anonymous: Person, database: Database) -> None:
    token = log_in(anonymous)
    with database.transaction() as session:
        set_active(session, "owner", is_active=False)
    assert ask(anonymous, f"Bearer {token}").status_code == 401
    anonymous.refused("POST", "/auth", 401, json=LOGIN)


@pytest.mark.usefixtures("people")
def test_a_browser_logs_in_with_a_cookie_and_proves_where_its_requests_come_from(
    app: Flask,
) -> None:
    browser = app.test_client()
    answer = browser.post("/auth/cookie", json=LOGIN)
    assert answer.json == {"data": {"name": "owner"}}
    token, proof = answer.headers.getlist("Set-Cookie")
    assert "HttpOnly" in token
    assert "HttpOnly" not in proof
    assert all("SameSite=Strict" in cookie for cookie in (token, proof))
    assert browser.get("/auth/user").status_code == 200

    body = {
        "name": "Screen",
        "workflow_type": "canonical",
        "microscope_type": "generic",
        "plate_format": 1,
        "plate_acquisition_mode": "basic",
    }
    assert browser.post("/api/experiments", json=body).status_code == 403
    cookie = browser.get_cookie("csrf_access_token")
    assert cookie is not None
    headers = {"X-CSRF-TOKEN": cookie.value}
    assert browser.post("/api/experiments", json=body, headers=headers).status_code == 200

    assert browser.delete("/auth/cookie").json == {"message": "ok"}
    assert browser.get("/auth/user").status_code == 401


@pytest.mark.usefixtures("people")
def test_cookies_are_kept_to_encrypted_connections_that_they_were_set_on(app: Flask) -> None:
    browser = app.test_client()
    answer = browser.post("/auth/cookie", json=LOGIN, base_url="https://localhost")
    assert all("Secure" in cookie for cookie in answer.headers.getlist("Set-Cookie"))


@pytest.mark.usefixtures("people")
def test_a_login_ends_when_it_is_told_to_and_others_go_on(anonymous: Person) -> None:
    ended, other = log_in(anonymous), log_in(anonymous)
    headers = {"Authorization": f"JWT {ended}"}
    assert anonymous.request("POST", "/auth/logout", headers=headers).json == {"message": "ok"}
    for _ in range(2):
        message = anonymous.refused("POST", "/auth/logout", 401, headers=headers)
        assert "has ended" in message
    assert ask(anonymous, f"JWT {other}").status_code == 200


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(("method", "path"), [("DELETE", "/auth/cookie"), ("POST", "/auth/logout")])
def test_who_kept_the_cookie_of_a_browser_that_logged_out_is_out_too(
    app: Flask, method: str, path: str
) -> None:
    browser, thief = app.test_client(), app.test_client()
    browser.post("/auth/cookie", json=LOGIN)
    cookie, proof = (
        browser.get_cookie(name) for name in ("access_token_cookie", "csrf_access_token")
    )
    assert cookie is not None
    assert proof is not None
    thief.set_cookie("access_token_cookie", cookie.value)
    assert thief.get("/auth/user").status_code == 200
    headers = {"X-CSRF-TOKEN": proof.value}
    assert browser.open(path, method=method, headers=headers).status_code == 200
    assert browser.get_cookie("access_token_cookie") is None
    assert thief.get("/auth/user").status_code == 401
    # logging out is no mistake of who is out already
    assert browser.delete("/auth/cookie").status_code == 200


@pytest.mark.usefixtures("people")
def test_ended_logins_are_remembered_until_they_expire(
    anonymous: Person, database: Database
) -> None:
    with database.transaction() as session:
        session.add(RevokedLogin(login_id="of yesterday", expires_at=now() - timedelta(days=1)))
    headers = {"Authorization": f"Bearer {log_in(anonymous)}"}
    anonymous.request("POST", "/auth/logout", headers=headers)
    logins.remove_expired(database)
    with database.session() as session:
        [revoked] = session.scalars(select(RevokedLogin))
    assert timedelta(hours=71) < revoked.expires_at - now() < timedelta(hours=73)


def test_a_login_of_a_web_server_whose_clock_is_ahead_is_good_at_once(
    app: Flask, people: dict[str, Person], anonymous: Person
) -> None:
    user = User(id=people["owner"].user_id, name="owner", login_generation=0)
    for minutes, status in ((1, 200), (-1, 200), (10, 401)):
        moment = now() + timedelta(minutes=minutes)
        with app.app_context():
            claims = decode_token(issue_token(user))
            shifted = {"iat": moment, "nbf": moment, "exp": moment + timedelta(hours=72)}
            key = app.config["JWT_SECRET_KEY"]
            token = jwt.encode(claims | shifted, key, algorithm="HS256")
        assert ask(anonymous, f"Bearer {token}").status_code == status


@pytest.mark.usefixtures("people")
def test_a_refreshed_login_is_another_one_that_began_as_early(anonymous: Person) -> None:
    headers = {"Authorization": f"Bearer {log_in(anonymous)}"}
    answer = anonymous.request("POST", "/auth/refresh", headers=headers)
    assert answer.json is not None
    token = answer.json["access_token"]
    first, second = (
        json.loads(base64.urlsafe_b64decode(part.split(".")[1] + "=="))
        for part in (headers["Authorization"], token)
    )
    assert first["auth_time"] == second["auth_time"]
    assert first["jti"] != second["jti"]
    for each in (headers["Authorization"], f"Bearer {token}"):
        assert ask(anonymous, each).status_code == 200


def test_refreshing_ends_a_month_after_the_password_was_given(
    app: Flask, people: dict[str, Person], anonymous: Person
) -> None:
    user = User(id=people["owner"].user_id, name="owner", login_generation=0)
    for days, status in ((29, 200), (31, 401)):
        with app.app_context():
            token = issue_token(user, now() - timedelta(days=days))
        headers = {"Authorization": f"Bearer {token}"}
        assert anonymous.request("POST", "/auth/refresh", headers=headers).status_code == status


@pytest.mark.usefixtures("people")
def test_a_browser_refreshes_its_cookie(app: Flask) -> None:
    browser = app.test_client()
    browser.post("/auth/cookie", json=LOGIN)
    before, proof = (
        browser.get_cookie(name) for name in ("access_token_cookie", "csrf_access_token")
    )
    assert before is not None
    assert proof is not None
    assert browser.post("/auth/refresh").status_code == 403
    answer = browser.post("/auth/refresh", headers={"X-CSRF-TOKEN": proof.value})
    assert answer.json == {"message": "ok", "access_token": None}
    after = browser.get_cookie("access_token_cookie")
    assert after is not None
    assert after.value != before.value
    assert browser.get("/auth/user").status_code == 200


def test_who_asks_and_what_for_costs_one_query(
    app: Flask, database: Database, owner: Person, anonymous: Person, experiment: str
) -> None:
    script = Person(
        app,
        authorization="Bearer " + owner.post("/auth/tokens", name="x", scope="read")["token"],
    )
    script.get("/auth/user")  # which notes that the token is used
    [signed] = owner.post(f"{experiment}/signed-urls", paths=[experiment])
    statements = sent_statements(app.extensions["tmserver"].database)
    for person, path, is_of_experiment in (
        (owner, "/auth/user", False),
        (script, "/auth/user", False),
        (owner, experiment, True),
        (script, experiment, True),
        (anonymous, signed["url"], True),
    ):
        statements.clear()
        person.get(path)
        [select] = [found for found in statements if "SELECT" in found]
        assert "FROM users" in select
        assert ("JOIN experiments" in select) is is_of_experiment


@pytest.mark.parametrize(("proxies", "counted"), [(0, "127.0.0.1"), (1, "192.0.2.2")])
def test_the_address_of_the_sender_is_what_the_servers_in_front_tell(
    settings: Settings, database: Database, proxies: int, counted: str
) -> None:
    app = create_app(settings.model_copy(update={"proxies": proxies}))
    # the first is what the sender pretends, the last what the server in front has added
    headers = {"X-Forwarded-For": "192.0.2.1, 192.0.2.2"}
    answer = app.test_client().post("/auth", json=LOGIN, headers=headers)
    assert answer.status_code == 401
    with database.session() as session:
        [failed] = session.scalars(select(FailedLogin))
    assert failed.address == counted
    app.extensions["tmserver"].database.close()
