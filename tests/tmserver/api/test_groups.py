import pytest

from tests.tmserver.conftest import Person

People = dict[str, Person]


def test_administrators_make_groups_and_their_owners_say_who_is_in_them(
    people: People, owner: Person, administrator: Person, group: str
) -> None:
    assert owner.get("/api/groups") == administrator.get("/api/groups") == [owner.get(group)]
    assert owner.get(f"{group}/members") == [{"user": "owner", "is_owner": True}]
    owner.put(f"{group}/members/reader")
    assert people["reader"].get(f"{group}/members") == [
        {"user": "owner", "is_owner": True},
        {"user": "reader", "is_owner": False},
    ]
    for method, path in (("PUT", f"{group}/members/writer"), ("DELETE", group)):
        message = people["reader"].refused(method, path, 403, json={})
        assert message == 'You do not own the group "imaging": ask one of its owners.'
        people["writer"].refused(method, path, 404, json={})

    owner.put(f"{group}/members/reader", is_owner=True)
    people["reader"].delete(f"{group}/members/owner")
    assert owner.get("/api/groups") == []
    owner.refused("GET", group, 404)
    assert people["reader"].put(group, name="microscopy") == {"message": "ok"}
    assert administrator.get(group)["name"] == "microscopy"
    people["reader"].delete(group)
    administrator.refused("GET", group, 404)


def test_names_of_groups_are_unique_and_usable(administrator: Person, group: str) -> None:
    body = {"name": "imaging"}
    assert "exists" not in administrator.refused("POST", "/api/groups", 409, json=body)
    other = administrator.post("/api/groups", name="other")
    administrator.refused("PUT", f"/api/groups/{other['id']}", 409, json=body)
    for name in ("", " ", "a/b", "x" * 256):
        message = administrator.refused("POST", "/api/groups", 400, json={"name": name})
        assert "group name" in message
    administrator.refused("POST", "/api/groups", 404, json={"name": "new", "owner": "nobody"})
    administrator.refused("PUT", f"{group}/members/nobody", 404, json={})
    administrator.refused("DELETE", f"{group}/members/reader", 404)


def test_an_experiment_is_shared_with_a_group(
    people: People, owner: Person, experiment: str, group: str
) -> None:
    reader = people["reader"]
    owner.put(f"{group}/members/reader")
    reader.refused("GET", experiment, 404)
    owner.put(f"{experiment}/shares/groups/imaging", permission="read")
    owner.put(f"{experiment}/shares/writer", permission="write")
    assert reader.get(f"{experiment}/shares") == [
        {"user": "writer", "permission": "write"},
        {"user": None, "group": "imaging", "permission": "read"},
    ]
    assert reader.get("/api/experiments") == [owner.get(experiment)]
    reader.refused("PUT", experiment, 403, json={"name": "Ours"})
    people["stranger"].refused("GET", experiment, 404)

    owner.put(f"{experiment}/shares/groups/imaging", permission="write")
    reader.put(experiment, name="Ours")
    # who is a member and named as well has the more of both
    owner.put(f"{experiment}/shares/reader", permission="read")
    reader.put(experiment, name="Mine")
    owner.put(f"{experiment}/shares/groups/imaging", permission="read")
    reader.refused("PUT", experiment, 403, json={"name": "Ours"})
    owner.delete(f"{experiment}/shares/reader")
    assert reader.get(experiment)["name"] == "Mine"

    owner.delete(f"{experiment}/shares/groups/imaging")
    reader.refused("GET", experiment, 404)
    owner.refused("DELETE", f"{experiment}/shares/groups/imaging", 404)
    owner.refused("PUT", f"{experiment}/shares/groups/none", 404, json={"permission": "read"})


def test_nobody_learns_by_sharing_which_groups_there_are(
    people: People, owner: Person, administrator: Person, experiment: str, group: str
) -> None:
    owner.put(f"{group}/members/reader", is_owner=True)
    owner.post(f"{group}/leave")
    for method, body in (("PUT", {"permission": "read"}), ("DELETE", None)):
        there, missing = (
            owner.refused(method, f"{experiment}/shares/groups/{name}", 404, json=body)
            for name in ("imaging", "nothing")
        )
        assert there.replace("imaging", "nothing") == missing
    # what an administrator has shared, the owner may end
    administrator.put(f"{experiment}/shares/groups/imaging", permission="read")
    assert people["reader"].get(experiment)["name"] == "Screen"
    owner.delete(f"{experiment}/shares/groups/imaging")
    people["reader"].refused("GET", experiment, 404)
    owner.refused("DELETE", f"{experiment}/shares/groups/%00", 404)


def test_a_group_with_members_has_an_owner(
    people: People, owner: Person, administrator: Person, group: str
) -> None:
    owner.put(f"{group}/members/reader")
    for method, path in (
        ("POST", f"{group}/leave"),
        ("DELETE", f"{group}/members/owner"),
        ("PUT", f"{group}/members/owner"),
    ):
        assert "Nobody would own" in owner.refused(method, path, 409, json={})
    owner.put(f"{group}/members/reader", is_owner=True)
    owner.post(f"{group}/leave")
    message = people["reader"].refused("PUT", f"{group}/members/reader", 409, json={})
    assert "Nobody would own" in message
    people["reader"].post(f"{group}/leave")
    assert people["reader"].get("/api/groups") == []
    message = administrator.refused("PUT", f"{group}/members/writer", 409, json={})
    assert "let its first member own it" in message
    administrator.put(f"{group}/members/writer", is_owner=True)
    administrator.put(f"{group}/members/reader")


@pytest.mark.parametrize("how", ["leave", "remove", "delete"])
def test_who_is_not_in_a_group_any_more_sees_nothing_of_it(
    people: People, owner: Person, experiment: str, group: str, how: str
) -> None:
    reader = people["reader"]
    owner.put(f"{group}/members/reader")
    owner.put(f"{experiment}/shares/groups/imaging", permission="write")
    assert reader.get(experiment)["name"] == "Screen"
    if how == "leave":
        reader.post(f"{group}/leave")
    elif how == "remove":
        owner.delete(f"{group}/members/reader")
    else:
        owner.delete(group)
    reader.refused("GET", experiment, 404)
    assert reader.get("/api/experiments") == []


def test_the_audit_trail_tells_what_was_done_to_groups(
    people: People, owner: Person, administrator: Person, group: str, experiment: str
) -> None:
    owner.put(f"{group}/members/reader")
    owner.put(f"{experiment}/shares/groups/imaging", permission="read")
    people["reader"].post(f"{group}/leave")
    group_id = group.rpartition("/")[2]
    for query in (
        {"resource_kind": "group"},
        {"resource_kind": "group", "resource_id": group_id},
        {"resource_kind": "group", "resource_name": "imaging"},
    ):
        found = administrator.get("/api/audit", **query)["events"]
        assert [one["action"] for one in found] == ["leave_group", "put_member", "create_group"]
        for one in found:
            what = (one["resource_kind"], one["resource_id"], one["resource_name"])
            assert what == ("group", group_id, "imaging")
            assert one["experiment"] is one["experiment_id"] is None
    [shared, created] = administrator.get("/api/audit", resource_kind="experiment")["events"]
    assert (shared["action"], created["action"]) == (
        "share_experiment_with_group",
        "create_experiment",
    )
    assert shared["experiment"] == shared["resource_name"] == "Screen"
    assert administrator.get("/api/audit", experiment="Screen")["events"] == [shared, created]
    nothing = administrator.get("/api/audit", resource_kind="group", experiment="Screen")
    assert nothing["events"] == []
