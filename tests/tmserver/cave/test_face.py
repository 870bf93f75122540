"""The interface of CAVE: its forms, and what its published client never sends."""

from typing import Any

import pytest
from flask import Flask

from tests.tmserver.conftest import Person
from tmlib.annotation import datastacks
from tmlib.db import Database
from tmlib.experiments.sharing import share_experiment

METADATA = {
    "description": "",
    "voxel_resolution_x": 325,
    "voxel_resolution_y": 325,
    "voxel_resolution_z": 1000,
}
ROW = {"pt": {"position": [1, 2, 3]}, "tag": "a"}


@pytest.fixture
def volume(experiment_id: int, database: Database, people: dict[str, Person]) -> str:
    """Path of the aligned volume that is the experiment, which others may see."""
    with database.transaction() as session:
        for name in ("writer", "reader"):
            user_id = people[name].user_id
            assert user_id is not None
            share_experiment(session, experiment_id, user_id, write_access=name == "writer")
    return f"/annotation/api/v2/aligned_volume/screen_{experiment_id}"


@pytest.fixture
def cells(owner: Person, volume: str) -> str:
    """Path of a table."""
    body = {"schema_type": "bound_tag", "table_name": "cells", "metadata": METADATA}
    made = owner.request("POST", f"{volume}/table", json=body)
    assert (made.text, made.mimetype) == ("cells", "text/html")
    return f"{volume}/table/cells"


def test_what_tells_of_services_is_bare(anonymous: Person, owner: Person) -> None:
    for path, expected in (
        ("/info/version", "4.3.3"),
        ("/info/api/versions", [2]),
        ("/schema/versions", [2]),
        ("/schema/views/version", "5.26.3"),
        ("/annotation/version", "4.35.0"),
        ("/annotation/api/versions", [2]),
    ):
        assert anonymous.request("GET", path).json == expected
    assert "create --name" in anonymous.request("GET", "/auth/api/v1/create_token").text
    assert "/info/version" in anonymous.request("GET", "/annotation/api/swagger.json").json["paths"]
    # neither leads elsewhere: the client would follow without its token
    assert anonymous.request("GET", "/info/version/").status_code == 404
    assert anonymous.refused("GET", "/info/api/v2/datastacks", 401)
    assert anonymous.refused("GET", "/annotation/nothing", 404)


def test_datastacks_schemas_and_users(
    owner: Person, administrator: Person, group: str, experiment_id: int, volume: str
) -> None:
    name = f"screen_{experiment_id}"
    get = lambda path: owner.request("GET", path)  # noqa: E731 - said often below
    assert get("/info/api/v2/datastacks").json == [name]
    stack = get(f"/info/api/v2/datastack/full/{name}").json
    assert stack["local_server"] == "http://localhost"
    assert stack["aligned_volume"] == get(f"/info/api/v2/aligned_volume/id/{experiment_id}").json
    # words before the number are for people: an old name still holds
    assert get(f"/info/api/v2/aligned_volume/former_{experiment_id}").json["name"] == name
    assert get(f"/info/api/v2/aligned_volume/{name}/datastacks").json == [name]
    assert get(f"/info/api/v2/datastack/{name}/image_sources").json == []
    names = get("/schema/api/v2/type").json
    everything = get("/schema/api/v2/types_all").json
    assert list(everything) == names
    assert get("/schema/api/v2/type/synapse").json == everything["synapse"]
    pair = {"bound_tag": everything["bound_tag"], "synapse": everything["synapse"]}
    for method in ("GET", "POST"):
        path = "/schema/api/v2/types?schema_names="
        assert owner.request(method, f"{path}bound_tag,synapse").json == pair
        assert "nope" in owner.refused(method, f"{path}synapse,nope", 404)
    assert "nope" in owner.refused("GET", "/schema/api/v2/type/nope", 404)
    assert get("/auth/api/v1/user/me").json["email"] == "owner@lab.example"
    assert get("/auth/api/v1/user/token").json == []
    ids = f"{owner.user_id},{administrator.user_id},99999"
    told = get(f"/auth/api/v1/user?id={ids}").json
    assert {one["name"]: one["email"] for one in told} == {
        "owner": "owner@lab.example",
        "administrator": "",
    }
    told = administrator.request("GET", f"/auth/api/v1/user?id={ids}").json
    assert all(one["email"] for one in told)
    assert len(get(f"/auth/api/v1/username?id={ids}").json) == 2
    for path in ("user", "username"):
        assert "whole numbers" in owner.refused("GET", f"/auth/api/v1/{path}?id=x", 400)
    assert [one["name"] for one in get("/auth/api/v1/group/1/user").json] == ["owner"]
    assert get("/auth/api/v1/group/2/user").json == []


