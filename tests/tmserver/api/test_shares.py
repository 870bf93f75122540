import pytest

from tests.tmserver.conftest import Person
from tmlib.accounts.service import change_user
from tmlib.db import Database

People = dict[str, Person]


def test_an_experiment_is_shared_by_name_and_hidden_again(
    people: People, owner: Person, experiment: str
) -> None:
    reader = people["reader"]
    assert owner.get(f"{experiment}/shares") == []
    reader.refused("GET", experiment, 404)

    owner.put(f"{experiment}/shares/reader", permission="read")
    assert owner.get(f"{experiment}/shares") == [{"user": "reader", "permission": "read"}]
    assert reader.get(f"{experiment}/shares") == [{"user": "reader", "permission": "read"}]
    assert owner.get(f"{experiment}/shares", offset=1) == []
    [listed] = reader.get("/api/experiments")
    assert listed == owner.get(experiment)
    assert listed["user"] == "owner"
    assert 'ask "owner"' in reader.refused("PUT", experiment, 403, json={"name": "Mine"})

    owner.put(f"{experiment}/shares/reader", permission="write")
    assert reader.put(experiment, name="Ours") == {"message": "ok"}

    owner.delete(f"{experiment}/shares/reader")
    reader.refused("GET", experiment, 404)
    assert reader.get("/api/experiments") == []


def test_only_owners_and_administrators_decide_about_an_experiment(
    people: People, owner: Person, administrator: Person, experiment: str
) -> None:
    owner.put(f"{experiment}/shares/writer", permission="write")
    for method, path, body in (
        ("PUT", f"{experiment}/shares/stranger", {"permission": "read"}),
        ("DELETE", f"{experiment}/shares/writer", None),
        ("PUT", f"{experiment}/owner", {"user": "writer"}),
        ("DELETE", experiment, None),
    ):
        assert 'ask "owner"' in people["writer"].refused(method, path, 403, json=body)
        people["stranger"].refused(method, path, 404, json=body)
    administrator.put(f"{experiment}/shares/stranger", permission="read")
    administrator.delete(f"{experiment}/shares/writer")
    assert owner.get(f"{experiment}/shares") == [{"user": "stranger", "permission": "read"}]
    administrator.delete(experiment)
    owner.refused("GET", experiment, 404)


def test_administrators_list_the_experiments_of_everybody(
    owner: Person, administrator: Person, experiment: str
) -> None:
    assert administrator.get("/api/experiments") == []
    assert administrator.get("/api/experiments", everybody=True) == [owner.get(experiment)]
    owner.refused("GET", "/api/experiments?everybody=true", 403)


@pytest.mark.usefixtures("people")
def test_what_cannot_be_shared_is_named(owner: Person, experiment: str) -> None:
    for user, body, status, problem in (
        ("nobody", {"permission": "read"}, 404, '"nobody"'),
        ("owner", {"permission": "read"}, 400, "somebody else"),
        ("reader", {"permission": "own"}, 400, "'read' or 'write'"),
        ("reader", {}, 400, '"permission"'),
    ):
        path = f"{experiment}/shares/{user}"
        assert problem in owner.refused("PUT", path, status, json=body)
    assert owner.get(f"{experiment}/shares") == []


@pytest.mark.usefixtures("people")
def test_what_is_not_shared_cannot_be_hidden(owner: Person, experiment: str) -> None:
    assert "not shared" in owner.refused("DELETE", f"{experiment}/shares/reader", 404)
    assert '"nobody"' in owner.refused("DELETE", f"{experiment}/shares/nobody", 404)
    owner.refused("DELETE", f"{experiment}/shares/%00", 404)


def test_a_new_owner_takes_over_and_the_old_one_can_still_write(
    people: People, owner: Person, experiment: str
) -> None:
    writer = people["writer"]
    owner.put(f"{experiment}/shares/writer", permission="write")
    owner.put(f"{experiment}/owner", user="writer")
    assert writer.get(experiment)["user"] == "writer"
    assert writer.get(f"{experiment}/shares") == [{"user": "owner", "permission": "write"}]
    assert owner.put(experiment, name="Still mine to change") == {"message": "ok"}
    owner.refused("DELETE", experiment, 403)
    writer.put(f"{experiment}/owner", user="writer")  # changes nothing
    assert writer.get(f"{experiment}/shares") == [{"user": "owner", "permission": "write"}]
    writer.delete(f"{experiment}/shares/owner")
    owner.refused("GET", experiment, 404)


def test_ownership_goes_only_to_who_can_have_it(
    people: People, owner: Person, experiment: str, database: Database
) -> None:
    same = owner.get(experiment)
    told = ("name", "workflow_type", "microscope_type", "plate_format", "plate_acquisition_mode")
    described = {name: same[name] for name in told}
    people["writer"].post("/api/experiments", **described)
    path = f"{experiment}/owner"
    assert '"Screen"' in owner.refused("PUT", path, 409, json={"user": "writer"})
    assert '"nobody"' in owner.refused("PUT", path, 404, json={"user": "nobody"})
    reader_id = people["reader"].user_id
    assert reader_id is not None
    with database.transaction() as session:
        change_user(session, reader_id, is_active=False)
    assert '"reader" cannot log in' in owner.refused("PUT", path, 400, json={"user": "reader"})
    assert owner.get(experiment) == same
