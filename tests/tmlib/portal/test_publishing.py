"""An experiment becomes a dataset of the catalogue: whole, or not at all."""

import itertools
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from sqlalchemy import delete, event, func, select, update
from sqlalchemy.orm import Session

from tests.services.imaged import CHANNELS, N_ZPLANES, NUCLEI, WELLS
from tests.services.publisher import ADDRESS, DESCRIPTION, Publisher
from tests.services.zarr_content import pixels_in
from tmlib import digests, durable_files
from tmlib.db import Base, Database, clock
from tmlib.errors import BadInput, Conflict
from tmlib.experiments.channels import rename_channel
from tmlib.experiments.models import Channel, Experiment, Plate, Site
from tmlib.images.alignment import Residues
from tmlib.images.channel_images import field_path
from tmlib.images.label_images import write_labels
from tmlib.ledger.models import JobStatus
from tmlib.objects.mapobject_types import ensure_layer, ensure_mapobject_type
from tmlib.objects.models import MapobjectType
from tmlib.objects.writing.segmentations import SitePlane, store_segmentation
from tmlib.portal import sweeping, withdrawal
from tmlib.portal.bucket_import import import_catalogue
from tmlib.portal.declaration import ENTITIES
from tmlib.portal.files import FileStore, PublishedFile
from tmlib.portal.importing import import_rows
from tmlib.portal.models import TABLES
from tmlib.portal.publishing import service
from tmlib.portal.publishing.bioimage_archive import SUBMISSION
from tmlib.portal.publishing.crate import CRATE
from tmlib.portal.publishing.models import Publication, StagedPart
from tmlib.portal.publishing.naming import plate_names
from tmlib.portal.publishing.rows import Rows
from tmlib.settings import Settings
from tmlib.storage import ExperimentStorage


@pytest.fixture
def publisher(database: Database, settings: Settings) -> Publisher:
    return Publisher(database, settings)


def catalogue(database: Database) -> dict[str, list[dict[str, Any]]]:
    """All rows of all classes, without moments, and all files."""
    with database.connection() as connection:
        found = {
            name: [
                {key: value for key, value in row.items() if not key.endswith("_date")}
                for row in connection.execute(
                    select(TABLES[name]).order_by(TABLES[name].c.id)
                ).mappings()
            ]
            for name in ENTITIES
        }
        files = select(PublishedFile.key, PublishedFile.size, PublishedFile.digest)
        found["files"] = [
            dict(row) for row in connection.execute(files.order_by(PublishedFile.key)).mappings()
        ]
    return {name: rows for name, rows in found.items() if rows}


def test_a_plate_becomes_a_dataset(publisher: Publisher, settings: Settings) -> None:
    publisher.publish()
    found = catalogue(publisher.database)
    counts = {name: len(rows) for name, rows in found.items() if name != "files"}
    assert counts == {
        "Deposition": 1,
        "DepositionType": 3,
        "DepositionAuthor": 2,
        "Dataset": 1,
        "DatasetAuthor": 2,
        "DatasetFunding": 1,
        "Run": 2,
        "TomogramVoxelSpacing": 2,
        "Tomogram": 4,
        "TomogramAuthor": 8,
        "Annotation": 2,
        "AnnotationAuthor": 4,
        "AnnotationMethodLink": 2,
        "AnnotationShape": 4,
        "AnnotationFile": 6,
    }
    [dataset] = found["Dataset"]
    assert dataset["s3_prefix"] == f"s3://catalogue/{dataset['id']}/"
    assert dataset["https_prefix"] == f"{ADDRESS}/s3/catalogue/{dataset['id']}/"
    assert dataset["organism_taxid"] == 9606
    assert dataset["file_size"] == sum(row["size"] for row in found["files"])
    assert [row["name"] for row in found["Run"]] == [f"Plate-1_{well}_y0_x0" for well in WELLS]
    store = FileStore(settings.data_dir)
    kept = {row["key"]: store.path(row["digest"]) for row in found["files"]}
    for row in found["files"]:
        assert kept[row["key"]].stat().st_size == row["size"]
        assert digests.digest_of_file(kept[row["key"]]) == row["digest"]
    lines = kept[f"{dataset['id']}/checksums_sha256.txt"].read_text().splitlines()
    assert len(lines) == len(kept) - 1
    for line in lines:
        digest, _, name = line.partition("  ")
        assert kept[f"{dataset['id']}/{name}"] == store.path(digest)
    [run, _] = found["Run"]
    about = json.loads(kept[f"{dataset['id']}/{run['name']}/run_metadata.json"].read_bytes())
    assert about["conditions"] == {"compound": "A01"}


