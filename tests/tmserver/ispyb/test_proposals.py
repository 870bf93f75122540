"""Proposals, their sessions and people, as everybody sees them."""

from collections.abc import Callable

from tests.tmserver.conftest import Person
from tests.tmserver.ispyb.conftest import SYNC, Visitor, at, names, told
from tmlib.db import Database
from tmlib.experiments.sharing import share_experiment

As = Callable[[str], Visitor]


def test_members_see_their_proposals(visitor: As, admin: Visitor) -> None:
    page = visitor("owner").get("/proposals")
    assert {key: page[key] for key in ("total", "skip", "limit")} == {
        "total": 1,
        "skip": 0,
        "limit": 25,
    }
    [proposal] = page["results"]
    assert proposal == {
        "proposalCode": "MX",
        "proposalNumber": "1",
        "proposal": "MX1",
        "title": "Nuclei under stress",
        "state": "Open",
        "_metadata": {
            "persons": 1,
            "sessions": 2,
            "beamLines": ["Confocal", "Spinning disk"],
            "uiGroups": [],
        },
        "proposalId": proposal["proposalId"],
    }
    assert visitor("owner").get("/proposals/MX1") == proposal
    assert names(visitor("reader").get("/proposals"), "proposal") == ["MX1"]  # by the booking
    assert names(visitor("writer").get("/proposals"), "proposal") == ["MX2"]
    assert visitor("stranger").get("/proposals")["total"] == 0
    assert names(admin.get("/proposals"), "proposal") == ["IN7", "MX2", "MX1"]
    for hidden in ("MX1", "MX9", "%00"):
        refused = visitor("stranger").get(f"/proposals/{hidden}", 404)
        assert refused == {"detail": "Proposal not found"}


def test_the_experiments_of_a_proposal(visitor: As, acquired: int, experiment_id: int) -> None:
    path = "/proposals/MX1/experiments"
    # who takes part in a session of the proposal sees all of it
    for name in ("owner", "reader"):
        page = visitor(name).get(path)
        assert page["total"] == 1
        [experiment] = page["results"]
        assert experiment["experimentId"] == experiment_id
        assert experiment.keys() == {"experimentId", "name", "description"}
    assert visitor("owner").get(path, skip=1) == {
        "total": 1,
        "results": [],
        "skip": 1,
        "limit": 25,
    }
    for hidden in ("MX1", "MX9"):
        refused = visitor("stranger").get(f"/proposals/{hidden}/experiments", 404)
        assert refused == {"detail": "Proposal not found"}
    visitor("owner").get(path, 422, limit=0)


def test_proposals_are_searched_and_paged(admin: Visitor) -> None:
    def found(**query: object) -> list[str]:
        page = admin.get("/proposals", **query)
        assert page["total"] >= len(page["results"])
        return names(page, "proposal")

    for title, instrument in (("Übersicht 10%", "Öl"), ("x_y\\", "Wasser")):
        session = {"externalId": 9, "beamLineName": instrument}
        number = 8 if title.startswith("x") else 9
        admin.post(SYNC, told("DE", number, proposal={"title": title}, sessions=[session]))
    assert found(search="üBER") == found(search="0%") == found(search="öL") == ["DE9"]
    assert found(search="X_Y\\") == found(search="wasser") == ["DE8"]
    assert found(search="x%y") == found(search="a" * 60_000) == []
    assert found(search="NUCLEI") == ["MX1"]
    assert found(search="mx") == ["MX2", "MX1"]
    assert found(search="confocal") == ["MX2", "MX1"]
    assert found(skip=1, limit=1) == ["DE9"]
    assert found(skip=5) == []
    wrong = admin.get("/proposals", 422, skip=-1, limit="many")
    assert [(one["loc"], one["type"]) for one in wrong["detail"]] == [
        (["query", "skip"], "value_error.number.not_ge"),
        (["query", "limit"], "type_error.integer"),
    ]


