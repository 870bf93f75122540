"""Compresses responses for clients that accept it."""

import zlib
from collections.abc import Iterator

import pyarrow as pa
from flask import Response, request

from tmlib.objects.values.table_streams import Outbox

_FASTEST = 1
_GZIP = 31  # zlib's number for the largest window within gzip's frame


_CODINGS = ("zstd", "gzip", "identity")


def accepted_coding() -> str:
    """The coding that the header ``Accept-Encoding`` prefers.

    Zstandard is preferred to gzip where both are equally welcome: it takes a fifth of the time.
    """
    return request.accept_encodings.best_match(_CODINGS, "identity")


def compressed_response(parts: Iterator[bytes], media_type: str) -> Response:
    """A response that is streamed part by part, in the accepted coding."""
    coding = accepted_coding()
    match coding:
        case "zstd":
            parts = _zstd(parts)
        case "gzip":
            parts = _gzip(parts)
    response = Response(parts, mimetype=media_type)
    if coding != "identity":
        response.headers["Content-Encoding"] = coding
    response.vary.add("Accept-Encoding")
    return response


def _zstd(parts: Iterator[bytes]) -> Iterator[bytes]:
    outbox = Outbox()
    with pa.CompressedOutputStream(pa.PythonFile(outbox, "w"), "zstd") as stream:
        for part in parts:
            stream.write(part)
            yield outbox.take()
    yield outbox.take()


def _gzip(parts: Iterator[bytes]) -> Iterator[bytes]:
    stream = zlib.compressobj(_FASTEST, wbits=_GZIP)
    for part in parts:
        yield stream.compress(part)
    yield stream.flush()
