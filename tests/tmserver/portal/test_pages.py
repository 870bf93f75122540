"""The catalogue's pages for people."""

import html
import json
import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.services.catalogue import document, random_rows
from tests.tmserver.conftest import Person
from tests.tmserver.portal.conftest import without_database
from tmlib.db import Database
from tmlib.errors import Unavailable
from tmlib.portal.bucket_import import import_catalogue
from tmlib.portal.declaration import ENTITIES
from tmlib.portal.files import FileStore, KeptFile, publish
from tmlib.portal.importing import import_rows
from tmlib.portal.withdrawal import withdraw
from tmlib.settings import Settings
from tmserver.portal.web import descriptions

HOSTILE = "<script>alert(1)</script>\"'&{{ 7 * 7 }}"
TOP = "http://localhost"
FILES = {
    "1/dataset.json": b"{}",
    "1/picture.png": b"-",
    "1/run/NOTES.ZARR/1": b"-",
    "1/run/run.mrc": b"volume",
    "1/run/run.zarr/.zattrs": b'{"omero": {"channels": [{"window": {"start": 7, "end": 90}}]}}',
    "1/run/run.zarr/0/0": b"-",
    "1/run/other.zarr/.zattrs": b"{}",
    "1/run/masks.zarr/.zattrs": b"{}",
    "1/run/points.ndjson": b"",
}


def catalogue() -> dict[str, list[dict[str, Any]]]:
    """One row of each class with files, and two more datasets without."""
    made = document(random_rows(seed=2, n_rows=1))
    for entity in ENTITIES.values():
        [row] = made[entity.client_name]
        row |= {item.column: 1 for item in entity.items}
        row["id"] = 1
        for column, attribute in entity.columns.items():
            if column.startswith(("s3_", "https_", "key_photo")):
                row[column] = "" if attribute.required else None
    [dataset], [author], [run] = made["Dataset"], made["DatasetAuthor"], made["Run"]
    dataset |= {"s3_prefix": "s3://bucket/1/", "https_prefix": f"{TOP}/s3/bucket/1/"}
    dataset |= {"title": "Ribosomes of yeast", "description": HOSTILE, "organism_name": "Yeast"}
    dataset |= {"release_date": "2024-05-01", "last_modified_date": "2024-05-02"}
    dataset |= {"dataset_publications": "10.1101/2024.01.02, doi: 10.1038/s41592-024"}
    dataset |= {"key_photo_url": f"{TOP}/s3/bucket/1/picture.png", "file_size": 1_234_567.0}
    dataset["organism_taxid"] = 4932
    author |= {"name": "Ångström, A. & {B}", "orcid": "0000-0002-1825-0097"}
    run |= {"name": HOSTILE, "s3_prefix": "s3://bucket/1/run/", "https_prefix": ""}
    made["Annotation"][0]["object_name"] = "ribosome"
    made["Tomogram"][0] |= {
        "s3_mrc_file": "s3://bucket/1/run/run.mrc",
        "https_mrc_file": "javascript:alert(1)",
        "s3_omezarr_dir": "s3://bucket/1/run/run.zarr",
        "https_omezarr_dir": f"{TOP}/s3/bucket/1/run/run.zarr",
        "key_photo_url": "https://elsewhere.example/picture.png",
        "key_photo_thumbnail_url": f"{TOP}/s3/bucket/1/not-here.png",
    }
    made["AnnotationFile"][0] |= {
        "format": "zarr",
        "s3_path": "s3://bucket/1/run/masks.zarr",
        "https_path": f"{TOP}/s3/bucket/1/run/masks.zarr",
    }
    made["Tomogram"][0] |= {"voxel_spacing": 7.5, "is_visualization_default": True}
    made["Tomogram"][0] |= {"size_x": 400, "size_y": 300, "size_z": 51}
    other: dict[str, Any] = {"id": 2, "is_visualization_default": False}
    other |= {"s3_omezarr_dir": "s3://bucket/1/run/other.zarr", "https_omezarr_dir": ""}
    made["Tomogram"].insert(0, {**made["Tomogram"][0], **other})
    made["AnnotationShape"].append({**made["AnnotationShape"][0], "id": 2, "shape_type": "Point"})
    for number, key in ((2, "points"), (3, "not-here")):
        file = {"id": number, "annotation_shape_id": 2, "format": "ndjson", "https_path": ""}
        file["s3_path"] = f"s3://bucket/1/run/{key}.ndjson"
        made["AnnotationFile"].append({**made["AnnotationFile"][0], **file})
    made["GainFile"][0]["https_file_path"] = "ftp://elsewhere/gain"
    made["Alignment"][0]["s3_alignment_metadata"] = "s3://bucket/1/run/not-here.json"
    made["TiltSeries"][0] |= {
        "s3_mrc_file": "s3://bucket/tilts.mrc",
        "https_mrc_file": "https://public.example/tilts.mrc",
        "https_omezarr_dir": f"{TOP}/s3/bucket/1/run/not-here.zarr",
    }
    for number, title, organism in ((2, "100% of HeLa cells", "Human"), (3, HOSTILE, HOSTILE)):
        moved = {"id": number, "title": title, "organism_name": organism, "description": "-"}
        moved |= {"release_date": f"202{number}-05-01", "key_photo_url": None}
        moved |= {"s3_prefix": f"s3://elsewhere/{number} $x/"}
        made["Dataset"].append({**dataset, **moved})
    return made


