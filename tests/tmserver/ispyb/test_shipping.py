"""Lab contacts, shipments, dewars and containers: entered by those who work for the proposal."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import update

from tests.tmserver.conftest import Person
from tests.tmserver.ispyb.conftest import LABORATORY, Visitor, contact, names
from tmlib.accounts.models import User
from tmlib.db import Database
from tmlib.experiments.sharing import share_experiment
from tmlib.facility.models import Laboratory
from tmlib.facility.shipping import LabContact

As = Callable[[str], Visitor]


def test_a_lab_contact_has_a_person_and_a_laboratory(
    visitor: As, database: Database, sent: dict[str, int]
) -> None:
    path = f"/labcontacts/{sent['labcontacts']}"
    found = visitor("reader").get(path)
    laboratory = found["Person"]["Laboratory"]
    assert {name: laboratory[name] for name in LABORATORY} == LABORATORY
    assert (found["cardName"], found["Person"]["givenName"]) == ("Mara at the bench", "Mara")
    with database.session() as session:
        user = session.get_one(User, found["personId"])
        assert not user.is_active  # nobody can log in as a contact
    everybody = visitor("administrator").get("/persons", showAll=True)
    assert found["personId"] not in names(everybody, "personId")
    assert visitor("owner").person.user_id in names(everybody, "personId")
    changes = {
        "courierAccount": "4711",
        "cardName": None,
        "Person": {"familyName": "Ek", "Laboratory": {"city": "Bergen"}},
    }
    changed = visitor("owner").patch(path, changes)
    assert changed["courierAccount"] == "4711"
    assert changed["cardName"] == "Mara at the bench"  # which must be something
    assert (changed["Person"]["givenName"], changed["Person"]["familyName"]) == ("Mara", "Ek")
    there = changed["Person"]["Laboratory"]
    assert (there["name"], there["city"]) == ("Cell Biology", "Bergen")
    assert visitor("owner").get(path) == changed


def test_a_laboratory_is_another_only_where_something_differs(
    visitor: As, database: Database, sent: dict[str, int]
) -> None:
    owner, path = visitor("owner"), f"/labcontacts/{sent['labcontacts']}"

    def laboratory(status: int = 200, **told: Any) -> Any:
        answer = owner.patch(path, {"Person": {"Laboratory": told}}, status)
        return answer["Person"]["Laboratory"] if status == 200 else answer["detail"]

    before = owner.get(path)["Person"]["Laboratory"]
    assert laboratory(name=None, city="Oslo") == laboratory() == before
    assert laboratory(url="https://lab.example")["laboratoryId"] != before["laboratoryId"]
    assert laboratory(name=None, address=None)["name"] == "Cell Biology"
    with database.transaction() as session:
        session.execute(update(LabContact).values(laboratory_id=None))
    for nameless in ({"city": "Oslo"}, {"name": None}):
        assert "give the new one a name" in laboratory(400, **nameless)
    assert laboratory(name="Physics")["name"] == "Physics"


def test_only_a_user_portal_says_which_number_a_laboratory_has(
    visitor: As, database: Database, sent: dict[str, int]
) -> None:
    def post(number: int, **differs: str) -> Any:
        told = contact(sent["proposals"])
        where = {**LABORATORY, "laboratoryExtPk": number, **differs}
        told["Person"] = {**told["Person"], "Laboratory": where}
        return visitor("owner").post("/labcontacts", told, 201)

    with database.transaction() as session:
        known = Laboratory(**LABORATORY, external_id=31)
        session.add(known)
        session.flush()
        number = known.id
    first, second = post(31), post(31)
    assert first["personId"] != second["personId"]
    for made in (first, second):
        assert made["Person"]["Laboratory"]["laboratoryId"] == number
    path = f"/labcontacts/{first['labContactId']}"
    kept = visitor("owner").patch(path, {"Person": {"Laboratory": {"city": "Oslo"}}})
    assert kept["Person"]["Laboratory"] == first["Person"]["Laboratory"]
    for other in (post(32), post(31, city="Bergen")):
        assert other["Person"]["Laboratory"]["laboratoryExtPk"] is None
        assert other["Person"]["Laboratory"]["laboratoryId"] != number


def test_what_is_sent_is_listed_and_changed(visitor: As, sent: dict[str, int]) -> None:
    reader = visitor("reader")
    [shipping] = reader.get("/shippings", proposal="MX1")["results"]
    somebody = {
        "cardName": "Mara at the bench",
        "Person": {"givenName": "Mara", "familyName": "Lind"},
    }
    assert {**shipping, "bltimeStamp": ""} == {
        "proposalId": sent["proposals"],
        "shippingName": "Plates of March",
        "sendingLabContactId": sent["labcontacts"],
        "returnLabContactId": sent["labcontacts"],
        "safetyLevel": "GREEN",
        "comments": None,
        "shippingId": sent["shippings"],
        "bltimeStamp": "",
        "_metadata": {"dewars": 1},
        "LabContact": somebody,
        "LabContact1": somebody,
    }
    of_shipping = {"proposalId": sent["proposals"], "shippingName": "Plates of March"}
    [dewar] = reader.get("/dewars", shippingId=sent["shippings"])["results"]
    assert dewar == {
        "shippingId": sent["shippings"],
        "code": "Box 1",
        "dewarType": None,
        "dewarId": sent["dewars"],
        "Shipping": of_shipping,
    }
    [container] = reader.get("/containers", proposal="MX1")["results"]
    assert container == {
        "code": "Plate 1",
        "dewarId": sent["dewars"],
        "containerType": "96",
        "sampleChangerLocation": None,
        "beamlineLocation": None,
        "containerId": sent["containers"],
        "Dewar": {"code": "Box 1", "Shipping": of_shipping},
    }
    for kind, changes in (
        ("shippings", {"safetyLevel": "RED", "comments": "Keep cold"}),
        ("dewars", {"dewarType": "Toolbox"}),
        ("containers", {"beamlineLocation": "Spinning disk", "sampleChangerLocation": "3"}),
    ):
        path = f"/{kind}/{sent[kind]}"
        before = reader.get(path)
        changed = reader.patch(path, changes)
        assert changed == {**before, **changes, **_stamp(changed)}
        assert reader.get(path) == changed


def _stamp(found: dict[str, Any]) -> dict[str, Any]:
    return {name: found[name] for name in ("bltimeStamp",) if name in found}


def test_what_others_send_does_not_exist(visitor: As, sent: dict[str, int]) -> None:
    for kind, missing in (
        ("labcontacts", "Lab contact not found"),
        ("shippings", "Shipment not found"),
        ("dewars", "Dewar not found"),
        ("containers", "Container not found"),
    ):
        path = f"/{kind}/{sent[kind]}"
        for answer in (visitor("writer").get(path, 404), visitor("writer").patch(path, {}, 404)):
            assert answer == {"detail": missing}
        assert visitor("writer").get(f"/{kind}")["total"] == 0
        assert visitor("owner").get(f"/{kind}", proposal="MX2")["total"] == 0
        wrong = visitor("owner").post(f"/{kind}", {}, 422)["detail"]
        assert {one["type"] for one in wrong} == {"value_error.missing"}


def test_who_only_sees_a_proposal_sends_nothing_for_it(
    visitor: As,
    database: Database,
    people: dict[str, Person],
    sent: dict[str, int],
    experiment_id: int,
) -> None:
    visitor("owner").put(f"/experiments/{experiment_id}/proposal", {"proposal": "MX1"})
    user_id = people["stranger"].user_id
    assert user_id is not None
    with database.transaction() as session:
        share_experiment(session, experiment_id, user_id, write_access=True)
    stranger = visitor("stranger")
    refused = stranger.post("/labcontacts", contact(sent["proposals"]), 403)
    assert "work for it" in refused["detail"]
    for kind in ("labcontacts", "shippings", "dewars", "containers"):
        stranger.patch(f"/{kind}/{sent[kind]}", {}, 403)
    assert stranger.get("/labcontacts")["total"] == 1


def test_nothing_is_put_where_it_does_not_belong(
    visitor: As, admin: Visitor, sent: dict[str, int]
) -> None:
    owner, writer = visitor("owner"), visitor("writer")
    other = writer.get("/proposals/MX2")["proposalId"]
    assert owner.post("/labcontacts", contact(other), 404) == {"detail": "No such proposal"}
    theirs = writer.post("/labcontacts", contact(other), 201)["labContactId"]
    shipping = f"/shippings/{sent['shippings']}"
    before = owner.get(shipping)
    owner.patch(shipping, {"proposalId": other}, 404)
    for nobody in (theirs, 999):
        refused = owner.patch(shipping, {"sendingLabContactId": nobody}, 400)
        assert f"has no lab contact {nobody}" in refused["detail"]
        parcel = {"proposalId": sent["proposals"], "shippingName": "Plates of April"}
        parcel |= {"sendingLabContactId": sent["labcontacts"], "returnLabContactId": nobody}
        assert owner.post("/shippings", parcel, 400) == refused
    assert "lab contact" in admin.patch(shipping, {"proposalId": other}, 400)["detail"]
    assert owner.get(shipping) == before
    refused = writer.post("/dewars", {"shippingId": sent["shippings"], "code": "X"}, 404)
    assert refused == {"detail": "Shipment not found"}
    parcel = {"shippingName": "X", "sendingLabContactId": theirs, "returnLabContactId": theirs}
    owner.post("/shippings", {**parcel, "proposalId": other}, 404)
    plate = {"code": "X", "containerType": "96", "dewarId": sent["dewars"]}
    assert writer.post("/containers", plate, 404) == {"detail": "Dewar not found"}
    moved = {"proposalId": other, "sendingLabContactId": theirs, "returnLabContactId": theirs}
    admin.patch(shipping, moved)
    assert names(writer.get("/containers"), "containerId") == [sent["containers"]]
    assert owner.get("/containers")["total"] == 0
