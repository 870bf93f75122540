"""Files by their address, in parts and in lists, as S3 has them."""

import random
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.tmserver.conftest import Person
from tests.tmserver.portal.conftest import without_database
from tmlib.db import Database
from tmlib.errors import BadInput
from tmlib.portal.files import FileStore, KeptFile, check_key, publish
from tmlib.settings import Settings
from tmserver.portal.files_view import NAMESPACE

BUCKET = "catalogue"
CONTENT = bytes(range(256)) * 40


@pytest.fixture
def keys(database: Database) -> list[str]:
    """Names of files that are nested, begin alike, and have what sorts before and after a slash."""
    chance = random.Random(1)  # noqa: S311 - not for secrets
    names = ("a", "b.zarr", "b", "b-1", "B", "0", ".zattrs")
    made = {"/".join(chance.choices(names, k=chance.randrange(1, 4))) for _ in range(150)}
    # nothing is a file and a folder at once
    made = {key for key in made if not any(other.startswith(f"{key}/") for other in made)}
    files = [KeptFile(key, len(key), "0" * 64) for key in made]
    with database.transaction() as session:
        publish(session, BUCKET, files)
        publish(session, "other", files[:3])
    return sorted(made)


@pytest.fixture
def anybody(app: Flask) -> Person:
    return Person(app)


def listed(anybody: Person, **query: Any) -> dict[str, Any]:
    """A part of a list: texts by their names, and what there are several of."""
    query = {"list-type": "2", **{name.replace("_", "-"): one for name, one in query.items()}}
    response = anybody.request("GET", f"/s3/{BUCKET}", query_string=query)
    assert response.status_code == 200, response.text
    assert response.mimetype == "application/xml"
    root = ElementTree.fromstring(response.text)  # noqa: S314 - our own
    found: dict[str, Any] = {one.tag.removeprefix(f"{{{NAMESPACE}}}"): one.text for one in root}
    space = {"": NAMESPACE}
    found["keys"] = [one.findtext("Key", "", space) for one in root.findall("Contents", space)]
    found["folders"] = [
        one.findtext("Prefix", "", space) for one in root.findall("CommonPrefixes", space)
    ]
    return found


def expected_parts(keys: list[str], prefix: str, delimiter: str, after: str) -> list[str]:
    """Keys, and folders in place of what is in them, in order."""
    found: dict[str, None] = {}
    for key in keys:
        if key.startswith(prefix) and key > after:
            name, slash, _ = key[len(prefix) :].partition(delimiter) if delimiter else (0, "", 0)
            found[f"{prefix}{name}/" if slash else key] = None
    return list(found)


def test_lists_have_all_files_once_whatever_their_parts(anybody: Person, keys: list[str]) -> None:
    chance = random.Random(2)  # noqa: S311 - not for secrets
    for _ in range(60):
        prefix = chance.choice(("", "b", "b/", "b.zarr/", "a/b", "nothing", chance.choice(keys)))
        delimiter = chance.choice(("", "/"))
        after = chance.choice(("", "", "", chance.choice(keys)))
        most = chance.choice((1, 2, 7, 1000))
        query: dict[str, Any] = {"prefix": prefix, "delimiter": delimiter, "max_keys": most}
        seen: list[str] = []
        part = listed(anybody, **query, start_after=after)
        while True:
            entries = [*part["keys"], *part["folders"]]
            assert int(part["KeyCount"]) == len(entries) <= most
            assert part["keys"] == sorted(part["keys"])
            seen += sorted(entries)
            if part["IsTruncated"] == "false":
                break
            assert len(entries) == most
            part = listed(anybody, **query, continuation_token=part["NextContinuationToken"])
        assert seen == expected_parts(keys, prefix, delimiter, after), query


def test_names_in_lists_are_encoded_where_that_is_asked_for(
    anybody: Person, database: Database
) -> None:
    with database.transaction() as session:
        publish(session, BUCKET, [KeptFile("a/b_1-2.txt", 3, "ab" * 32)])
    part = listed(anybody, encoding_type="url", prefix="a/", delimiter="/")
    assert part["EncodingType"] == "url"
    assert part["keys"] == ["a/b_1-2.txt"]
    assert listed(anybody, max_keys=0)["KeyCount"] == "0"


def test_other_ways_to_list_are_refused(anybody: Person, keys: list[str]) -> None:
    for query, word in (
        ({}, "ListObjectsV2"),
        ({"list-type": "1"}, "ListObjectsV2"),
        ({"list-type": "2", "max-keys": "-1"}, "max-keys"),
        ({"list-type": "2", "encoding-type": "xml"}, "encoding-type"),
        ({"list-type": "2", "continuation-token": "é"}, "token"),
        # a NUL, which PostgreSQL does not take
        ({"list-type": "2", "continuation-token": "AA=="}, "token"),
        ({"list-type": "2", "prefix": "\0"}, "Names"),
    ):
        response = anybody.request("GET", f"/s3/{BUCKET}", query_string=query)
        assert response.status_code == 400
        assert error(response)[0] == "InvalidArgument"
        assert word in error(response)[1]


