"""Files in the body of a request, in any format."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tmlib.errors import TmError
from tmlib.uploads.digests import Digest


@dataclass(frozen=True)
class SentFile:
    """A file in the body of a request.

    Attributes
    ----------
    name
        Its name, as it was sent.
    chunks
        Its bytes, to be read before the next file of the same body. An exception that they raise
        is about the whole body.
    digest
        Expected digest of its bytes, if the sender gives it.
    fault
        Why it cannot be stored, whatever its bytes are.
    """

    name: str
    chunks: Iterator[bytes]
    digest: Digest | None = None
    fault: TmError | None = None


def with_digest(
    name: str, chunks: Iterator[bytes], told: str | None, read: Callable[[str], Digest | None]
) -> SentFile:
    """A file of which the sender has told a digest, or not.

    Parameters
    ----------
    name, chunks
        As of the file.
    told
        What was told, if anything was.
    read
        Reads that; an error is the file's fault.
    """
    try:
        return SentFile(name, chunks, None if told is None else read(told))
    except TmError as error:
        return SentFile(name, chunks, fault=error)
