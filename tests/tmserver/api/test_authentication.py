import base64
import json

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.tmserver.conftest import PASSWORD, Person
from tmlib.accounts.attempts import MAX_FAILURES
from tmlib.accounts.service import set_active
from tmlib.db import Database

LOGIN = {"username": "owner", "password": PASSWORD}


def log_in(person: Person) -> str:
    token: str = person.post("/auth", **LOGIN)["access_token"]
    return token


def ask(person: Person, authorization: str) -> TestResponse:
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
    assert ask(anonymous, f"Basic {token}").status_code == 401


@pytest.mark.usefixtures("people")
def test_a_wrong_password_is_answered_with_401(anonymous: Person) -> None:
    for body in (LOGIN | {"password": "wrong password"}, LOGIN | {"username": "nobody"}):
        for path in ("/auth", "/auth/cookie"):
            response = anonymous.request("POST", path, json=body)
            assert response.status_code == 401
            assert "Set-Cookie" not in response.headers


@pytest.mark.usefixtures("people")
def test_after_too_many_failures_even_the_right_password_has_to_wait(anonymous: Person) -> None:
    for _ in range(MAX_FAILURES):
        anonymous.refused("POST", "/auth", 401, json=LOGIN | {"password": "wrong"})
    anonymous.refused("POST", "/auth", 429, json=LOGIN)
    assert int(anonymous.request("POST", "/auth", json=LOGIN).headers["Retry-After"]) > 0


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
