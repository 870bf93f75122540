"""Options, groups and permissions, activity, and what a user portal sends."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.tmserver.conftest import PASSWORD, Person
from tests.tmserver.ispyb.conftest import SYNC, Visitor, come_from, names, told
from tmlib.db import Database

As = Callable[[str], Visitor]
NEW = {"externalId": 9, "beamLineName": "Confocal"}


def test_options_are_changed_one_by_one(admin: Visitor, visitor: As) -> None:
    assert admin.get("/options") == {
        "motd": "",
        "beamLineGroups": [],
        "query_debug": False,
        "enable_legacy_routes": False,
        "enable_webservice_routes": True,
        "create_person_on_missing": False,
    }
    assert admin.patch("/options", {"motd": 5, "unknown": 1})["motd"] == "5"
    line = {"beamLineName": "Confocal", "sampleChangerType": "robot", "sampleChangerCapacity": 20}
    group = {"groupName": "Light", "uiGroup": "l", "permission": "staff", "beamLines": [line]}
    changed = admin.patch("/options", {"beamLineGroups": [group]})
    assert changed["motd"] == "5"
    assert changed["beamLineGroups"] == [{**group, "beamLines": [{**line, "archived": False}]}]
    assert visitor("stranger").get("/options/ui") == {
        "motd": "5",
        "beamLineGroups": changed["beamLineGroups"],
    }
    twice = admin.patch("/options", {"beamLineGroups": [group, group]}, 400)["detail"]
    assert 'named "Light"' in twice
    assert admin.get("/options") == changed
    assert visitor("owner").patch("/options", None, 403) == {"detail": "Not Authorized"}


def test_a_group_gets_permissions_and_people(
    admin: Visitor, visitor: As, people: dict[str, Person]
) -> None:
    made = admin.post("/admin/groups", {"name": "operators"})
    group = f"/admin/groups/{made['userGroupId']}"
    assert made["_metadata"] == {"permissions": 0, "people": 1}  # who made it owns it
    assert admin.post("/admin/groups", {"name": "operators"}, 400) == {
        "detail": "Could not add new group: `UserGroup `operators` already exists`"
    }
    assert admin.patch(group, {"name": "staff"})["name"] == "staff"
    assert admin.patch("/admin/groups/999", {"name": "x"}, 404) == {
        "detail": "No such group: `999`"
    }
    [permission] = admin.get("/admin/permissions", search="view")["results"]
    assert permission["type"] == "view_activity"
    number = permission["permissionId"]
    visitor("owner").get("/admin/activity", 403)
    admin.post(f"{group}/permission", {"permissionId": number}, 204)
    admin.post(f"{group}/permission", {"permissionId": number}, 400)
    admin.post(f"{group}/permission", {"permissionId": 999}, 400)
    person = people["owner"].user_id
    admin.post(f"{group}/person", {"personId": person}, 204)
    admin.post(f"{group}/person", {"personId": person}, 400)
    [found] = admin.get("/admin/groups", userGroupId=made["userGroupId"])["results"]
    assert found["_metadata"] == {"permissions": 1, "people": 2}
    held = admin.get("/admin/permissions", userGroupId=made["userGroupId"])
    assert names(held, "type") == ["view_activity"]
    assert visitor("owner").get("/user/current")["Permissions"] == ["view_activity"]
    visitor("owner").get("/admin/activity")
    admin.delete(f"{group}/permission/{number}")
    admin.delete(f"{group}/permission/{number}", 400)
    visitor("owner").get("/admin/activity", 403)
    admin.delete(f"{group}/person/{person}")
    admin.delete(f"{group}/person/{person}", 400)
    other = admin.post("/admin/groups", {"name": "others"})["userGroupId"]
    admin.patch(f"/admin/groups/{other}", {"name": "staff"}, 400)


def test_permissions_are_made_and_changed(admin: Visitor) -> None:
    made = admin.post("/admin/permissions", {"type": "light", "description": "Look after"})
    assert made == {
        "type": "light",
        "description": "Look after",
        "permissionId": made["permissionId"],
    }
    admin.post("/admin/permissions", {"type": "light"}, 400)
    path = f"/admin/permissions/{made['permissionId']}"
    assert admin.patch(path, {"type": "light_staff"})["type"] == "light_staff"
    assert admin.patch("/admin/permissions/999", {"type": "x"}, 400) == {
        "detail": "No such permission"
    }
    assert "light_staff" in str(admin.patch(path, {"description": "Look after it"}))
    ours = admin.get("/admin/permissions", search="all_")["results"][0]
    admin.patch(path, {"type": "all_proposals"}, 400)
    refused = admin.patch(f"/admin/permissions/{ours['permissionId']}", {"type": "none"}, 400)
    assert refused["detail"].startswith('"all_proposals" is a permission of this server')
    missing = admin.post("/admin/permissions", {}, 422)["detail"]
    assert missing == [
        {"loc": ["body", "type"], "msg": "field required", "type": "value_error.missing"}
    ]


def test_nobody_gets_an_instrument_by_renaming_a_permission(admin: Visitor) -> None:
    group = {"groupName": "Light", "uiGroup": "l", "permission": "light", "beamLines": []}
    admin.patch("/options", {"beamLineGroups": [group]})
    held = admin.post("/admin/permissions", {"type": "cook"})["permissionId"]
    refused = admin.patch(f"/admin/permissions/{held}", {"type": "light"}, 400)["detail"]
    assert refused.startswith('"light" is the permission of the group of instruments "Light"')
    used = admin.post("/admin/permissions", {"type": "light"})["permissionId"]
    admin.patch(f"/admin/permissions/{used}", {"type": "dark"}, 400)
    admin.patch("/options", {"beamLineGroups": [{**group, "permission": "dark"}]})
    admin.patch(f"/admin/permissions/{used}", {"type": "lit"})


def test_the_activity_tells_who_did_what(admin: Visitor, visitor: As) -> None:
    admin.patch("/options", {"motd": "hello"})
    visitor("anonymous").post("/auth/login", {"login": "owner", "password": PASSWORD}, 201)
    [change] = admin.get("/admin/activity", action_type="db_options")["results"]
    assert (change["username"], change["action"]) == ("administrator", "db_options")
    assert "hello" in change["comments"]
    [login] = admin.get("/admin/activity", action_type="online")["results"]
    assert (login["username"], login["action"]) == ("owner", "online")
    assert PASSWORD not in str(admin.get("/admin/activity"))


def test_what_a_portal_sends_again_changes_nothing(
    admin: Visitor, facility: list[dict[str, Any]]
) -> None:
    before = admin.get("/proposals"), admin.get("/sessions"), admin.get("/persons", showAll=True)
    for sent in facility:
        assert "nothing was new" in admin.post(SYNC, sent)["message"]
    after = admin.get("/proposals"), admin.get("/sessions"), admin.get("/persons", showAll=True)
    assert after == before


def test_a_portal_changes_what_it_tells_of(admin: Visitor, visitor: As) -> None:
    laboratory = {"name": "Cell lab", "address": "1 Road", "city": "Oslo", "country": "NO"}
    person = {"login": "stranger", "givenName": "Ole", "laboratory": laboratory}
    session = {"externalId": 1, "endDate": "2030-01-01T00:00:00", "persons": [person]}
    sent = told("MX", 1, proposal={"externalId": 71, "title": "Nuclei"}, sessions=[session])
    message = admin.post(SYNC, sent)["message"]
    assert message.startswith("The proposal MX-1 has been synchronized in ")
    assert "1 laboratories added, 1 persons changed" in message
    found = visitor("stranger").get("/sessions", proposal="MX1", scheduled=True)["results"]
    assert [(one["endDate"], one["startDate"] < one["endDate"]) for one in found] == [
        ("2030-01-01T00:00:00", True)
    ]
    assert admin.get("/proposals/MX1")["title"] == "Nuclei"


def test_two_proposals_of_one_name_are_not_taken_for_one(admin: Visitor, visitor: As) -> None:
    admin.post(SYNC, told("MX", 11))
    other = told("MX1", 1, persons=[{"login": "writer"}])
    refused = admin.post(SYNC, other, 400)["detail"]
    assert '"MX11"' in refused
    assert 'code "MX"' in refused
    visitor("writer").get("/proposals/MX11", 404)
    known = admin.get("/proposals", search="MX1")["total"]
    assert known == 2  # MX1 and MX11


@pytest.mark.parametrize("person", [{"login": "mara"}, {"externalId": 5}])
def test_a_portal_means_nobody_whose_name_was_chosen_at_a_provider(
    person: dict[str, Any], admin: Visitor, people: dict[str, Person], database: Database
) -> None:
    name = person.get("login", "person-5")
    stranger = Visitor(Person(people["owner"].app, come_from("oidc", name, database)))
    come_from("ldap", "ole", database)
    sent = told("MX", 3, persons=[{"login": "ole"}, person])
    refused = admin.post(SYNC, sent, 400)["detail"]
    assert f'"{name}"' in refused
    assert "rename" in refused
    assert stranger.get("/proposals")["total"] == 0
    admin.get("/proposals/MX3", 404)
    people["administrator"].put(f"/api/users/{stranger.person.user_id}", name="mara at home")
    admin.post(SYNC, sent)
    assert stranger.get("/proposals")["total"] == 0
    assert admin.get("/persons", proposal="MX3")["total"] == 2


def test_laboratories_of_other_numbers_are_others(admin: Visitor) -> None:
    place = {"name": "Cell lab", "address": "1 Road", "city": "Oslo", "country": "NO"}

    def tell(**number: int) -> str:
        person = {"login": "owner", "laboratory": {**place, **number}}
        return str(admin.post(SYNC, told("MX", 1, persons=[person]))["message"])

    assert "1 laboratories added" in tell()
    assert "1 laboratories changed" in tell(laboratoryExtPk=1)
    assert "laboratories" not in tell()
    assert "1 laboratories added, 1 persons changed" in tell(laboratoryExtPk=2)
    assert "1 persons changed" in tell(laboratoryExtPk=1)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({}, 422),
        (told("MX", 3, persons=[]), 422),
        (told("MX", 3, persons=[{"givenName": "Ole"}]), 422),
        (told("M X", 3), 422),
        (told("MX", 3, sessions=[{"beamLineName": "Confocal"}]), 422),
        (told("MX", 3, sessions=[{"externalId": 9}]), 400),
        (told("MX", 3, sessions=[{"externalId": 2**128, "beamLineName": "Confocal"}]), 422),
        (told("MX", 3, persons=[{"login": "a\x00b"}]), 422),
        (told("MX", 3, sessions=[{**NEW, "endDate": "9999-12-31T23:59:59-05:00"}]), 422),
        (told("MX", 3, sessions=[{**NEW, "startDate": "0001-01-01T00:00:00+05:00"}]), 422),
        (told("MX", 3, sessions=[{**NEW, "nbShifts": 2**31}]), 422),
        (told("MX", 3, sessions=[{**NEW, "nbReimbDewars": -1}]), 422),
        (told("MX", 3, persons=[{"login": "new"}, {"login": "a/b"}]), 400),
    ],
)
def test_what_is_wrong_of_a_portal_changes_nothing(
    admin: Visitor, sent: dict[str, Any], status: int
) -> None:
    before = admin.get("/persons", showAll=True)["total"]
    assert admin.post(SYNC, sent, status)["detail"]
    assert admin.get("/persons", showAll=True)["total"] == before
    assert admin.get("/proposals")["total"] == 3


def test_a_portal_may_be_switched_off(admin: Visitor) -> None:
    admin.patch("/options", {"enable_webservice_routes": False})
    assert "enable_webservice_routes" in admin.post(SYNC, told("MX", 3), 403)["detail"]