@pytest.fixture
def anybody(app: Flask, database: Database, settings: Settings, tmp_path: Path) -> Person:
    bucket = tmp_path / "bucket"
    for key, content in FILES.items():
        path = bucket / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    made = catalogue()
    elsewhere = [made["Dataset"].pop(), made["Dataset"].pop()]
    store = FileStore(settings.data_dir)
    import_catalogue(database, store, made, bucket, without_files=True)
    with database.transaction() as session:
        import_rows(session, {"Dataset": elsewhere})
    return Person(app)


def seen(response: TestResponse) -> str:
    """The text of a page that is right."""
    assert response.status_code == 200, response.text
    assert response.mimetype == "text/html"
    text = response.text
    assert "<script>" not in text
    assert "javascript:" not in text
    assert "49" not in re.sub(r"\d{3,}", "", text)
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text)))


def found(anybody: Person, **query: Any) -> list[int]:
    response = anybody.request("GET", "/catalogue", query_string=query)
    seen(response)
    return [int(number) for number in re.findall(r"\./catalogue/datasets/(\d+)", response.text)]


def test_datasets_are_listed_and_found(anybody: Person) -> None:
    assert found(anybody) == [1, 3, 2]
    for query, numbers in (
        ({"q": "YEAST ribosomes"}, [1]),
        ({"q": "yeast human"}, []),
        ({"q": "100%"}, [2]),
        ({"q": "0%0"}, []),
        ({"q": "ångström"}, [1]),
        ({"q": "2"}, [2]),
        ({"q": HOSTILE}, [1, 3]),
        ({"organism": "Human"}, [2]),
        ({"organism": HOSTILE, "q": "script"}, [3]),
        ({"object": "RIBO", "utm_source": "-"}, [1]),
        ({"object": "_"}, []),
        ({"page": "2"}, []),
    ):
        assert found(anybody, **query) == numbers, query


def test_what_cannot_be_looked_for_is_told_on_a_page(anybody: Person) -> None:
    for query in ({"q": "\0"}, {"q": "a" * 201}, {"page": "0"}, {"page": "x"}):
        response = anybody.request("GET", "/catalogue/", query_string=query)
        assert response.status_code == 400
        assert response.mimetype == "text/html"
        assert "This cannot be searched for" in response.text


def test_lists_have_pages(anybody: Person, database: Database) -> None:
    [*_, other] = catalogue()["Dataset"]
    with database.transaction() as session:
        import_rows(session, {"Dataset": [{**other, "id": 10 + n} for n in range(40)]})
    numbers: list[int] = []
    address = "?q=script"
    for _ in range(3):
        response = anybody.request("GET", f"/catalogue{address}")
        numbers += map(int, re.findall(r"\./catalogue/datasets/(\d+)", response.text))
        following = re.search(r'rel="next" href="([^"]*)"', response.text)
        address = html.unescape(following[1]) if following else ""
    assert address == ""
    assert numbers == [1, *range(49, 9, -1), 3]


