"""Logging in at this interface, and tokens for one request."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from flask import Flask
from pydantic import SecretStr
from sqlalchemy import update

from tests.tmserver.conftest import PASSWORD, AppWith, Person
from tests.tmserver.ispyb.conftest import Visitor, anybody, come_from
from tmlib.accounts.attempts import MAX_FAILURES
from tmlib.db import Database, clock
from tmlib.db.base import now
from tmlib.facility.models import OneTimeToken
from tmserver import pages
from tmserver.ispyb.forms import PREFIX

As = Callable[[str], Visitor]
KEY = "a key that all servers of the facility share"
LOGIN = {"plugin": "database", "login": "owner", "password": PASSWORD}


def test_a_login_is_good_for_all_interfaces(app: Flask, facility: None) -> None:
    assert anybody(app).get("/auth/config") == {"plugins": [{"name": "database", "config": {}}]}
    answer = anybody(app).post("/auth/login", LOGIN, 201)
    assert (answer["login"], answer["permissions"]) == ("owner", [])
    somebody = Person(app, authorization=f"Bearer {answer['token']}")
    user = Visitor(somebody).get("/user/current")
    assert (user["givenName"], user["familyName"], user["login"]) == ("Mara", "Lind", "owner")
    assert somebody.get("/auth/user")["name"] == "owner"


def test_who_is_not_known_gets_no_token(app: Flask, facility: None) -> None:
    for wrong in ({"password": "?"}, {"plugin": "ldap"}, {"login": None}, {"login": "nobody"}):
        refused = anybody(app).post("/auth/login", {**LOGIN, **wrong}, 401)
        assert refused == {"detail": "Could not verify"}
    assert anybody(app).post("/auth/login", {}, 401) == {"detail": "Could not verify"}
    assert anybody(app).get("/proposals", 401)["detail"]
    wrong_type = anybody(app).post("/auth/login", {"login": []}, 422)["detail"]
    assert wrong_type[0]["type"] == "type_error.str"
    for _ in range(MAX_FAILURES):
        anybody(app).post("/auth/login", {**LOGIN, "login": "writer", "password": "?"}, 401)
    anybody(app).post("/auth/login", {**LOGIN, "login": "writer"}, 429)


def test_a_one_time_token_is_good_for_one_request(app: Flask, visitor: As) -> None:
    path = "/proposals/MX1"
    quoted = f"{PREFIX}/proposals/M%581"
    for validity in (f"http://host:8000{PREFIX}{path}?a=b", path, quoted):
        signed = visitor("owner").post("/user/sign", {"validity": validity})
        assert signed["validity"] == validity
        assert len(signed["token"]) == 128
        token = {"onetime": signed["token"]}
        assert anybody(app).get("/proposals/MX2", 401, **token) == {
            "detail": "Invalid one time token."
        }
        assert anybody(app).get(path, **token)["proposal"] == "MX1"
        assert anybody(app).get(path, 401, **token) == {"detail": "Invalid one time token."}
    for wrong in ({}, {"validity": "http://[host/"}, {"validity": "/proposals/%00"}):
        visitor("owner").post("/user/sign", wrong, 422)
    for hostile in ("\x00", "%00", "\ud800", "é" * 5000):
        anybody(app).get(path, 401, onetime=hostile.encode(errors="surrogatepass"))
    anybody(app).get("/proposals/%00", 401, onetime="x")


def test_a_one_time_token_only_reads_and_ends_soon(
    app: Flask, visitor: As, admin: Visitor, database: Database
) -> None:
    def signed(path: str) -> str:
        return str(admin.post("/user/sign", {"validity": path})["token"])

    anybody(app).post(f"/admin/groups?onetime={signed('/admin/groups')}", {"name": "x"}, 403)
    anybody(app).get("/options", 403, onetime=signed("/options"))  # no more than a token may
    token = signed("/proposals")
    with database.transaction() as session:
        session.execute(update(OneTimeToken).values(expires_at=clock.after(-1)))
    anybody(app).get("/proposals", 401, onetime=token)
    token = signed("/proposals")
    with database.transaction() as session:
        assert session.query(OneTimeToken).count() == 1  # the other one is forgotten
    assert anybody(app).get("/proposals", onetime=token)["total"] == 0


def signed(key: str, **claims: Any) -> str:
    moment = int(now().timestamp())
    known = {"login": "owner", "personId": 1, "permissions": ["manage_options"], "iat": moment}
    token: str = jwt.encode({**known, "exp": moment + 300, **claims}, key, "HS256")
    return token


def test_tokens_of_other_servers_are_good_with_the_shared_key(
    app_with: AppWith, facility: None
) -> None:
    app = app_with(facility_key=SecretStr(KEY))

    def somebody(token: str) -> Visitor:
        return Visitor(Person(app, authorization=f"Bearer {token}"))

    owner = somebody(signed(KEY))
    assert owner.get("/user/current")["login"] == "owner"
    assert owner.get("/proposals")["total"] == 1
    owner.get("/options", 403)  # what the token says of permissions does not count
    owner.post("/user/sign", {"validity": "/proposals"})
    somebody(signed(KEY, login="administrator")).get("/options", 403)  # as with any token
    moment = int(now().timestamp())
    for clock_of_another in ({"iat": moment + 60}, {"exp": moment - 60}):
        somebody(signed(KEY, **clock_of_another)).get("/user/current")
    for wrong in (1000 * moment, 2**70, "soon", None):
        somebody(signed(KEY, exp=wrong)).get("/user/current", 401)
    late = somebody(signed(KEY, exp=1)).get("/proposals", 401)
    assert late == {"detail": "Token expired. Please log in again"}
    for wrong in (signed("?" * 32), signed(KEY, login="nobody"), signed(KEY, login=3)):
        somebody(wrong).get("/proposals", 401)
    assert owner.person.request("GET", "/auth/user").status_code == 401  # of this interface alone


def test_tokens_of_other_servers_are_for_nobody_whose_name_was_chosen_at_a_provider(
    app_with: AppWith, database: Database, facility: None
) -> None:
    app = app_with(facility_key=SecretStr(KEY))
    come_from("oidc", "mara", database)
    come_from("ldap", "ole", database)
    for login, status in (("mara", 401), ("ole", 200)):
        somebody = Visitor(Person(app, authorization=f"Bearer {signed(KEY, login=login)}"))
        somebody.get("/user/current", status)


def test_tokens_of_other_servers_are_refused_without_the_key(app: Flask, facility: None) -> None:
    somebody = Person(app, authorization=f"Bearer {signed(KEY)}")
    Visitor(somebody).get("/proposals", 401)


def test_the_page_of_the_document(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "VIEWER", tmp_path)
    anybody(app).get("/docs", 503)
    (tmp_path / "reference.html").write_text('<p data-document="./api/openapi.json">')
    page = anybody(app).get("/docs")
    assert b"../../../ispyb/api/v1/openapi.json" in page.data
    known = {"If-None-Match": page.headers["ETag"]}
    assert anybody(app).person.request("GET", f"{PREFIX}/docs", headers=known).status_code == 304
    document = anybody(app).get("/openapi.json")
    assert {"Options", "UIOptions", "BeamLineGroup", "Paged_Session_", "Paged_Proposal_"} <= set(
        document["components"]["schemas"]
    )
