"""Reads request bodies, and uploaded files as they arrive, without a temporary copy."""

from collections.abc import Iterator

from flask import request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.sansio.multipart import Data, Epilogue, Event, File, MultipartDecoder, NeedData

from tmlib.errors import BadInput, TmError, TooLarge
from tmlib.uploads.digests import read_content_digest
from tmlib.uploads.receiving import UploadInterrupted, UploadTooSlow
from tmlib.uploads.sent_files import SentFile

FORM_DATA = "multipart/form-data"

_CHUNK_SIZE = 256 * 1024
_DECODED_SIZE = 64 * 1024  # the decoder takes small pieces four times as fast as large ones
_MAX_PARTS = 100
_MAX_OVERHEAD = 64 * 1024  # headers and boundaries around the file
_PART_OVERHEAD = 1024  # and around each of many


def read_file(field: str, max_bytes: int) -> SentFile:
    """The file in the body of the present request, from where its bytes begin.

    Its chunks end when the whole body was read.

    Parameters
    ----------
    field
        Name of the part that holds it. A header ``Content-Digest`` of the part is of the file, one
        of the request is of the whole body.
    max_bytes
        Largest file that is accepted.

    Raises
    ------
    BadInput
        If the body is not multipart/form-data or has no such file.
    TooLarge
        If the request announces more than `max_bytes`; the iterator, if more comes.
    UploadInterrupted
        If the body ends early; also raised by the iterator.
    ChecksumMismatch
        By the iterator, if the body is another than the request's digest says.
    """
    boundary = request.mimetype_params.get("boundary", "")
    if request.mimetype != FORM_DATA or not boundary:
        raise BadInput(f'Send the file as part "{field}" of a multipart/form-data body.')
    events = _events(boundary, max_bytes + _MAX_OVERHEAD, _MAX_PARTS)
    for event in events:
        if isinstance(event, File) and event.name == field:
            digest = read_content_digest(event.headers.get("Content-Digest"))
            return SentFile(event.filename, _content_and_rest(events), digest)
    raise BadInput(f'The body has no file in part "{field}": send one.')


def read_files(max_files: int, max_bytes: int) -> Iterator[SentFile]:
    """The files in the body of the present request, whatever their parts are called.

    Parameters
    ----------
    max_files
        How many are read; a few more are not refused here.
    max_bytes
        Largest body that is accepted, without headers and boundaries.

    Raises
    ------
    BadInput
        If the body is not multipart/form-data; or if there is a digest of the whole body, since
        files are stored before that is there.
    TooLarge
        If the request has more than `max_bytes`.
    UploadInterrupted
        If the body ends early; all three also by the iterators.
    """
    boundary = request.mimetype_params.get("boundary", "")
    if request.mimetype != FORM_DATA or not boundary:
        raise BadInput("Send the files as parts of a multipart/form-data body.")
    if "Content-Digest" in request.headers:
        raise BadInput(
            "Files are stored before the whole body is there, whose Content-Digest cannot be "
            "checked then: send one with each part."
        )
    overhead = _MAX_OVERHEAD + max_files * _PART_OVERHEAD
    events = _events(boundary, max_bytes + overhead, max_files + _MAX_PARTS)
    for event in events:
        if isinstance(event, File):
            yield _sent_file(event, events)


def _sent_file(head: File, events: Iterator[Event]) -> SentFile:
    try:
        digest = read_content_digest(head.headers.get("Content-Digest"))
    except TmError as error:
        return SentFile(head.filename, _content(events), fault=error)
    return SentFile(head.filename, _content(events), digest)


def read_body(max_bytes: int) -> Iterator[bytes]:
    """The body of the present request in chunks, which are read as they are asked for.

    Raises
    ------
    TooLarge
        If there is more than `max_bytes`.
    UploadInterrupted
        If the body ends early, or comes much too slowly.
    """
    request.max_content_length = max_bytes
    try:
        while chunk := request.stream.read(_CHUNK_SIZE):
            yield chunk
    except RequestEntityTooLarge:
        raise TooLarge(
            f"The request is larger than the {max_bytes} bytes that this server accepts here: "
            "send less, or ask its administrator to raise TM_MAX_UPLOAD_BYTES."
        ) from None
    except (ClientDisconnected, OSError) as error:
        if is_too_slow(error):
            raise UploadTooSlow(
                "The file took too long to arrive: send it again, or what is left of it."
            ) from error
        raise UploadInterrupted(
            "The request ended in the middle of the file: send it again, or what is left of it."
        ) from error


def whole_body() -> bytes:
    """The body of the present request, which is no larger than what the route takes.

    Raises
    ------
    RequestEntityTooLarge
        If it is.
    """
    content = request.get_data(cache=False)
    if content and request.content_length is None:
        # a body without a declared length would be truncated silently
        request.stream.read(1)
    return content


def is_too_slow(error: Exception) -> bool:
    """Whether a body could not be read because it arrived too slowly."""
    return isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError)


def _content(events: Iterator[Event]) -> Iterator[bytes]:
    for event in events:
        if isinstance(event, Data):
            yield event.data
            if not event.more_data:
                break


def _content_and_rest(events: Iterator[Event]) -> Iterator[bytes]:
    yield from _content(events)
    for _ in events:
        pass


def _slices(chunks: Iterator[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        for start in range(0, len(chunk), _DECODED_SIZE):
            yield chunk[start : start + _DECODED_SIZE]


def _events(boundary: str, max_bytes: int, max_parts: int) -> Iterator[Event]:
    decoder = MultipartDecoder(boundary.encode("latin-1"), max_parts=max_parts)
    digest = read_content_digest(request.headers.get("Content-Digest"))
    hashed = digest and digest.start()
    body = _slices(read_body(max_bytes))
    try:
        while True:
            event = decoder.next_event()
            if isinstance(event, NeedData):
                chunk = next(body, None)
                if hashed and chunk:
                    hashed.update(chunk)
                decoder.receive_data(chunk)
                continue
            if isinstance(event, Epilogue):
                break
            yield event
    except ValueError as error:
        raise UploadInterrupted(
            "The request ended in the middle of the file, so nothing was stored: send it again."
        ) from error
    if digest and hashed:
        digest.check(hashed, "The body of the request")
