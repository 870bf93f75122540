"""Digests are those that others make of the same bytes."""

import hashlib
from pathlib import Path

import pytest

from tmlib import digests


@pytest.mark.parametrize("content", [b"", b"abc", "ü", "a" * 3_000_000])
def test_digests_are_the_first_digits_of_sha256(tmp_path: Path, content: bytes | str) -> None:
    encoded = content.encode() if isinstance(content, str) else content
    (tmp_path / "file").write_bytes(encoded)
    wanted = hashlib.sha256(encoded).hexdigest()
    assert digests.digest_of(content) == wanted
    assert digests.digest_of(content, 16) == wanted[:16]
    assert digests.digest_of_file(tmp_path / "file") == wanted
    assert digests.digest_of_file(tmp_path / "file", 16) == wanted[:16]


def test_bytes_can_be_added() -> None:
    started = digests.start("sha512", b"a")
    started.update(b"b")
    assert started.digest() == hashlib.sha512(b"ab").digest()