@pytest.mark.parametrize(
    ("given", "told"), [(None, "No license is given"), ("Ask Ada.", "Ask Ada.")]
)
def test_a_crate_has_the_day_of_its_publication_and_words_about_its_license(
    publisher: Publisher, settings: Settings, given: str | None, told: str
) -> None:
    number = publisher.start(DESCRIPTION.model_copy(update={"license": given}))
    with publisher.database.transaction() as session:
        session.execute(update(Publication).values(created_at=datetime(2024, 1, 1, tzinfo=UTC)))
    publisher.work()
    published = publisher.status(number).publication.published_at
    files = {one["key"]: one["digest"] for one in catalogue(publisher.database)["files"]}
    [digest] = [files[key] for key in files if key.endswith(f"/{CRATE}")]
    graph = json.loads(FileStore(settings.data_dir).path(digest).read_bytes())["@graph"]
    [root] = [entity for entity in graph if entity["@id"] == "./"]
    assert published is not None
    assert root["datePublished"] == published.date().isoformat()
    assert told in root["license"]


def test_midnight_in_between_makes_no_two_days(
    publisher: Publisher, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All documents tell the day that the row does."""
    publisher.start()
    days = itertools.count(1)

    def a_day_later(_: Session) -> datetime:
        return datetime(2026, 3, next(days), tzinfo=UTC)

    monkeypatch.setattr(clock, "read", a_day_later)
    publisher.work()
    monkeypatch.undo()
    with publisher.database.session() as session:
        row = session.scalars(select(Publication)).one()
        files = {one.key: one.digest for one in session.scalars(select(PublishedFile))}
        table = TABLES["Deposition"].c
        released = session.scalars(select(table.release_date)).one()
        assert row.published_at is not None
        day = row.published_at.date()
        root = f"{row.dataset_id}/"
    store = FileStore(settings.data_dir)
    crate = json.loads(store.path(files[f"{root}{CRATE}"]).read_bytes())
    told = {one["@id"]: one for one in crate["@graph"]}["./"]["datePublished"]
    submission = store.path(files[f"{root}{SUBMISSION}"]).read_text()
    assert (day.year, day.month, str(released)[:10]) == (2026, 3, day.isoformat())
    assert told == day.isoformat()
    assert f"ReleaseDate\t{day.isoformat()}\n" in submission


def test_images_are_volumes_in_both_formats(
    publisher: Publisher, settings: Settings, tmp_path: Path
) -> None:
    publisher.publish()
    found = catalogue(publisher.database)
    store = FileStore(settings.data_dir)
    images = itertools.product(WELLS, CHANNELS)
    for row, (well, channel) in zip(found["Tomogram"], images, strict=True):
        expected = publisher.experiment.volumes[well, channel]
        assert row["name"] == channel
        assert (row["size_z"], row["size_y"], row["size_x"]) == expected.shape
        assert row["voxel_spacing"] == 3250.0
        sizes = [row[f"scale_{level}_dimensions"] for level in range(3)]
        assert sizes == ["40,30,3", "20,15,2", "10,8,1"]
        assert f"{well}_y0_x0/Reconstructions/VoxelSpacing3250.000/" in row["s3_mrc_file"]
        files = {one["key"]: one for one in found["files"]}
        one = files[row["s3_mrc_file"].removeprefix("s3://catalogue/")]
        assert row["file_size_mrc"] == one["size"]
        with mrcfile.open(store.path(one["digest"])) as mrc:
            assert np.array_equal(mrc.data, expected)
        folder = row["s3_omezarr_dir"].removeprefix("s3://catalogue/") + "/"
        inside = [key for key in files if key.startswith(folder)]
        assert row["file_size_omezarr"] == sum(files[key]["size"] for key in inside)
        assert np.array_equal(read_zarr(files, inside, store, tmp_path / well / channel), expected)
    assert row["size_z"] == N_ZPLANES


def test_time_points_are_volumes_of_their_own(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    publisher = Publisher(database, settings, n_tpoints=2)
    publisher.publish()
    found = catalogue(database)
    files = {one["key"]: one for one in found["files"]}
    store = FileStore(settings.data_dir)
    shown = itertools.product(WELLS, CHANNELS, range(2))
    for row, (well, channel, tpoint) in zip(found["Tomogram"], shown, strict=True):
        assert row["name"] == f"{channel} t00{tpoint}"
        expected = np.roll(publisher.experiment.volumes[well, channel], tpoint, axis=2)
        with mrcfile.open(store.path(files[key_of(row["s3_mrc_file"])]["digest"])) as mrc:
            assert np.array_equal(mrc.data, expected)
        folder = f"{key_of(row['s3_omezarr_dir'])}/"
        inside = [key for key in files if key.startswith(folder)]
        place = tmp_path / well / row["name"]
        assert np.array_equal(read_zarr(files, inside, store, place), expected)
    # only the first was analysed
    told = [row["annotation_ingest_id"] for row in found["Annotation"]]
    assert told == ["Nuclei t000"] * len(WELLS)


def key_of(address: str) -> str:
    """Of an address of S3."""
    return address.removeprefix("s3://catalogue/")


def test_a_run_has_pictures_which_stand_for_the_dataset_too(
    publisher: Publisher, settings: Settings
) -> None:
    publisher.publish()
    found = catalogue(publisher.database)
    files = {one["key"]: one for one in found["files"]}
    store = FileStore(settings.data_dir)
    first, other, *_ = found["Tomogram"]
    assert other["key_photo_url"] is None
    keys = {}
    for name in ("key_photo_url", "key_photo_thumbnail_url"):
        [deposition], [dataset] = found["Deposition"], found["Dataset"]
        assert first[name] == dataset[name] == deposition[name]
        keys[name] = first[name].removeprefix(f"{ADDRESS}/s3/catalogue/")
    plane = publisher.experiment.volumes[WELLS[0], CHANNELS[0]][N_ZPLANES // 2]
    for key in keys.values():
        # too small to be made smaller
        with Image.open(store.path(files[key]["digest"])) as picture:
            shades = np.asarray(picture)
            assert shades.shape == plane.shape
    # what is brighter is never darker in the picture
    assert (np.diff(shades.ravel()[np.argsort(plane, axis=None)].astype(int)) >= 0).all()
    assert (shades.min(), shades.max()) == (0, 255)


def read_zarr(
    files: dict[str, Any], keys: list[str], store: FileStore, folder: Path
) -> NDArray[Any]:
    """The first level of a volume, whose files are put into a folder."""
    root = min(keys, key=len).rpartition("/")[0]
    for key in keys:
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(store.path(files[key]["digest"]))
    return pixels_in(folder / root / "0")


def test_objects_are_points_and_masks(
    publisher: Publisher, settings: Settings, tmp_path: Path
) -> None:
    publisher.publish()
    found = catalogue(publisher.database)
    store = FileStore(settings.data_dir)
    files = {one["key"]: one for one in found["files"]}
    first, second = found["Annotation"]
    assert (first["object_name"], first["object_count"], second["object_count"]) == (
        "cell nucleus",
        2,
        0,
    )
    keys = [row["s3_path"].removeprefix("s3://catalogue/") for row in found["AnnotationFile"]]
    assert [key.rpartition("/")[2] for key in keys[:3]] == [
        "cell-nucleus-1.0_point.ndjson",
        "cell-nucleus-1.0_instancesegmask.zarr",
        "cell-nucleus-1.0_instancesegmask.mrc",
    ]
    points, zarr_folder, mrc_key, no_points, *_ = keys
    lines = store.path(files[points]["digest"]).read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"type": "point", "location": {"x": 14.5, "y": 6.5, "z": 1.0}},
        {"type": "point", "location": {"x": 32.0, "y": 22.0, "z": 1.0}},
    ]
    assert files[no_points]["size"] == 0
    expected = np.zeros((N_ZPLANES, *NUCLEI.shape))
    expected[1] = NUCLEI
    with mrcfile.open(store.path(files[mrc_key]["digest"])) as mrc:
        assert np.array_equal(mrc.data, expected)
    inside = [key for key in files if key.startswith(f"{zarr_folder}/")]
    assert np.array_equal(read_zarr(files, inside, store, tmp_path), expected)
    sizes = [row["file_size"] for row in found["AnnotationFile"][:3]]
    assert sizes == [
        files[points]["size"],
        sum(files[key]["size"] for key in inside),
        files[mrc_key]["size"],
    ]


def test_labels_may_be_larger_than_16_bits_and_are_those_that_are_recorded(
    publisher: Publisher, settings: Settings
) -> None:
    database = publisher.database
    storage = ExperimentStorage(settings.data_dir, publisher.experiment.id)
    with database.session() as session:
        site_id = session.scalars(select(Site.id).order_by(Site.id)).first()
        plate_id = session.scalars(select(Plate.id)).one()
        type_id = session.scalars(select(MapobjectType.id)).one()
    field = field_path(storage.plate_images(plate_id), WELLS[0], 0)
    assert site_id is not None
    plane = SitePlane(site_id, field, (0, 0), Residues(), 0, 2, 1, N_ZPLANES, None)
    large = 10_000 * NUCLEI
    store_segmentation(database, storage, mapobject_type_id=type_id, plane=plane, labels=large)
    publisher.publish()
    found = catalogue(database)
    assert [row["object_count"] for row in found["Annotation"]] == [4, 0]
    files = {one["key"]: one for one in found["files"]}
    [mask, _] = [row for row in found["AnnotationFile"] if row["format"] == "mrc"]
    digest = files[mask["s3_path"].removeprefix("s3://catalogue/")]["digest"]
    with mrcfile.open(FileStore(settings.data_dir).path(digest)) as mrc:
        assert np.array_equal(mrc.data, [0 * NUCLEI, NUCLEI, large])

    # what an analysis that was killed has left
    shape = {"n_tpoints": 1, "n_zplanes": N_ZPLANES}
    write_labels(field, "Nuclei", np.where(NUCLEI == 7, 0, NUCLEI), t=0, z=1, **shape)
    number = publisher.start()
    publisher.work()
    status = publisher.status(number)
    assert status.state is JobStatus.FAILED
    assert "at site 0 of well A01 has other objects than are recorded" in (status.error or "")
    assert len(catalogue(database)["Dataset"]) == 1


def test_long_names_are_cut_and_stay_different(database: Database, settings: Settings) -> None:
    named = DESCRIPTION.annotations[0].model_copy(update={"object_name": 1000 * "n"})
    publisher = Publisher(database, settings, plate_name=250 * "p")
    publisher.publish(DESCRIPTION.model_copy(update={"annotations": [named]}))
    found = catalogue(database)
    parts = {part for file in found["files"] for part in file["key"].split("/")}
    assert max(map(len, parts)) < 150
    names = plate_names([(1, 150 * "p"), (2, 151 * "p"), (3, 99 * "p" + "-p")])
    assert len(set(names.values())) == 3


def test_omitted_sites_are_left_out(publisher: Publisher) -> None:
    first = select(func.min(Site.id)).scalar_subquery()
    with publisher.database.transaction() as session:
        session.execute(update(Site).where(Site.id == first).values(omitted=True))
    publisher.publish()
    assert [row["name"] for row in catalogue(publisher.database)["Run"]] == ["Plate-1_B02_y0_x0"]
    with publisher.database.transaction() as session:
        session.execute(update(Site).values(omitted=True))
    with pytest.raises(BadInput, match="All sites are omitted"):
        publisher.start()


def test_numbers_of_classes_are_taken_in_one_order() -> None:
    """Or two publications that end at the same time would wait for each other."""
    rows, asked = Rows(ADDRESS), []
    for name in ("Run", "Annotation", "Dataset", "Run"):
        rows.add(name)

    def first_of(name: str, count: int) -> int:
        asked.append((name, count))
        return 1

    rows.document(first_of)
    assert asked == [("Annotation", 1), ("Dataset", 1), ("Run", 2)]


def test_numbers_are_never_given_again(publisher: Publisher) -> None:
    with publisher.database.transaction() as session:
        moment = "2024-05-01"
        dates = dict.fromkeys(("deposition_date", "release_date", "last_modified_date"), moment)
        other = {"title": "Other", "description": "-", **dates}
        dataset = {"id": 12000, "deposition_id": 19999, "s3_prefix": "-", "https_prefix": "-"}
        document = {
            "Deposition": [{"id": 20000, **other}, {"id": 19999, **other}],
            "Dataset": [{**dataset, **other}],
        }
        import_rows(session, document)
        withdrawal.withdraw(session, 19999, "wrong")
    first = publisher.status(publisher.publish()).publication
    assert (first.deposition_id, first.dataset_id) == (20001, 12001)
    with publisher.database.transaction() as session:
        runs = TABLES["Run"].c.id
        last_run = session.scalar(select(func.max(runs)))
        withdrawal.withdraw(session, first.deposition_id, "wrong")
    assert "files" not in catalogue(publisher.database)
    second = publisher.publish()
    status = publisher.status(second)
    assert (status.publication.deposition_id, status.publication.dataset_id) == (20002, 12002)
    assert not status.is_withdrawn
    with publisher.database.session() as session:
        assert session.scalar(select(func.min(runs))) == (last_run or 0) + 1
        [one, _] = service.list_publications(session, publisher.experiment.id)
        assert one.is_withdrawn


def test_contents_that_nothing_names_are_swept(publisher: Publisher, settings: Settings) -> None:
    """The second has images and objects in common with the first, of which only documents go."""
    database, store = publisher.database, FileStore(settings.data_dir)
    first = publisher.status(publisher.publish()).publication
    publisher.publish()
    publisher.start()
    publisher.work_once()
    with database.transaction() as session:
        withdrawal.withdraw(session, first.deposition_id, "wrong")
        staged = session.scalars(select(StagedPart.content)).one()
    published = {one["digest"] for one in catalogue(database)["files"]}
    needed = published | {digest for _, _, digest in staged["files"]}
    left = kept(store) - needed
    assert left
    draft = settings.data_dir / "catalogue" / ".content.0.tmp"
    draft.write_text("of an import that was killed")

    week_ago = clock_of(database) - timedelta(days=7)
    assert sweeping.sweep(database, store, week_ago).n_files == 0
    for path in (draft, *map(store.path, kept(store))):
        os.utime(path, (0, 0))
    young = left.pop()
    store.path(young).touch()
    found = sweeping.sweep(database, store, week_ago, only_count=True)
    assert found.n_files == len(left) + 1
    gone = [draft, *map(store.path, left)]
    assert found.size == sum(path.stat().st_size for path in gone)
    assert kept(store) == needed | left | {young}
    assert sweeping.sweep(database, store, week_ago) == found
    assert kept(store) == needed | {young}
    assert not draft.exists()


def test_what_killed_workers_have_written_is_swept(
    publisher: Publisher, settings: Settings
) -> None:
    """Unless their publication is at work, or a worker has written there lately."""
    database, store = publisher.database, FileStore(settings.data_dir)
    number = publisher.start()
    with pytest.MonkeyPatch.context() as patch:
        # a process that is killed removes nothing
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)
        publisher.work_once()
    folder = store.publications / str(number)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert size > 0

    def grow_old() -> None:
        for path in (folder, *folder.rglob("*")):
            os.utime(path, (0, 0))

    grow_old()
    week_ago = clock_of(database) - timedelta(days=7)
    assert sweeping.sweep(database, store, week_ago).size == 0
    with database.transaction() as session:
        service.stop(session, publisher.experiment.id, number)
    young = next(path for path in folder.rglob("*") if path.is_file())
    young.touch()
    assert sweeping.sweep(database, store, week_ago).size == 0
    grow_old()
    assert sweeping.sweep(database, store, week_ago, only_count=True).size == size
    assert folder.exists()
    assert sweeping.sweep(database, store, week_ago).size == size
    assert not folder.exists()


def kept(store: FileStore) -> set[str]:
    return {path.name for digit in "0123456789abcdef" for path in store.contents(digit)}


def clock_of(database: Database) -> datetime:
    with database.session() as session:
        return clock.read(session)


def test_what_cannot_be_published_is_refused(publisher: Publisher) -> None:
    database, experiment_id = publisher.database, publisher.experiment.id
    publisher.start()
    with pytest.raises(Conflict, match="is being published"):
        publisher.start()
    dates = dict.fromkeys(("deposition_date", "release_date", "last_modified_date"), "2024-05-01")
    document = {"Deposition": [{"id": 10000, "title": "Other", "description": "-", **dates}]}
    with pytest.raises(BadInput, match="Deposition 10000: a publication has this id"):
        import_catalogue(
            database, FileStore(publisher.settings.data_dir), document, None, without_files=True
        )
    with database.transaction() as session:
        service.stop(session, experiment_id, 1)
    other = DESCRIPTION.annotations[0].model_copy(update={"mapobject_type": "Cells"})
    with pytest.raises(BadInput, match='no objects "Cells"'):
        publisher.start(DESCRIPTION.model_copy(update={"annotations": [other]}))
    with database.transaction() as session:
        session.execute(update(Experiment).values(pixel_size=None))
    with pytest.raises(BadInput, match='give "voxel_spacing"'):
        publisher.start()
    assert publisher.status(1).state is JobStatus.KILLED
    assert catalogue(database) == {}


def add_objects(session: Session, experiment_id: int) -> None:
    type_id = ensure_mapobject_type(session, experiment_id, "Cells", "Site")
    ensure_layer(session, type_id, 0, 0, as_polygons=True)


def rename_a_channel(session: Session, experiment_id: int) -> None:
    channel_id = session.scalars(select(func.min(Channel.id))).one()
    rename_channel(session, experiment_id, channel_id, "another")


@pytest.mark.parametrize("change", [add_objects, rename_a_channel])
def test_what_changes_meanwhile_is_not_published(
    publisher: Publisher, change: Callable[[Session, int], None]
) -> None:
    number = publisher.start()
    with publisher.database.transaction() as session:
        change(session, publisher.experiment.id)
    publisher.work()
    status = publisher.status(number)
    assert status.state is JobStatus.FAILED
    assert "was changed while it was being published" in (status.error or "")
    assert catalogue(publisher.database) == {}


class Killed(BaseException):
    """Stands for the end of a process: it does nothing any more."""


@contextmanager
def killed_at(database: Database, moment: int) -> Iterator[list[int]]:
    """Let no statement and no file be written from a moment on; each of them counts as one."""
    moments = itertools.count()
    reached = [0]

    def live(*_: Any) -> None:
        reached[0] = next(moments)
        if reached[0] >= moment:
            raise Killed

    def counted(place: Callable[..., None]) -> Callable[..., None]:
        def place_alive(*paths: Any, **options: Any) -> None:
            live()
            place(*paths, **options)

        return place_alive

    engine = database.engine
    event.listen(engine, "before_cursor_execute", live)
    event.listen(engine, "commit", live)
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name in ("_place", "move"):
                patch.setattr(durable_files, name, counted(getattr(durable_files, name)))
            yield reached
    finally:
        event.remove(engine, "before_cursor_execute", live)
        event.remove(engine, "commit", live)


def test_killed_at_any_moment_nothing_is_half_visible_and_nothing_lost(
    publisher: Publisher, settings: Settings
) -> None:
    publisher.start()
    with killed_at(publisher.database, 10**9) as n_moments:
        publisher.work()
    expected = catalogue(publisher.database)
    forget_catalogue(publisher.database, settings)
    number = publisher.start()
    # early ones first, or there would be nothing left to be killed
    moments = sorted(random.Random(5).sample(range(n_moments[0]), 15))  # noqa: S311 - no secrets
    n_killed = 0
    for moment in [*moments, 10**9]:
        publisher.find_lost_jobs()
        try:
            with killed_at(publisher.database, moment):
                publisher.work()
        except Killed:
            n_killed += 1
            publisher.queue.job_ids.clear()
        is_public = publisher.status(number).publication.published_at is not None
        assert catalogue(publisher.database) == (expected if is_public else {})
    assert n_killed > 5, (n_killed, moments)
    assert publisher.status(number).state is JobStatus.DONE
    with publisher.database.session() as session:
        assert session.scalar(select(func.count()).select_from(StagedPart)) == 0


def forget_catalogue(database: Database, settings: Settings) -> None:
    """Let there be no catalogue, and no trace of any."""
    with database.transaction() as session:
        for table in reversed(Base.metadata.sorted_tables):
            if table.name.startswith("portal_"):
                session.execute(delete(table))
    shutil.rmtree(settings.data_dir / "catalogue")