def test_what_is_left_out_of_long_lists_is_told(anybody: Person, database: Database) -> None:
    made = catalogue()
    long = ("TiltSeries", "Tomogram", "Annotation", "IdentifiedObject", "DatasetAuthor")

    def add(ids: Iterable[int]) -> None:
        rows = {name: [{**made[name][0], "id": number} for number in ids] for name in long}
        organisms = [{**made["Dataset"][2], "organism_name": f"Organism {n}"} for n in ids]
        rows["Dataset"] = [{**row, "id": n} for n, row in zip(ids, organisms, strict=True)]
        with database.transaction() as session:
            import_rows(session, rows)

    sentences = (
        *("first 500 tilt series", "first 500 tomograms", "first 500 annotations"),
        *("first 500 objects", "Not all files"),
    )
    add(range(1000, 1497))
    text = seen(anybody.request("GET", "/catalogue/runs/1"))
    assert not [one for one in sentences if one in text]
    assert "and others" not in seen(anybody.request("GET", "/catalogue/datasets/1"))
    assert "Only the first" not in seen(anybody.request("GET", "/catalogue"))
    add(range(1497, 1501))
    text = seen(anybody.request("GET", "/catalogue/runs/1"))
    assert [one for one in sentences if one not in text] == []
    assert "and others" in seen(anybody.request("GET", "/catalogue/datasets/1"))
    entry = anybody.request("GET", "/catalogue/datasets/1/citation.bib").text
    assert " and others}" in entry
    assert "Only the first 500 are listed" in seen(anybody.request("GET", "/catalogue"))


def test_words_that_are_not_looked_for_are_named(anybody: Person) -> None:
    query = {"q": "a e i o " * 2 + "s r left out"}
    text = seen(anybody.request("GET", "/catalogue", query_string=query))
    assert "Not looked for: left out" in text


def test_a_deposition_has_pages_of_datasets(anybody: Person, database: Database) -> None:
    [*_, other] = catalogue()["Dataset"]
    with database.transaction() as session:
        import_rows(session, {"Dataset": [{**other, "id": 10 + n} for n in range(600)]})
    numbers: list[int] = []
    address = ""
    for _ in range(7):
        response = anybody.request("GET", f"/catalogue/depositions/1{address}")
        numbers += map(int, re.findall(r"/catalogue/datasets/(\d+)", response.text))
        following = re.search(r'rel="next" href="([^"]*)"', response.text)
        address = html.unescape(following[1]) if following else ""
    assert address == ""
    assert numbers == [1, 2, 3, *range(10, 610)]


def test_a_page_of_a_dataset_has_all_that_is_told(anybody: Person) -> None:
    response = anybody.request("GET", "/catalogue/datasets/1")
    text = seen(response)
    for part in ("Ribosomes of yeast", HOSTILE, "Ångström", "1.23 MB", "ribosome", "2024-05-01"):
        assert part in text
    assert '<img class="picture" src="../../s3/bucket/1/picture.png"' in response.text
    assert 'href="https://doi.org/10.1101/2024.01.02"' in response.text
    assert 'href="https://doi.org/10.1038/s41592-024"' in response.text
    described = re.search('<script type="application/ld.json">(.*?)</script>', response.text)
    assert described is not None
    told = json.loads(described[1])
    assert told["@type"] == "Dataset"
    assert HOSTILE in told["description"]
    assert told["creator"] == [
        {
            "@type": "Person",
            "name": "Ångström, A. & {B}",
            "@id": "https://orcid.org/0000-0002-1825-0097",
        }
    ]
    assert told["url"] == f"{TOP}/catalogue/datasets/1"
    assert anybody.request("GET", "/catalogue/datasets/1?page=2").status_code == 200


def test_a_page_of_a_deposition_has_its_datasets(anybody: Person) -> None:
    response = anybody.request("GET", "/catalogue/depositions/1")
    seen(response)
    assert re.findall(r"/catalogue/datasets/(\d)", response.text) == ["1", "2", "3"]


def test_a_page_of_a_run_has_its_files(anybody: Person) -> None:
    response = anybody.request("GET", "/catalogue/runs/1")
    text = seen(response)
    assert HOSTILE in text
    assert f'href="{TOP}/s3/bucket/1/run/run.mrc"' in response.text
    assert 'href="https://public.example/tilts.mrc"' in response.text
    assert "elsewhere" not in response.text
    for missing in ("s3://bucket/1/run/not-here.json", "s3://bucket/1/run/not-here.zarr"):
        assert missing in text
    assert not re.search('(href|src)="[^"]*not-here', response.text)


