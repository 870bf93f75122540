"""What step metaextract says about files that cannot be used."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import update

from tests.services.conversion import Conversion, write_images
from tmlib.db import Database
from tmlib.uploads.models import FileKind, FileUploadStatus, MicroscopeFile


@pytest.fixture(autouse=True)
def generic(conversion: Conversion) -> None:
    conversion.set(microscope_type="generic")


def test_every_file_is_described(tmp_path: Path, conversion: Conversion) -> None:
    write_images(tmp_path / "in", ["s1.tif", "s2.tif", "s3.tif"], shape=(6, 9))
    conversion.take(tmp_path / "in")
    assert conversion.convert(regex=r"s(?P<s>\d)") == ""
    texts = conversion.values(MicroscopeFile.omexml)
    assert len(texts) == 3
    assert all('SizeX="9"' in text and 'SizeY="6"' in text for text in texts)


def test_files_have_arrived_when_they_did(
    tmp_path: Path, conversion: Conversion, database: Database
) -> None:
    arrived = datetime(2026, 3, 14, 9, tzinfo=UTC)
    write_images(tmp_path / "in", ["s1.tif", "s2.tif"])
    conversion.take(tmp_path / "in")
    with database.transaction() as session:
        session.execute(update(MicroscopeFile).values(updated_at=arrived))
    assert conversion.convert(regex=r"s(?P<s>\d)") == ""
    assert all(conversion.values(MicroscopeFile.omexml))
    assert conversion.values(MicroscopeFile.updated_at) == [arrived, arrived]
    with database.transaction() as session:
        is_last = MicroscopeFile.name == "s2.tif"
        changed = update(MicroscopeFile).values(kind=FileKind.METADATA, updated_at=arrived)
        session.execute(changed.where(is_last))
    conversion.convert(regex=r"s(?P<s>\d)")
    assert conversion.values(MicroscopeFile.omexml)[1] is None
    assert conversion.values(MicroscopeFile.updated_at) == [arrived, arrived]


def test_all_bad_files_are_reported_together(tmp_path: Path, conversion: Conversion) -> None:
    folder = tmp_path / "in"
    write_images(folder, ["good.tif", "cut.tif"])
    cut = folder / "cut.tif"
    cut.write_bytes(cut.read_bytes()[:60])
    (folder / "text.tif").write_text("These are no pixels.")
    (folder / "empty.png").touch()
    conversion.take(folder)
    message = conversion.convert()
    assert "3 of 4 image files cannot be used" in message
    for words in ('"cut.tif" is truncated', '"text.tif" is neither', '"empty.png" is empty'):
        assert words in message
    assert "good.tif" not in message


def test_files_that_have_not_arrived_are_waited_for(
    tmp_path: Path, conversion: Conversion, database: Database
) -> None:
    write_images(tmp_path / "in", ["a.tif", "b.tif"])
    conversion.take(tmp_path / "in")
    with database.transaction() as session:
        file = session.query(MicroscopeFile).filter_by(name="b.tif").one()
        file.status = FileUploadStatus.WAITING
    message = conversion.convert()
    assert '1 of 2 image files of acquisition "first" are not uploaded yet ("b.tif")' in message


def test_an_experiment_without_images_is_refused(conversion: Conversion) -> None:
    assert "has no acquisition yet" in conversion.convert()
