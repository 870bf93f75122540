"""A facility moves in with the rows of its ISPyB database."""

import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from tests.tmserver.commands.conftest import Tm
from tests.tmserver.conftest import Person
from tests.tmserver.ispyb.conftest import SYNC, Visitor, come_from, told
from tmlib.accounts.models import User
from tmlib.db import Database
from tmlib.facility.models import Proposal

LABORATORY = {
    "name": "Cell Biology",
    "address": "1 Main Road",
    "city": "Oslo",
    "country": "Norway",
    "url": None,
    "laboratoryExtPk": None,
}
GROUPS = [
    {
        "groupName": "Light microscopes",
        "uiGroup": "light",
        "permission": "light_staff",
        "beamLines": [{"beamLineName": "Confocal"}],
    }
]
ROWS: dict[str, list[dict[str, Any]]] = {
    "Laboratory": [{"laboratoryId": 8, "recordTimeStamp": "2020-01-01 00:00:00", **LABORATORY}],
    "Person": [
        # the administrator of the installation has this number, and is this person
        {"personId": 1, "login": "ada", "givenName": "Ada", "familyName": "Ek"},
        {"personId": 2, "login": "administrator", "givenName": "Ole", "laboratoryId": 8},
        {"personId": 90, "givenName": "Mara", "familyName": "Lind", "laboratoryId": 8},
    ],
    "UserGroup": [{"userGroupId": 3, "name": "light"}],
    "UserGroup_has_Person": [{"userGroupId": 3, "personId": 90}],
    "Permission": [
        {"permissionId": 1, "type": "light_staff", "description": "Staff"},
        {"permissionId": 2, "type": "manage_options"},
    ],
    "UserGroup_has_Permission": [{"userGroupId": 3, "permissionId": 1}],
    "AdminVar": [
        {"varId": 1, "name": "motd", "value": "Hello"},
        {"varId": 2, "name": "beamLineGroups", "value": json.dumps(GROUPS)},
    ],
    "Proposal": [
        {
            "proposalId": 40,
            "personId": 1,
            "proposalCode": "blc",
            "proposalNumber": 12,
            "title": "Nuclei",
            "externalId": {"b64": "AAAAAAAAAAAAAAAAAAAARw=="},
            "bltimeStamp": "0000-00-00 00:00:00",
        }
    ],
    "ProposalHasPerson": [{"proposalHasPersonId": 1, "proposalId": 40, "personId": 1}],
    "BeamLineSetup": [{"beamLineSetupId": 6, "focusingOptic": "Water 40x", "CS": 2.7}],
    "BLSession": [
        {
            "sessionId": 50,
            "proposalId": 40,
            "beamLineSetupId": 6,
            "beamLineName": "Confocal",
            "visit_number": 1,
            "startDate": "2020-03-14 09:00:00",
            "endDate": "2020-03-14T17:00:00",
            "scheduled": 1,
        }
    ],
    "SessionType": [{"sessionId": 50, "typeName": "training"}],
    "Session_has_Person": [{"sessionId": 50, "personId": 90, "role": "Staff", "remote": 0}],
    "LabContact": [{"labContactId": 5, "proposalId": 40, "personId": 90, "cardName": "Mara"}],
    "Shipping": [
        {
            "shippingId": 61,
            "proposalId": 40,
            "shippingName": "March",
            "sendingLabContactId": 5,
            "returnLabContactId": 5,
        }
    ],
    "Dewar": [{"dewarId": 62, "shippingId": 61, "code": "Box", "type": "Toolbox"}],
    "Container": [{"containerId": 63, "dewarId": 62, "code": "P1", "containerType": "96"}],
    "v_run": [
        {"runId": n, "run": f"2020-0{n}", "startDate": f"2020-0{n}-01", "endDate": f"2020-0{n}-28"}
        for n in (1, 2)
    ],
    "ComponentType": [{"componentTypeId": 4, "name": "Cell line"}],
    "Protein": [{"proteinId": 70, "proposalId": 40, "acronym": "HeLa", "componentTypeId": 4}],
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ispyb.json"


def test_a_facility_moves_in(
    tm: Tm, app: Flask, people: dict[str, Person], database: Database, path: Path
) -> None:
    path.write_text(json.dumps(ROWS))
    taken = tm("facility", "import", str(path))
    assert taken.exit_code == 0, taken.output
    assert ["Person", "3"] in [line.split() for line in taken.output.splitlines()]
    assert "tm facility import" in tm("audit").output

    admin = Visitor(people["administrator"])
    proposal = admin.get("/proposals/blc12")
    assert (proposal["proposalId"], proposal["title"]) == (40, "Nuclei")
    assert proposal["_metadata"] == {
        "persons": 1,
        "sessions": 1,
        "beamLines": ["Confocal"],
        "uiGroups": ["light"],
    }
    session = admin.get("/sessions/50")
    assert (session["session"], session["startDate"]) == ("blc12-1", "2020-03-14T09:00:00")
    assert session["BeamLineSetup"]["focusingOptic"] == "Water 40x"
    assert session["BeamLineSetup"]["CS"] == 2.7
    assert session["_metadata"]["sessionTypes"] == ["training"]
    assert admin.get("/options/ui")["motd"] == "Hello"
    contact = admin.get("/labcontacts/5")
    laboratory = contact["Person"]["Laboratory"]
    assert {name: laboratory[name] for name in LABORATORY} == LABORATORY
    assert laboratory["laboratoryId"] == 8
    assert (contact["personId"], contact["Person"]["familyName"]) == (90, "Lind")
    assert admin.get("/shippings/61")["LabContact1"]["cardName"] == "Mara"
    assert admin.get("/dewars/62")["dewarType"] == "Toolbox"
    assert admin.get("/containers/63")["code"] == "P1"
    protein = admin.get("/proteins/70")
    assert (protein["name"], protein["ComponentType"]["name"]) == ("HeLa", "Cell line")

    mara = Visitor(Person(app, 90))
    runs = mara.get("/stats/runs")["results"]
    assert [(one["runId"], one["run"]) for one in runs] == [(2, "2020-02"), (1, "2020-01")]
    assert runs[1]["endDate"] == "2020-01-28T00:00:00"
    of_run = {"beamLineName": "Confocal", "runId": 1}
    histogram = {"parameter": "energy", "unit": "eV", "beamLines": []}
    assert mara.get("/stats/parameters/histogram", **of_run) == histogram
    refused = mara.get("/stats/parameters/histogram", 422, runId=1)
    assert refused == {"detail": "Please provide either `session` or `runId`"}
    assert mara.get("/proposals/blc12") == proposal
    assert mara.get("/user/current")["Permissions"] == ["light_staff"]
    with database.session() as read:
        users = {user.name: user for user in read.scalars(select(User))}
    assert users["administrator"].id == people["administrator"].user_id
    assert users["ada"].id not in (1, 2, 90)  # 1 was taken
    # nobody has chosen a password yet
    refused = {"plugin": "database", "login": "ada", "password": "!"}
    assert Visitor(Person(app)).post("/auth/login", refused, 401)
    # what is new comes after what was taken over
    added = admin.post("/dewars", {"shippingId": 61, "code": "Another"}, 201)
    assert added["dewarId"] > 62

    again = tm("facility", "import", str(path))
    assert again.exit_code == 1
    assert "Laboratory 8: there is one of this number already" in again.output


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"Proposal": [{"proposalId": 40}]}, "Proposal 40: proposalCode: Field required"),
        ({"Dewar": [{"dewarId": 62, "shippingId": 9, "code": "B"}]},
         "Dewar 62: shippingId 9 is in no row of Shipping"),
        ({"Person": [*ROWS["Person"], {"personId": 4, "login": "a/b"}]},
         'Person 4: "a/b" is not a usable user name'),
        ({"Proposal": [*ROWS["Proposal"], {**ROWS["Proposal"][0], "proposalId": 41}]},
         "Proposal 41: it contradicts what is there already"),
        ({"Dewar": [*ROWS["Dewar"], *ROWS["Dewar"]]}, "Dewar 62: there are two rows"),
        ({"Laboratory": [{**LABORATORY, "laboratoryId": 8, "name": "A\0B"}]}, "Laboratory 8: name"),
        ({"SessionType": ["training"]}, "SessionType, row 1: the row"),
        ({"SessionType": {}}, "SessionType must be a list of rows"),
        ({"AdminVar": [{"varId": 2, "name": "beamLineGroups", "value": "["}]}, "AdminVar 2"),
        ({"Proposal": [{**ROWS["Proposal"][0], "externalId": {"b64": "-"}}]},
         'Proposal 40: externalId: binary values have the form {"b64": ...}'),
        ({"XRFFluorescenceMapping": []}, "nothing can be taken over: XRFFluorescenceMapping"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_and_nothing_is_taken(
    tm: Tm, database: Database, path: Path, changes: dict[str, Any], told: str
) -> None:
    path.write_text(json.dumps({**ROWS, **changes}))
    refused = tm("facility", "import", str(path))
    assert refused.exit_code == 1
    assert told in refused.output
    with database.session() as session:
        assert session.scalars(select(Proposal)).all() == []
        assert session.scalars(select(User)).all() == []


def test_what_was_known_before_is_kept_where_nothing_is_told(
    tm: Tm, people: dict[str, Person], path: Path
) -> None:
    def take(document: dict[str, Any], *words: str) -> Any:
        path.write_text(json.dumps(document))
        return tm("facility", "import", str(path), *words)

    admin = Visitor(people["administrator"])
    admin.patch("/options", {"motd": "Closed", "beamLineGroups": GROUPS})
    portal = told("MX", 1, persons=[{"login": "ada", "givenName": "Ada", "familyName": "Ek"}])
    admin.post(SYNC, portal)
    ada = {"personId": 500, "login": "ada", "givenName": "Ada Maria"}
    empty = [{"varId": n, "name": name} for n, name in enumerate(("motd", "beamLineGroups"))]
    assert take({"Person": [ada], "AdminVar": empty}).exit_code == 0
    [person] = admin.get("/persons", proposal="MX1")["results"]
    assert (person["givenName"], person["familyName"]) == ("Ada Maria", "Ek")
    before = admin.get("/options/ui")
    assert (before["motd"], len(before["beamLineGroups"])) == ("Closed", 1)

    refused = take(ROWS)
    assert refused.exit_code == 1
    assert "AdminVar 2: there are groups of instruments here already" in refused.output
    assert admin.get("/options/ui") == before
    assert take(ROWS, "--leave-out", "AdminVar").exit_code == 0
    for value, message in (('"Back \\u00e0 9"', "Back à 9"), ("Later", "Later"), ("5", "5")):
        row = {"varId": 1, "name": "motd", "value": value}
        assert take({"AdminVar": [row]}).exit_code == 0
        assert admin.get("/options/ui")["motd"] == message


@pytest.mark.parametrize("name", ["ada", "person-90"])
def test_nobody_whose_name_was_chosen_at_a_provider_is_taken_for_a_person(
    tm: Tm, database: Database, path: Path, name: str
) -> None:
    come_from("oidc", name, database)
    path.write_text(json.dumps(ROWS))
    refused = tm("facility", "import", str(path))
    assert refused.exit_code == 1
    assert f'"{name}" is the name of an account' in refused.output


def test_tables_can_be_left_out(tm: Tm, database: Database, path: Path) -> None:
    path.write_text(json.dumps({**ROWS, "Image": [{"imageId": 1}]}))
    taken = tm("facility", "import", str(path), "--leave-out", "Image", "--leave-out", "Protein")
    assert taken.exit_code == 0, taken.output
    assert "Protein" not in taken.output
    path.write_text("{")
    assert "is no JSON" in tm("facility", "import", str(path)).output
    path.write_text("[]")
    assert "must be an object" in tm("facility", "import", str(path)).output
