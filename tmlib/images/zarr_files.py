"""OME-Zarr from other software: a folder, or a folder in a ZIP archive, read in place.

Versions 0.4 (Zarr 2) and 0.5 (Zarr 3) of OME-NGFF: plates, wells, collections of
bioformats2raw, and single images. Archives are never unpacked: only what is needed is read.
"""

import json
import zipfile
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from tmlib.images.reading import ImageFileError

_MAX_ENTRIES = 2_000_000
_MAX_COMPRESSED_ENTRY = 1 << 30
_MAX_JSON = 32 << 20
_GROUP_FILES = ("zarr.json", ".zgroup", ".zattrs")
_ARRAY_FILES = ("zarr.json", ".zarray")


class ZarrFiles(Protocol):
    """Access to the files of a Zarr hierarchy."""

    def json(self, key: str) -> dict[str, Any] | None:
        """A file of metadata; None if there is none."""

    def has_group(self, key: str) -> bool:
        """Whether there is a group, "" for the outermost."""

    def has_array(self, key: str) -> bool:
        """Whether there is an array."""

    def kvstore(self, key: str) -> dict[str, Any]:
        """The folder of an array, as tensorstore expects it."""

    def check_chunks(self, key: str, names: Iterable[str]) -> None:
        """Refuse files of an array that are links, which tensorstore would follow."""


def open_files(path: Path) -> ZarrFiles:
    """The files of a folder or an archive.

    Raises
    ------
    ImageFileError
        If it is neither, or a harmful archive.
    """
    if path.is_dir():
        return _Folder(path)
    with path.open("rb") as file:
        start = file.read(4)
    if start != b"PK\x03\x04":
        raise ImageFileError(
            path, "is no ZIP archive, whatever its name says: zip the folder of the OME-Zarr."
        )
    return _Archive(path)


def check_key(path: Path, key: str) -> str:
    """Normalize a path and check that it stays within the hierarchy."""
    parts = PurePosixPath(key).parts
    if not parts or key.startswith("/") or ".." in parts or "\\" in key:
        raise ImageFileError(path, f'refers to "{key[:80]}", which is no path in it.')
    return "/".join(parts)


class _Folder:
    """A folder on the server."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def json(self, key: str) -> dict[str, Any] | None:
        file = self._inside(key)
        try:
            if file.stat().st_size > _MAX_JSON:
                raise _too_large(self._path, key)
            return _parse(self._path, key, file.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return None

    def has_group(self, key: str) -> bool:
        folder = self._inside(key)
        return any((folder / name).exists() for name in _GROUP_FILES)

    def has_array(self, key: str) -> bool:
        folder = self._inside(key)
        return any((folder / name).exists() for name in _ARRAY_FILES)

    def kvstore(self, key: str) -> dict[str, Any]:
        return {"driver": "file", "path": f"{self._inside(key)}/"}

    def check_chunks(self, key: str, names: Iterable[str]) -> None:
        folder, checked = self._inside(key), set[Path]()
        for name in names:
            place = folder
            for part in PurePosixPath(name).parts:
                place /= part
                if place not in checked and place.is_symlink():
                    raise ImageFileError(
                        self._path,
                        f'has a link in it, "{key}/{name}": put in its place what it points to.',
                    )
                checked.add(place)

    def _inside(self, key: str) -> Path:
        """The file, which must not be a link out of the folder."""
        root = self._path.resolve()
        file = (root / key).resolve()
        if not file.is_relative_to(root):
            raise ImageFileError(self._path, f'has a link out of its folder, "{key}".')
        return file


class _Archive:
    """A ZIP archive; the hierarchy may be in a folder of it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            # kept open: finding the entries of a large archive takes its time
            self._archive = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise ImageFileError(
                path, f"is truncated or damaged ({error}): upload it again."
            ) from None
        _check_entries(path, self._archive.infolist())
        self._names = set(self._archive.namelist())

    @cached_property
    def _root(self) -> str:
        """Folder of the outermost group, followed by a slash; "" if there is none."""
        groups = {name.rpartition("/")[0] for name in self._names if name.endswith(_GROUP_FILES)}
        depths = [group.count("/") + 1 if group else 0 for group in groups]
        outermost = [
            group for group, depth in zip(groups, depths, strict=True) if depth == min(depths)
        ]
        if not outermost:
            raise ImageFileError(
                self._path, "holds no OME-Zarr: zip the folder that has zarr.json or .zgroup in it."
            )
        if len(outermost) > 1:
            raise ImageFileError(
                self._path,
                f'holds several OME-Zarr, "{min(outermost)}" and "{max(outermost)}" for example: '
                "upload one archive for each.",
            )
        return f"{outermost[0]}/" if outermost[0] else ""

    def json(self, key: str) -> dict[str, Any] | None:
        name = self._root + key
        if name not in self._names:
            return None
        try:
            if self._archive.getinfo(name).file_size > _MAX_JSON:
                raise _too_large(self._path, key)
            text = self._archive.read(name)
        except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
            raise ImageFileError(
                self._path, f'is damaged at "{key}" ({error}): upload it again.'
            ) from None
        return _parse(self._path, key, text)

    def has_group(self, key: str) -> bool:
        folder = f"{self._root}{key}/" if key else self._root
        return any(f"{folder}{name}" in self._names for name in _GROUP_FILES)

    def has_array(self, key: str) -> bool:
        return any(f"{self._root}{key}/{name}" in self._names for name in _ARRAY_FILES)

    def kvstore(self, key: str) -> dict[str, Any]:
        base = {"driver": "file", "path": str(self._path)}
        return {"driver": "zip", "base": base, "path": f"{self._root}{key}/"}

    def check_chunks(self, key: str, names: Iterable[str]) -> None:
        """Entries of archives lead nowhere else."""


def _check_entries(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    """Refuse archives whose entries lead elsewhere, are encrypted, or expand when they are read."""
    if len(entries) > _MAX_ENTRIES:
        raise ImageFileError(
            path,
            f"holds {len(entries):,} files, more than the {_MAX_ENTRIES:,} that are allowed: "
            "write it with shards, or one archive per well.",
        )
    for entry in entries:
        check_key(path, entry.filename)
        if entry.flag_bits & 1:
            raise ImageFileError(path, "is encrypted: zip it without a password.")
        is_compressed = entry.compress_type != zipfile.ZIP_STORED
        if is_compressed and entry.file_size > _MAX_COMPRESSED_ENTRY:
            raise ImageFileError(
                path,
                f'holds "{entry.filename}", which unpacks to {entry.file_size:,} bytes: '
                "zip it without compression, Zarr compresses already.",
            )


def _parse(path: Path, key: str, text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ImageFileError(path, f'has "{key}", which is no JSON object: export it anew.')
    return found


def _too_large(path: Path, key: str) -> ImageFileError:
    return ImageFileError(path, f'has {_MAX_JSON:,} bytes and more in "{key}": export it anew.')
