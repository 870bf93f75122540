import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import update

from tests.tmlib.uploads.conftest import Inbox
from tmlib.errors import BadInput, Forbidden, NotFound
from tmlib.images.channel_images import FieldShape, field_path, write_plane, write_plate_metadata
from tmlib.images.sources import read_plane
from tmlib.settings import Settings
from tmlib.uploads import receiving, service
from tmlib.uploads.folders import register_folder
from tmlib.uploads.models import FileKind, FileUploadStatus, MicroscopeFile
from tmlib.uploads.sources import open_source, source_path

ONE = "plate_A01_T0001F001L01A01Z01C01.tif"
TWO = "plate_A01_T0001F002L01A01Z01C01.tif"
METADATA = "MeasurementData.mlf"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "microscope"
    (root / "plate" / "thumbnails").mkdir(parents=True)
    for name in (ONE, TWO, METADATA, "notes.txt", f".{ONE}"):
        (root / "plate" / name).write_text(name)
    return root


def register(inbox: Inbox, path: object, *roots: Path, microscope_type: str = "cellvoyager") -> int:
    return register_folder(
        inbox.database, inbox.storage, inbox.acquisition, microscope_type, str(path), roots
    )


def count(inbox: Inbox) -> int:
    with inbox.database.session() as session:
        return service.count_complete(session, inbox.acquisition.id)


def test_files_are_complete_where_they_are(inbox: Inbox, root: Path) -> None:
    assert register(inbox, root / "plate", root) == 3
    assert count(inbox) == 3
    for kind, names in ((FileKind.IMAGE, [ONE, TWO]), (FileKind.METADATA, [METADATA])):
        folder = receiving.file_folder(
            inbox.storage, inbox.acquisition.plate_id, inbox.acquisition.id, kind
        )
        for name in names:
            assert (folder / name).samefile(root / "plate" / name)
            assert inbox.status(name) is FileUploadStatus.COMPLETE
            assert inbox.size(name) == len(name)
    assert register(inbox, root / "plate", root) == 0


def test_sub_folders_are_part_of_the_name(inbox: Inbox, root: Path) -> None:
    for folder in ("day 1", "day 2/a", ".hidden"):
        (root / "plate" / folder).mkdir(parents=True)
        (root / "plate" / folder / ONE).write_text(folder)
    (root / "plate" / "around").symlink_to(root)
    assert register(inbox, root / "plate", root) == 5
    for folder in ("day 1", "day 2/a"):
        assert (inbox.folder / folder / ONE).read_text() == folder
        assert inbox.status(f"{folder}/{ONE}") is FileUploadStatus.COMPLETE
    (root / "plate").rename(root / "moved")
    assert not (inbox.folder / "day 2/a" / ONE).exists()


def test_what_has_arrived_stays_and_what_failed_is_replaced(inbox: Inbox, root: Path) -> None:
    acquisition = inbox.acquisition
    service.register(inbox.database, acquisition, "cellvoyager", [ONE, TWO])
    place = (inbox.database, inbox.storage, acquisition.plate_id, acquisition.id)
    receiving.receive(*place, ONE, [b"uploaded"], 100)
    (inbox.folder / TWO).write_bytes(b"broken")
    assert register(inbox, root / "plate", root) == 2
    assert (inbox.folder / ONE).read_bytes() == b"uploaded"
    assert (inbox.folder / TWO).read_text() == TWO


def test_a_folder_that_has_moved_is_registered_anew(inbox: Inbox, root: Path) -> None:
    register(inbox, root / "plate", root)
    (root / "plate").rename(root / "archive")
    assert not (inbox.folder / ONE).exists()
    with inbox.database.transaction() as session:
        session.execute(update(MicroscopeFile).values(status=FileUploadStatus.FAILED))
    assert register(inbox, root / "archive", root) == 3
    assert (inbox.folder / ONE).read_text() == ONE


def test_folders_are_taken_only_from_where_the_administrator_says(
    inbox: Inbox, root: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / ONE).write_text("secret")
    (root / "link").symlink_to(outside)
    with pytest.raises(Forbidden, match="set TM_UPLOAD_ROOTS"):
        register(inbox, root / "plate")
    for path in (outside, root / "link", root / ".." / "outside", tmp_path / "nothing", "/"):
        with pytest.raises(Forbidden, match="not open for uploads"):
            register(inbox, path, root)
    # nor from the data folder, where the files of others are
    inside = inbox.storage.data_dir / "experiments"
    inside.mkdir(parents=True)
    with pytest.raises(Forbidden, match="not open for uploads"):
        register(inbox, inside, root, tmp_path)
    assert count(inbox) == 0


