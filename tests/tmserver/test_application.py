import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from tests.tmserver.conftest import Person, documented_path
from tmlib import schema
from tmlib.db import Database, revision
from tmserver import pages, schema_version
from tmserver.api import TISSUEMAPS
from tmserver.http.api import Api
from tmserver.http.operations import Operation


def test_every_answer_has_the_headers_that_protect_browsers(anonymous: Person) -> None:
    for path in ("/healthz", "/nothing", "/api/experiments"):
        headers = anonymous.request("GET", path).headers
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"


def test_a_server_is_ready_when_its_tables_are_up_to_date(
    anonymous: Person, database: Database
) -> None:
    assert anonymous.get("/healthz") == {"message": "ok"}
    assert anonymous.get("/readyz") == {"message": "ok"}
    schema.downgrade(database, "base")
    assert anonymous.get("/healthz") == {"message": "ok"}
    assert "tm db upgrade" in anonymous.refused("GET", "/readyz", 503)


def test_nothing_is_answered_from_tables_of_another_version(
    owner: Person, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema_version, "_SECONDS", 0)
    for name, hint in (("9999", "which is older"), ("0001", "run `tm db upgrade`")):
        with database.transaction() as session:
            session.execute(text("UPDATE alembic_version SET version_num = :name"), {"name": name})
        assert hint in owner.refused("GET", "/api/experiments", 503)
        assert hint in owner.refused("GET", "/readyz", 503)
        assert owner.get("/healthz") == {"message": "ok"}
    with database.transaction() as session:
        current = {"name": revision.needed()}
        session.execute(text("UPDATE alembic_version SET version_num = :name"), current)
    assert owner.get("/api/experiments") == []


def test_what_the_server_can_do(owner: Person) -> None:
    assert "canonical" in owner.get("/api/workflow_types")
    assert {"cellvoyager", "generic"} <= set(owner.get("/api/microscope_types"))
    steps = {step["name"]: step for step in owner.get("/api/workflow_steps")}
    assert steps["corilla"]["batch_args"]["properties"]["per_plate"]["type"] == "boolean"
    align = steps["align"]["batch_args"]
    assert align["properties"]["ref_cycle"]["minimum"] == 0
    assert align["required"] == ["ref_cycle", "ref_wavelength"]
    duration = steps["align"]["submission_args"]["properties"]["duration"]
    assert re.search(duration["pattern"], duration["default"])
    assert owner.get("/api/acquisition_modes") == ["basic", "multiplexing"]


def test_the_documents_describe_every_route(
    app: Flask, documents: dict[Api, dict[str, Any]]
) -> None:
    document = documents[TISSUEMAPS]
    assert {one["openapi"] for one in documents.values()} == {"3.1.0"}
    described = {
        (method.upper(), path)
        for one in documents.values()
        for path, methods in one["paths"].items()
        for method in methods
    }
    served = set()
    for rule in app.url_map.iter_rules():
        operation = app.view_functions[rule.endpoint]
        assert isinstance(operation, Operation)
        served.add((operation.method, documented_path(rule.rule)))
    assert described == served
    names = [
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
    ]
    assert len(names) == len(set(names))


def references(part: Any) -> Iterator[str]:
    """What a part of a document refers to; its examples may be documents of their own."""
    if isinstance(part, list):
        for inner in part:
            yield from references(inner)
    elif isinstance(part, dict):
        for name, inner in part.items():
            if name == "$ref":
                yield inner
            elif name not in ("example", "examples"):
                yield from references(inner)


def test_the_document_refers_to_nothing_that_it_lacks(anonymous: Person) -> None:
    document = anonymous.get("/api/openapi.json")
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    used = set(references(document))
    assert used
    assert used <= known


@pytest.fixture
def viewer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html>")
    (folder / "reference.html").write_text('<p data-document="./api/openapi.json">')
    (folder / "favicon.svg").write_text("<svg/>")
    (folder / "assets" / "index-1a2b.js").write_text("let x;")
    (tmp_path / "secret").write_text("secret")
    monkeypatch.setattr(pages, "VIEWER", folder)
    return folder


@pytest.mark.usefixtures("viewer")
def test_the_viewer_is_always_the_newest_and_its_assets_are_kept(anonymous: Person) -> None:
    page = anonymous.request("GET", "/?experiment=MQ==")
    assert (page.text, page.mimetype) == ("<!doctype html>", "text/html")
    assert page.headers["Cache-Control"] == "no-cache"
    asset = anonymous.request("GET", "/assets/index-1a2b.js")
    assert asset.mimetype == "text/javascript"
    assert "immutable" in asset.headers["Cache-Control"]


@pytest.mark.usefixtures("viewer")
@pytest.mark.parametrize("path", ["/", "/api", "/favicon.svg", "/assets/index-1a2b.js"])
def test_the_viewer_is_sent_once_and_whole(anonymous: Person, path: str) -> None:
    whole = anonymous.request("GET", path)
    known = {"If-None-Match": whole.headers["ETag"]}
    assert anonymous.request("GET", path, headers=known).status_code == 304
    for header in ({"If-Match": '"other"'}, {"Range": "bytes=0-1"}):
        answer = anonymous.request("GET", path, headers=header)
        assert (answer.status_code, answer.data) == (200, whole.data)


@pytest.mark.usefixtures("viewer")
@pytest.mark.parametrize(
    "path", ["/assets/..", "/assets/%2e%2e", "/assets/..%2f..%2fsecret", "/assets/no.js"]
)
def test_there_is_no_way_out_of_the_viewer(anonymous: Person, path: str) -> None:
    anonymous.refused("GET", path, 404)


def test_a_viewer_that_is_not_built_is_said_to_be_missing(anonymous: Person, viewer: Path) -> None:
    for path in viewer.glob("*.*"):
        path.unlink()
    assert "not built" in anonymous.refused("GET", "/", 503)
    assert "not built" in anonymous.refused("GET", "/api", 503)
    anonymous.refused("GET", "/favicon.svg", 404)