def test_a_run_is_shown_by_other_programs(anybody: Person) -> None:
    text = anybody.request("GET", "/catalogue/runs/1").text
    [shown, *others] = re.findall(r'href="https://neuroglancer-demo.appspot.com/#!([^"]*)"', text)
    assert len(others) == 3
    state = json.loads(unquote(shown))
    assert state["dimensions"] == {axis: [pytest.approx(7.5e-10), "m"] for axis in "xyz"}
    assert (state["position"], state["layout"]) == ([199.5, 149.5, 25], "4panel")
    told = [(one["type"], one["source"], one.get("visible", True)) for one in state["layers"]]
    assert told == [
        ("image", f"zarr://{TOP}/s3/bucket/1/run/run.zarr", True),
        ("image", f"zarr://{TOP}/s3/bucket/1/run/other.zarr", False),
        ("segmentation", f"zarr://{TOP}/s3/bucket/1/run/masks.zarr", True),
        ("annotation", f"precomputed://{TOP}/precomputed/published/2", True),
    ]
    assert state["layers"][0]["shaderControls"] == {"normalized": {"range": [7, 90]}}
    assert "shaderControls" not in state["layers"][1]
    assert json.loads(unquote(others[0]))["layers"][0]["source"].endswith("run.zarr")
    images = re.findall(r'href="https://hms-dbmi.github.io/vizarr/\?source=([^"]*)"', text)
    assert [unquote(one).rpartition("/")[2] for one in images] == ["run.zarr", "other.zarr"]
    command = commands(anybody, "/catalogue/runs/1")["napari"].splitlines()[1]
    image = f"{TOP}/s3/bucket/1/run/run.zarr"
    assert shlex.split(command) == ["napari", "--plugin", "napari-ome-zarr", image]