def test_the_name_of_a_datastack_can_be_written_anywhere() -> None:
    for name in ("Färbung 3", "  ", "x" * 300):
        written = datastacks.name_of(17, name)
        assert written.replace("_", "").isalnum()
        assert written.islower()
        assert datastacks.number_in(written) == 17
    for name in ("", "17a", "screen", "Screen_17", "screen_9999999999", "screen_17\n"):
        assert datastacks.number_in(name) == 0


def test_rows_in_the_form_that_the_client_reads(owner: Person, cells: str) -> None:
    rows = f"{cells}/annotations"
    assert owner.request("POST", rows, json={"annotations": [ROW, ROW]}).json == [1, 2]
    # neither needs to say what type the body is of
    changed = owner.request("PUT", rows, data=b'{"annotations": [{"id": 1, "tag": "b"}]}')
    assert changed.json == {"1": 3}
    for body in (b'{"annotation_ids": {"id": 2}}', b'{"annotation_ids": 2}'):
        assert owner.request("DELETE", rows, data=body).json == [2]
    old, new = owner.request("GET", f"{rows}?annotation_ids=3,1,77").json
    assert (
        old.keys()
        == new.keys()
        == {*("id", "created", "deleted", "superceded_id", "valid", "pt_position", "tag")}
    )
    assert (old["superceded_id"], old["valid"], new["deleted"]) == (3, False, "None")
    assert old["deleted"] == new["created"]
    assert owner.request("GET", f"{cells}/count").json == 3
    for answer in ("POST", "PUT"):
        key = {"Idempotency-Key": answer}
        sent = {"annotations": [{"id": 3, "tag": "c"} if answer == "PUT" else ROW]}
        once, again = (owner.request(answer, rows, json=sent, headers=key).json for _ in range(2))
        assert once == again
    assert owner.refused(
        "POST", rows, 400, json={"annotations": []}, headers={"Idempotency-Key": "x" * 256}
    )


def test_what_cannot_be_is_refused_with_what_is_wrong(
    owner: Person, volume: str, cells: str
) -> None:
    rows = f"{cells}/annotations"
    assert owner.request("POST", rows, json={"annotations": [ROW]}).json == [1]
    for method in ("POST", "PUT"):
        broken = (
            b'{"annotations": [{"id": 1, "tag": "b"}, {"id": 2, "pt": {"position": [1, 2, NaN]}}]}'
        )
        answer = owner.request(method, rows, data=broken)
        assert (answer.status_code, answer.json["code"]) == (422, 422)
        [first, *_] = [one for one in answer.json["errors"] if one["row"] == 1]
        assert first["field"] == "pt.position.2"
        assert answer.json["row"] == (0 if method == "POST" else 1)
    assert owner.refused("POST", rows, 409, json={"annotations": [{**ROW, "id": 1}]})
    owner.request("PUT", rows, json={"annotations": [{"id": 1}]})
    assert "update annotation ID 2" in owner.refused(
        "PUT", rows, 409, json={"annotations": [{"id": 1}]}
    )
    many = {"annotations": [ROW] * 10_001}
    assert "10001 were attempted" in owner.refused("POST", rows, 413, json=many)
    bodies: tuple[dict[str, Any], ...] = ({}, {"annotations": 3}, {"annotations": [3]})
    for body in bodies:
        assert "annotations" in owner.refused("POST", rows, 400, json=body)
    for ids in ("", "1,,2", "a", "1.5"):
        assert "annotation_ids" in owner.refused("GET", f"{rows}?annotation_ids={ids}", 400)
    for query in ("filter_valid=perhaps", "timestamp=0001-01-01T00:00:00%2B01:00"):
        assert query.partition("=")[0] in owner.refused("GET", f"{volume}/table?{query}", 400)
    made = {"schema_type": "bound_tag", "table_name": "cells", "metadata": METADATA}
    assert "already exists" in owner.refused("POST", f"{volume}/table", 409, json=made)
    wrong = made | {"metadata": METADATA | {"read_permission": "SOME"}}
    assert "read_permission" in owner.refused("POST", f"{volume}/table", 400, json=wrong)
    assert owner.request("GET", f"{cells}/count").json == 2