def test_a_session_tells_of_its_booking(visitor: As) -> None:
    [now, past] = visitor("reader").get("/sessions")["results"]
    assert now == {
        "sessionId": now["sessionId"],
        "proposalId": past["proposalId"],
        "session": "MX1-1",
        "proposal": "MX1",
        "BeamLineSetup": None,
        "visit_number": 1,
        "startDate": at(-1),
        "endDate": at(3),
        "beamLineName": "Spinning disk",
        "beamLineOperator": "Ada",
        "scheduled": True,
        "comments": None,
        "nbReimbDewars": None,
        "_metadata": {
            "datacollections": 0,
            "uiGroups": [],
            "persons": 1,
            "active": True,
            "active_soon": True,
            "sessionTypes": [],
        },
    }
    assert visitor("owner").get(f"/sessions/{now['sessionId']}") == now
    assert visitor("writer").get(f"/sessions/{now['sessionId']}", 404) == {
        "detail": "Session not found"
    }
    for number in ("999999999999", "1e3", "x"):
        assert visitor("owner").get(f"/sessions/{number}", 422)["detail"][0]["loc"][0] == "path"


def test_sessions_are_found_by_what_is_known_of_them(admin: Visitor) -> None:
    def found(**query: object) -> list[str]:
        return names(admin.get("/sessions", **query), "session")

    assert found() == ["MX2-1", "MX1-1", "MX1-2"]
    assert found(upcoming=True) == ["MX2-1", "MX1-1"]
    assert found(previous=True) == found(scheduled=False) == ["MX1-2"]
    assert found(beamLineName="Confocal") == ["MX2-1", "MX1-2"]
    assert found(proposal="MX1", scheduled=True) == ["MX1-1"]
    assert found(year=2021) == found(year=2021, month=3) == found(year=2021, month=4) == ["MX1-2"]
    assert found(year=2021, month=5) == found(month=13) == found(year="0000") == []
    assert "MX1-2" in found(month=3)
    assert found(sessionType="training") == found(beamLineGroup="Light") == []
    soon = {one["session"]: one["_metadata"] for one in admin.get("/sessions")["results"]}
    assert (soon["MX2-1"]["active"], soon["MX2-1"]["active_soon"]) == (False, True)
    assert (soon["MX1-2"]["active"], soon["MX1-2"]["active_soon"]) == (False, False)
    wrong = admin.get("/sessions", 422, proposal="no number", year="21")
    assert {one["type"] for one in wrong["detail"]} == {"value_error.str.regex"}


def test_sessions_last_from_the_first_day_to_the_last(admin: Visitor) -> None:
    days = {"startDate": "0001-01-01T00:00:00", "endDate": "9999-12-31T23:59:59"}
    session = {"externalId": 5, "beamLineName": "Confocal", "visit_number": 3, **days}
    admin.post(SYNC, told("MX", 1, sessions=[session]))
    for query in ({"year": "0001"}, {"year": "9999"}, {"year": "9999", "month": "12"}):
        [found] = admin.get("/sessions", **query)["results"]
        assert {name: found[name] for name in days} == days
        assert found["_metadata"]["active"]
    assert admin.get("/sessions", year="9999", month="11")["total"] == 0


def test_the_latest_session_of_each_instrument_in_a_group(admin: Visitor) -> None:
    lines = [{"beamLineName": name} for name in ("Confocal", "Spinning disk", "Light sheet")]
    group = {"groupName": "Light", "uiGroup": "light", "permission": "staff", "beamLines": lines}
    admin.patch("/options", {"beamLineGroups": [group]})
    page = admin.get("/sessions/group", beamLineGroup="Light")
    assert names(page, "session") == ["MX2-1", "MX1-1"]
    assert (page["total"], page["skip"], page["limit"]) == (2, 0, 2)
    past = admin.get("/sessions/group", beamLineGroup="Light", previous=True)
    assert names(past, "session") == ["MX1-2"]
    for nothing in ({}, {"beamLineGroup": "Dark"}):
        assert admin.get("/sessions/group", **nothing)["total"] == 0
    unknown = {"externalId": 9, "beamLineName": "Confocal", "visit_number": 9}
    admin.post(SYNC, told("MX", 1, sessions=[unknown]))  # nobody has said when
    assert names(admin.get("/sessions/group", beamLineGroup="Light"), "session") == [
        "MX2-1",
        "MX1-1",
    ]
    assert names(admin.get("/sessions"), "session")[-1] == "MX1-9"
    admin.get("/sessions/group", 422, upcoming="perhaps")
    assert admin.get("/proposals/MX1")["_metadata"]["uiGroups"] == ["light"]


