"""Step metaextract: reads what each image file says about itself, as OME-XML."""

from typing import ClassVar

from sqlalchemy import bindparam, select, update

from tmlib.errors import BadInput
from tmlib.experiments.models import Acquisition
from tmlib.images.reading import ImageFileError
from tmlib.images.sources import inspect
from tmlib.uploads.models import FileKind, FileUploadStatus, MicroscopeFile
from tmlib.workflow.arguments import BATCH_SIZE, Argument
from tmlib.workflow.steps.base import Batch, JobContext, Step, chunks, logger

_SHOWN = 5


class Metaextract(Step):
    """Extraction of metadata from image files.

    A file that cannot be read, because it was cut off on its way for example, is found here,
    before anything is computed from it.
    """

    name = "metaextract"
    fullname = "Metadata extraction"
    help = "Reads size, bit depth and further metadata of all microscope image files."
    arguments: ClassVar[tuple[Argument, ...]] = (BATCH_SIZE,)

    def create_batches(self, context: JobContext) -> list[list[Batch]]:
        """Cut the image files of each acquisition into batches."""
        batches: list[Batch] = []
        with context.database.session() as session:
            acquisitions = session.scalars(
                select(Acquisition)
                .where(Acquisition.experiment_id == context.experiment_id)
                .order_by(Acquisition.id)
            ).all()
            for acquisition in acquisitions:
                files = session.execute(
                    select(MicroscopeFile.id, MicroscopeFile.name, MicroscopeFile.status)
                    .where(
                        MicroscopeFile.acquisition_id == acquisition.id,
                        MicroscopeFile.kind == FileKind.IMAGE,
                    )
                    .order_by(MicroscopeFile.name)
                ).all()
                _check_complete(acquisition.name, [(file.name, file.status) for file in files])
                for ids in chunks([file.id for file in files], _batch_size(context)):
                    batches.append({"acquisition_id": acquisition.id, "file_ids": ids})
        if not batches:
            raise BadInput(
                "The experiment has no acquisition yet: create a plate and an acquisition and "
                "upload images."
            )
        context.effects.append(
            lambda session: session.execute(
                update(MicroscopeFile)
                .where(MicroscopeFile.experiment_id == context.experiment_id)
                .values(omexml=None)
            )
        )
        return [batches]

    def run(self, context: JobContext, batch: Batch) -> None:
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
        for file in files:
            try:
                text = inspect(folder / file.name, max_pixels=context.settings.max_image_pixels)
            except ImageFileError as error:
                errors[file.id] = error.message
                continue
            found.append({"file_id": file.id, "text": text})
        if errors:
            _let_upload_again(context, list(errors))
            raise BadInput(_summary(list(errors.values()), len(files)))
        logger.info("%d image files inspected", len(found))
        context.effects.append(
            lambda session: session.connection().execute(
                update(MicroscopeFile.__table__)  # type: ignore[arg-type] # a Table, not only a FromClause
                .where(MicroscopeFile.__table__.c.id == bindparam("file_id"))
                .values(omexml=bindparam("text")),
                found,
            )
        )


def _let_upload_again(context: JobContext, file_ids: list[int]) -> None:
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


def _batch_size(context: JobContext) -> int:
    return int(context.arguments["batch_size"] or 1)


def _check_complete(acquisition: str, files: list[tuple[str, FileUploadStatus]]) -> None:
    if not files:
        raise BadInput(
            f'Acquisition "{acquisition}" has no image files: upload some, or delete it.'
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