@pytest.mark.parametrize(
    ("schema", "row", "field"),
    [
        ("plastic_synapse", {"plasticity": 5}, "plasticity"),
        ("bound_tag", ROW | {"tag": None}, "tag"),
        ("bound_tag_bool_valid", {"valid_id": 1.5}, "valid_id"),
        ("bound_tag_bool_valid", {"valid_id": "x"}, "valid_id"),
    ],
)
def test_a_row_that_does_not_fit_its_schema(
    owner: Person, volume: str, schema: str, row: dict[str, Any], field: str
) -> None:
    made = {"schema_type": schema, "table_name": "others", "metadata": METADATA}
    owner.request("POST", f"{volume}/table", json=made)
    rows = f"{volume}/table/others/annotations"
    answer = owner.request("POST", rows, json={"annotations": [row]})
    assert answer.status_code == 422
    assert answer.json["row"] == 0
    assert field in {one["field"] for one in answer.json["errors"]}
    assert owner.request("GET", f"{volume}/table/others/count").json == 0


def test_rows_of_a_table_that_is_gone(owner: Person, cells: str) -> None:
    rows = f"{cells}/annotations"
    assert owner.request("POST", rows, json={"annotations": [ROW]}).json == [1]
    assert owner.request("DELETE", cells).json is True
    for method, path, options in (
        ("GET", f"{rows}?annotation_ids=1", {}),
        ("GET", f"{cells}/count", {}),
        ("POST", rows, {"json": {"annotations": [ROW]}}),
        ("PUT", rows, {"json": {"annotations": [{"id": 1, "tag": "b"}]}}),
        ("DELETE", rows, {"json": {"annotation_ids": [1]}}),
    ):
        assert "was deleted" in owner.refused(method, path, 404, **options)


def test_what_is_told_about_a_table(
    owner: Person, people: dict[str, Person], volume: str, cells: str
) -> None:
    notice = "careful:\r\n✂ only\x1b\x7f\x85 the left"
    change: dict[str, Any] = {
        "notice_text": notice,
        "write_permission": "GROUP",
        "user_id": str(owner.user_id),
    }
    body = {"table_name": "cells", "metadata": change}
    changed = owner.request("PUT", f"{volume}/table", json=body).json
    told = owner.request("GET", cells)
    assert told.json == changed
    assert told.headers["Warning"] == "Table Owner Notice: careful: ? only the left"
    assert told.json["notice_text"] == notice
    assert told.json["user_id"] == str(owner.user_id)
    rows = f"{cells}/annotations"
    assert "in a group" in people["writer"].refused("POST", rows, 403, json={"annotations": [ROW]})
    assert people["reader"].refused("POST", rows, 403, json={"annotations": [ROW]})
    private = {"table_name": "cells", "metadata": {"read_permission": "PRIVATE"}}
    owner.request("PUT", f"{volume}/table", json=private)
    for path in (f"{rows}?annotation_ids=1", f"{cells}/count"):
        assert "by its owner" in people["reader"].refused("GET", path, 403)
    before = changed["created"]
    assert owner.request("DELETE", cells).json is True
    assert owner.refused("DELETE", cells, 404)
    tables = f"{volume}/table"
    assert owner.request("GET", tables).json == []
    assert owner.request("GET", f"{tables}?filter_valid=false").json == ["cells"]
    assert owner.request("GET", f"{tables}?timestamp={before}").json == ["cells"]
    assert owner.refused("GET", f"{tables}?timestamp=9999-12-31T23:00:00-05:00", 400)
    assert owner.request("GET", cells).json["valid"] is False


def test_tokens_of_32_digits(app: Flask, owner: Person, volume: str, cells: str) -> None:
    token = owner.post("/auth/tokens", name="cave", scope="read", form="hexadecimal")["token"]
    assert len(bytes.fromhex(token)) == 16
    holder = Person(app, authorization=f"Bearer {token}")
    assert holder.request("GET", f"{volume}/table").json == ["cells"]
    assert holder.get("/api/experiments")
    assert holder.request("GET", "/auth/api/v1/user/token").json[0]["description"] == "cave"
    anybody, browser = Person(app), app.test_client()
    assert anybody.request("GET", f"{volume}/table?middle_auth_token={token}").json == ["cells"]
    browser.set_cookie("middle_auth_token", token)
    assert browser.get(f"{volume}/table").json == ["cells"]
    # another site's page could send it
    assert browser.delete(cells).status_code == 401
    assert anybody.refused("DELETE", f"{cells}?middle_auth_token={token}", 401)
    assert holder.refused("DELETE", cells, 403)
