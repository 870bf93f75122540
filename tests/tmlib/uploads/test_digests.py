import base64
import hashlib

import pytest

from tmlib.errors import BadInput
from tmlib.uploads.digests import (
    CHECKSUM_ALGORITHMS,
    ChecksumMismatch,
    Digest,
    read_checksum,
    read_content_digest,
    read_hexadecimal,
)

CONTENT = b"pixels"


def encoded(algorithm: str) -> str:
    return base64.b64encode(hashlib.new(algorithm, CONTENT).digest()).decode()


def matches(digest: Digest | None, content: bytes) -> bool:
    assert digest is not None
    hashed = digest.start()
    hashed.update(content)
    try:
        digest.check(hashed, "What was sent")
    except ChecksumMismatch:
        return False
    return True


def test_the_best_digest_of_a_header_is_taken() -> None:
    text = f"sha-256=:{encoded('sha256')}:, md5=:{encoded('md5')}:, sha-512=:{encoded('sha512')}:"
    digest = read_content_digest(text)
    assert digest is not None
    assert digest.algorithm == "sha512"
    assert matches(digest, CONTENT)
    assert not matches(digest, CONTENT + b"!")
    assert matches(read_content_digest(f"sha-256=:{encoded('sha256')}:"), CONTENT)
    assert read_content_digest(None) is None


@pytest.mark.parametrize(
    "text", ["", "sha-256", "md5=:aaaa:", "sha-256=:aaaa:", "sha-256=:?:", "sha-256=aaaa"]
)
def test_a_digest_that_cannot_be_checked_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="Content-Digest"):
        read_content_digest(text)


@pytest.mark.parametrize("algorithm", CHECKSUM_ALGORITHMS)
def test_checksums_are_told_by_name(algorithm: str) -> None:
    checksum = read_checksum(f"{algorithm} {encoded(algorithm)}")
    assert matches(checksum, CONTENT)
    assert not matches(checksum, b"")


@pytest.mark.parametrize("text", ["", "crc32 aaaa", "sha256", "sha256 aaaa", "sha1 ?"])
def test_a_checksum_that_cannot_be_checked_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="Upload-Checksum"):
        read_checksum(text)


def test_hexadecimal_digits_are_told_by_their_number() -> None:
    assert matches(read_hexadecimal(hashlib.sha256(CONTENT).hexdigest().upper()), CONTENT)
    with pytest.raises(BadInput, match="64 hexadecimal digits"):
        read_hexadecimal("ab")