def test_whoever_looks_after_an_instrument_sees_what_it_was_booked_for(
    visitor: As, admin: Visitor, people: dict[str, Person]
) -> None:
    line = {"beamLineName": "Confocal"}
    group = {"groupName": "L", "uiGroup": "l", "permission": "light_staff", "beamLines": [line]}
    admin.patch("/options", {"beamLineGroups": [group]})
    staff = admin.post("/admin/groups", {"name": "staff"})["userGroupId"]
    permission = admin.post("/admin/permissions", {"type": "light_staff"})["permissionId"]
    admin.post(f"/admin/groups/{staff}/permission", {"permissionId": permission}, 204)
    assert visitor("stranger").get("/proposals")["total"] == 0
    admin.post(f"/admin/groups/{staff}/person", {"personId": people["stranger"].user_id}, 204)
    assert names(visitor("stranger").get("/proposals"), "proposal") == ["MX2", "MX1"]
    user = visitor("stranger").get("/user/current")
    assert (user["Permissions"], user["beamLineGroups"], user["beamLines"]) == (
        ["light_staff"],
        ["L"],
        ["Confocal"],
    )


def test_who_sees_a_proposal_sees_its_experiments(
    visitor: As, people: dict[str, Person], experiment: str, experiment_id: int
) -> None:
    here = f"/experiments/{experiment_id}/proposal"
    assert visitor("owner").get(here) == {"proposal": None}
    assert people["reader"].get("/api/experiments") == []
    assert visitor("owner").put(here, {"proposal": "MX1"}) == {"proposal": "MX1"}
    [seen] = people["reader"].get("/api/experiments")  # who takes part in a booking
    assert visitor("reader").get(here) == {"proposal": "MX1"}
    path = f"/api/experiments/{seen['id']}"
    assert people["reader"].request("PUT", path, json={"description": "ours"}).status_code == 200
    people["stranger"].refused("GET", path, 404)
    visitor("reader").put(here, {"proposal": None}, 403)
    assert visitor("owner").put(here, {"proposal": "MX2"}, 404) == {"detail": "Proposal not found"}
    assert visitor("owner").put(here, {"proposal": None}) == {"proposal": None}
    people["reader"].refused("GET", path, 404)


def test_who_sees_an_experiment_sees_its_proposal(
    visitor: As, people: dict[str, Person], database: Database, experiment_id: int
) -> None:
    visitor("owner").put(f"/experiments/{experiment_id}/proposal", {"proposal": "MX1"})
    stranger = people["stranger"].user_id
    assert stranger is not None
    with database.transaction() as session:
        share_experiment(session, experiment_id, stranger, write_access=False)
    assert names(visitor("stranger").get("/proposals"), "proposal") == ["MX1"]
    assert names(visitor("stranger").get("/sessions"), "session") == ["MX1-1", "MX1-2"]


def test_people_are_those_of_proposals_and_sessions(
    visitor: As, admin: Visitor, people: dict[str, Person]
) -> None:
    def found(who: str, **query: object) -> list[int]:
        return names(visitor(who).get("/persons", **query), "personId")

    owner, reader, writer = (people[name].user_id for name in ("owner", "reader", "writer"))
    assert found("owner") == found("reader") == [owner, reader]
    assert found("writer") == found("administrator", proposal="MX2") == [writer]
    assert found("owner", proposal="MX2") == []
    assert found("owner", showAll=True) == [owner, reader]  # without the permission
    assert len(found("administrator", showAll=True)) == 6
    [session, _] = names(visitor("owner").get("/sessions"), "sessionId")
    [person] = visitor("owner").get("/persons", sessionId=session)["results"]
    assert person == {
        "personId": reader,
        "givenName": None,
        "familyName": None,
        "_metadata": {
            "sessions": 1,
            "lastSession": at(-1),
            "role": "Local Contact",
            "remote": True,
        },
    }
    assert found("writer", sessionId=session) == []
