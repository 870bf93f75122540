"""Step metaextract: reads what each image file says about itself, as OME-XML."""

from collections.abc import Sequence
from itertools import groupby
from typing import ClassVar

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from tmlib.db.many import change_among, select_among
from tmlib.errors import BadInput
from tmlib.experiments.models import Acquisition
from tmlib.images.reading import ImageFileError
from tmlib.images.sources import inspect, warnings_about
from tmlib.uploads.models import FileKind, FileUploadStatus, MicroscopeFile
from tmlib.uploads.sources import source_path
from tmlib.workflow.arguments import BATCH_SIZE, Argument
from tmlib.workflow.steps.base import Batch, Step, StepContext, Work, logger
from tmlib.workflow.steps.microscope_files import image_batches, image_files

_SHOWN = 5
_NOTHING = (
    "The experiment has no acquisition yet: create a plate and an acquisition and upload images."
)


class Metaextract(Step):
    """Extraction of metadata from image files.

    A file that cannot be read, because it was cut off on its way for example, is found here,
    before anything is computed from it.
    """

    name = "metaextract"
    fullname = "Metadata extraction"
    help = "Reads size, bit depth and further metadata of all microscope image files."
    version = 1
    arguments: ClassVar[tuple[Argument, ...]] = (BATCH_SIZE,)

    def create_batches(self, context: StepContext) -> list[list[Work]]:
        """Cut the image files of each acquisition into batches."""
        batches: list[Work] = []
        with context.database.session() as session:
            acquisitions = session.scalars(
                select(Acquisition)
                .where(Acquisition.experiment_id == context.experiment_id)
                .order_by(Acquisition.id)
            ).all()
            for acquisition in acquisitions:
                files = image_files(session, acquisition.id)
                _check_complete(acquisition.name, [(file.name, file.status) for file in files])
                batches += image_batches(context.storage, acquisition, files, _batch_size(context))
        if not batches:
            raise BadInput(_NOTHING)
        return [batches]

    def keep(self, context: StepContext, current: Sequence[Batch]) -> None:
        """Forget what other files than these said."""
        kept = {file_id for batch in current for file_id in batch["file_ids"]}
        context.effects.append(lambda session: _forget_others(session, context, kept))

    def outputs(
        self, context: StepContext, session: Session, batches: Sequence[Batch]
    ) -> list[str | None]:
        """Whether all files of each batch have been inspected."""
        known = {
            row.id
            for row in select_among(
                session,
                select(MicroscopeFile.id).where(MicroscopeFile.omexml.is_not(None)),
                MicroscopeFile.id,
                [file_id for batch in batches for file_id in batch["file_ids"]],
            )
        }
        return ["read" if known.issuperset(batch["file_ids"]) else None for batch in batches]

    def run(self, context: StepContext, batch: Batch) -> None:
        """Inspect the files of a batch; all bad ones are reported together."""
        with context.database.session() as session:
            acquisition = session.get_one(Acquisition, batch["acquisition_id"])
            files = session.execute(
                select(MicroscopeFile.id, MicroscopeFile.name).where(
                    MicroscopeFile.id.in_(batch["file_ids"])
                )
            ).all()
        folder = context.storage.microscope_images(acquisition.plate_id, acquisition.id)
        found: list[dict[str, object]] = []
        errors: dict[int, str] = {}
        warnings: list[str] = []
        limit = context.settings.max_image_pixels
        for file in files:
            try:
                path = source_path(folder, file.name, data_dir=context.settings.data_dir)
                text = inspect(path, max_pixels=limit)
                warnings += warnings_about(path, max_pixels=limit)
            except ImageFileError as error:
                errors[file.id] = error.about(file.name)
                continue
            found.append({"file_id": file.id, "text": text})
        if errors:
            _let_upload_again(context, list(errors))
            raise BadInput(_summary(list(errors.values()), len(files)))
        for warning in warnings:
            logger.warning(warning)
        logger.info("%d image files inspected", len(found))
        context.effects.append(lambda session: _keep_texts(session, found))


def check_uploads(session: Session, experiment_id: int) -> None:
    """Make sure that all image files of an experiment are there.

    Raises
    ------
    BadInput
        If an acquisition lacks some, or there is none.
    """
    rows = session.execute(
        select(Acquisition.id, Acquisition.name, MicroscopeFile.name, MicroscopeFile.status)
        .outerjoin(
            MicroscopeFile,
            (MicroscopeFile.acquisition_id == Acquisition.id)
            & (MicroscopeFile.kind == FileKind.IMAGE),
        )
        .where(Acquisition.experiment_id == experiment_id)
        .order_by(Acquisition.id, MicroscopeFile.name)
    ).all()
    if not rows:
        raise BadInput(_NOTHING)
    for (_, acquisition), files in groupby(rows, key=lambda row: (row[0], row[1])):
        _check_complete(acquisition, [(name, state) for *_, name, state in files if name])


def _keep_texts(session: Session, found: list[dict[str, object]]) -> None:
    table = MicroscopeFile.__table__
    statement = (
        update(table)  # type: ignore[arg-type] # a Table, not only a FromClause
        .where(table.c.id == bindparam("file_id"))
        # reading a file does not change when it has arrived
        .values(omexml=bindparam("text"), updated_at=table.c.updated_at)
    )
    session.connection().execute(statement, found)


def _forget_others(session: Session, context: StepContext, kept: set[int]) -> None:
    found = session.scalars(
        select(MicroscopeFile.id).where(
            MicroscopeFile.experiment_id == context.experiment_id,
            MicroscopeFile.omexml.is_not(None),
        )
    )
    others = set(found) - kept
    forget = update(MicroscopeFile).values(omexml=None, updated_at=MicroscopeFile.updated_at)
    change_among(session, forget, MicroscopeFile.id, others)


def _let_upload_again(context: StepContext, file_ids: list[int]) -> None:
    """Mark files as failed uploads, at once: the job fails, but they can be sent again."""
    with context.database.transaction() as session:
        session.execute(
            update(MicroscopeFile)
            .where(
                MicroscopeFile.id.in_(file_ids),
                MicroscopeFile.status == FileUploadStatus.COMPLETE,
            )
            .values(status=FileUploadStatus.FAILED)
        )


def _batch_size(context: StepContext) -> int:
    return int(context.arguments["batch_size"] or 1)


def _check_complete(acquisition: str, files: list[tuple[str, FileUploadStatus]]) -> None:
    if not files:
        raise BadInput(
            f'Acquisition "{acquisition}" has no image files: upload some, or delete it. Files '
            "whose names are not those of the microscope type are left out of an upload."
        )
    waiting = [name for name, status in files if status is not FileUploadStatus.COMPLETE]
    if waiting:
        raise BadInput(
            f'{len(waiting)} of {len(files)} image files of acquisition "{acquisition}" are not '
            f"uploaded yet ({_listed(waiting)}): upload them and submit again."
        )


def _summary(errors: list[str], n_files: int) -> str:
    if len(errors) == 1:
        return errors[0]
    shown = " ".join(errors[:_SHOWN])
    return f"{len(errors)} of {n_files} image files cannot be used. {shown}"


def _listed(names: list[str]) -> str:
    more = ", ..." if len(names) > _SHOWN else ""
    return ", ".join(f'"{name}"' for name in names[:_SHOWN]) + more
