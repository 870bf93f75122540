"""Logging in with the name and the password that a directory knows."""

import logging
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pydantic import SecretStr

from tests.services import slapd
from tests.services.postgresql import free_port
from tests.services.scripted_directory import ScriptedDirectory, running_scripted_directory
from tests.services.slapd import GROUPS, PASSWORD, PEOPLE, ROOT, ROOT_PASSWORD, Directory
from tests.tmserver.conftest import PASSWORD as LOCAL_PASSWORD
from tests.tmserver.conftest import AppWith, Person
from tests.tmserver.ispyb.conftest import SYNC, Visitor, contact, told
from tmlib.accounts import service
from tmlib.accounts.attempts import MAX_FAILURES
from tmlib.accounts.external import ExternalPerson
from tmlib.accounts.ldap import LdapDirectory
from tmlib.db import Database
from tmlib.errors import BadInput
from tmlib.settings import Settings
from tmserver.command_line import cli

NOOR = f"uid=noor,{PEOPLE}"
ISPYB = "/ispyb/api/v1/auth"
SEARCHING = {
    "ldap_user_base": PEOPLE,
    "ldap_user_filter": "(&(uid={name})(!(employeeType=locked)))",
    "ldap_group_base": GROUPS,
    "ldap_bind_dn": ROOT,
    "ldap_bind_password": SecretStr(ROOT_PASSWORD),
}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Directory]:
    with ExitStack() as stack:
        try:
            running = slapd.running_directory(tmp_path_factory.mktemp("slapd"))
            yield stack.enter_context(running)
        except slapd.SlapdMissing as error:
            pytest.skip(str(error))


@pytest.fixture
def anybody(app_with: AppWith, directory: Directory) -> Person:
    """Somebody who asks an installation with the directory."""
    return Person(
        app_with(ldap_url=directory.tls_url, ldap_ca_file=directory.certificate, **SEARCHING)
    )


@pytest.fixture
def scripted() -> Iterator[ScriptedDirectory]:
    """A directory that knows one user, noor, who is in one group."""
    with running_scripted_directory() as directory:
        directory.entries = {
            PEOPLE: [(NOOR, {})],
            NOOR: [(NOOR, {"uid": ["noor"], "mail": ["noor@institute.example"]})],
            GROUPS: [(f"cn=microscopy,{GROUPS}", {"cn": ["microscopy"]})],
        }
        yield directory


@pytest.fixture
def visitor(app_with: AppWith, scripted: ScriptedDirectory) -> Person:
    """Somebody who asks an installation with that directory."""
    return Person(app_with(ldap_url=scripted.url, ldap_encryption="none", **SEARCHING))


def log_in(anybody: Person, name: str, password: str = PASSWORD) -> Person:
    token = anybody.post("/auth", username=name, password=password)["access_token"]
    return Person(anybody.app, authorization=f"Bearer {token}")


def refused(anybody: Person, name: str, password: str = PASSWORD, status: int = 401) -> str:
    return anybody.refused("POST", "/auth", status, json={"username": name, "password": password})


def test_a_user_of_the_directory_gets_an_account_at_the_first_login(
    anybody: Person, directory: Directory, administrator: Person, database: Database
) -> None:
    directory.add_person("noor", "noor@institute.example")
    noor = log_in(anybody, "noor")
    known = noor.get("/auth/user")
    assert (known["name"], known["email"]) == ("noor", "noor@institute.example")
    assert log_in(anybody, "NOOR").get("/auth/user") == known  # the directory takes them for one
    with database.session() as session:
        assert service.find_user(session, "noor").origin == "ldap"
    # what is not kept here can neither be changed here nor be used without the directory
    body = {"old_password": PASSWORD, "new_password": "another long one"}
    assert "ldap" in noor.refused("PUT", "/auth/password", 409, json=body)
    administrator.refused(
        "PUT", f"/api/users/{known['id']}", 409, json={"password": "another long one"}
    )
    refused(administrator, "noor")
    # nor does a login go on for longer than the directory was asked
    assert "log in again" in noor.refused("POST", "/auth/refresh", 401)


def test_what_the_directory_does_not_accept_gets_nobody_in(
    anybody: Person, directory: Directory, administrator: Person
) -> None:
    dn = directory.add_person("ines")
    for name, password in (
        ("ines", "wrong"),
        ("ines", ""),  # which a directory accepts for nobody in particular
        ("in*", PASSWORD),
        ("*)(uid=ines", PASSWORD),
        ("ines)(|(uid=*", PASSWORD),
        (f"ines,{PEOPLE}", PASSWORD),
        ("nobody", PASSWORD),
        ("", PASSWORD),
        ("n" * 300, PASSWORD),
    ):
        refused(anybody, name, password)
    user_id = log_in(anybody, "ines").get("/auth/user")["id"]
    directory.change(dn, employeeType="locked")
    refused(anybody, "ines")
    directory.change(dn, employeeType="guest")
    log_in(anybody, "ines")
    administrator.request("DELETE", f"/api/users/{user_id}")
    refused(anybody, "ines")  # whom an administrator locks out here stays out
    directory.remove(dn)
    refused(anybody, "ines")


