"""Reads request bodies, and uploaded files as they arrive, without a temporary copy."""

from collections.abc import Iterator

from flask import request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.sansio.multipart import Data, Epilogue, Event, File, MultipartDecoder, NeedData

from tmlib.errors import BadInput, TooLarge
from tmlib.uploads.digests import read_content_digest
from tmlib.uploads.receiving import UploadInterrupted, UploadTooSlow
from tmlib.uploads.sent_files import SentFile, with_digest

FORM_DATA = "multipart/form-data"

_CHUNK_SIZE = 256 * 1024
_DECODED_SIZE = 64 * 1024  # the decoder takes small pieces four times as fast as large ones
_MAX_PARTS = 100
_MAX_OVERHEAD = 64 * 1024  # headers and boundaries around the file
_PART_OVERHEAD = 1024  # and around each of many
_MAX_BUFFERED = 256 * 1024  # held in memory at once


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
        If the body is not multipart/form-data, is malformed or has no such file.
    TooLarge
        If the request announces more than `max_bytes`, or has too much beside the file; the
        iterator, if more comes.
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
        If the body is not multipart/form-data, or is malformed; or if there is a digest of the
        whole body, since files are stored before that is there.
    TooLarge
        If the request has more than `max_bytes`, or too much beside the files.
    UploadInterrupted
        If the body ends early; all three also by the iterators.
    """
    boundary = request.mimetype_params.get("boundary", "")
    if request.mimetype != FORM_DATA or not boundary:
        raise BadInput("Send the files as parts of a multipart/form-data body.")
    refuse_digest_of_body("a header Content-Digest with each part")
    overhead = _MAX_OVERHEAD + max_files * _PART_OVERHEAD
    events = _events(boundary, max_bytes + overhead, max_files + _MAX_PARTS)
    for event in events:
        if isinstance(event, File):
            told = event.headers.get("Content-Digest")
            yield with_digest(event.filename, _content(events), told, read_content_digest)


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


def refuse_digest_of_body(instead: str) -> None:
    """Refuse a header ``Content-Digest`` of the present request, of which each file is stored.

    Raises
    ------
    BadInput
        If there is one; it tells what to send instead.
    """
    if "Content-Digest" in request.headers:
        raise BadInput(
            "Files are stored before the whole body is there, whose Content-Digest cannot be "
            f"checked then: send {instead}."
        )


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
    decoder = _decoder(boundary, max_parts)
    digest = read_content_digest(request.headers.get("Content-Digest"))
    hashed = digest and digest.start()
    body = _slices(read_body(max_bytes))
    while not isinstance(event := _next_event(decoder), Epilogue):
        if isinstance(event, NeedData):
            chunk = next(body, None)
            if hashed and chunk:
                hashed.update(chunk)
            _add(decoder, chunk)
        else:
            yield event
    if digest and hashed:
        digest.check(hashed, "The body of the request")


def _decoder(boundary: str, max_parts: int) -> MultipartDecoder:
    try:
        encoded = boundary.encode("latin-1")  # as bytes of headers are decoded
    except UnicodeEncodeError:
        raise BadInput(
            "The boundary of the multipart/form-data body is not plain text: send one of ASCII "
            "characters."
        ) from None
    return MultipartDecoder(encoded, _MAX_BUFFERED, max_parts=max_parts)


def _add(decoder: MultipartDecoder, chunk: bytes | None) -> None:
    """Give the next bytes to the decoder, or None at the end; it keeps what is not of a file."""
    try:
        decoder.receive_data(chunk)
    except RequestEntityTooLarge:
        raise TooLarge(
            f"The multipart/form-data body has more than {_MAX_BUFFERED} bytes in the headers of a "
            "part, or before or after all parts: send less of that."
        ) from None


def _next_event(decoder: MultipartDecoder) -> Event:
    try:
        return decoder.next_event()
    except UnicodeDecodeError:
        raise BadInput(
            "A part of the multipart/form-data body has headers that are not UTF-8: send names of "
            "files in UTF-8."
        ) from None
    except ValueError as error:
        if decoder.complete:
            raise UploadInterrupted(
                "The request ended in the middle, before the last boundary of its "
                "multipart/form-data body: send it again."
            ) from error
        raise BadInput(
            f"The multipart/form-data body is malformed ({error}): send each file as a part with a "
            "name."
        ) from error