def error(response: TestResponse) -> tuple[str, str]:
    assert response.mimetype == "application/xml"
    root = ElementTree.fromstring(response.text)  # noqa: S314 - our own
    return root.findtext("Code", ""), root.findtext("Message", "")


@pytest.fixture
def file(settings: Settings, database: Database, tmp_path: Path) -> str:
    """The path of a file that is published."""
    source = tmp_path / "source"
    source.write_bytes(CONTENT)
    store = FileStore(settings.data_dir)
    kept = [store.keep("10000/run/volume.mrc", source), store.keep("10000/a.json", source)]
    store.sync(kept)
    with database.transaction() as session:
        publish(session, BUCKET, kept)
    return f"/s3/{BUCKET}/10000/run/volume.mrc"


def test_files_are_read_whole_and_in_parts(anybody: Person, file: str) -> None:
    whole = anybody.request("GET", file)
    assert whole.status_code == 200
    assert whole.data == CONTENT
    assert whole.headers["Content-Length"] == str(len(CONTENT))
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert whole.mimetype == "application/octet-stream"
    assert "Content-Encoding" not in whole.headers
    told = anybody.request("HEAD", file)
    assert told.data == b""
    for name in ("Content-Length", "ETag", "Last-Modified", "Content-Type"):
        assert told.headers[name] == whole.headers[name]
    [etag] = {part["ETag"] for part in [whole.headers]}
    for header, start, end in (
        ("bytes=0-99", 0, 100),
        ("bytes=10000-", 10000, len(CONTENT)),
        ("bytes=-5", len(CONTENT) - 5, len(CONTENT)),
        ("bytes=10200-99999", 10200, len(CONTENT)),
    ):
        part = anybody.request("GET", file, headers={"Range": header, "If-Match": etag})
        assert part.status_code == 206
        assert part.data == CONTENT[start:end]
        assert part.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(CONTENT)}"
        assert part.headers["ETag"] == etag
    assert anybody.request("GET", file, headers={"If-None-Match": etag}).status_code == 304
    beyond = anybody.request("GET", file, headers={"Range": "bytes=99999-"})
    assert beyond.status_code == 416
    assert error(beyond)[0] == "InvalidRange"
    changed = anybody.request("GET", file, headers={"If-Match": '"other"'})
    assert (changed.status_code, error(changed)[0]) == (412, "PreconditionFailed")
    json = anybody.request("GET", f"/s3/{BUCKET}/10000/a.json")
    assert json.mimetype == "application/json"


def test_what_is_not_there_is_told_by_its_name(
    anybody: Person, file: str, settings: Settings
) -> None:
    for path, code in (
        (f"/s3/{BUCKET}/10000", "NoSuchKey"),
        (f"/s3/{BUCKET}/10000/run/../a.json", "NoSuchKey"),
        (f"/s3/{BUCKET}/%00", "NoSuchKey"),
        ("/s3/nothing/10000", "NoSuchBucket"),
        ("/s3/nothing?list-type=2", "NoSuchBucket"),
    ):
        response = anybody.request("GET", path)
        assert response.status_code == 404, path
        assert error(response)[0] == code
        bare = anybody.request("HEAD", path.partition("?")[0])
        assert (bare.status_code, bare.data) == (404, b"")
    assert anybody.request("HEAD", f"/s3/{BUCKET}").status_code == 200
    for kept in (settings.data_dir / "catalogue").rglob("*"):
        if kept.is_file():
            kept.unlink()
    assert error(anybody.request("GET", file))[0] == "NoSuchKey"


def test_a_database_that_is_away_is_told(app: Flask, anybody: Person, file: str) -> None:
    with without_database(app):
        for path in (file, f"/s3/{BUCKET}?list-type=2"):
            response = anybody.request("GET", path)
            assert response.status_code == 503
            assert error(response)[0] == "SlowDown"


def test_nobody_writes(anybody: Person, file: str) -> None:
    for path in (file, f"/s3/{BUCKET}/new", f"/s3/{BUCKET}"):
        for method in ("PUT", "POST", "DELETE", "PATCH"):
            response = anybody.request(method, path, data=b"-")
            assert response.status_code == 405
            assert error(response)[0] == "MethodNotAllowed"
    assert anybody.request("GET", file).data == CONTENT


def test_pages_of_all_sites_may_read_parts(anybody: Person, file: str) -> None:
    origin = {"Origin": "https://viewer.example"}
    asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "range"}
    told = anybody.request("OPTIONS", file, headers={**origin, **asked})
    assert "range" in told.headers["Access-Control-Allow-Headers"].lower()
    answer = anybody.request("GET", file, headers={**origin, "Range": "bytes=0-1"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    exposed = answer.headers["Access-Control-Expose-Headers"]
    for name in ("Content-Range", "Content-Length", "ETag"):
        assert name in exposed


@pytest.mark.parametrize("key", ["", "a//b", "/a", "a/", "a/../b", ".", "a b", "é", "a" * 1025])
def test_names_that_clients_cannot_keep_are_not_published(key: str) -> None:
    with pytest.raises(BadInput, match="cannot be published"):
        check_key(key)
