"""Pictures and values of images, and what jobs have printed, are read where they are."""

import io
from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from flask import Flask
from sqlalchemy import update

from tests.tmserver.api.test_uploads import IMAGE, send
from tests.tmserver.conftest import Person
from tests.tmserver.ispyb.conftest import Visitor, names
from tmlib.db import Database
from tmlib.experiments.models import Acquisition, Channel, ChannelImageFile, Experiment, Site, Well
from tmlib.ids import decode_id
from tmlib.ledger.models import Job

As = Callable[[str], Visitor]

SECOND = IMAGE.replace("F001", "F002")
PIXELS = np.arange(300 * 400, dtype=np.uint16).reshape(300, 400) % 900


def tiff(pixels: np.ndarray) -> bytes:
    content = io.BytesIO()
    tifffile.imwrite(content, pixels)
    return content.getvalue()


@pytest.fixture
def imaged(
    visitor: As, database: Database, owner: Person, acquisition: str, experiment_id: int
) -> int:
    """Number of an acquisition of two images, the second of which is brighter."""
    visitor("owner").put(f"/experiments/{experiment_id}/proposal", {"proposal": "MX1"})
    owner.post(f"{acquisition}/upload/register", files=[IMAGE, SECOND])
    send(owner, acquisition, IMAGE, tiff(PIXELS))
    send(owner, acquisition, SECOND, tiff(PIXELS + 1000))
    with database.transaction() as session:
        session.execute(update(Experiment).values(pixel_size=0.5))
    return decode_id(acquisition.rpartition("/")[2])


def test_pictures_of_a_data_collection(visitor: As, imaged: int) -> None:
    path = f"/datacollections/images/{imaged}"
    answer = visitor("reader").get(path)
    assert answer.mimetype == "image/png"
    picture = imagecodecs.png_decode(answer.data)
    assert picture.shape == (300, 400)
    assert picture.dtype == np.uint8
    assert (picture.min(), picture.max()) == (0, 255)
    small = imagecodecs.png_decode(visitor("reader").get(path, snapshot="true").data)
    assert small.shape == (150, 200)
    first = visitor("reader").get(f"/datacollections/images/diffraction/{imaged}")
    assert first.data == answer.data
    [event] = visitor("reader").get("/events")["results"]
    told = event["Item"]["_metadata"]["snapshots"]
    assert told == {"1": True, "2": True, "3": False, "4": False, "analysis": False}
    for number, status in ((2, 200), (3, 404), (5, 422)):
        visitor("reader").get(path, status, imageId=number)
    missing = {"detail": "Image not found"}
    assert visitor("writer").get(path, 404) == missing
    assert visitor("writer").get(f"/datacollections/images/diffraction/{imaged}", 404) == missing
    assert visitor("owner").get("/datacollections/images/999", 404) == missing


def test_values_of_an_image(visitor: As, imaged: int) -> None:
    def get(path: str, status: int = 200, *, who: str = "reader", number: int = 2) -> Any:
        query = {"dataCollectionId": imaged, "imageNumber": number}
        return visitor(who).get(f"/data/images{path}", status, **query)

    values = np.frombuffer(get("").data, "<f4").reshape(PIXELS.shape)
    assert (values == PIXELS + 1000).all()
    header = get("/header")["braggy_hdr"]
    assert (header["img_width"], header["img_height"]) == (400, 300)
    assert (header["pixel_size_x"], header["pxypm"]) == (0.5e-6, 2e6)
    assert (header["min"], header["max"]) == (1000, 1899)
    assert (header["positive_min"], header["strict_positive_min"]) == (1000, 1000)
    assert header["mean"] == pytest.approx(PIXELS.mean() + 1000)
    assert header["std"] == pytest.approx(PIXELS.std())
    darker = get("/header", number=1)["braggy_hdr"]
    assert (darker["min"], darker["positive_min"], darker["strict_positive_min"]) == (0, 0, 1)
    assert header["wavelength"] is None
    histogram = get("/histogram", number=1)
    assert sum(histogram["values"]) == PIXELS.size
    assert len(histogram["bins"]) == histogram["shape"][0] + 1
    assert histogram["max"] == 899
    counts, edges = np.histogram(PIXELS, bins=300, range=(0, 899))
    assert histogram["values"] == counts.tolist()
    assert histogram["bins"] == edges.tolist()
    for path in ("", "/header", "/histogram"):
        for who, number in (("reader", 3), ("writer", 1)):
            assert get(path, 404, who=who, number=number) == {"detail": "Image not found"}
        get(path, 422, number=0)


def test_the_brightest_and_darkest_pixels_do_not_mislead(
    visitor: As, imaged: int, owner: Person, acquisition: str
) -> None:
    single = np.full((5, 5), 7, np.uint8)
    single[0] = 0, 255, 7, 7, 9
    pictures: dict[str, np.ndarray] = {"F003": single, "F004": np.full((2, 3), 65535, np.uint16)}
    files = {IMAGE.replace("F001", field): pixels for field, pixels in pictures.items()}
    owner.post(f"{acquisition}/upload/register", files=list(files))
    for name, pixels in files.items():
        send(owner, acquisition, name, tiff(pixels))

    def get(path: str, number: int) -> Any:
        query = {"dataCollectionId": imaged, "imageNumber": number}
        return visitor("owner").get(f"/data/images/{path}", **query)

    header = get("header", 3)["braggy_hdr"]
    kept = single[single < 255]
    assert (header["min"], header["strict_positive_min"], header["max"]) == (0, 7, 9)
    assert header["mean"] == pytest.approx(kept.mean())
    assert header["std"] == pytest.approx(kept.std())
    assert get("histogram", 3)["max"] == 9
    saturated = get("header", 4)["braggy_hdr"]
    assert (saturated["positive_min"], saturated["mean"], saturated["std"]) == (65535, 65535, 0)
    path = f"/datacollections/images/{imaged}"
    picture = imagecodecs.png_decode(visitor("owner").get(path, imageId=3).data)
    assert (picture == single).all()


