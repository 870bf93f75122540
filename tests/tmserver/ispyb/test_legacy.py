"""What clients of ISPyB's Java server ask is answered where an administrator wants it."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert, select

from tests.tmserver.conftest import PASSWORD, Person
from tests.tmserver.ispyb.conftest import Visitor, anybody
from tmlib.db import Database
from tmlib.db.base import now
from tmlib.facility.models import Booking, Proposal
from tmserver.http.operations import operations_of
from tmserver.ispyb import ISPYB
from tmserver.ispyb.forms import PREFIX

As = Callable[[str], Visitor]


@pytest.fixture
def ask(app: Flask, admin: Visitor) -> Callable[..., Any]:
    """Asks in both places, with the token of somebody, and makes sure that the answers agree."""
    admin.patch("/options", {"enable_legacy_routes": True})
    nobody = anybody(app)
    tokens: dict[str, str] = {}

    def send(by_header: str, by_token: str, status: int = 200, *, who: str = "reader") -> Any:
        if who not in tokens:
            given = {"plugin": "database", "login": who, "password": PASSWORD}
            tokens[who] = nobody.post("/auth/login", given, 201)["token"]
        header = Visitor(Person(app, authorization=f"Bearer {tokens[who]}"))
        answers = (
            header.get(f"/legacy{by_header}", status),
            nobody.get(f"/legacy/{tokens[who]}{by_token}", status),
        )
        assert answers[0] == answers[1]
        nobody.get(f"/legacy{by_header}", 401)
        nobody.get(f"/legacy/wrong{by_token}", 401)
        return answers[0]

    return send


def test_sessions(visitor: As, ask: Callable[..., Any]) -> None:
    first, second = ask("/sessions", "/session/list")
    told = visitor("reader").get("/sessions")["results"]
    assert [first["sessionId"], second["sessionId"]] == [one["sessionId"] for one in told]
    assert len(first) == 43
    assert (first["Proposal_proposalCode"], first["Proposal_ProposalNumber"]) == ("MX", "1")
    assert (first["beamLineName"], first["beamLineOperator"]) == ("Spinning disk", "Ada")
    assert (first["Person_familyName"], first["dataCollectionGroupCount"]) == ("Lind", 0)
    assert second["BLSession_startDate"] == "2021-03-31T22:00:00"
    assert (second["expSessionPk"], second["scheduled"]) == (9, False)
    assert [one["sessionId"] for one in ask("/sessions", "/session/list", who="writer")] != []

    def of_dates(start: str, end: str, status: int = 200) -> Any:
        days = f"date/{start}/{end}"
        return ask(f"/sessions/{days}", f"/proposal/session/{days}/list", status)

    assert of_dates("20210401", "20210401") == of_dates("20210301", "20210331") == [second]
    assert of_dates("20210402", "20210403") == []
    for start, end in (("2021", "20210401"), ("20210401", "20211301")):
        assert of_dates(start, end, 422)["detail"][0]["type"] == "value_error"
    number = first["proposalId"]
    for proposal, expected in (("MX1", [first, second]), (number, [first, second]), ("MX2", [])):
        of = f"proposal/{proposal}"
        assert ask(f"/sessions/{of}", f"/{of}/session/list") == expected


def test_sessions_of_days_are_found_among_more_than_are_ever_listed(
    ask: Callable[..., Any], database: Database
) -> None:
    with database.transaction() as session:
        old = session.scalars(select(Booking).where(Booking.visit_number == 2)).first()
        assert old is not None
        booked = {"proposal_id": old.proposal_id, "instrument_id": old.instrument_id}
        later = [{**booked, "starts_at": now(), "ends_at": now()}] * 10_001
        session.execute(insert(Booking), later)
        unended = Booking(**booked, starts_at=datetime(2021, 4, 3, 23, 30, tzinfo=UTC))
        session.add_all([unended, Booking(**booked)])
    for start, end, expected in (
        ("20210401", "20210401", [old.id]),
        ("20210401", "20210403", [unended.id, old.id]),
        ("20210404", "20210405", []),
    ):
        days = f"date/{start}/{end}"
        found = ask(f"/sessions/{days}", f"/proposal/session/{days}/list")
        assert [one["sessionId"] for one in found] == expected
    # a list that is not whole would be taken for one that is
    days = "date/20210401/29991231"
    for by_header, by_token, count in (
        ("/sessions", "/session/list", "10,005"),
        ("/sessions/proposal/MX1", "/proposal/MX1/session/list", "10,005"),
        (f"/sessions/{days}", f"/proposal/session/{days}/list", "10,004"),
    ):
        refused = ask(by_header, by_token, 400)["detail"]
        assert refused.startswith(f"There are {count} sessions, and 10,000 are listed at once: ask")


def test_more_proposals_than_are_ever_listed(ask: Callable[..., Any], database: Database) -> None:
    many = [{"name": f"LM{n}", "code": "LM", "number": str(n)} for n in range(10_000)]
    with database.transaction() as session:
        session.execute(insert(Proposal), many)
    refused = ask("/proposals", "/proposal/list", 400, who="administrator")["detail"]
    assert "10,000 are listed at once: ask for one by its name, or read the pages" in refused


def test_proposals(ask: Callable[..., Any]) -> None:
    [listed] = ask("/proposals", "/proposal/list")
    assert {**listed, "Proposal_proposalId": 0, "Proposal_personId": 0} == {
        "Proposal_proposalId": 0,
        "Proposal_proposalType": None,
        "Proposal_personId": 0,
        "Proposal_title": "Nuclei under stress",
        "Proposal_proposalCode": "MX",
        "Proposal_proposalNumber": "1",
    }
    found = ask("/proposals/MX1", "/proposal/MX1/info/get")["proposal"]
    assert (found["title"], found["state"], found["externalId"]) == (
        "Nuclei under stress",
        "Open",
        "71",
    )
    number = found["proposalId"]
    assert ask(f"/proposals/{number}", f"/proposal/{number}/info/get")["proposal"] == found
    for hidden in ("MX2", "99999999999", "MX"):
        assert ask(f"/proposals/{hidden}", f"/proposal/{hidden}/info/get") == {"proposal": None}


def test_nothing_is_answered_unless_it_is_switched_on(visitor: As, admin: Visitor) -> None:
    paths = {path for operation in operations_of(ISPYB) for path in operation.paths}
    legacy = {path.removeprefix(PREFIX) for path in paths if path.startswith(f"{PREFIX}/legacy/")}
    assert len(legacy) == 32
    for path in legacy:
        asked = path.replace("<start>", "20210401").replace("<end>", "20210401")
        asked = asked.replace("<token>", "x").replace("<proposal>", "MX1")
        for somebody in (visitor("owner"), admin):
            refused = somebody.get(re.sub("<.*?>", "1", asked), 404)
            assert "enable_legacy_routes is off" in refused["detail"]
