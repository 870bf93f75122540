"""A facility with two instruments and three proposals, as a user portal has told of it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from tests.tmserver.api.test_uploads import IMAGE, METADATA, send
from tests.tmserver.conftest import Person
from tmlib.accounts import external
from tmlib.accounts.external import ExternalPerson
from tmlib.db import Database
from tmlib.db.base import now
from tmlib.facility.portal import UserPortalProposalSync
from tmlib.facility.synchronisation import Synchronisation
from tmlib.ids import decode_id
from tmlib.ledger.models import Job, State, Submission, Task
from tmserver.ispyb.forms import PREFIX

SYNC = "/webservices/userportalsync/sync_proposal"
NOW = datetime.now(UTC).replace(microsecond=0)

LABORATORY = {"name": "Cell Biology", "address": "1 Main Road", "city": "Oslo", "country": "Norway"}


def at(hours: float) -> str:
    """A moment some hours from now, in the form of the API."""
    return (NOW + timedelta(hours=hours)).replace(tzinfo=None).isoformat()


@dataclass
class Visitor:
    """Somebody at this interface."""

    person: Person

    def get(self, path: str, status: int = 200, /, **query: Any) -> Any:
        return self._send("GET", path, status, query_string=query)

    def post(self, path: str, body: Any, status: int = 200) -> Any:
        return self._send("POST", path, status, json=body)

    def patch(self, path: str, body: Any, status: int = 200) -> Any:
        return self._send("PATCH", path, status, json=body)

    def put(self, path: str, body: Any, status: int = 200) -> Any:
        return self._send("PUT", path, status, json=body)

    def delete(self, path: str, status: int = 204) -> Any:
        return self._send("DELETE", path, status)

    def _send(self, method: str, path: str, status: int, **options: Any) -> Any:
        response = self.person.request(method, f"{PREFIX}{path}", **options)
        assert response.status_code == status, response.text
        return response.json if response.is_json else response


def told(code: str, number: int, **more: Any) -> dict[str, Any]:
    """What a portal tells of a proposal; keywords are of the parts beside it."""
    persons = more.pop("persons", [{"login": "owner", "givenName": "Mara", "familyName": "Lind"}])
    proposal = {"proposalCode": code, "proposalNumber": number, "persons": persons}
    proposal |= more.pop("proposal", {})
    return {"proposal": proposal, **more}


def proposals() -> list[dict[str, Any]]:
    """What the portal tells: a session that is on, a past one, and one 15 minutes from now."""
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=15)
    return [
        told(
            "MX",
            1,
            proposal={"title": "Nuclei under stress", "state": "Open", "externalId": 71},
            sessions=[
                {
                    "externalId": 1,
                    "beamLineName": "Spinning disk",
                    "visit_number": 1,
                    "startDate": at(-1),
                    "endDate": at(3),
                    "scheduled": True,
                    "beamLineOperator": "Ada",
                    "persons": [
                        {
                            "login": "reader",
                            "session_options": {"role": "Local Contact", "remote": True},
                        }
                    ],
                },
                {
                    "expSessionPk": 9,
                    "beamLineName": "Confocal",
                    "visit_number": 2,
                    "startDate": "2021-03-31T22:00:00",
                    "endDate": "2021-04-01T06:00:00",
                    "scheduled": False,
                },
            ],
        ),
        told(
            "MX",
            2,
            persons=[{"login": "writer"}],
            proposal={"title": "Membranes"},
            sessions=[
                {
                    "externalId": 2,
                    "beamLineName": "Confocal",
                    "visit_number": 1,
                    "startDate": soon.replace(tzinfo=None).isoformat(),
                    "endDate": at(8),
                }
            ],
        ),
        told("IN", 7, persons=[{"externalId": 12345678901234567890, "familyName": "Wu"}]),
    ]


def come_from(origin: str, name: str, database: Database) -> int:
    """Let somebody have come in whom a directory or a provider of logins calls so; the number."""
    person = ExternalPerson(origin, subject=name, name=name, email=None, groups=None)
    return external.admit(database, person).id


@pytest.fixture
def facility(database: Database, people: dict[str, Person]) -> list[dict[str, Any]]:
    """What the portal has told of proposals; the users are those of the fixture `people`."""
    sent = proposals()
    with database.transaction() as session:
        for proposal in sent:
            Synchronisation(session).run(UserPortalProposalSync.model_validate(proposal))
    return sent


@pytest.fixture
def visitor(facility: list[dict[str, Any]], people: dict[str, Person]) -> Callable[[str], Visitor]:
    """Gives one of `people` as a visitor."""
    return lambda name: Visitor(people[name])


@pytest.fixture
def admin(visitor: Callable[[str], Visitor]) -> Visitor:
    return visitor("administrator")


@pytest.fixture
def owner_visits(visitor: Callable[[str], Visitor]) -> Visitor:
    return visitor("owner")


def names(page: dict[str, Any], key: str) -> list[Any]:
    """The values of a field of all results of a page."""
    return [result[key] for result in page["results"]]


def anybody(app: Flask) -> Visitor:
    """Somebody who is not logged in."""
    return Visitor(Person(app))


@pytest.fixture
def acquired(
    visitor: Callable[[str], Visitor], owner: Person, acquisition: str, experiment_id: int
) -> int:
    """Number of an acquisition of a proposal, with an image and a file that tells of it."""
    visitor("owner").put(f"/experiments/{experiment_id}/proposal", {"proposal": "MX1"})
    owner.post(f"{acquisition}/upload/register", files=[IMAGE, METADATA])
    send(owner, acquisition, IMAGE, b"pixels")
    send(owner, acquisition, METADATA, b"<xml/>")
    return decode_id(acquisition.rpartition("/")[2])


@pytest.fixture
def run(database: Database, acquired: int, experiment_id: int, owner: Person) -> int:
    """Number of a workflow that was run with it and failed."""
    with database.transaction() as session:
        submission = Submission(
            owner_kind="experiment",
            owner_id=experiment_id,
            user_id=owner.user_id,
            program="workflow",
            description={},
        )
        session.add(submission)
        session.flush()
        whole = _task(submission.id, None, "workflow", exitcode=1)
        session.add(whole)
        session.flush()
        step = _task(submission.id, whole.id, "step", exitcode=1)
        session.add(step)
        session.flush()
        phase = _task(submission.id, step.id, "phase", exitcode=1)
        phase.n_jobs, phase.n_failed = 2, 1
        session.add(phase)
        session.flush()
        job = Job(
            owner_kind="experiment",
            owner_id=experiment_id,
            submission_id=submission.id,
            task_id=phase.id,
            step_name="metaextract",
            phase="run",
            index=0,
            name="metaextract_run_000001",
            batch={},
            state=State.TERMINATED,
            exitcode=1,
            error="The file is damaged.",
            finished_at=now(),
        )
        session.add(job)
        return submission.id


def _task(submission_id: int, parent_id: int | None, kind: str, *, exitcode: int) -> Task:
    return Task(
        submission_id=submission_id,
        parent_id=parent_id,
        kind=kind,
        type="",
        name="metaextract",
        position=0,
        state=State.TERMINATED,
        exitcode=exitcode,
        started_at=now(),
        finished_at=now() + timedelta(minutes=2),
    )


def contact(proposal_id: int) -> dict[str, Any]:
    """Somebody to write to."""
    person = {"givenName": "Mara", "familyName": "Lind", "Laboratory": LABORATORY}
    return {"proposalId": proposal_id, "cardName": "Mara at the bench", "Person": person}


@pytest.fixture
def sent(visitor: Callable[[str], Visitor]) -> dict[str, int]:
    """Numbers of MX1, and of what is sent for it."""
    owner = visitor("owner")
    proposal = owner.get("/proposals/MX1")["proposalId"]
    person = owner.post("/labcontacts", contact(proposal), 201)["labContactId"]
    parcel = {
        "proposalId": proposal,
        "shippingName": "Plates of March",
        "sendingLabContactId": person,
        "returnLabContactId": person,
    }
    shipping = owner.post("/shippings", parcel, 201)["shippingId"]
    dewar = owner.post("/dewars", {"shippingId": shipping, "code": "Box 1"}, 201)["dewarId"]
    plate = {"code": "Plate 1", "dewarId": dewar, "containerType": "96"}
    container = owner.post("/containers", plate, 201)["containerId"]
    return {
        "proposals": proposal,
        "labcontacts": person,
        "shippings": shipping,
        "dewars": dewar,
        "containers": container,
    }