def test_links_lead_nowhere_else(inbox: Inbox, root: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (root / "plate" / ONE).unlink()
    (root / "plate" / ONE).symlink_to(secret)
    with pytest.raises(Forbidden, match=ONE):
        register(inbox, root / "plate", root)
    assert count(inbox) == 0
    (root / "elsewhere.tif").write_text("pixels")
    (root / "plate" / ONE).unlink()
    (root / "plate" / ONE).symlink_to("../elsewhere.tif")
    assert register(inbox, root / "plate", root) == 3
    assert (inbox.folder / ONE).read_text() == "pixels"


def test_what_has_become_a_link_since_is_not_read(inbox: Inbox, root: Path, tmp_path: Path) -> None:
    register(inbox, root / "plate", root)
    data_dir, place = inbox.storage.data_dir, root / "plate" / ONE
    how: dict[str, Any] = {"roots": [root], "data_dir": data_dir}
    with open_source(inbox.folder, ONE, **how).reader() as file:
        assert file.read().decode() == ONE
    assert source_path(inbox.folder, ONE, data_dir=data_dir).read_text() == ONE
    others = data_dir / "experiments" / "others.tif"
    others.write_text("secret")
    (tmp_path / "outside").write_text("secret")
    for secret in (others, tmp_path / "outside", place):
        place.unlink()
        place.symlink_to(secret)
        with pytest.raises(NotFound, match="not there any more"):
            open_source(inbox.folder, ONE, **{**how, "roots": [root, data_dir]})
        if secret is others:
            with pytest.raises(BadInput, match="may not come from"):
                source_path(inbox.folder, ONE, data_dir=data_dir)
    place.unlink()
    place.symlink_to(TWO)
    with open_source(inbox.folder, ONE, **how).reader() as file:
        assert file.read().decode() == TWO


def test_what_is_no_folder_with_images_is_refused(inbox: Inbox, root: Path) -> None:
    for path, problem in (
        ("plate", "not absolute"),
        (root / "nothing", "There is no folder"),
        (root / "plate" / ONE, "There is no folder"),
        (root / "plate" / "thumbnails", "No files"),
    ):
        with pytest.raises(BadInput, match=problem):
            register(inbox, path, root)


@pytest.fixture
def zarr_root(tmp_path: Path) -> Path:
    """A folder with two OME-Zarrs of one site each."""
    root = tmp_path / "screens"
    shape = FieldShape(n_tpoints=1, n_channels=1, n_zplanes=1, height=6, width=8)
    for value, name in enumerate(("one.ome.zarr", "two.ome.zarr")):
        write_plane(
            field_path(root / name, "A01", 0),
            shape,
            ["DAPI"],
            t=0,
            c=0,
            z=0,
            pixels=np.full((6, 8), value, np.uint16),
        )
        write_plate_metadata(root / name, name, {"A01": 1})
    return root


def test_an_ome_zarr_counts_as_one_file(inbox: Inbox, zarr_root: Path) -> None:
    one = zarr_root / "one.ome.zarr"
    assert register(inbox, one, zarr_root, microscope_type="ome-zarr") == 1
    assert count(inbox) == 1
    written = sum(path.stat().st_size for path in one.rglob("*") if path.is_file())
    assert inbox.size(one.name) == written
    assert register(inbox, zarr_root, zarr_root, microscope_type="ome-zarr") == 1
    assert [
        int(read_plane(inbox.folder / f"{name}.ome.zarr").max()) for name in ("one", "two")
    ] == [
        0,
        1,
    ]
    with pytest.raises(BadInput, match="No files"):
        register(inbox, zarr_root, zarr_root)


def test_links_in_an_ome_zarr_are_refused(inbox: Inbox, zarr_root: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (zarr_root / "one.ome.zarr" / "A" / "01" / "0" / "0" / "c").mkdir(exist_ok=True)
    (zarr_root / "one.ome.zarr" / "A" / "01" / "0" / "0" / "c" / "9").symlink_to(secret)
    for path in (zarr_root, zarr_root / "one.ome.zarr"):
        with pytest.raises(Forbidden, match='has a link in it, "9"'):
            register(inbox, path, zarr_root, microscope_type="ome-zarr")
    assert count(inbox) == 0
    outside = tmp_path / "outside.ome.zarr"
    outside.mkdir()
    (zarr_root / "one.ome.zarr").rename(tmp_path / "moved")
    (zarr_root / "linked.ome.zarr").symlink_to(outside)
    for path, words in (
        (zarr_root, "is a link to where uploads may not come from"),
        (zarr_root / "linked.ome.zarr", "not open for uploads"),
    ):
        with pytest.raises(Forbidden, match=words):
            register(inbox, path, zarr_root, microscope_type="ome-zarr")
    assert count(inbox) == 0


def test_chunks_that_have_become_links_since_are_not_read(
    inbox: Inbox, zarr_root: Path, tmp_path: Path
) -> None:
    """Also chunks that are whole: what is in them is shown as pixels."""
    one = zarr_root / "one.ome.zarr"
    register(inbox, one, zarr_root, microscope_type="ome-zarr")
    [chunk] = (one / "A" / "01" / "0" / "0" / "c").rglob("0/0/0/0/0")
    for place in (chunk, chunk.parent):
        place.rename(tmp_path / "secret")
        place.symlink_to(tmp_path / "secret")
        with pytest.raises(BadInput, match="has a link in it"):
            read_plane(inbox.folder / one.name)
        place.unlink()
        (tmp_path / "secret").rename(place)
    assert read_plane(inbox.folder / one.name).shape == (6, 8)


def test_many_files_are_registered_in_one_go(inbox: Inbox, root: Path) -> None:
    for number in range(3000):
        os.link(root / "plate" / ONE, root / "plate" / ONE.replace("T0001", f"T{number + 2:04d}"))
    assert register(inbox, root / "plate", root) == 3003
    assert count(inbox) == 3003


def test_the_folders_are_configured_as_one_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TM_UPLOAD_ROOTS", "/mnt/microscope:/mnt/archive")
    assert Settings().upload_roots == (Path("/mnt/microscope"), Path("/mnt/archive"))
    monkeypatch.setenv("TM_UPLOAD_ROOTS", "")
    assert Settings().upload_roots == ()
    monkeypatch.setenv("TM_UPLOAD_ROOTS", "microscope")
    with pytest.raises(ValueError, match="absolute"):
        Settings()
