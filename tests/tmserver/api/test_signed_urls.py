from datetime import datetime, timedelta
from typing import Any

from flask import Flask
from sqlalchemy import update

from tests.tmserver.conftest import PASSWORD, Person
from tmlib.accounts.identity import Account
from tmlib.accounts.models import PersonalToken
from tmlib.accounts.service import change_password, hash_password
from tmlib.db import Database
from tmlib.db.base import now
from tmserver.authentication import Login, Proof, sign

People = dict[str, Person]


def signed(person: Person, experiment: str, path: str, **more: Any) -> str:
    [answer] = person.post(f"{experiment}/signed-urls", paths=[path], **more)
    assert answer["path"] == path
    url: str = answer["url"]
    return url


def test_a_signed_url_is_read_without_a_token(
    owner: Person, anonymous: Person, experiment: str
) -> None:
    url = signed(owner, experiment, f"{experiment}/plates")
    assert anonymous.get(url) == []
    assert anonymous.request("HEAD", url).status_code == 200


def test_one_signature_is_good_for_all_tiles(
    owner: Person, anonymous: Person, experiment: str
) -> None:
    tiles = f"{experiment}/channel_layers/OTk=/tiles"
    url = signed(owner, experiment, tiles)
    for x in (0, 1):  # there is no such layer, but the signature opens the way to this answer
        anonymous.refused("GET", f"{url}&x={x}&y=0&z=0", 404)
    with_query = signed(owner, experiment, f"{tiles}?x=0&y=0&z=0")
    anonymous.refused("GET", with_query, 404)
    anonymous.refused("GET", f"{tiles}?x=0&y=0&z=0", 401)


def test_a_path_may_be_spelled_with_escapes(
    owner: Person, anonymous: Person, experiment: str
) -> None:
    path = f"{experiment}/plates".replace("=", "%3D")
    assert anonymous.get(signed(owner, experiment, path)) == []


def test_a_signature_is_good_for_one_path_and_for_reading(
    owner: Person, anonymous: Person, experiment: str
) -> None:
    url = signed(owner, experiment, f"{experiment}/plates")
    for method, path in (("GET", "wells"), ("GET", "plates/MQ=="), ("GET", "channels")):
        other = url.replace("/plates?", f"/{path}?")
        assert "not valid for this path" in anonymous.refused(method, other, 401)
    assert "can only be read" in anonymous.refused("POST", url, 403, json={"name": "Plate 1"})
    anonymous.refused("GET", url[:-2] + url[-2:].swapcase() + "A", 401)
    anonymous.refused("GET", f"{experiment}/plates?signature=", 401)
    assert owner.get(f"{experiment}/plates") == []


def test_a_signature_expires(app: Flask, owner: Person, anonymous: Person, experiment: str) -> None:
    number = owner.user_id
    assert number
    user = Account(number, "-")
    login = Login("a login", now(), now(), in_cookie=False)
    with app.app_context():
        signature = sign(f"{experiment}/plates", Proof(user, login), now())
    message = anonymous.refused("GET", f"{experiment}/plates?signature={signature}", 401)
    assert "expired" in message


def test_who_may_no_longer_read_has_no_use_of_a_signature(
    people: People, owner: Person, anonymous: Person, experiment: str
) -> None:
    owner.put(f"{experiment}/shares/reader", permission="read")
    url = signed(people["reader"], experiment, f"{experiment}/plates")
    assert anonymous.get(url) == []
    owner.delete(f"{experiment}/shares/reader")
    anonymous.refused("GET", url, 404)


def test_a_new_password_ends_what_was_signed(
    owner: Person, anonymous: Person, experiment: str, database: Database
) -> None:
    url = signed(owner, experiment, f"{experiment}/plates")
    assert owner.user_id is not None
    with database.transaction() as session:
        change_password(session, owner.user_id, hash_password(PASSWORD))
    anonymous.refused("GET", url, 401)


def test_a_signature_ends_with_the_login_that_made_it(
    owner: Person, anonymous: Person, experiment: str
) -> None:
    token = anonymous.post("/auth", username="owner", password=PASSWORD)["access_token"]
    browser = Person(owner.app, authorization=f"Bearer {token}")
    url = signed(browser, experiment, f"{experiment}/plates")
    other = signed(owner, experiment, f"{experiment}/plates")
    assert anonymous.get(url) == []
    browser.post("/auth/logout")
    assert "has ended" in anonymous.refused("GET", url, 401)
    assert anonymous.get(other) == []


def test_a_signature_ends_with_the_token_that_made_it(
    owner: Person, anonymous: Person, experiment: str
) -> None:
    created = owner.post("/auth/tokens", name="script", scope="write", days=1)
    script = Person(owner.app, authorization=f"Bearer {created['token']}")
    url = signed(script, experiment, f"{experiment}/plates")
    assert anonymous.get(url) == []
    owner.delete(f"/auth/tokens/{created['id']}")
    owner.post("/auth/tokens", name="another", scope="write")
    assert "does not work any more" in anonymous.refused("GET", url, 401)


def test_a_signature_lasts_no_longer_than_what_made_it(
    owner: Person, experiment: str, database: Database
) -> None:
    created = owner.post("/auth/tokens", name="script", scope="write", days=1)
    soon = now().replace(microsecond=0) + timedelta(minutes=5)
    with database.transaction() as session:
        session.execute(update(PersonalToken).values(expires_at=soon))
    script = Person(owner.app, authorization=f"Bearer {created['token']}")
    [answer] = script.post(
        f"{experiment}/signed-urls", paths=[f"{experiment}/plates"], seconds=3600
    )
    assert datetime.fromisoformat(answer["expires_at"]) == soon


def test_an_administrator_signs_what_an_administrator_may_read(
    administrator: Person, anonymous: Person, experiment: str
) -> None:
    assert anonymous.get(signed(administrator, experiment, f"{experiment}/plates")) == []


def test_a_url_opens_no_more_than_the_token_that_signed_it(
    owner: Person, administrator: Person, anonymous: Person, experiment: str
) -> None:
    owner.put(f"{experiment}/shares/administrator", permission="read")
    created = administrator.post("/auth/tokens", name="script", scope="write")
    script = Person(owner.app, authorization=f"Bearer {created['token']}")
    url = signed(script, experiment, f"{experiment}/plates")
    assert anonymous.get(url) == []
    owner.delete(f"{experiment}/shares/administrator")
    script.refused("GET", f"{experiment}/plates", 404)
    anonymous.refused("GET", url, 404)


def test_only_what_the_experiment_lets_read_is_signed(owner: Person, experiment: str) -> None:
    for path in (
        "/auth/user",
        "/api/experiments",
        "/api/openapi.json",
        "/",
        "",
        "nonsense",
        f"https://elsewhere.example{experiment}/plates",
        "/api/experiments/OTk=/plates",
        f"{experiment}/plates/../../OTk=/plates",
        f"{experiment}/signed-urls",
    ):
        body = {"paths": [f"{experiment}/plates", path]}
        message = owner.refused("POST", f"{experiment}/signed-urls", 400, json=body)
        assert "nothing to be read" in message or "does not belong to this experiment" in message


def test_requests_that_make_no_sense_are_refused(owner: Person, experiment: str) -> None:
    path = f"{experiment}/plates"
    wrong: tuple[dict[str, Any], ...] = (
        {"paths": []},
        {"paths": [path] * 1001},
        {"paths": [path], "seconds": 0},
    )
    for body in ({}, *wrong):
        owner.refused("POST", f"{experiment}/signed-urls", 400, json=body)
