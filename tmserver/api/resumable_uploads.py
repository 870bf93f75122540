"""Sending microscope files in pieces: the tus protocol, https://tus.io/protocols/resumable-upload.

Of its extensions: creation, creation-with-upload, checksum, expiration and termination.
"""

import base64
import binascii
from datetime import timedelta
from email.utils import format_datetime
from typing import Annotated, Literal

from flask import Response, after_this_request, request
from pydantic import Field

from tmlib.errors import BadInput, TmError, TooLarge
from tmlib.experiments import plates
from tmlib.experiments.models import Acquisition
from tmlib.storage import check_file_path
from tmlib.uploads import service
from tmlib.uploads.digests import (
    CHECKSUM_ALGORITHMS,
    read_checksum,
    read_hexadecimal,
)
from tmlib.uploads.resuming import (
    NotRegistered,
    Progress,
    ResumableUploads,
)
from tmserver.access import Access, ExperimentAccess
from tmserver.http.multipart import read_body
from tmserver.http.routing import Routes
from tmserver.http.schemas import Schema
from tmserver.scopes import EXPERIMENT

routes = Routes("resumable upload", scope=EXPERIMENT)

_UPLOADS = "/acquisitions/<acquisition_id>/tus"
_UPLOAD = f"{_UPLOADS}/<token>"
_VERSION = "1.0.0"
_EXTENSIONS = "creation,creation-with-upload,checksum,expiration,termination"
_BYTES = "application/offset+octet-stream"
_MAX_INT = 2**63 - 1


class WrongVersion(TmError):  # noqa: N818 - reads as what it is: "raise WrongVersion"
    """The request is not of the version of the protocol that is spoken here."""

    status_code = 412


class WrongType(TmError):  # noqa: N818 - see WrongVersion
    """The body is said to be something else than bytes of a file."""

    status_code = 415


Checksum = Annotated[
    str | None, Field(alias="Upload-Checksum", examples=["sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0="])
]


class Headers(Schema):
    """What every request of the protocol carries."""

    version: str | None = Field(default=None, alias="Tus-Resumable", examples=[_VERSION])


class CreationHeaders(Headers):
    """What begins an upload.

    ``Upload-Metadata`` is a list of names, each with a value in base64: ``filename`` must be there,
    ``sha256`` of the whole file, as hexadecimal digits, may.
    """

    length: int = Field(alias="Upload-Length", ge=0, le=_MAX_INT, examples=[104857600])
    sent_metadata: str = Field(
        alias="Upload-Metadata",
        examples=["filename cGxhdGUxX0EwMV9UMDAwMUYwMDFMMDFBMDFaMDFDMDEudGlm"],
    )
    checksum: Checksum = None


class PieceHeaders(Headers):
    """Where bytes belong, and what they must come to."""

    offset: int = Field(alias="Upload-Offset", ge=0, le=_MAX_INT, examples=[0])
    checksum: Checksum = None


class OverrideHeaders(Headers):
    """What is meant by a POST, and what that takes."""

    method: Literal["HEAD", "PATCH", "DELETE"] = Field(
        alias="X-HTTP-Method-Override", examples=["PATCH"]
    )
    offset: int | None = Field(default=None, alias="Upload-Offset", ge=0, le=_MAX_INT, examples=[0])
    checksum: Checksum = None


@routes.options(_UPLOADS, permits="public", success=(204,), is_event=False)
def get_protocol(access: Access, acquisition_id: int) -> Response:
    """Tell which version and extensions of the protocol there are."""
    return Response(
        status=204,
        headers={
            "Tus-Resumable": _VERSION,
            "Tus-Version": _VERSION,
            "Tus-Extension": _EXTENSIONS,
            "Tus-Max-Size": str(access.settings.max_upload_bytes),
            "Tus-Checksum-Algorithm": ",".join(CHECKSUM_ALGORITHMS),
        },
    )


@routes.post(
    _UPLOADS,
    permits="write",
    raises=(400, 404, 409, 410, 412, 413, 415, 423, 460, 507),
    takes_bytes=_BYTES,
    is_event=False,
    success=(201,),
)
def create_resumable_upload(
    access: ExperimentAccess, acquisition_id: int, headers: CreationHeaders
) -> Response:
    """Begin an upload, with its first bytes if there is a body; the header Location names it.

    The file need not be registered before.
    """
    _check_version(headers)
    _check_length(headers.length, access.settings.max_upload_bytes)
    metadata = _read_metadata(headers.sent_metadata)
    name, digest = _text(metadata, "filename"), _text(metadata, "sha256")
    if not name:
        raise BadInput("The header Upload-Metadata has no filename: add it.")
    check_file_path(name)
    acquisition = _acquisition(access, acquisition_id)
    uploads = _uploads(access, acquisition)
    has_bytes = request.mimetype == _BYTES
    if request.content_length and not has_bytes:
        raise WrongType(f"Send bytes with Content-Type: {_BYTES}, or none at all.")
    checksum = read_checksum(headers.checksum) if headers.checksum else None

    def begin() -> Progress:
        sha256 = read_hexadecimal(digest) if digest else None
        return uploads.create(name, headers.length, headers.sent_metadata, sha256)

    try:
        progress = begin()
    except NotRegistered:
        service.announce(access.database, acquisition, access.experiment.microscope_type, [name])
        progress = begin()
    location = f"{request.script_root}{request.path}/{progress.token}"
    if has_bytes:
        body = read_body(access.settings.max_upload_bytes)
        progress = uploads.append(progress.token, 0, body, checksum)
    return _answer(progress, 201, {"Location": location})


