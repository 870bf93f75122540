"""The tables of microscope files and of uploads that can be resumed."""

import enum
from datetime import datetime

from sqlalchemy import BigInteger, Enum, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tmlib.db import Base, Timestamps


class FileUploadStatus(enum.StrEnum):
    """Status of the upload of a file."""

    WAITING = "WAITING"
    UPLOADING = "UPLOADING"
    COMPLETE = "COMPLETE"
    FAILED = "FAILED"


class FileKind(enum.StrEnum):
    """Whether a microscope file contains pixels or metadata of other files."""

    IMAGE = "image"
    METADATA = "metadata"


class MicroscopeFile(Timestamps, Base):
    """A file of the microscope, registered for upload or received.

    ``omexml`` is the metadata that step metaextract has read from an image file.
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


class ResumableUpload(Timestamps, Base):
    """A file that arrives, or has arrived, in several requests.

    ``offset`` counts the bytes that are certainly on the disk; there may be more. ``sent_metadata``
    is the header of the request that created the upload, and ``sha256`` the expected digest of the
    file, in hexadecimal digits.
    """

    __tablename__ = "resumable_uploads"

    token: Mapped[str] = mapped_column(String(32), primary_key=True)
    experiment_id: Mapped[int] = mapped_column(
        ForeignKey("experiments.id", ondelete="CASCADE"), index=True
    )
    file_id: Mapped[int] = mapped_column(
        ForeignKey("microscope_files.id", ondelete="CASCADE"), index=True
    )
    length: Mapped[int] = mapped_column(BigInteger)
    offset: Mapped[int] = mapped_column(BigInteger, default=0)
    sent_metadata: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str | None] = mapped_column(String(64))
    expires_at: Mapped[datetime] = mapped_column(index=True)
