"""Logging a browser in by way of a provider of OpenID Connect."""

import logging
import socket
import time
from collections.abc import Iterator

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr

from tests.services.openid_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    REDIRECT_URI,
    Provider,
    running_provider,
)
from tests.services.postgresql import free_port
from tests.tmserver.conftest import AppWith, Person
from tests.tmserver.ispyb.conftest import SYNC, Visitor, told
from tmlib.accounts import service
from tmlib.accounts.openid import CLOCKS_DIFFER_BY, OpenIdProvider
from tmlib.db import Database
from tmlib.errors import BadInput
from tmlib.settings import Settings
from tmserver.command_line import cli

LOGIN, CALLBACK = "/auth/oidc/login", "/auth/oidc/callback"
KNOWN = {
    "oidc_client_id": CLIENT_ID,
    "oidc_client_secret": SecretStr(CLIENT_SECRET),
    "oidc_redirect_uri": REDIRECT_URI,
    "oidc_groups_claim": "groups",
    "oidc_title": "the institute",
}


@pytest.fixture(scope="module")
def running() -> Iterator[Provider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture
def provider(running: Provider) -> Provider:
    """A provider that tells the truth, as it is before each test."""
    running.claims = {
        "sub": "248289761001",
        "preferred_username": "noor",
        "email": "noor@institute.example",
        "email_verified": True,
        "groups": ["microscopy", "screening"],
    }
    running.signed, running.told, running.is_broken = {}, {}, False
    return running


@pytest.fixture
def asked(app_with: AppWith, provider: Provider) -> Flask:
    """An application that knows the provider."""
    return app_with(**KNOWN, oidc_issuer=provider.url)


def sent_to(browser: FlaskClient) -> str:
    answer = browser.get(LOGIN)
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def log_in(app: Flask, provider: Provider, status: int = 303, **brought: str) -> FlaskClient:
    """A browser that was at the provider and came back."""
    browser = app.test_client()
    query = provider.visit(sent_to(browser)) | brought
    answer = browser.get(CALLBACK, query_string=query)
    assert answer.status_code == status, answer.text
    if status != 303:
        assert "access_token" not in str(answer.headers.getlist("Set-Cookie"))
        assert browser.get("/auth/user").status_code == 401
    return browser


def test_a_browser_comes_back_with_a_login_of_its_own(
    asked: Flask, provider: Provider, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    [button] = Person(asked).get("/auth/providers")
    assert button == {"title": "the institute", "path": LOGIN.lstrip("/")}
    browser = asked.test_client()
    query = provider.visit(sent_to(browser))
    assert browser.get(CALLBACK, query_string=query).headers["Location"] == "../../"
    assert query["code"] not in caplog.text
    known = browser.get("/auth/user").json
    assert known is not None
    assert (known["data"]["name"], known["data"]["email"]) == ("noor", "noor@institute.example")
    mine = browser.get("/api/groups").json
    assert mine is not None
    assert [group["name"] for group in mine["data"]] == ["microscopy", "screening"]
    with database.session() as session:
        assert service.find_user(session, "noor").origin == "oidc"

    provider.claims |= {"preferred_username": "noor.b", "groups": ["screening", 7, "a/b"]}
    again = log_in(asked, provider)  # whoever is called otherwise stays the same person
    assert again.get("/auth/user").json == known
    mine = again.get("/api/groups").json
    assert mine is not None
    assert [group["name"] for group in mine["data"]] == ["7", "screening"]
    Person(asked).refused("POST", "/auth", 401, json={"username": "noor", "password": ""})


def test_a_browser_that_brings_what_it_was_not_sent_for_is_refused(
    asked: Flask, provider: Provider
) -> None:
    log_in(asked, provider, 401, state="another")
    log_in(asked, provider, 401, code="another")
    log_in(asked, provider, 401, error="access_denied")
    log_in(asked, provider, 401, error="x" * 1000, error_description="x" * 1000, error_codes="[]")
    stranger = asked.test_client()  # in which nobody began to log in
    query = provider.visit(sent_to(asked.test_client()))
    assert stranger.get(CALLBACK, query_string=query).status_code == 401
    sent_to(stranger)
    assert stranger.get(CALLBACK, query_string=query).status_code == 401
    assert stranger.get(CALLBACK).status_code == 401
    assert stranger.get(CALLBACK, query_string={"code": "x" * 5000}).status_code == 400

    browser = asked.test_client()
    query = provider.visit(sent_to(browser))
    sent_to(browser)  # in another tab: the first one holds no more
    assert browser.get(CALLBACK, query_string=query).status_code == 401
    query = provider.visit(sent_to(browser))
    more = {"session_state": "1", "iss": provider.url, "of_this_provider_alone": "x" * 2000}
    assert browser.get(CALLBACK, query_string=query | more).status_code == 303
    assert browser.get(CALLBACK, query_string=query).status_code == 401  # once


def test_what_the_provider_has_not_signed_for_this_login_is_refused(
    asked: Flask, provider: Provider
) -> None:
    moment = int(time.time())
    for wrong in (
        {"nonce": "another"},
        {"aud": "another"},
        {"aud": [CLIENT_ID, "another"]},
        {"iss": "https://another.example"},
        {"exp": moment - CLOCKS_DIFFER_BY - 60},
        {"iat": moment + CLOCKS_DIFFER_BY + 60},
        {"sub": "somebody else"},
    ):
        provider.signed = wrong
        log_in(asked, provider, 401)
    provider.signed = {"exp": moment - CLOCKS_DIFFER_BY + 60}  # by its clock
    log_in(asked, provider)
    provider.change_key(is_told=False)
    provider.signed = {}
    log_in(asked, provider, 401)


def test_a_new_key_of_the_provider_is_looked_up(app_with: AppWith, provider: Provider) -> None:
    provider.change_key(is_told=True)
    log_in(app_with(**KNOWN, oidc_issuer=provider.url), provider)


def test_accounts_that_are_there_are_not_taken_over(
    asked: Flask, provider: Provider, administrator: Person
) -> None:
    provider.claims["preferred_username"] = "owner"
    log_in(asked, provider, 409)
    Visitor(administrator).post(SYNC, told("MX", 1, persons=[{"login": "mara"}]))
    provider.claims["preferred_username"] = "mara"  # who has never logged in
    log_in(asked, provider, 409)
    provider.claims |= {"preferred_username": "noor", "email": "owner@lab.example"}
    log_in(asked, provider, 409)
    provider.claims["email_verified"] = False  # whose it is, nobody knows
    log_in(asked, provider)
    del provider.claims["preferred_username"]
    log_in(asked, provider, 401)


def test_only_an_address_that_the_provider_calls_verified_is_taken(
    asked: Flask, provider: Provider
) -> None:
    values: tuple[object, ...] = (True, "true", False, "false", 1, None)
    cases: list[dict[str, object]] = [*({"email_verified": value} for value in values), {}]
    taken = []
    del provider.claims["email_verified"]
    claims = provider.claims
    for number, verified in enumerate(cases):
        person = {"sub": f"{number}", "preferred_username": f"noor {number}"}
        provider.claims = claims | person | {"email": f"{number}@institute.example"} | verified
        known = log_in(asked, provider).get("/auth/user").json
        assert known is not None
        taken.append(known["data"]["email"] == f"{number}@institute.example")
        assert taken[-1] or known["data"]["email"].endswith("@oidc.invalid")
    assert taken == [True, True, False, False, False, False, False]


def test_a_provider_that_is_away_is_told_of(
    app_with: AppWith, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    asked = app_with(**KNOWN, oidc_issuer=provider.url)
    browser = asked.test_client()
    query = provider.visit(sent_to(browser))
    provider.is_broken = True
    assert browser.get(CALLBACK, query_string=query).status_code == 503
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for port in (free_port(), silent.getsockname()[1]):
            app = app_with(**KNOWN, oidc_issuer=f"http://127.0.0.1:{port}", oidc_seconds=1)
            assert "cannot be asked" in Person(app).refused("GET", LOGIN, 503)
    assert CLIENT_SECRET not in caplog.text
    assert query["code"] not in caplog.text


def test_without_the_settings_there_is_no_such_login(anonymous: Person) -> None:
    assert anonymous.get("/auth/providers") == []
    for path in (LOGIN, CALLBACK):
        assert "no provider of logins" in anonymous.refused("GET", path, 404)


def test_settings_of_a_provider_that_do_not_fit_together_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = {"oidc_issuer": "https://p.example", "oidc_client_id": "x"}
    for given, named in (
        ({}, "TM_OIDC_REDIRECT_URI"),
        ({"oidc_redirect_uri": REDIRECT_URI, "oidc_issuer": "http://p.example"}, "not encrypted"),
    ):
        with pytest.raises(BadInput, match=named):
            OpenIdProvider.of(Settings.model_validate(known | given))
    monkeypatch.setenv("TM_BROKER_URL", "redis://127.0.0.1:1")
    monkeypatch.setenv("TM_OIDC_ISSUER", "https://p.example")
    outcome = CliRunner().invoke(cli, ["web"])
    assert outcome.exit_code == 1
    assert "TM_OIDC_CLIENT_ID" in outcome.output