def test_no_log_tells_a_password(
    visitor: Person, scripted: ScriptedDirectory, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    log_in(visitor, "noor")
    for dn in (NOOR, ROOT):
        for code in (1, 10, 49, 53):
            scripted.logins = {dn: code}
            visitor.request("POST", "/auth", json={"username": "noor", "password": PASSWORD})
    assert "failed" in caplog.text
    assert PASSWORD not in caplog.text
    assert ROOT_PASSWORD not in caplog.text


def test_only_a_directory_that_says_yes_lets_somebody_in(
    visitor: Person, scripted: ScriptedDirectory
) -> None:
    for dn in (NOOR, ROOT):
        # a limit of time, "compared alike", a referral, and half of a longer conversation
        for code in (3, 6, 10, 14):
            scripted.logins = {dn: code}
            assert "cannot be asked" in refused(visitor, "noor", "wrong", 503)
    scripted.logins = {NOOR: 49}
    refused(visitor, "noor", "wrong")
    scripted.logins = {}
    assert log_in(visitor, "noor").get("/auth/user")["name"] == "noor"


def test_who_has_several_names_in_the_directory_is_nobody(
    visitor: Person, scripted: ScriptedDirectory
) -> None:
    microscopy = scripted.entries[GROUPS]
    scripted.entries[GROUPS] = [*microscopy, (f"cn=x,{GROUPS}", {"cn": ["x", "administration"]})]
    noor = log_in(visitor, "noor")
    assert [one["name"] for one in noor.get("/api/groups")] == ["microscopy"]
    scripted.entries[NOOR] = [(NOOR, {"uid": ["noor", "ada"]})]
    assert "several names" in refused(visitor, "noor", PASSWORD, 400)


def test_a_part_of_what_a_search_finds_is_not_taken_for_all(
    visitor: Person, scripted: ScriptedDirectory
) -> None:
    noor = log_in(visitor, "noor")
    for base in (PEOPLE, NOOR, GROUPS):
        for code in (3, 4, 10):  # a limit of time, one of size, a referral
            scripted.searches = {base: code}
            assert "cannot be asked" in refused(visitor, "noor", PASSWORD, 503)
    assert [one["name"] for one in noor.get("/api/groups")] == ["microscopy"]
    scripted.searches = {PEOPLE: 4}
    scripted.entries[PEOPLE] *= 2  # more than the two that are looked for
    refused(visitor, "noor")


def test_the_login_limit_counts_names_as_the_directory_takes_them(
    anybody: Person, directory: Directory
) -> None:
    directory.add_person("sven")
    spellings = ("sven", "SVEN", "\uff53\uff56\uff45\uff4e", "\u017fven", "sv\u00e9n")
    for count in range(MAX_FAILURES):
        refused(anybody, spellings[count % len(spellings)], "wrong")
    refused(anybody, "Sven", PASSWORD, 429)


def test_local_accounts_and_those_of_the_directory_stay_apart(
    anybody: Person, directory: Directory, owner: Person
) -> None:
    directory.add_person("owner")
    directory.add_person("ada", "owner@lab.example")
    assert log_in(anybody, "owner", LOCAL_PASSWORD).get("/auth/user")["name"] == "owner"
    refused(anybody, "owner")  # of the local account it is the local password that counts
    for path in ("/auth", "/auth/cookie"):
        login = {"username": "OWNER", "password": PASSWORD}
        assert '"owner"' in anybody.refused("POST", path, 409, json=login)
    assert "owner@lab.example" in refused(anybody, "ada", PASSWORD, 409)
    body = {"plugin": "ldap", "login": "owner", "password": PASSWORD}
    answer = anybody.request("POST", f"{ISPYB}/login", json=body)
    assert answer.status_code == 400  # that interface's status for it
    assert owner.get("/auth/user")["email"] == "owner@lab.example"


def test_an_account_that_a_portal_has_made_is_for_who_has_that_name_in_the_directory(
    anybody: Person, directory: Directory, administrator: Person
) -> None:
    portal = Visitor(administrator)
    persons = [{"login": "mara"}, {"login": "ole"}, {"externalId": 5}]
    portal.post(SYNC, told("MX", 1, persons=persons))
    known = {one["name"]: one["id"] for one in administrator.get("/api/users")}
    directory.add_person("mara", "mara@institute.example")
    directory.add_person("ole")
    directory.add_person("person-5")  # as nobody is called in a portal
    refused(anybody, "mara", "wrong")

    mara = log_in(anybody, "mara")
    profile = mara.get("/auth/user")
    assert (profile["id"], profile["email"]) == (known["mara"], "mara@institute.example")
    assert Visitor(mara).get("/proposals/MX1")["proposal"] == "MX1"
    portal.post(SYNC, told("MX", 2, persons=[{"login": "mara", "emailAddress": "m@x.example"}]))
    assert Visitor(mara).get("/proposals")["total"] == 2
    assert log_in(anybody, "MARA").get("/auth/user") == profile
    body = {"old_password": PASSWORD, "new_password": "another long one"}
    assert "ldap" in mara.refused("PUT", "/auth/password", 409, json=body)

    administrator.request("DELETE", f"/api/users/{known['ole']}")
    refused(anybody, "ole")  # whom an administrator locks out stays out
    administrator.put(f"/api/users/{known['ole']}", is_active=True)
    assert log_in(anybody, "ole").get("/auth/user")["id"] == known["ole"]
    assert '"person-5"' in refused(anybody, "person-5", PASSWORD, 409)


def test_an_account_that_stands_for_a_lab_contact_is_for_nobody(
    anybody: Person, directory: Directory, administrator: Person, database: Database
) -> None:
    portal = Visitor(administrator)
    portal.post(SYNC, told("MX", 1))
    sent = contact(portal.get("/proposals/MX1")["proposalId"])
    number = portal.post("/labcontacts", sent, 201)["personId"]
    with database.session() as session:
        name = service.get_user(session, number).name
    directory.add_person(name)
    assert f'"{name}"' in refused(anybody, name, PASSWORD, 409)


class StandIn:
    """A directory where nothing can be started: everybody has the right password."""

    def authenticate(self, name: str, password: str) -> ExternalPerson:
        name = name.casefold()
        return ExternalPerson("ldap", subject=name, name=name, email=None, groups=[])


def test_what_a_directory_knows_is_answered_alike_without_one(
    app_with: AppWith, people: dict[str, Person]
) -> None:
    app = app_with()
    app.extensions["tmserver"].directory = StandIn()
    anybody = Person(app)
    for path in ("/auth", "/auth/cookie"):
        login = {"username": "OWNER", "password": PASSWORD}
        assert '"owner"' in anybody.refused("POST", path, 409, json=login)
    body = {"old_password": PASSWORD, "new_password": "another long one"}
    assert "ldap" in log_in(anybody, "noor").refused("PUT", "/auth/password", 409, json=body)


def test_the_plugins_of_the_facility(
    anybody: Person, directory: Directory, anonymous: Person
) -> None:
    def status(asked: Person, **body: str) -> int:
        return asked.request("POST", f"{ISPYB}/login", json=body).status_code

    directory.add_person("kim")
    kim = {"login": "kim", "password": PASSWORD}
    local = {"login": "owner", "password": LOCAL_PASSWORD}
    assert [one["name"] for one in anybody.get(f"{ISPYB}/config")["plugins"]] == [
        "database",
        "ldap",
    ]
    assert status(anybody, plugin="ldap", **kim) == 201
    assert status(anybody, **kim) == 201
    assert status(anybody, plugin="database", **kim) == 401
    assert status(anybody, plugin="database", **local) == 201
    assert status(anybody, **local) == 201
    assert status(anybody, plugin="ldap", **local) == 401
    # without the settings there is no such way in
    assert [one["name"] for one in anonymous.get(f"{ISPYB}/config")["plugins"]] == ["database"]
    assert status(anonymous, plugin="ldap", **kim) == 401
    assert status(anonymous, **kim) == 401


def test_groups_of_the_directory_are_taken_over_at_each_login(
    anybody: Person, directory: Directory, administrator: Person
) -> None:
    def groups(of: Person) -> set[str]:
        return {one["name"] for one in of.get("/api/groups")}

    lea, max_ = directory.add_person("lea"), directory.add_person("max (guest)")
    directory.change(max_, uid="max")
    for name, members in {
        "microscopy": [lea, max_],
        "screening": [lea],
        "others": [],
        "imaging": [lea],  # as a local one is called
        "no/name": [lea],
    }.items():
        directory.set_group(name, *members)
    local = administrator.post("/api/groups", name="imaging", owner="owner")
    hers = log_in(anybody, "lea")
    assert groups(hers) == {"microscopy", "screening"}
    assert groups(log_in(anybody, "max")) == {"microscopy"}
    administrator.request("PUT", f"/api/groups/{local['id']}/members/lea", json={})

    directory.set_group("screening")
    directory.set_group("others", lea)
    hers = log_in(anybody, "lea")
    assert groups(hers) == {"microscopy", "others", "imaging"}  # local ones are left alone

    [taken] = administrator.get("/api/groups", name="microscopy")
    path = f"/api/groups/{taken['id']}"
    for method, below, body in (
        ("PUT", "/members/owner", {"is_owner": True}),
        ("DELETE", "/members/lea", None),
        ("PUT", "", {"name": "light microscopy"}),
    ):
        assert "ldap" in administrator.refused(method, f"{path}{below}", 409, json=body)
    assert "ldap" in hers.refused("POST", f"{path}/leave", 409)
    assert administrator.request("DELETE", path).status_code == 200


@pytest.mark.parametrize("names", ["searched", "made"])
def test_ways_to_ask_the_directory(
    names: str, app_with: AppWith, directory: Directory, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(f"{ROOT_PASSWORD}\n")
    directory.add_person(f"way {names}")
    given: dict[str, Any] = {"ldap_url": directory.url, "ldap_ca_file": directory.certificate}
    if names == "made":
        given |= {"ldap_user_dn": f"cn={{name}},{PEOPLE}"}
    else:
        given |= SEARCHING | {"ldap_bind_password": None, "ldap_bind_password_file": secret}
    anybody = Person(app_with(**given))
    log_in(anybody, f"way {names}")
    refused(anybody, f"way {names}", "wrong")
    refused(anybody, f"way {names},ou=other")
    refused(anybody, f"way {names}+uid=x")
    log_in(Person(app_with(**given | {"ldap_encryption": "none"})), f"way {names}")


@pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
def test_a_directory_that_is_away_is_told_of_and_keeps_only_its_own_users_out(
    scheme: str,
    app_with: AppWith,
    people: dict[str, Person],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and says nothing
        for port in (silent.getsockname()[1], free_port()):
            app = app_with(ldap_url=f"{scheme}://127.0.0.1:{port}", ldap_seconds=1, **SEARCHING)
            anybody = Person(app)
            assert "cannot be asked at the moment" in refused(anybody, "noor", PASSWORD, 503)
            log_in(anybody, "owner", LOCAL_PASSWORD)
    login = {"username": "noor", "password": PASSWORD}
    anybody.refused("POST", "/auth/cookie", 503, json=login)
    body = {"login": "noor", "password": PASSWORD}
    assert anybody.request("POST", f"{ISPYB}/login", json=body).status_code == 503
    assert PASSWORD not in caplog.text
    assert ROOT_PASSWORD not in caplog.text


def test_a_directory_that_nobody_vouches_for_gets_no_password(
    app_with: AppWith, directory: Directory, caplog: pytest.LogCaptureFixture
) -> None:
    directory.add_person("tom")
    for url in (directory.tls_url, directory.url):
        refused(Person(app_with(ldap_url=url, **SEARCHING)), "tom", PASSWORD, 503)
    wrong = SEARCHING | {"ldap_bind_password": SecretStr("wrong password of the server")}
    given = {"ldap_url": directory.url, "ldap_ca_file": directory.certificate}
    refused(Person(app_with(**given | wrong)), "tom", PASSWORD, 503)
    assert "failed" in caplog.text
    assert "wrong password of the server" not in caplog.text


def test_settings_that_do_not_fit_together_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "ldaps://directory.example"
    monkeypatch.setenv("TM_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("TM_BROKER_URL", "redis://127.0.0.1:1")
    monkeypatch.setenv("TM_LDAP_URL", url)
    for command in ("web", "serve"):
        outcome = CliRunner().invoke(cli, [command])
        assert outcome.exit_code == 1
        assert "TM_LDAP_USER_BASE" in outcome.output
    for given, named in (
        ({}, "TM_LDAP_USER_BASE"),
        ({"ldap_user_base": PEOPLE, "ldap_user_dn": "uid={name}"}, "TM_LDAP_USER_DN"),
        ({"ldap_user_dn": "uid={name}", "ldap_user_filter": "(x={name})"}, "TM_LDAP_USER_FILTER"),
        ({"ldap_user_base": PEOPLE, "ldap_bind_dn": ROOT}, "TM_LDAP_BIND_PASSWORD"),
        ({"ldap_user_base": PEOPLE, "ldap_ca_file": tmp_path / "none"}, "TM_LDAP_CA_FILE"),
        ({"ldap_user_base": PEOPLE, "ldap_bind_password_file": tmp_path / "none"}, "secret"),
    ):
        with pytest.raises(BadInput, match=named):
            LdapDirectory.of(Settings.model_validate({"ldap_url": url, **given}))
    for wrong in ({"ldap_url": "directory.example"}, {"ldap_user_filter": "(uid=*)"}):
        with pytest.raises(ValueError, match="pattern"):
            Settings.model_validate(wrong)
