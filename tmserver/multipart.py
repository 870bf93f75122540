"""Reads an uploaded file from a request while it arrives, without a copy in between."""

from collections.abc import Iterator

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.sansio.multipart import Data, Epilogue, Event, File, MultipartDecoder, NeedData

from tmlib.errors import BadInput, TooLarge
from tmlib.uploads.receiving import UploadInterrupted

_CHUNK_SIZE = 256 * 1024
_MAX_PARTS = 100
_MAX_OVERHEAD = 64 * 1024  # headers and boundaries around the file


def read_file(field: str, max_bytes: int) -> tuple[str, Iterator[bytes]]:
    """The name and the content of a file in the body of the present request.

    Parameters
    ----------
    field
        Name of the part that holds it.
    max_bytes
        Largest file that is accepted.

    Returns
    -------
    tuple of str and iterator of bytes
        The iterator ends when the whole body was read.

    Raises
    ------
    BadInput
        If the body is not multipart/form-data or has no such file.
    TooLarge
        If the request announces more than `max_bytes`; the iterator, if more comes.
    UploadInterrupted
        If the body ends early; also raised by the iterator.
    """
    boundary = request.mimetype_params.get("boundary", "")
    if request.mimetype != "multipart/form-data" or not boundary:
        raise BadInput(f'Send the file as part "{field}" of a multipart/form-data body.')
    request.max_content_length = max_bytes + _MAX_OVERHEAD
    events = _events(boundary, max_bytes)
    for event in events:
        if isinstance(event, File) and event.name == field:
            return event.filename, _content(events)
    raise BadInput(f'The body has no file in part "{field}": send one.')


def _content(events: Iterator[Event]) -> Iterator[bytes]:
    for event in events:
        if isinstance(event, Data):
            yield event.data
            if not event.more_data:
                break
    for _ in events:
        pass


def _events(boundary: str, max_bytes: int) -> Iterator[Event]:
    decoder = MultipartDecoder(boundary.encode("latin-1"), max_parts=_MAX_PARTS)
    try:
        while True:
            event = decoder.next_event()
            if isinstance(event, NeedData):
                decoder.receive_data(request.stream.read(_CHUNK_SIZE) or None)
                continue
            yield event
            if isinstance(event, Epilogue):
                return
    except RequestEntityTooLarge:
        raise TooLarge(
            f"The file is larger than the {max_bytes} bytes that this server accepts: ask its "
            "administrator to raise TM_MAX_UPLOAD_BYTES."
        ) from None
    except (ValueError, OSError) as error:
        raise UploadInterrupted(
            "The request ended in the middle of the file, so nothing was stored: send it again."
        ) from error
