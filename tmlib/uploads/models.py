"""The table of microscope files."""

import enum

from sqlalchemy import BigInteger, Enum, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tmlib.db import Base, Timestamps


class FileUploadStatus(enum.StrEnum):
    """Where the upload of a file stands."""

    WAITING = "WAITING"
    UPLOADING = "UPLOADING"
    COMPLETE = "COMPLETE"
    FAILED = "FAILED"


class FileKind(enum.StrEnum):
    """Whether a microscope file holds pixels or describes other files."""

    IMAGE = "image"
    METADATA = "metadata"


class MicroscopeFile(Timestamps, Base):
    """A file as the microscope wrote it, registered for upload or received.

    ``omexml`` is what step metaextract read from an image file.
    """

    __tablename__ = "microscope_files"
    __table_args__ = (
        UniqueConstraint("acquisition_id", "name"),
        Index("ix_microscope_files_acquisition_id_status", "acquisition_id", "status"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    experiment_id: Mapped[int] = mapped_column(
        ForeignKey("experiments.id", ondelete="CASCADE"), index=True
    )
    acquisition_id: Mapped[int] = mapped_column(ForeignKey("acquisitions.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(255))
    kind: Mapped[FileKind] = mapped_column(
        Enum(
            FileKind,
            native_enum=False,
            length=20,
            values_callable=lambda kinds: [kind.value for kind in kinds],
        )
    )
    status: Mapped[FileUploadStatus] = mapped_column(
        Enum(FileUploadStatus, native_enum=False, length=20), default=FileUploadStatus.WAITING
    )
    size: Mapped[int | None] = mapped_column(BigInteger)
    omexml: Mapped[str | None] = mapped_column(Text)
