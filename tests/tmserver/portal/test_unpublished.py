"""What is not published of a published run shows nowhere, also while it is being published."""

from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from flask import Flask
from sqlalchemy import select

from tests.services.imaged import N_ZPLANES, NUCLEI, WELLS
from tests.services.publisher import DESCRIPTION, Publisher
from tests.tmserver.conftest import Person
from tests.tmserver.portal.conftest import Asker
from tmlib.db import Database
from tmlib.experiments.models import Plate, Site, Well
from tmlib.images.alignment import Residues
from tmlib.images.channel_images import field_path
from tmlib.objects.mapobject_types import ensure_mapobject_type
from tmlib.objects.writing.segmentations import SitePlane, store_segmentation
from tmlib.settings import Settings
from tmlib.storage import ExperimentStorage
from tmserver.portal.files_view import NAMESPACE

SECRET = "Membranes"
QUERY = """
    query Everywhere($of: StrComparators) {
        annotations(where: {objectName: $of}) { id }
        listed: annotations { objectName objectCount }
        shapes: annotationShapes(where: {annotation: {objectName: $of}}) { id }
        files: annotationFiles(where: {annotationShape: {annotation: {objectName: $of}}}) { id }
        authors: annotationAuthors(where: {annotation: {objectName: $of}}) { id }
        links: annotationMethodLinks(where: {annotation: {objectName: $of}}) { id }
        runs(where: {annotations: {objectName: $of}}) { id }
        datasets(where: {runs: {annotations: {objectName: $of}}}) { id }
        below: runs { annotations(where: {objectName: $of}) { edges { node { id } } } }
        all: runs { annotationsAggregate { aggregate { count groupBy { objectName } } } }
        annotationsAggregate(where: {objectName: $of}) { aggregate { count } }
        groups: annotationsAggregate { aggregate { groupBy { objectName } } }
    }
"""


@pytest.fixture
def publisher(database: Database, settings: Settings) -> Publisher:
    """Of an experiment in which other objects were found as well."""
    publisher = Publisher(database, settings)
    with database.transaction() as session:
        type_id = ensure_mapobject_type(session, publisher.experiment.id, SECRET, "Site")
        plate_id = session.scalars(select(Plate.id)).one()
        first = select(Site.id).join(Well).where(Well.name == WELLS[0])
        site_id = session.scalars(first).one()
    storage = ExperimentStorage(settings.data_dir, publisher.experiment.id)
    field = field_path(storage.plate_images(plate_id), WELLS[0], 0)
    plane = SitePlane(site_id, field, (0, 0), Residues(), 0, 1, 1, N_ZPLANES, None)
    labels = np.roll(NUCLEI, 1, axis=1)
    store_segmentation(database, storage, mapobject_type_id=type_id, plane=plane, labels=labels)
    return publisher


def test_unpublished_annotations_of_a_published_run_show_nowhere(
    app: Flask, publisher: Publisher
) -> None:
    publisher.publish()
    before = everything(app)
    assert before
    assert all(SECRET.lower() not in text.lower() for text in before.values())
    [annotation] = DESCRIPTION.annotations
    named = annotation.model_copy(update={"mapobject_type": SECRET, "object_name": SECRET})
    publisher.start(DESCRIPTION.model_copy(update={"annotations": [named]}))
    n_jobs = 0
    while publisher.queue.job_ids:
        assert everything(app) == before
        publisher.work_once()
        n_jobs += 1
    assert n_jobs > len(WELLS)
    shown = everything(app)
    assert len(shown) > len(before)
    assert shown["counted"] != before["counted"]
    assert any(SECRET in text for text in shown.values())


def everything(app: Flask) -> dict[str, str]:
    """All that somebody sees who has not logged in, by the name of where it is seen."""
    person, asker = Person(app), Asker(app)
    told = asker.ask(QUERY, of={"_ilike": f"%{SECRET}%"})
    seen = {"counted": str(told)}
    for key in keys(person):
        response = person.request("GET", f"/s3/catalogue/{key}")
        assert response.status_code == 200, key
        seen[key] = response.get_data().decode("latin-1")
    runs: Any = asker.ask("{ runs { id } datasets { id } annotationFiles { id } }")
    paths = ["/catalogue", f"/catalogue?object={SECRET.upper()}"]
    paths += [
        f"/catalogue/{name}/{one['id']}" for name in ("runs", "datasets") for one in runs[name]
    ]
    for path in paths:
        response = person.request("GET", path)
        assert response.status_code == 200, path
        seen[path.partition("?")[0] + "?" * ("?" in path)] = response.text.replace(
            SECRET.upper(), ""
        )
    # the file after the last one is that of nobody
    last = max(one["id"] for one in runs["annotationFiles"])
    assert person.request("GET", f"/precomputed/published/{last + 1}/info").status_code == 404
    return seen


def keys(person: Person) -> Iterator[str]:
    """All keys that S3 lists."""
    response = person.request("GET", "/s3/catalogue", query_string={"list-type": "2"})
    root = ElementTree.fromstring(response.text)  # noqa: S314 - our own
    assert root.findtext("IsTruncated", "", {"": NAMESPACE}) == "false"
    for one in root.findall("Contents", {"": NAMESPACE}):
        yield one.findtext("Key", "", {"": NAMESPACE})
