"""Links to points of annotation tables, which viewers of other sites read."""

import struct
from datetime import datetime

import pytest
from flask import Flask

from tests.tmserver.conftest import Person
from tmlib.accounts.identity import Account
from tmlib.annotation.precomputed import Points
from tmlib.annotation.recent_points import RecentPoints
from tmlib.annotation.schemas import cave_schemas
from tmlib.db import Database
from tmlib.db.base import now
from tmlib.experiments.sharing import share_experiment
from tmserver.authentication import Login, Proof, sign

SIZES = [325.0, 325.0, 1000.0]


@pytest.fixture
def table(owner: Person, experiment: str) -> str:
    """Path of a table with two points."""
    tables = f"{experiment}/annotation_tables"
    owner.post(tables, name="cells", schema_name="bound_tag", voxel_resolution=SIZES)
    rows = [{"pt": {"position": [n, 2, 0]}, "tag": str(n)} for n in range(2)]
    owner.post(f"{tables}/cells/annotations", annotations=rows)
    return f"{tables}/cells"


def path_of(url: str) -> str:
    return url.removeprefix("http://localhost")


def test_whoever_has_a_link_sees_the_points_as_they_were(
    app: Flask, anonymous: Person, owner: Person, table: str
) -> None:
    link = owner.post(f"{table}/links")
    assert link["source"] == f"precomputed://{link['url']}"
    folder = path_of(link["url"])
    owner.put(f"{table}/annotations", annotations=[{"id": 1, "tag": "later"}])
    owner.delete(table)
    other_site = {"Origin": "https://viewer.example"}
    answer = anonymous.request("GET", f"{folder}/info", headers=other_site)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    [tag] = answer.json["properties"]
    assert (tag["id"], tag["enum_labels"]) == ("tag", ["0", "1"])
    cell = anonymous.request("GET", f"{folder}/{answer.json['spatial'][0]['key']}/0_0_0")
    assert cell.mimetype == "application/octet-stream"
    assert struct.unpack_from("<Q", cell.data) == (2,)
    point = anonymous.request("GET", f"{folder}/by_id/2").data
    assert struct.unpack("<3fB3x", point) == (1, 2, 0, 1)
    assert anonymous.request("GET", f"{folder}/related/1").data == bytes(8)
    for name in ("by_id/3", "by_id/x", "related/x", "spatial0/1_0_0", "spatial9/0_0_0", "a/0_0_0"):
        assert anonymous.refused("GET", f"{folder}/{name}", 404)
    path, _, signature = folder.rpartition("/")
    # it is good for these points alone
    for wrong in (
        f"{path}/{signature[:-1]}",
        f"{path.replace('cells', 'others')}/{signature}",
        f"{path}0/{signature}",
    ):
        assert "signature" in anonymous.refused("GET", f"{wrong}/info", 401)
    assert owner.refused("GET", f"{path.rpartition('/')[0]}/never/-/info", 404)
    assert owner.request("GET", f"{path}/-/info").json == answer.json
    assert 'no point "tag"' in owner.refused("GET", f"{path.replace('/pt/', '/tag/')}/-/info", 404)


def test_a_link_gives_what_its_maker_may_see(
    anonymous: Person,
    owner: Person,
    people: dict[str, Person],
    experiment_id: int,
    database: Database,
    table: str,
) -> None:
    reader = people["reader"]
    assert reader.user_id is not None
    with database.transaction() as session:
        share_experiment(session, experiment_id, reader.user_id, write_access=False)
    folder = path_of(reader.post(f"{table}/links", field="pt", seconds=60)["url"])
    files = ("info", "by_id/1", "related/1", "spatial0/0_0_0")
    for name in files:
        assert anonymous.request("GET", f"{folder}/{name}").status_code == 200
    owner.put(table, read_permission="PRIVATE")
    for name in files:
        assert anonymous.refused("GET", f"{folder}/{name}", 403)
    assert reader.refused("POST", f"{table}/links", 403, json={})
    for name in ("annotations", "annotations/1/history", "count"):
        assert "by its owner" in reader.refused("GET", f"{table}/{name}", 403)
    assert 'no point "x"' in owner.refused("POST", f"{table}/links", 400, json={"field": "x"})
    for before in ("2000-01-01T00:00:00Z", "2000-01-01"):
        of_then = {"as_of": before}
        assert "not there yet" in owner.refused("POST", f"{table}/links", 404, json=of_then)
    for number in (946684800, "946684800"):
        of_number = {"as_of": number}
        assert "text like" in owner.refused("POST", f"{table}/links", 400, json=of_number)
    tables = table.rpartition("/")[0]
    owner.post(
        tables,
        name="remarks",
        schema_name="reference_tag",
        voxel_resolution=SIZES,
        reference_table="cells",
    )
    assert "no points" in owner.refused("POST", f"{tables}/remarks/links", 400, json={})


def test_a_link_ends_with_its_time_and_with_the_token_that_made_it(
    app: Flask, anonymous: Person, owner: Person, table: str
) -> None:
    created = owner.post("/auth/tokens", name="script", scope="write", days=1)
    script = Person(app, authorization=f"Bearer {created['token']}")
    link = script.post(f"{table}/links", seconds=7 * 24 * 3600)
    end_of_token = datetime.fromisoformat(created["expires_at"])
    assert datetime.fromisoformat(link["expires_at"]) == end_of_token.replace(microsecond=0)
    folder = path_of(link["url"])
    assert anonymous.request("GET", f"{folder}/info").status_code == 200
    owner.delete(f"/auth/tokens/{created['id']}")
    assert "does not work any more" in anonymous.refused("GET", f"{folder}/info", 401)
    assert owner.user_id is not None
    path, login = folder.rpartition("/")[0], Login("a login", now(), now(), in_cookie=False)
    with app.app_context():
        signature = sign(path, Proof(Account(owner.user_id, "-"), login), now())
    assert "expired" in anonymous.refused("GET", f"{path}/{signature}/info", 401)


def test_viewers_come_again_while_another_table_is_read(
    app: Flask, monkeypatch: pytest.MonkeyPatch, anonymous: Person, owner: Person, table: str
) -> None:
    recent = RecentPoints(patience=0)
    monkeypatch.setattr(app.extensions["tmserver"], "recent_points", recent)
    file = f"{path_of(owner.post(f'{table}/links')['url'])}/info"

    def make() -> Points:
        busy = anonymous.request("GET", file)
        assert (busy.status_code, busy.headers["Retry-After"]) == (503, "2")
        assert busy.json["code"] == 503
        return Points(cave_schemas()["bound_tag"], "pt", SIZES, [])

    recent.get("another table", make)
    assert anonymous.request("GET", file).status_code == 200
