"""The status of files while they are received; whoever changes it holds their locks."""

from collections.abc import Iterable, Sequence

from sqlalchemy import select, update

from tmlib.db import Database
from tmlib.db.base import now
from tmlib.uploads.models import FileUploadStatus, MicroscopeFile


def complete_among(database: Database, file_ids: Iterable[int]) -> Sequence[int]:
    """Which of the files are COMPLETE."""
    with database.session() as session:
        return session.scalars(
            select(MicroscopeFile.id).where(
                MicroscopeFile.id.in_(list(file_ids)),
                MicroscopeFile.status == FileUploadStatus.COMPLETE,
            )
        ).all()


def set_status(database: Database, file_ids: Sequence[int], status: FileUploadStatus) -> None:
    """Give files another status than COMPLETE."""
    if not file_ids:
        return
    with database.transaction() as session:
        session.execute(
            update(MicroscopeFile)
            .where(MicroscopeFile.id.in_(file_ids))
            .values(status=status, size=None, updated_at=now())
        )
