"""Sending microscope files: announce their names, send each, look what is missing."""

from collections import deque
from typing import Annotated, Any

from flask import request
from pydantic import BeforeValidator, Field
from werkzeug.exceptions import UnsupportedMediaType

from tmlib.errors import BadInput
from tmlib.experiments import plates
from tmlib.storage import check_file_path
from tmlib.uploads import archives, bulk, receiving, service
from tmlib.uploads.folders import register_folder
from tmlib.uploads.models import FileKind, FileUploadStatus
from tmserver.access import ExperimentAccess
from tmserver.http.multipart import (
    FORM_DATA,
    read_body,
    read_file,
    read_files,
    refuse_digest_of_body,
)
from tmserver.http.routing import LIST_BODY, Routes
from tmserver.http.schemas import Bare, Body, Id, Message, Page, Schema, Text
from tmserver.scopes import EXPERIMENT

routes = Routes("upload", scope=EXPERIMENT)

_ACQUISITION = "/acquisitions/<acquisition_id>"


def _name_of(value: Any) -> Any:
    """The original's viewer sends ``{"name": ...}`` where its documentation shows the name."""
    return value["name"] if isinstance(value, dict) and "name" in value else value


class FileNames(Body):
    """Names of files; those in sub-folders with these, parted by slashes."""

    files: list[Annotated[str, BeforeValidator(_name_of)]] = Field(
        fail_fast=True, examples=[["plate1_A01_T0001F001L01A01Z01C01.tif", "MeasurementData.mlf"]]
    )


class ServerFolder(Body):
    """A folder of the server, by its absolute path."""

    path: Text = Field(examples=["/mnt/microscope/screen1/plate1"])


class Validity(Bare):
    """Whether each file is one that the experiment's microscope writes."""

    is_valid: list[bool]


class SentFileOutcome(Schema):
    """What became of one of many files.

    It is there if it is COMPLETE, was not wanted if SKIPPED, is just sent by somebody else if
    UPLOADING, and was not taken if FAILED. ``status_code`` is 200, or that of the error, and
    ``reason`` why it was not stored now. Of a name that is too long there is the beginning.
    """

    name: str = Field(examples=["plate1_A01_T0001F001L01A01Z01C01.tif"])
    status: bulk.Status
    status_code: int = Field(examples=[200])
    reason: str | None = Field(examples=["File already uploaded"])


class MicroscopeFile(Schema):
    """A file that was announced."""

    id: Id
    name: str
    status: FileUploadStatus


@routes.post(f"{_ACQUISITION}/upload/register", permits="write", max_bytes=LIST_BODY)
def register_upload(access: ExperimentAccess, acquisition_id: int, body: FileNames) -> list[str]:
    """Announce files; the answer names all that are still to be sent."""
    with access.database.session() as session:
        acquisition = plates.get_acquisition(session, access.experiment_id, acquisition_id)
    return service.register(
        access.database, acquisition, access.experiment.microscope_type, body.files
    )


@routes.post(f"{_ACQUISITION}/register", permits="write")
def register_server_folder(
    access: ExperimentAccess, acquisition_id: int, body: ServerFolder
) -> Message:
    """Add the files of a folder of the server where they are, without a copy."""
    with access.database.session() as session:
        acquisition = plates.get_acquisition(session, access.experiment_id, acquisition_id)
    register_folder(
        access.database,
        access.storage,
        acquisition,
        access.experiment.microscope_type,
        body.path,
        access.settings.upload_roots,
    )
    return Message()


@routes.post(
    f"{_ACQUISITION}/upload/validity-check", permits="write", is_event=False, max_bytes=LIST_BODY
)
def check_validity(access: ExperimentAccess, acquisition_id: int, body: FileNames) -> Validity:
    """Check whether files have names that the experiment's microscope gives."""
    with access.database.session() as session:
        plates.get_acquisition(session, access.experiment_id, acquisition_id)
    return Validity(is_valid=service.check_names(access.experiment.microscope_type, body.files))


@routes.get(f"{_ACQUISITION}/upload/count", permits="read")
def count_files(access: ExperimentAccess, acquisition_id: int) -> int:
    """Count the files that have arrived."""
    with access.database.session() as session:
        plates.get_acquisition(session, access.experiment_id, acquisition_id)
        return service.count_complete(session, acquisition_id)


@routes.post(
    f"{_ACQUISITION}/microscope-file",
    permits="write",
    raises=(413, 460, 507),
    takes_file=True,
    is_event=False,
)
def add_microscope_file(access: ExperimentAccess, acquisition_id: int) -> Message:
    """Send one file that was announced, as the part ``file`` of a multipart/form-data body."""
    with access.database.session() as session:
        acquisition = plates.get_acquisition(session, access.experiment_id, acquisition_id)
    sent = read_file("file", access.settings.max_upload_bytes)
    received = receiving.receive(
        access.database,
        access.storage,
        acquisition.plate_id,
        acquisition_id,
        check_file_path(sent.name),
        sent.chunks,
        access.settings.max_upload_bytes,
        sent.digest,
    )
    deque(sent.chunks, maxlen=0)  # a client sends all before it reads the answer
    return Message(message=received)


@routes.post(
    f"{_ACQUISITION}/microscope-files",
    permits="write",
    raises=(413, 415),
    takes_file=True,
    takes_bytes=archives.MEDIA_TYPE,
    is_event=False,
)
def add_microscope_files(access: ExperimentAccess, acquisition_id: int) -> list[SentFileOutcome]:
    """Send many files that were announced, each of which is answered for itself.

    They are the parts of a multipart/form-data body, or the files of an uncompressed tar archive.
    """
    with access.database.session() as session:
        acquisition = plates.get_acquisition(session, access.experiment_id, acquisition_id)
    max_bytes = access.settings.max_upload_bytes
    if request.mimetype == FORM_DATA:
        files = read_files(bulk.MAX_FILES, max_bytes)
    elif request.mimetype == archives.MEDIA_TYPE:
        refuse_digest_of_body(f"a record {archives.DIGEST_KEY} in the pax header of each file")
        files = archives.members(read_body(max_bytes), bulk.MAX_FILES)
    else:
        raise UnsupportedMediaType(
            f"Send the files as {FORM_DATA}, or an uncompressed tar archive as "
            f"{archives.MEDIA_TYPE}."
        )
    outcomes = bulk.receive_all(access.database, access.storage, acquisition, files, max_bytes)
    if not outcomes:
        raise BadInput("There are no files in the body: send some.")
    return [
        SentFileOutcome(
            name=one.name, status=one.status, status_code=one.status_code, reason=one.reason
        )
        for one in outcomes
    ]


@routes.get(f"{_ACQUISITION}/images", permits="read")
def get_image_files(
    access: ExperimentAccess, acquisition_id: int, query: Page
) -> list[MicroscopeFile]:
    """List the image files that were announced."""
    return _files(access, acquisition_id, FileKind.IMAGE, query)


@routes.get(f"{_ACQUISITION}/metadata", permits="read")
def get_metadata_files(
    access: ExperimentAccess, acquisition_id: int, query: Page
) -> list[MicroscopeFile]:
    """List the metadata files that were announced."""
    return _files(access, acquisition_id, FileKind.METADATA, query)


def _files(
    access: ExperimentAccess, acquisition_id: int, kind: FileKind, page: Page
) -> list[MicroscopeFile]:
    with access.database.session() as session:
        plates.get_acquisition(session, access.experiment_id, acquisition_id)
        files = service.list_files(
            session, acquisition_id, kind, limit=page.limit, offset=page.offset
        )
    return [MicroscopeFile(id=number, name=name, status=status) for number, name, status in files]
