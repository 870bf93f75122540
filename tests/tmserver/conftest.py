"""The web application, users of it, and an experiment with something in it."""

import html
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import BaseModel
from werkzeug.test import TestResponse

from tests.tmserver import answers
from tmlib.accounts import service
from tmlib.accounts.models import User
from tmlib.db import Database
from tmlib.ids import decode_id, encode_id
from tmlib.settings import Settings
from tmserver.application import INTERFACES, create_app
from tmserver.authentication import issue_token
from tmserver.http.api import Api
from tmserver.http.error_forms import ErrorForm
from tmserver.http.id_forms import OpaqueIds
from tmserver.ispyb.scope import FACILITY
from tmserver.permissions import Permission

AppWith = Callable[..., Flask]
"""Makes an application; its arguments are settings that differ."""

PASSWORD = "a long password"

OF_ADMINISTRATORS = {
    Permission.of("admin"),
    *(Permission.of(action, FACILITY) for action in FACILITY.actions),
}
"""What only administrators may, unless somebody has given others a permission."""


_VARIABLE = re.compile(r"<(?:\w+:)?(\w+)>")


def documented_path(rule: str) -> str:
    """How a document writes the path of a route."""
    return _VARIABLE.sub(r"{\1}", rule)


def told_error(form: ErrorForm, response: TestResponse) -> BaseModel:
    """What a response says that reports an error, which must have the form of its interface."""
    assert response.mimetype == form.media_type
    if form.media_type == "application/json":
        content = response.json
    elif form.media_type == "text/html":
        found = re.search('<p id="message">(.*)</p>', response.text, re.DOTALL)
        content = {"message": html.unescape(found[1])} if found else {}
    else:
        root = ElementTree.fromstring(response.text)  # noqa: S314 - our own
        content = {element.tag: element.text for element in root}
    return form.model(response.status_code).model_validate(content)


class ListQueue:
    """Keeps job ids where a test can see them; the real one needs Redis and workers."""

    def __init__(self, settings: Settings) -> None:
        self.job_ids: list[int] = []

    def enqueue(self, job_ids: Sequence[int], *, interactive: bool = False) -> None:
        self.job_ids += job_ids

    def depth(self, *, interactive: bool = False) -> int:
        return len(self.job_ids)


class Answer(TestResponse):
    """An answer of which a test knows what its JSON is."""

    @property
    def json(self) -> Any:
        return super().json


@dataclass
class Person:
    """Somebody who uses the API, or nobody in particular."""

    app: Flask
    user_id: int | None = None
    authorization: str | None = None

    def request(self, method: str, path: str, **options: Any) -> Answer:
        headers = dict(options.pop("headers", {}))
        if self.authorization is not None:
            headers["Authorization"] = self.authorization
        elif self.user_id is not None:
            with self.app.app_context():
                user = User(id=self.user_id, name="-", login_generation=0)
                headers["Authorization"] = f"Bearer {issue_token(user)}"
        client = FlaskClient(self.app, Answer)
        answer = client.open(path, method=method, headers=headers, buffered=True, **options)
        assert isinstance(answer, Answer)
        return answer

    def get(self, path: str, **query: Any) -> Any:
        """The data of a successful answer."""
        return self._data("GET", path, query_string=query or None)

    def post(self, path: str, **body: Any) -> Any:
        return self._data("POST", path, json=body)

    def put(self, path: str, **body: Any) -> Any:
        return self._data("PUT", path, json=body)

    def delete(self, path: str) -> Any:
        return self._data("DELETE", path)

    def refused(self, method: str, path: str, status: int, **options: Any) -> str:
        """The message of an answer that must have this status."""
        response = self.request(method, path, **options)
        assert response.status_code == status, response.text
        assert response.mimetype == "application/json"
        answer = response.json
        error = answer.get("error", answer)
        if error is answer:  # CAVE's form
            assert error["code"] == status
        else:
            assert error["error"] is True
            assert error["status_code"] == status
            assert error["type"]
        message: str = error["message"]
        return message

    def _data(self, method: str, path: str, **options: Any) -> Any:
        response = self.request(method, path, **options)
        assert response.status_code == 200, response.text
        return response.json.get("data", response.json)