@routes.head(_UPLOAD, permits="read", raises=(409, 410, 412, 423, 460, 507))
def get_resumable_upload(
    access: ExperimentAccess, acquisition_id: int, token: str, headers: Headers
) -> Response:
    """Tell how many bytes of an upload are there."""
    _check_version(headers)
    progress = _uploads(access, _acquisition(access, acquisition_id)).progress(token)
    return _answer(
        progress,
        200,
        {"Upload-Length": str(progress.length), "Upload-Metadata": progress.sent_metadata},
    )


@routes.patch(
    _UPLOAD,
    permits="write",
    raises=(409, 410, 412, 413, 415, 423, 460, 507),
    takes_bytes=_BYTES,
    is_event=False,
    success=(204,),
)
def append_to_resumable_upload(
    access: ExperimentAccess, acquisition_id: int, token: str, headers: PieceHeaders
) -> Response:
    """Add bytes at the end of an upload; the last ones make its file complete."""
    _check_version(headers)
    if request.mimetype != _BYTES:
        raise WrongType(f"Send bytes with Content-Type: {_BYTES}.")
    checksum = read_checksum(headers.checksum) if headers.checksum else None
    progress = _uploads(access, _acquisition(access, acquisition_id)).append(
        token, headers.offset, read_body(access.settings.max_upload_bytes), checksum
    )
    return _answer(progress, 204)


@routes.delete(
    _UPLOAD, permits="write", raises=(409, 410, 412, 423, 460, 507), success=(204,), is_event=False
)
def terminate_resumable_upload(
    access: ExperimentAccess, acquisition_id: int, token: str, headers: Headers
) -> Response:
    """Forget an upload and what has arrived of it; a complete file stays."""
    _check_version(headers)
    _uploads(access, _acquisition(access, acquisition_id)).terminate(token)
    return Response(status=204)


@routes.post(
    _UPLOAD,
    permits="write",
    raises=(409, 410, 412, 413, 415, 423, 460, 507),
    takes_bytes=_BYTES,
    is_event=False,
    success=(200, 204),
)
def override_method(
    access: ExperimentAccess, acquisition_id: int, token: str, headers: OverrideHeaders
) -> Response:
    """Do what ``X-HTTP-Method-Override`` says, for networks that let nothing but POST through."""
    if headers.method == "HEAD":
        return get_resumable_upload(access, acquisition_id, token, headers)
    if headers.method == "DELETE":
        return terminate_resumable_upload(access, acquisition_id, token, headers)
    if headers.offset is None:
        raise BadInput("The header Upload-Offset is missing: send it with X-HTTP-Method-Override.")
    piece = PieceHeaders.model_validate(headers.model_dump(by_alias=True))
    return append_to_resumable_upload(access, acquisition_id, token, piece)


def _check_version(headers: Headers) -> None:
    @after_this_request
    def add_version(response: Response) -> Response:
        response.headers["Tus-Resumable"] = _VERSION
        response.headers["Tus-Version"] = _VERSION
        return response

    if headers.version != _VERSION:
        raise WrongVersion(
            f'The header Tus-Resumable is "{headers.version or ""}", but must be {_VERSION}.'
        )


def _check_length(length: int, max_bytes: int) -> None:
    if length > max_bytes:
        raise TooLarge(
            f"The file is larger than the {max_bytes} bytes that this server accepts: ask its "
            "administrator to raise TM_MAX_UPLOAD_BYTES."
        )


def _read_metadata(header: str) -> dict[str, bytes]:
    """Names and values of the header ``Upload-Metadata``."""
    found: dict[str, bytes] = {}
    for pair in header.split(","):
        name, _, value = pair.strip().partition(" ")
        try:
            found[name] = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise BadInput(
                f'The header Upload-Metadata has "{name[:50]}" without a value in base64.'
            ) from None
    return found


def _text(metadata: dict[str, bytes], name: str) -> str:
    try:
        return metadata.get(name, b"").decode()
    except UnicodeDecodeError:
        raise BadInput(f"The header Upload-Metadata has a {name} that is not UTF-8.") from None


def _acquisition(access: ExperimentAccess, acquisition_id: int) -> Acquisition:
    with access.database.session() as session:
        return plates.get_acquisition(session, access.experiment_id, acquisition_id)


def _uploads(access: ExperimentAccess, acquisition: Acquisition) -> ResumableUploads:
    lifetime = timedelta(hours=access.settings.upload_hours)
    return ResumableUploads(access.database, access.storage, acquisition, lifetime)


def _answer(progress: Progress, status: int, headers: dict[str, str] | None = None) -> Response:
    response = Response(status=status, headers=headers)
    response.headers["Upload-Offset"] = str(progress.offset)
    response.headers["Upload-Expires"] = format_datetime(progress.expires_at, usegmt=True)
    return response