def test_links_lead_to_the_viewers_of_the_installation(
    anybody: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TM_NEUROGLANCER_URL", "https://viewer.example/neuroglancer/")
    settings = Settings(vizarr_url="http://viewer.example")
    monkeypatch.setattr(anybody.app.extensions["tmserver"], "settings", settings)
    text = anybody.request("GET", "/catalogue/runs/1").text
    assert 'href="https://viewer.example/neuroglancer/#!' in text
    assert 'href="http://viewer.example/?source=' in text
    with pytest.raises(ValueError, match="must begin with http"):
        Settings(neuroglancer_url="javascript:alert(1)")


def test_commands_name_what_there_is(anybody: Person) -> None:
    here = commands(anybody, "/catalogue/datasets/1")
    assert f"BOTO_ENDPOINT_URL={TOP}/s3 python -c" in here["Python client"]
    endpoint = ["--endpoint-url", f"{TOP}/s3"]
    copied = ["--recursive", "s3://bucket/1/", "1"]
    assert shlex.split(here["aws"]) == ["aws", "s3", "cp", "--no-sign-request", *endpoint, *copied]
    away = commands(anybody, "/catalogue/datasets/2")
    assert "BOTO" not in away["Python client"]
    assert shlex.split(away["aws"])[4:] == ["--recursive", "s3://elsewhere/2 $x/", "2 $x"]
    assert "curl" not in away
    assert "/catalogue/runs/1/curl.txt" in commands(anybody, "/catalogue/runs/1")["curl"]


def commands(anybody: Person, path: str) -> dict[str, str]:
    text = anybody.request("GET", path).text
    found = re.findall(r"<h3>([^<]*)</h3>\s*<pre><code>(.*?)</code>", text, re.DOTALL)
    return {title: html.unescape(lines) for title, lines in found}


def test_curl_is_told_of_all_files(anybody: Person) -> None:
    for path, keys in (
        ("/catalogue/datasets/1/curl.txt", sorted(FILES)),
        ("/catalogue/runs/1/curl.txt", sorted(key for key in FILES if "/run/" in key)),
    ):
        lines = anybody.request("GET", path).text.splitlines()
        assert lines[0::2] == [f'url = "{TOP}/s3/bucket/{key}"' for key in keys]
        assert lines[1::2] == [f'output = "{key}"' for key in keys]
    assert anybody.request("GET", "/catalogue/datasets/2/curl.txt").status_code == 404


def test_long_lists_for_curl_are_made_as_they_are_read(anybody: Person, database: Database) -> None:
    many = [f"1/many/{number:04}" for number in range(2500)]
    with database.transaction() as session:
        publish(session, "bucket", [KeptFile(key, 1, "0" * 64) for key in many])

    def pieces() -> Iterator[bytes]:
        return anybody.app.test_client().get("/catalogue/datasets/1/curl.txt").iter_encoded()

    told = [piece.decode() for piece in pieces()]
    assert len(told) == 3
    assert re.findall('output = "(.*)"', "".join(told)) == sorted([*FILES, *many])
    broken = pieces()
    next(broken)
    with database.transaction() as session:
        withdraw(session, 1, "The wrong sample.")
    with pytest.raises(Unavailable, match="have changed while they were listed"):
        list(broken)


def test_datasets_are_cited(anybody: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = anybody.request("GET", "/catalogue/datasets/1/citation.bib").text
    assert entry.startswith("@misc{dataset1,\n")
    assert r"author = {{Ångström, A. \& \{B\}}}" in entry
    assert "year = {2024}" in entry
    assert r"url = {http://localhost/catalogue/datasets/1}" in entry
    assert (
        "@misc{deposition1," in anybody.request("GET", "/catalogue/depositions/1/citation.bib").text
    )
    response = anybody.request("GET", "/catalogue/datasets/1/croissant.json")
    assert response.mimetype == "application/ld+json"
    told: Any = json.loads(response.text)
    assert told["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    files = {file["name"]: file for file in told["distribution"]}
    in_volumes = {key for key in FILES if ".zarr/" in key}
    assert files.keys() == FILES.keys() - in_volumes
    volume = files["1/run/run.mrc"]
    assert volume["contentUrl"] == f"{TOP}/s3/bucket/1/run/run.mrc"
    assert volume["contentSize"] == "6 B"
    assert len(volume["sha256"]) == 64
    assert "are listed here" not in told["description"]

    monkeypatch.setattr(descriptions, "MOST_FILES", 2)
    cut: Any = json.loads(anybody.request("GET", "/catalogue/datasets/1/croissant.json").text)
    assert cut["distribution"] == told["distribution"][:2]
    assert cut["description"].endswith("Only the first 2 of the single files are listed here.")


def test_pages_are_sent_once(anybody: Person) -> None:
    for path in PATHS:
        response = anybody.request("GET", path)
        assert response.headers["Cache-Control"] == "no-cache", path
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        again = anybody.request("GET", path, headers={"If-None-Match": response.headers["ETag"]})
        assert (again.status_code, again.text) == (304, ""), path
        guarded = anybody.request("GET", path, headers={"If-Match": '"other"'})
        assert (guarded.status_code, guarded.text) == (200, response.text), path
        told = anybody.request("HEAD", path)
        assert told.headers["ETag"] == response.headers["ETag"]
    style = anybody.request("GET", "/catalogue/style.css")
    assert (style.status_code, style.mimetype) == (200, "text/css")


PATHS = (
    "/catalogue",
    "/catalogue/depositions/1",
    "/catalogue/depositions/1/citation.bib",
    "/catalogue/datasets/1",
    "/catalogue/datasets/1/citation.bib",
    "/catalogue/datasets/1/croissant.json",
    "/catalogue/datasets/1/curl.txt",
    "/catalogue/runs/1",
    "/catalogue/runs/1/curl.txt",
)


def test_what_is_not_there_is_told_on_a_page(anybody: Person, app: Flask) -> None:
    for path in PATHS[1:]:
        for number, status in (("7", 404), ("9" * 12, 404), ("x", 400)):
            response = anybody.request("GET", path.replace("/1", f"/{number}"))
            assert response.status_code == status, path
            assert response.mimetype == "text/html"
            assert 'id="message"' in response.text
    with without_database(app):
        for path in PATHS:
            response = anybody.request("GET", path)
            assert response.status_code == 503
            assert "database cannot be used" in response.text
    assert anybody.request("GET", "/catalogue/nothing").status_code == 404


def test_what_was_withdrawn_has_a_tombstone(anybody: Person, database: Database) -> None:
    with database.transaction() as session:
        withdraw(session, 1, HOSTILE)
    for path in PATHS[1:]:
        response = anybody.request("GET", path)
        assert response.status_code == 410, path
        assert "<h1>Withdrawn</h1>" in response.text
        assert html.escape(HOSTILE, quote=False)[:30] in response.text
    assert found(anybody) == []
    made = catalogue()
    again = {"Deposition": [{**made["Deposition"][0], "id": 5}]}
    again["Dataset"] = [{**made["Dataset"][0], "deposition_id": 5}]
    with database.transaction() as session:
        import_rows(session, again)
    seen(anybody.request("GET", "/catalogue/datasets/1"))
    with database.transaction() as session:
        withdraw(session, 5, "Also wrong.")
    assert "Also wrong." in anybody.request("GET", "/catalogue/datasets/1").text