def test_an_image_larger_than_what_is_decoded_is_not_found(
    app: Flask, visitor: As, imaged: int
) -> None:
    services = app.extensions["tmserver"]
    limited = {"max_image_pixels": PIXELS.size - 1}
    services.settings = services.settings.model_copy(update=limited)
    path = f"/datacollections/images/{imaged}"
    assert visitor("owner").get(path, 404) == {"detail": "Image not found"}


def test_an_image_that_cannot_be_read_is_not_found(visitor: As, acquired: int) -> None:
    assert visitor("owner").get(f"/datacollections/images/{acquired}", 404) == {
        "detail": "Image not found"
    }


def test_pictures_of_samples(
    visitor: As, database: Database, imaged: int, experiment_id: int
) -> None:
    with database.transaction() as session:
        acquisition = session.get_one(Acquisition, imaged)
        of = {"experiment_id": experiment_id}
        channel = Channel(name="DAPI", wavelength="405", bit_depth=16, index=0, **of)
        well = Well(plate_id=acquisition.plate_id, name="A01", **of)
        session.add_all([channel, well])
        session.flush()
        place = {"height": 300, "width": 400, "stage_y": 0.0, "stage_x": 7.6}
        site = Site(well_id=well.id, y=0, x=0, field=0, **place, **of)
        session.add(site)
        session.flush()
        for zplane, file in ((1, IMAGE), (0, SECOND)):
            plane = ChannelImageFile(
                acquisition_id=imaged,
                site_id=site.id,
                channel_id=channel.id,
                tpoint=0,
                zplane=zplane,
                file_map={"files": [file], "series": [0], "planes": [0]},
                **of,
            )
            session.add(plane)
        numbers = {"sample": well.id, "site": site.id}
    reader = visitor("reader")
    [image] = reader.get("/samples/images", blSampleId=numbers["sample"])["results"]
    assert image == {
        "blSampleImageId": numbers["site"],
        "blSampleId": numbers["sample"],
        "micronsPerPixelX": 0.5,
        "micronsPerPixelY": 0.5,
        "offsetX": 8,
        "offsetY": 0,
        "_metadata": {"url": f"/ispyb/api/v1/samples/images/{numbers['site']}"},
    }
    path = f"/samples/images/{numbers['site']}"
    picture = imagecodecs.png_decode(reader.get(path).data)
    assert picture.shape == (300, 400)
    assert reader.get("/samples/images", blSampleId=999)["total"] == 0
    assert visitor("writer").get("/samples/images")["total"] == 0
    assert visitor("writer").get(path, 404) == {"detail": "Sample image not found"}


def test_what_jobs_have_printed_is_attached(visitor: As, database: Database, run: int) -> None:
    reader = visitor("reader")
    assert reader.get("/processings/attachments")["total"] == 0
    with database.transaction() as session:
        session.execute(update(Job).values(stdout="Reading.", stderr="It is damaged."))
    [one] = reader.get("/processings/attachments", autoProcProgramId=run)["results"]
    number = one["autoProcProgramAttachmentId"]
    path = f"/processings/attachments/{number}"
    assert one == {
        "autoProcProgramAttachmentId": number,
        "autoProcProgramId": run,
        "fileName": "metaextract_run_000001.log",
        "fileType": "Log",
        "importanceRank": None,
        "_metadata": {"url": f"/ispyb/api/v1{path}"},
    }
    query = {"autoProcProgramAttachmentId": number}
    assert reader.get("/processings/attachments", **query)["results"] == [one]
    assert reader.get("/processings/attachments", autoProcProgramId=999)["total"] == 0
    answer = reader.get(path)
    assert answer.text == "Reading.\nIt is damaged."
    assert "metaextract_run_000001.log" in answer.headers["Content-Disposition"]
    [program] = reader.get("/processings")["results"]
    assert program["_metadata"]["attachments"] == 1
    [step] = reader.get("/datacollections/workflows/steps", workflowId=run)["results"]
    assert step["_metadata"]["attachments"] == {
        "imageResultFilePath": False,
        "resultFilePath": True,
        "htmlResultFilePath": False,
    }
    of_step = f"/datacollections/workflows/steps/{step['workflowStepId']}"
    whole = reader.get(of_step, attachmentType="resultFilePath")
    assert whole.text == "== metaextract_run_000001 ==\nReading.\nIt is damaged.\n"
    assert "attachment" in whole.headers["Content-Disposition"]
    no_result = {"detail": "Workflow step attachment not found"}
    for who, status, kind in (
        ("reader", 404, "imageResultFilePath"),
        ("writer", 404, "resultFilePath"),
        ("reader", 422, "htmlResultFilePath"),
        ("reader", 422, None),
    ):
        answer_to_it = visitor(who).get(of_step, status, attachmentType=kind)
        assert status == 422 or answer_to_it == no_result
    missing = {"detail": "Autoproc program attachment not found"}
    assert visitor("writer").get(path, 404) == missing
    assert visitor("writer").get("/processings/attachments")["total"] == 0
    for nothing in ("auto-integrations", "screenings"):
        page = reader.get(f"/processings/{nothing}", dataCollectionId=1)
        assert names(page, "comments") == []
