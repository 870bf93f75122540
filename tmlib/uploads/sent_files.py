"""A file on its way, whatever it comes in."""

from collections.abc import Iterator
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
        Its bytes, to be read before the next file of the same body is asked for. What an iterator
        raises is about the whole body.
    digest
        What its bytes must come to, if the sender tells it.
    fault
        Why it cannot be taken, whatever its bytes are.
    """

    name: str
    chunks: Iterator[bytes]
    digest: Digest | None = None
    fault: TmError | None = None
