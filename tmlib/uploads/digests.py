"""Digests from senders, which verify that the same bytes have arrived."""

import base64
import binascii
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from tmlib import digests
from tmlib.errors import BadInput, TmError

if TYPE_CHECKING:
    from tmlib.digests import Hash

# Names of RFC 9530, best first.
_FIELD_ALGORITHMS = {"sha-512": "sha512", "sha-256": "sha256"}
_FIELD_MEMBER = re.compile(r"\s*([a-z*][a-z0-9_.*-]*)\s*=\s*:([A-Za-z0-9+/=]*):\s*(?:;[^,]*)?")

CHECKSUM_ALGORITHMS = ("sha1", "sha256", "sha512", "md5")
"""Hash functions for checksums of the tus protocol."""


class ChecksumMismatch(TmError):  # noqa: N818 - reads as what it is: "raise ChecksumMismatch"
    """The bytes that arrived differ from those that were sent."""

    status_code: ClassVar[int] = 460  # "Checksum Mismatch" in the tus protocol


@dataclass(frozen=True)
class Digest:
    """The expected result of a hash function for the bytes that arrive.

    Attributes
    ----------
    algorithm
        Name of the function in :mod:`hashlib`.
    value
        Its result.
    """

    algorithm: str
    value: bytes

    def start(self) -> "Hash":
        """A new hash object."""
        return digests.start(self.algorithm)

    def check(self, found: "Hash", what: str) -> None:
        """Compare with the digest of the bytes that arrived.

        Raises
        ------
        ChecksumMismatch
            If they differ.
        """
        if found.digest() != self.value:
            raise ChecksumMismatch(
                f"{what} arrived with other bytes than its {self.algorithm} digest "
                f"{self.value.hex()} says (they give {found.hexdigest()}): send it again."
            )

    def check_file(self, path: Path, what: str) -> None:
        """As :meth:`check`, for the content of a file."""
        with path.open("rb") as file:
            self.check(digests.of_file(file, self.algorithm), what)


def read_content_digest(text: str | None) -> Digest | None:
    """The best digest in a header ``Content-Digest`` (RFC 9530), None if there is no header.

    Raises
    ------
    BadInput
        If it is malformed, or has no digest that can be verified.
    """
    if text is None:
        return None
    found: dict[str, str] = {}
    for member in text.split(","):
        match = _FIELD_MEMBER.fullmatch(member)
        if match is not None:
            found[match[1]] = match[2]
    for name, algorithm in _FIELD_ALGORITHMS.items():
        if name in found:
            return Digest(algorithm, _decode(algorithm, found[name], "Content-Digest"))
    raise BadInput(
        f'The header Content-Digest "{text[:100]}" has no digest that can be checked: send '
        "sha-256=:<base64>: or sha-512=:<base64>:."
    )


def read_checksum(text: str) -> Digest:
    """The header ``Upload-Checksum`` of the tus protocol: name of the function and base64.

    Raises
    ------
    BadInput
        If it is malformed or its function is unknown.
    """
    algorithm, _, value = text.strip().partition(" ")
    if algorithm not in CHECKSUM_ALGORITHMS:
        raise BadInput(
            f'The header Upload-Checksum names the function "{algorithm[:50]}": use one of '
            f"{', '.join(CHECKSUM_ALGORITHMS)}."
        )
    return Digest(algorithm, _decode(algorithm, value, "Upload-Checksum"))


def read_hexadecimal(text: str) -> Digest:
    """A SHA-256 digest of 64 hexadecimal digits.

    Raises
    ------
    BadInput
        If it is not one.
    """
    if re.fullmatch(r"[0-9a-fA-F]{64}", text) is None:
        raise BadInput(f'The sha256 "{text[:80]}" is not one of 64 hexadecimal digits.')
    return Digest("sha256", bytes.fromhex(text))


def _decode(algorithm: str, text: str, header: str) -> bytes:
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        value = b""
    if len(value) != digests.start(algorithm).digest_size:
        raise BadInput(
            f'The header {header} has no base64 of a {algorithm} digest: "{text[:100]}".'
        )
    return value
