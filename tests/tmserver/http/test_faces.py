"""Interfaces side by side, each in its own forms, over HTTP."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import requests
from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from tests.tmserver.conftest import Person
from tests.tmserver.http.faces import LISTS, TOTALS, in_experiment, shelf
from tests.tmserver.serving.conftest import serving
from tmlib.accounts.models import User
from tmlib.db import Database
from tmlib.settings import Settings
from tmserver import pages
from tmserver.access import UserAccess
from tmserver.api import TISSUEMAPS
from tmserver.application import create_app
from tmserver.authentication import issue_token
from tmserver.http.api import Api, Apis
from tmserver.http.mounts import mount
from tmserver.http.openapi import document
from tmserver.http.operations import operations_of
from tmserver.http.registration import reads_body_itself, refuse_undeclared
from tmserver.http.routing import RouteError, Routes
from tmserver.http.schemas import Message
from tmserver.scopes import EXPERIMENT
from tmserver.serving.limits import Limits

INTERFACES = (TISSUEMAPS, LISTS, TOTALS)
PORTAL = "https://portal.example"
JSON = {"Content-Type": "application/json"}
PATIENCE = 60


@dataclass(frozen=True)
class Client:
    """Sends requests over HTTP, as somebody or as nobody in particular."""

    port: int
    token: str = ""

    def send(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Connection": "close"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        headers |= options.pop("headers", {})
        return requests.request(
            method,
            f"http://127.0.0.1:{self.port}{path}",
            headers=headers,
            timeout=PATIENCE,
            allow_redirects=False,
            **options,
        )

    def json(self, method: str, path: str, status: int, **options: Any) -> Any:
        answer = self.send(method, path, **options)
        assert answer.status_code == status, answer.text
        assert answer.headers["Content-Type"] == "application/json"
        return answer.json()


@pytest.fixture
def app(settings: Settings, database: Database) -> Iterator[Flask]:
    settings = settings.model_copy(update={"queue": "tests.tmserver.conftest:ListQueue"})
    application = create_app(settings, INTERFACES)
    yield application
    application.extensions["tmserver"].database.close()


@pytest.fixture
def anybody(app: Flask) -> Iterator[Client]:
    with serving(
        app,
        Limits(target_bytes=2000),
        threads=2,
        is_stream=partial(reads_body_itself, app),
        api_at=Apis.of_application(app).at,
    ) as door:
        yield Client(door.port)


def as_user(app: Flask, anybody: Client, person: Person) -> Client:
    with app.app_context():
        database = app.extensions["tmserver"].database
        with database.session() as session:
            user = session.get(User, person.user_id)
        return Client(anybody.port, issue_token(user))


@pytest.fixture
def owner_client(app: Flask, anybody: Client, owner: Person) -> Client:
    return as_user(app, anybody, owner)


@pytest.fixture
def stranger_client(app: Flask, anybody: Client, people: dict[str, Person]) -> Client:
    return as_user(app, anybody, people["stranger"])


@pytest.fixture
def screen(experiment_id: int) -> str:
    """Path of the experiment among the bare lists."""
    return f"/lists/v2/screen/{experiment_id}"


# bare lists and integers for ids


def test_lists_are_bare_and_ids_are_integers(owner_client: Client, screen: str) -> None:
    assert owner_client.json("GET", f"{screen}/plates", 200) == []
    made = owner_client.json("POST", f"{screen}/plates", 201, json={"name": "P"})
    plate = {"id": made, "name": "P"}
    assert owner_client.json("GET", f"{screen}/plates", 200) == [plate]
    assert owner_client.json("GET", f"{screen}/plates/{made}", 200) == plate


def test_a_body_of_any_content_type_is_taken_for_json(owner_client: Client, screen: str) -> None:
    assert owner_client.json("POST", f"{screen}/plates", 201, data=b'{"name": "P"}') > 0


def test_opaque_ids_are_none_here(owner_client: Client, screen: str) -> None:
    fault = owner_client.json("GET", f"{screen}/plates/MQ==", 422)
    assert fault == {"code": 422, "message": '"MQ==" is not a valid id: use a whole number.'}
    assert owner_client.json("GET", "/lists/v2/screen/MQ==/plates", 422)["code"] == 422


def test_permissions_are_those_of_the_experiment(
    anybody: Client, owner_client: Client, stranger_client: Client, screen: str
) -> None:
    owner_client.json("POST", f"{screen}/plates", 201, json={"name": "P"})
    assert anybody.json("GET", f"{screen}/plates", 401)["code"] == 401
    assert stranger_client.json("GET", f"{screen}/plates", 404)["code"] == 404
    assert stranger_client.json("POST", f"{screen}/plates", 404, json={"name": "Q"})["code"] == 404
    assert len(owner_client.json("GET", f"{screen}/plates", 200)) == 1


def test_what_a_permission_is_for_may_have_a_name_instead_of_a_number(
    anybody: Client, owner_client: Client, stranger_client: Client
) -> None:
    assert owner_client.json("GET", "/lists/v2/desks/owner/label", 200) == "owner"
    missing = stranger_client.json("GET", "/lists/v2/desks/owner/label", 404)
    assert missing == {"code": 404, "message": "There is no desk owner."}
    assert anybody.json("GET", "/lists/v2/desks/owner/label", 401)["code"] == 401
    assert owner_client.json("GET", "/lists/v2/desks/%00/label", 404)["code"] == 404


def test_an_interface_has_its_own_way_to_tell_who_asks(
    anybody: Client, owner: Person, screen: str
) -> None:
    token = owner.post("/auth/tokens", name="notebook", scope="read")["token"]
    path = f"{screen}/plates?middle_auth_token="
    assert anybody.json("GET", path + token, 200) == []
    assert anybody.json("GET", path + "0" * 32, 401)["code"] == 401
    assert anybody.json("POST", path + token, 403, json={"name": "P"})["code"] == 403
    # also when it is asked again while an answer lasts
    desk = f"/lists/v2/desks/owner/owner?middle_auth_token={token}"
    assert anybody.json("GET", desk, 200) == "owner"
    elsewhere = f"/api/experiments?middle_auth_token={token}"
    assert anybody.json("GET", elsewhere, 401)["error"]["type"] == "NotLoggedIn"


def test_all_errors_are_of_the_form_of_the_interface(
    anybody: Client, owner_client: Client, screen: str
) -> None:
    missing = anybody.json("GET", "/lists/v1/nothing", 404)
    assert missing["code"] == 404
    assert "/lists/v2/swagger.json" in missing["message"]
    assert anybody.json("DELETE", "/lists/v2/crash", 405)["code"] == 405
    crash = anybody.json("GET", "/lists/v2/crash", 500)
    assert crash["code"] == 500
    assert "secret" not in crash["message"]
    plates = f"{screen}/plates"
    assert owner_client.json("POST", plates, 422, data=b"{")["code"] == 422
    assert owner_client.json("POST", plates, 422, json={"name": 1})["code"] == 422
    assert owner_client.json("POST", plates, 413, data=b" " * 100_000)["code"] == 413
    owner_client.json("POST", plates, 201, json={"name": "P"})
    assert owner_client.json("POST", plates, 409, json={"name": "P"})["code"] == 409


def test_what_the_web_server_itself_refuses_is_of_that_form_too(anybody: Client) -> None:
    long = "?x=" + "y" * 3000
    assert anybody.json("GET", f"/lists/v2/plates{long}", 414)["code"] == 414
    assert "/totals/openapi.json" in anybody.json("GET", f"/totals/words{long}", 414)["detail"]
    other = anybody.json("GET", f"/api/experiments{long}", 414)
    assert other["error"]["status_code"] == 414


def test_large_bodies_are_read_by_the_view_that_takes_them(
    owner_client: Client, stranger_client: Client, screen: str
) -> None:
    content = b"x" * 1_000_000
    assert owner_client.json("POST", f"{screen}/upload", 200, data=content) == len(content)
    assert stranger_client.json("POST", f"{screen}/upload", 404, data=content)["code"] == 404


# pages with totals


def test_a_page_tells_the_total(anybody: Client) -> None:
    page = anybody.json("GET", "/totals/words?skip=1&limit=2", 200)
    assert page == {
        "total": 4,
        "results": [{"text": "cell", "length": 4}, {"text": "dye", "length": 3}],
        "skip": 1,
        "limit": 2,
    }


def test_a_repeated_parameter_is_a_list(anybody: Client) -> None:
    page = anybody.json("GET", "/totals/words?word=dye&order=asc&word=well&order=desc&x=1", 200)
    assert [word["text"] for word in page["results"]] == ["well", "dye"]
    assert anybody.json("GET", "/totals/words?word=dye", 200)["total"] == 1
    # an empty text is one too, in an address and in a form
    assert anybody.json("GET", "/totals/words?word=", 200)["total"] == 0
    assert anybody.json("POST", "/totals/words/query", 200, data={"word": ""})["total"] == 0
    # elsewhere the first one counts, and what nobody reads is refused
    refused = anybody.json("GET", "/api/audit?limit=1&x=1", 401)
    assert refused["error"]["type"] == "NotLoggedIn"


def test_invalid_requests_are_told_field_by_field(anybody: Client, owner_client: Client) -> None:
    told = anybody.json("GET", "/totals/words?skip=x&limit=0&order=up", 422)["detail"]
    assert [(one["loc"], one["type"]) for one in told] == [
        (["query", "skip"], "int_parsing"),
        (["query", "limit"], "greater_than"),
        (["query", "order"], "literal_error"),
    ]
    assert all(one["msg"] for one in told)
    [told] = anybody.json("GET", "/totals/words?skip=", 422)["detail"]
    assert told["loc"] == ["query", "skip"]
    [told] = anybody.json("GET", "/totals/words/first", 422)["detail"]
    assert told["loc"] == ["path", "number"]
    told = owner_client.json("POST", "/totals/words", 422, json={"text": 3})["detail"]
    assert {tuple(one["loc"]) for one in told} == {("body", "text"), ("body", "length")}


def test_other_errors_are_told_in_a_sentence_with_the_status_of_the_interface(
    anybody: Client, owner_client: Client
) -> None:
    word = {"text": "atlas", "length": 5}
    told = owner_client.json("POST", "/totals/words", 400, json=word)
    assert told == {"detail": "There is a word atlas already."}
    assert "log in" in anybody.json("POST", "/totals/words", 401, json=word)["detail"]
    assert "nothing" in anybody.json("GET", "/totals/nothing", 404)["detail"]
    assert owner_client.send("POST", "/totals/words", data="x").status_code == 415


# pages of other sites


def test_pages_of_allowed_sites_may_use_an_interface(anybody: Client) -> None:
    for path in ("/totals/words", "/totals/nothing"):
        headers = anybody.send("GET", path, headers={"Origin": PORTAL}).headers
        assert headers["Access-Control-Allow-Origin"] == PORTAL
        assert headers["Access-Control-Expose-Headers"] == "X-Request-ID"
        assert "Origin" in headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in headers


def test_a_browser_may_ask_first(anybody: Client) -> None:
    ask = {"Origin": PORTAL, "Access-Control-Request-Method": "POST"}
    answer = anybody.send("OPTIONS", "/totals/words", headers=ask)
    assert answer.status_code == 204
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    assert answer.headers["Access-Control-Allow-Origin"] == PORTAL
    assert anybody.send("OPTIONS", "/totals/nothing", headers=ask).status_code == 404


@pytest.mark.parametrize(
    ("origin", "path"),
    [
        ("https://elsewhere.example", "/totals/words"),
        (PORTAL, "/lists/v2/swagger.json"),
        (PORTAL, "/healthz"),
    ],
)
def test_pages_of_other_sites_may_not(anybody: Client, origin: str, path: str) -> None:
    ask = {"Origin": origin, "Access-Control-Request-Method": "GET"}
    for method in ("GET", "OPTIONS"):
        headers = anybody.send(method, path, headers=ask).headers
        assert not [name for name in headers if name.startswith("Access-Control-")]


# what was not written for this server


def test_a_foreign_view_is_served_with_its_permission(anybody: Client) -> None:
    answer = anybody.json("POST", "/totals/graphql", 200, json={"query": "{ runs { id } }"})
    assert answer == {"data": {"asked": "{ runs { id } }"}}
    assert "detail" in anybody.json("POST", "/totals/graphql", 400, data=b"{", headers=JSON)
    assert "detail" in anybody.json("GET", "/totals/graphql", 405)


def test_a_mounted_application_is_served_with_its_permission(
    anybody: Client, owner_client: Client
) -> None:
    assert "detail" in anybody.json("GET", "/totals/shelf/a/b", 401)
    for path, below in (
        ("", b""),
        ("/", b"/"),
        ("/a/b%20c", b"/a/b c"),
        ("/é", "/é".encode()),
        ("/%FF/b", b"/\xff/b"),
    ):
        answer = owner_client.send("PUT", f"/totals/shelf{path}", data=b"123")
        told = ("/totals/shelf", below.decode("latin-1"), "owner", 3)
        assert answer.content.decode("latin-1") == repr(told)


def test_a_mounted_application_is_within_the_scope_of_its_routes(
    owner_client: Client, stranger_client: Client, administrator: Person, experiment_id: int
) -> None:
    path = f"/totals/screens/{experiment_id}/shelf"
    assert "owner" in owner_client.send("GET", f"{path}/x").text
    assert "detail" in stranger_client.json("GET", f"{path}/x", 404)
    # nobody knows what it does with a POST, whatever is needed to send one
    assert "owner" in owner_client.send("POST", f"{path}/x").text
    [entry, _] = administrator.get("/api/audit")["events"]
    assert (entry["action"], entry["user"]) == ("post_shelf_of_screen_below", "owner")


def test_what_a_mounted_application_does_wrong_is_answered_by_the_interface(
    owner_client: Client,
) -> None:
    told = owner_client.json("GET", "/totals/shelf/crash", 500)["detail"]
    assert "secret" not in told
    large = owner_client.json("POST", "/totals/shelf", 413, data=b" " * 100_000)
    assert "too large" in large["detail"]


def test_nothing_is_mounted_without_a_permission(app: Flask, settings: Settings) -> None:
    with pytest.raises(TypeError, match="permits"):
        mount(Routes("shelf"), "/shelf", shelf, name="shelf")  # type: ignore[call-arg]
    with pytest.raises(RouteError, match="no action"):
        mount(Routes("shelf"), "/shelf", shelf, name="shelf", permits="anything")
    with pytest.raises(RouteError, match="does not fit"):
        mount(Routes("shelf", scope=EXPERIMENT), "/shelf", shelf, name="shelf", permits="user")
    refuse_undeclared(app)
    dispatcher = DispatcherMiddleware(app.wsgi_app, {"/shelf": shelf})
    app.wsgi_app = dispatcher  # type: ignore[method-assign]
    with pytest.raises(RouteError, match="mounted"):
        refuse_undeclared(app)


# interfaces side by side


def test_the_first_interface_is_what_it_was(owner: Person, anybody: Client) -> None:
    assert owner.get("/api/experiments") == []
    for path in ("/nothing", "/api/nothing", "/totalsandmore", "/list"):
        error = anybody.json("GET", path, 404)["error"]
        assert error["status_code"] == 404
        assert "/api/openapi.json" in error["message"]


def test_every_interface_has_a_document_of_its_own(anybody: Client) -> None:
    for api in INTERFACES:
        described = anybody.json("GET", api.document_path, 200)
        assert described["info"]["title"] == api.title
        assert {path.startswith(api.prefix) for path in described["paths"]} == {True}
        paths = {path for operation in operations_of(api) for path in operation.paths}
        assert len(described["paths"]) == len(paths)


@pytest.mark.parametrize(
    ("path", "root", "shown"),
    [
        ("/api", "./", "./api/openapi.json"),
        ("/totals/docs/page", "../../", "../../totals/openapi.json"),
    ],
)
def test_every_interface_has_a_page_of_its_document(
    anybody: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    root: str,
    shown: str,
) -> None:
    monkeypatch.setattr(pages, "VIEWER", tmp_path)
    page = '<script src="{root}assets/a.js"></script><div data-document="{shown}"></div>'
    built = page.format(root="./", shown="./api/openapi.json")
    (tmp_path / "reference.html").write_text(built, encoding="utf-8")
    answer = anybody.send("GET", path)
    assert answer.text == page.format(root=root, shown=shown)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    same = anybody.send("GET", path, headers={"If-None-Match": answer.headers["ETag"]})
    assert same.status_code == 304


def test_the_documents_tell_the_forms() -> None:
    lists, totals = document(LISTS)["paths"], document(TOTALS)["paths"]
    plates = lists["/lists/v2/screen/{experiment_id}/plates"]
    assert plates["get"]["responses"]["200"]["content"]["application/json"]["example"] == [
        {"id": 1, "name": "text"}
    ]
    assert plates["get"]["parameters"][0]["schema"] == {"type": "integer"}
    assert set(plates["post"]["responses"]) == {
        "201", "400", "401", "403", "404", "408", "409", "413", "422", "503",
    }  # fmt: skip
    invalid = totals["/totals/words"]["get"]["responses"]["422"]
    schema = invalid["content"]["application/json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/Problems"}
    assert set(totals["/totals/words"]["post"]["responses"]) >= {"201", "400", "415", "422"}
    assert totals["/totals/shelf/{below}"]["get"]["x-permission"] == "user"


@pytest.mark.parametrize("api", [LISTS, TOTALS])
def test_answers_are_as_documented(owner_client: Client, screen: str, api: Api) -> None:
    described = document(api)
    paths = {
        LISTS: (f"{screen}/plates", "/lists/v2/screen/{experiment_id}/plates"),
        TOTALS: ("/totals/words", "/totals/words"),
    }
    path, declared = paths[api]
    content = described["paths"][declared]["get"]["responses"]["200"]["content"]
    schema = {**content["application/json"]["schema"], "components": described["components"]}
    answer = owner_client.json("GET", path, 200)
    assert jsonschema_rs.Draft202012Validator(schema).is_valid(answer)


def test_interfaces_do_not_get_in_each_others_way(settings: Settings) -> None:
    with pytest.raises(RouteError, match="another interface"):
        create_app(settings, [TISSUEMAPS, replace(LISTS, roots=("/elsewhere",))])
    with pytest.raises(RouteError, match="declared twice"):
        create_app(settings, [replace(LISTS, resources=(in_experiment, in_experiment))])


def test_what_a_scope_names_is_not_had_without_its_permission(settings: Settings) -> None:
    routes = Routes("leak")

    @routes.get("/screen/<experiment_id>/name", permits="user")
    def leak(access: UserAccess, experiment_id: int) -> Message:
        return Message()

    with pytest.raises(RouteError, match="not for what the path names"):
        create_app(settings, [replace(LISTS, resources=(in_experiment, routes))])
