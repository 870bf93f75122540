"""Who looks after an instrument books it, moves bookings and cancels them."""

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from flask import Flask

from tests.tmserver.ispyb.conftest import SYNC, Visitor, anybody, at, names

As = Callable[[str], Visitor]

DISK = "Spinning disk"


def wanted(**more: Any) -> dict[str, Any]:
    """A booking of a time at which the instrument is free, for the first proposal."""
    free = {"startDate": at(10), "endDate": at(12)}
    return {"proposal": "MX1", "beamLineName": DISK, **free, **more}


@pytest.fixture
def staff(visitor: As, admin: Visitor) -> Visitor:
    """The owner, who also looks after one of the two instruments."""
    group = {
        "groupName": "Light microscopes",
        "uiGroup": "light",
        "permission": "light_staff",
        "beamLines": [{"beamLineName": DISK}],
    }
    admin.patch("/options", {"beamLineGroups": [group]})
    number = admin.post("/admin/permissions", {"type": "light_staff"})["permissionId"]
    people = admin.post("/admin/groups", {"name": "staff"})["userGroupId"]
    admin.post(f"/admin/groups/{people}/permission", {"permissionId": number}, 204)
    person = visitor("owner").person.user_id
    admin.post(f"/admin/groups/{people}/person", {"personId": person}, 204)
    return visitor("owner")


def test_an_instrument_is_booked_moved_and_free_again(staff: Visitor, admin: Visitor) -> None:
    made = staff.post("/sessions", wanted(comments="Bring the plates"), 201)
    assert made["session"] == "MX1-3"  # after the two of the portal
    told = ("beamLineName", "startDate", "endDate", "comments", "scheduled")
    assert [made[name] for name in told] == [DISK, at(10), at(12), "Bring the plates", True]
    path = f"/sessions/{made['sessionId']}"
    assert staff.get(path) == made
    moved = staff.patch(
        path, {"endDate": f"{at(13)}+00:00", "comments": "Two hours are not enough"}
    )
    assert moved == made | {"endDate": at(13), "comments": "Two hours are not enough"}
    # where it ends another one can begin
    after = staff.post("/sessions", wanted(startDate=at(13), endDate=at(14)), 201)
    taken = {"detail": "The instrument is booked at this time: choose another one."}
    assert staff.post("/sessions", wanted(startDate=at(12), endDate=at(15)), 400) == taken
    assert staff.patch(path, {"endDate": at(13.5)}, 400) == taken
    assert staff.get(path) == moved
    assert admin.patch(path, {"beamLineName": "Confocal"})["beamLineName"] == "Confocal"
    admin.delete(f"/sessions/{after['sessionId']}")
    staff.get(f"/sessions/{after['sessionId']}", 404)
    staff.post("/sessions", wanted(), 201)


def test_only_who_looks_after_an_instrument_books_it(
    app: Flask, visitor: As, staff: Visitor, admin: Visitor
) -> None:
    before = admin.get("/sessions")
    anybody(app).post("/sessions", wanted(), 401)
    for visits, body in ((visitor("reader"), wanted()), (staff, wanted(beamLineName="Confocal"))):
        refused = visits.post("/sessions", body, 403)
        assert "ask one of them" in refused["detail"]
    assert staff.post("/sessions", wanted(proposal="MX9"), 404) == {"detail": "Proposal not found"}
    unknown = staff.post("/sessions", wanted(beamLineName="Abacus"), 404)
    assert unknown == {"detail": "Instrument not found"}
    wrong = staff.post("/sessions", wanted(endDate=at(9)), 400)
    assert "ends after it starts" in wrong["detail"]
    staff.post("/sessions", wanted(startDate="tomorrow"), 422)
    assert admin.get("/sessions") == before


def test_a_proposal_is_booked_for_by_those_who_work_for_it(
    staff: Visitor, admin: Visitor, experiment_id: int
) -> None:
    # the owner of an experiment sees its proposal, whoever has put it there
    admin.put(f"/experiments/{experiment_id}/proposal", {"proposal": "MX2"})
    before = staff.get("/sessions")
    assert "MX2-1" in names(before, "session")
    refused = staff.post("/sessions", wanted(proposal="MX2"), 403)
    assert "do not work for it" in refused["detail"]
    assert staff.get("/sessions") == before
    admin.post("/sessions", wanted(proposal="MX2"), 201)


