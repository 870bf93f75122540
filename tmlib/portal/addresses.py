"""Addresses of S3, as rows of the catalogue have them: ``s3://bucket/key``."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

_SCHEME = "s3://"


@dataclass(frozen=True)
class Place:
    """A file or a folder as S3 has it.

    Attributes
    ----------
    bucket
        Its name.
    key
        The name of the file in it; that of a folder may have a slash at its end.
    """

    bucket: str
    key: str

    @classmethod
    def of(cls, address: str | None) -> Self | None:
        """That which an address means; None if it is none of S3."""
        bucket = bucket_of(address or "")
        if not address or not bucket:
            return None
        key = address.removeprefix(f"{_SCHEME}{bucket}").removeprefix("/")
        return cls(bucket, key) if key else None

    @classmethod
    def at(cls, address: str | None, store: str) -> Self | None:
        """That which an address of HTTP means, below the one of a store; None if it is elsewhere.

        Parameters
        ----------
        address
            Of a file or a folder.
        store
            What buckets are below, without a slash at its end.
        """
        if not address or not address.startswith(f"{store}/"):
            return None
        return cls.of(_SCHEME + address.removeprefix(f"{store}/"))

    def within(self) -> Iterator["Place"]:
        """It and the folders that it is in, from the inside, without slashes at their ends."""
        key = self.key.rstrip("/")
        while key:
            yield Place(self.bucket, key)
            key = key.rpartition("/")[0]

    def __str__(self) -> str:
        return f"{_SCHEME}{self.bucket}/{self.key}"


def bucket_of(address: str) -> str | None:
    """The bucket that an address begins with; None if it is none of S3."""
    if not address.startswith(_SCHEME):
        return None
    return address.removeprefix(_SCHEME).partition("/")[0]
