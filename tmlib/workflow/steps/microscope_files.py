"""What of the files of the microscope decides about what is read from them."""

from collections.abc import Sequence

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from tmlib.experiments.models import Acquisition
from tmlib.storage import ExperimentStorage, file_stamp
from tmlib.uploads.models import FileKind, FileUploadStatus, MicroscopeFile
from tmlib.workflow.steps.base import Work, chunks, digest


def image_files(session: Session, acquisition_id: int) -> Sequence[Row[int, str, FileUploadStatus]]:
    """The id, name and status of each image file of an acquisition."""
    return session.execute(
        select(MicroscopeFile.id, MicroscopeFile.name, MicroscopeFile.status)
        .where(
            MicroscopeFile.acquisition_id == acquisition_id,
            MicroscopeFile.kind == FileKind.IMAGE,
        )
        .order_by(MicroscopeFile.name)
    ).all()


def image_batches(
    storage: ExperimentStorage,
    acquisition: Acquisition,
    files: Sequence[Row[int, str, FileUploadStatus]],
    size: int,
) -> list[Work]:
    """Files of an acquisition in batches of a size, and what each batch is known by."""
    folder = storage.microscope_images(acquisition.plate_id, acquisition.id)
    return [
        Work(
            {"acquisition_id": acquisition.id, "file_ids": [file.id for file in part]},
            {"files": digest([(file.name, file_stamp(f"{folder}/{file.name}")) for file in part])},
        )
        for part in chunks(files, size)
    ]


def digests_of_images(session: Session, storage: ExperimentStorage, size: int) -> set[str]:
    """What the batches of all image files that have arrived are known by."""
    acquisitions = session.scalars(
        select(Acquisition).where(Acquisition.experiment_id == storage.experiment_id)
    ).all()
    digests = set()
    for acquisition in acquisitions:
        files = image_files(session, acquisition.id)
        arrived = [file for file in files if file.status is FileUploadStatus.COMPLETE]
        for work in image_batches(storage, acquisition, arrived, size):
            digests |= set((work.inputs or {}).values())
    return digests


def digests_of_metadata(session: Session, storage: ExperimentStorage) -> dict[int, str]:
    """What metadata files are known by, by the ids of the plates that have some."""
    rows = session.execute(
        select(Acquisition.plate_id, Acquisition.id, MicroscopeFile.name)
        .join(MicroscopeFile, MicroscopeFile.acquisition_id == Acquisition.id)
        .where(
            Acquisition.experiment_id == storage.experiment_id,
            MicroscopeFile.kind == FileKind.METADATA,
            MicroscopeFile.status == FileUploadStatus.COMPLETE,
        )
        .order_by(Acquisition.id, MicroscopeFile.name)
    )
    found: dict[int, list[object]] = {}
    for plate_id, acquisition_id, name in rows:
        path = storage.microscope_metadata(plate_id, acquisition_id) / name
        found.setdefault(plate_id, []).append((acquisition_id, name, file_stamp(path)))
    return {plate_id: digest(files) for plate_id, files in found.items()}
