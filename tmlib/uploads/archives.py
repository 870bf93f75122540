"""Files in a tar archive, read while it arrives and never unpacked.

Only names and bytes of an archive are used, not owners, permissions or times, nor what global
headers say of all files that follow. It is read in one pass and never decompressed, so it cannot
expand; headers, which are held in memory, are limited.

ZIP archives are not accepted: their directory is at the end, and programs differ in what they
believe if it contradicts the headers of files.
"""

import tarfile
from collections.abc import Iterator
from typing import IO, Self, cast

from tmlib.errors import BadInput, TooLarge
from tmlib.uploads.digests import read_hexadecimal
from tmlib.uploads.sent_files import SentFile, with_digest

MEDIA_TYPE = "application/x-tar"

DIGEST_KEY = "TMSERVER.sha256"
"""A record of the file's pax header that holds the SHA-256 of its bytes, if the sender tells it."""

_CHUNK_SIZE = 256 * 1024
_MAX_HEADER_BYTES = 64 * 1024  # of one file, with all that lengthens it
_KINDS = {
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
}
_DAMAGED_HEADERS = (
    tarfile.InvalidHeaderError,  # type: ignore[attr-defined] # types leave it out
    tarfile.TruncatedHeaderError,  # type: ignore[attr-defined] # types leave it out
)
_DAMAGED = (tarfile.TarError, ValueError, OverflowError, RecursionError, EOFError)


def members(body: Iterator[bytes], max_folders: int) -> Iterator[SentFile]:
    """The files of a tar archive in their order, without folders.

    Everything that is not a regular file has a fault.

    Parameters
    ----------
    body
        The archive; it is read to its end.
    max_folders
        Most folders that it may have.

    Raises
    ------
    BadInput
        If it is not a tar archive, or is damaged or truncated. Files that were yielded before are
        complete.
    TooLarge
        If it has more folders; files that were yielded before are complete.
    """
    source = _Source(body)
    try:
        source.allow(_MAX_HEADER_BYTES)
        with tarfile.open(
            fileobj=cast(IO[bytes], source),
            mode="r|",
            encoding="utf-8",
            errors="backslashreplace",  # which gives names that are refused, and can be told
            tarinfo=_Member,
            pax_headers=_NoHeaders(),
        ) as archive:
            yield from _files(archive, source, max_folders)
    except _DAMAGED as error:
        raise _damaged(str(error)) from error
    for _ in body:
        pass


class _NoHeaders(dict[str, str]):
    """Global headers, none of which is kept: they would add up, and be copied into all files."""

    def __setitem__(self, name: str, value: str) -> None:
        """Forget the header."""


class _Member(tarfile.TarInfo):
    """What headers say of one file, for which damaged ones are errors."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        """Read the next header.

        Raises
        ------
        ReadError
            If it is damaged or cut off, which the archive would take for its end.
        """
        try:
            return super().fromtarfile(archive)
        except _DAMAGED_HEADERS as error:
            raise tarfile.ReadError(str(error)) from error


class _Source:
    """The archive as a file that limits how much is read into memory."""

    def __init__(self, body: Iterator[bytes]) -> None:
        self._body = body
        self._rest = b""
        self._allowed = 0

    def allow(self, n_bytes: int) -> None:
        """Allow this many bytes to be read from now on."""
        self._allowed = n_bytes

    def read(self, size: int) -> bytes:
        """At most `size` bytes, none at the end."""
        if not self._rest:
            self._rest = next(self._body, b"")
        piece, self._rest = self._rest[:size], self._rest[size:]
        self._allowed -= len(piece)
        if self._allowed < 0:
            raise _damaged(f"a header has more than {_MAX_HEADER_BYTES} bytes")
        return piece


def _files(archive: tarfile.TarFile, source: _Source, max_folders: int) -> Iterator[SentFile]:
    stream = cast(IO[bytes], archive.fileobj)
    n_folders = 0
    while True:
        # what the last file has left is skipped, which takes no memory
        left = max(archive.offset - stream.tell(), 0)
        source.allow(left + _MAX_HEADER_BYTES)
        member = archive.next()
        if member is None:
            break
        archive.members = []  # type: ignore[attr-defined] # it would keep them all
        if member.size < 0:
            raise _damaged("a file has less than no bytes")
        if member.isdir():
            n_folders += 1
            if n_folders > max_folders:
                raise TooLarge(
                    f"The archive has more than {max_folders} folders: send what comes after them "
                    "in another one."
                )
            continue
        source.allow(member.size + _MAX_HEADER_BYTES)
        yield _sent_file(archive, member)
    if stream.tell() <= archive.offset:
        raise _damaged("it has no end")


def _sent_file(archive: tarfile.TarFile, member: tarfile.TarInfo) -> SentFile:
    name = member.name.removeprefix("./")
    if member.issparse() or not member.isreg():
        kind = "sparse" if member.issparse() else _KINDS.get(member.type, "no plain file")
        fault = BadInput(f'"{name[:80]}" is {kind} in the archive: send the file itself.')
        return SentFile(name, iter(()), fault=fault)
    told = member.pax_headers.get(DIGEST_KEY)
    return with_digest(name, _content(archive, member), told, read_hexadecimal)


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[bytes]:
    file = archive.extractfile(member)
    left = member.size
    try:
        while file is not None and left:
            chunk = file.read(min(_CHUNK_SIZE, left))
            if not chunk:
                raise _damaged("it ends in the middle of a file")
            left -= len(chunk)
            yield chunk
    except _DAMAGED as error:
        raise _damaged(str(error)) from error


def _damaged(why: str) -> BadInput:
    return BadInput(
        f"The body is not a tar archive, or a damaged one ({why[:200]}): send an uncompressed tar "
        "archive. Files that came before this place were taken."
    )