def spelled(api: Api, number: int) -> str:
    """How paths of an interface spell the number of something."""
    return encode_id(number) if isinstance(api.ids, OpaqueIds) else str(number)


@pytest.fixture
def interfaces() -> Sequence[Api]:
    """What the application serves."""
    return INTERFACES


@pytest.fixture
def app(settings: Settings, database: Database, interfaces: Sequence[Api]) -> Iterator[Flask]:
    settings = settings.model_copy(update={"queue": "tests.tmserver.conftest:ListQueue"})
    application = create_app(settings, interfaces)
    answers.watch(application)
    # what is buffered must end: streams do so after their first line
    application.extensions["tmserver"].live.close()
    yield application
    application.extensions["tmserver"].database.close()


@pytest.fixture
def documents(app: Flask, interfaces: Sequence[Api]) -> dict[Api, dict[str, Any]]:
    """The OpenAPI document of each interface."""
    return {api: Person(app).get(api.document_path) for api in interfaces}


@pytest.fixture(scope="session")
def password_hash() -> str:
    return service.hash_password(PASSWORD)


@pytest.fixture
def people(app: Flask, database: Database, password_hash: str) -> dict[str, Person]:
    """By role towards the experiment of the fixture `experiment`."""
    names = ("owner", "writer", "reader", "stranger", "administrator")
    with database.transaction() as session:
        users = [
            User(
                name=name,
                email=f"{name}@lab.example",
                password_hash=password_hash,
                is_admin=name == "administrator",
            )
            for name in names
        ]
        session.add_all(users)
        session.flush()
        found = {user.name: Person(app, user.id) for user in users}
    return found | {"anonymous": Person(app)}


@pytest.fixture
def app_with(
    settings: Settings, database: Database, people: dict[str, "Person"]
) -> Iterator[AppWith]:
    """Makes applications with other settings, which all the people know."""
    made = []

    def make(**given: Any) -> Flask:
        given["queue"] = "tests.tmserver.conftest:ListQueue"
        application = create_app(settings.model_copy(update=given))
        answers.watch(application)
        made.append(application)
        return application

    yield make
    for application in made:
        application.extensions["tmserver"].live.close()
        application.extensions["tmserver"].database.close()


@pytest.fixture
def owner(people: dict[str, Person]) -> Person:
    return people["owner"]


@pytest.fixture
def administrator(people: dict[str, Person]) -> Person:
    return people["administrator"]


@pytest.fixture
def anonymous(app: Flask) -> Person:
    return Person(app)


@pytest.fixture
def experiment(owner: Person) -> str:
    """Path of an experiment, which belongs to `owner`."""
    created = owner.post(
        "/api/experiments",
        name="Screen",
        workflow_type="canonical",
        microscope_type="cellvoyager",
        plate_format="96",
        plate_acquisition_mode="basic",
    )
    return f"/api/experiments/{created['id']}"


@pytest.fixture
def acquisition(owner: Person, experiment: str) -> str:
    """Path of an acquisition of the experiment."""
    owner.post(f"{experiment}/plates", name="Plate 1")
    created = owner.post(f"{experiment}/acquisitions", name="Run 1", plate_name="Plate 1")
    return f"{experiment}/acquisitions/{created['id']}"


@pytest.fixture
def group(administrator: Person, people: dict[str, Person]) -> str:
    """Path of the group `imaging`, which `owner` owns."""
    made = administrator.post("/api/groups", name="imaging", owner="owner")
    return f"/api/groups/{made['id']}"


@pytest.fixture
def experiment_id(experiment: str) -> int:
    return decode_id(experiment.rpartition("/")[2])