def test_what_is_not_changed_is_not_asked_for_again(
    staff: Visitor, admin: Visitor, facility: list[dict[str, Any]]
) -> None:
    made = staff.post("/sessions", wanted(), 201)
    path = f"/sessions/{made['sessionId']}"
    # a portal tells of what it has booked at the same time
    told = {"externalId": 9, "beamLineName": DISK, "startDate": at(11), "endDate": at(13)}
    admin.post(SYNC, facility[0] | {"sessions": [told]})
    assert staff.patch(path, {"comments": "Two at once"}) == made | {"comments": "Two at once"}
    kept = {"beamLineName": DISK, "startDate": at(10), "endDate": at(12), "comments": "x"}
    assert staff.patch(path, kept)["comments"] == "x"
    assert "booked at this time" in staff.patch(path, {"endDate": at(11.5)}, 400)["detail"]
    staff.patch(path, {"endDate": at(11)})


def test_moments_are_texts_of_years_that_there_are(staff: Visitor) -> None:
    made = staff.post("/sessions", wanted(), 201)
    path = f"/sessions/{made['sessionId']}"
    texts = ("20260314", "0001-01-01T00:00:00+14:00", "9999-12-31T23:00:00-14:00")
    for name, moment in product(("startDate", "endDate"), (20260314, 1.5, True, *texts)):
        [wrong] = staff.post("/sessions", wanted(**{name: moment}), 422)["detail"]
        assert wrong["loc"] == ["body", name]
        staff.patch(path, {name: moment}, 422)
    for moment in texts:
        staff.get("/sessions", 422, since=moment, until=at(1))
    assert staff.get(path) == made


def test_sessions_of_the_first_and_the_last_year(staff: Visitor) -> None:
    last = {"startDate": "9999-12-31T10:00:00", "endDate": "9999-12-31T23:59:59.999999"}
    for times in (last, {"startDate": "0001-01-01T00:00:00", "endDate": "0001-01-01T02:00:00Z"}):
        made = staff.post("/sessions", wanted(**times), 201)
        assert made["startDate"] == times["startDate"]
        assert staff.get(f"/sessions/{made['sessionId']}") == made
    assert staff.get("/sessions", year="9999")["total"] == 1


def test_what_a_user_portal_keeps_is_changed_there(app: Flask, visitor: As, staff: Visitor) -> None:
    before = staff.get("/sessions", proposal="MX1")
    [path] = [
        f"/sessions/{one['sessionId']}" for one in before["results"] if one["session"] == "MX1-1"
    ]
    kept = {"detail": "The user portal keeps this session: change it there."}
    assert staff.patch(path, {"comments": "x"}, 400) == kept
    assert staff.delete(path, 400) == kept
    anybody(app).patch(path, {}, 401)
    anybody(app).delete(path, 401)
    visitor("reader").patch(path, {}, 403)
    visitor("reader").delete(path, 403)
    visitor("stranger").patch(path, {}, 404)
    visitor("stranger").delete(path, 404)
    staff.patch(path, {"endDate": "never"}, 422)
    staff.delete("/sessions/many", 422)
    assert staff.get("/sessions", proposal="MX1") == before


def test_where_something_was_acquired_a_session_stays(admin: Visitor, acquired: int) -> None:
    # what is acquired belongs to the session that began last before it
    body = wanted(beamLineName="Confocal", startDate=at(-0.5), endDate=at(0.2))
    made = admin.post("/sessions", body, 201)
    assert made["_metadata"]["datacollections"] == 1
    path = f"/sessions/{made['sessionId']}"
    assert "Something was acquired" in admin.delete(path, 400)["detail"]
    assert admin.get(path) == made


def test_a_session_keeps_what_was_acquired_in_it(admin: Visitor, acquired: int) -> None:
    body = wanted(beamLineName="Confocal", startDate=at(-0.5), endDate=at(0.2))
    made = admin.post("/sessions", body, 201)
    path = f"/sessions/{made['sessionId']}"
    # that of the portal has begun in between, or before what was acquired
    for start, end in ((-1.5, -1.2), (9, 10)):
        refused = admin.patch(path, {"startDate": at(start), "endDate": at(end)}, 400)
        assert "would belong to another one" in refused["detail"]
    assert admin.get(path) == made
    moved = admin.patch(path, {"startDate": at(-0.75), "comments": "Early"})
    assert moved["_metadata"]["datacollections"] == 1


def test_sessions_of_a_time(staff: Visitor) -> None:
    staff.post("/sessions", wanted(), 201)

    def between(first: float, last: float) -> list[str]:
        page = staff.get("/sessions", since=at(first), until=at(last))
        return names(page, "session")

    assert between(11, 11.5) == between(9, 20) == ["MX1-3"]
    assert between(2, 11) == ["MX1-3", "MX1-1"]
    assert between(13, 20) == []
    staff.get("/sessions", 422, since="yesterday")
