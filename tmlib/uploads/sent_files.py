"""Files in the body of a request, in any format."""

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
