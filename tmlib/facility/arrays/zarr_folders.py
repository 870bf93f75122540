"""OME-Zarr and other Zarr folders, of which no symbolic link leads out, however new it is."""

import os
from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.abc.store import (
    ByteRequest,
    OffsetByteRequest,
    RangeByteRequest,
    SuffixByteRequest,
)
from zarr.core.buffer import Buffer, BufferPrototype, default_buffer_prototype
from zarr.storage import LocalStore

from tmlib import beneath
from tmlib.beneath import LeadsOut, Opened
from tmlib.facility.arrays.entities import (
    MOST_ENTRIES,
    ArrayFile,
    Attribute,
    Attributes,
    Dataset,
    Entity,
    Group,
    Link,
    Links,
    MissingError,
    Selection,
    UnfitError,
    check_count,
    form_of,
    parts_of,
)

_RUNS_CODE = "pickle"


class ZarrFolder(ArrayFile):
    """A Zarr hierarchy in a folder, which stays open as long as it is needed."""

    def __init__(self, folder: Opened) -> None:
        self._store = _Store(folder)

    def find(self, path: str, links: Links = "only_valid") -> Entity | Link:
        """What is at a path."""
        parts = parts_of(path)
        try:
            found = zarr.open(self._store, path="/".join(parts), mode="r")
        except FileNotFoundError:
            raise MissingError(f'There is no "{path}" in the file.') from None
        return _entity(parts[-1] if parts else "", found)


class _Store(LocalStore):
    """Reads files that are in the folder, also after all links are followed."""

    def __init__(self, folder: Opened) -> None:
        super().__init__(folder.path, read_only=True)
        self._folder = folder
        self._is_open = True

    async def get(
        self,
        key: str,
        prototype: BufferPrototype | None = None,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        return self.get_sync(key, prototype=prototype, byte_range=byte_range)

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        return [self.get_sync(key, prototype=prototype, byte_range=of) for key, of in key_ranges]

    def get_sync(
        self,
        key: str,
        *,
        prototype: BufferPrototype | None = None,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        found = self._open_at(key)
        if found is None or found.is_folder:
            return None
        with found.reader() as file:
            first, last = _span(byte_range, found.status.st_size)
            file.seek(first)
            content = file.read(max(0, last - first))
        return (prototype or default_buffer_prototype()).buffer.from_bytes(content)

    async def exists(self, key: str) -> bool:
        return self.get_sync(key, byte_range=RangeByteRequest(0, 0)) is not None

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        names, links = self.names_in(prefix)
        for name in names:
            if name not in links:
                yield name

    def names_in(self, prefix: str) -> tuple[list[str], dict[str, str]]:
        """Names in a folder, and where those of them lead that are links out."""
        found = self._open_at(prefix)
        if found is None:
            return [], {}
        with found, os.scandir(found.descriptor) as entries:
            listed = list(islice(entries, MOST_ENTRIES + 1))
            check_count(len(listed), "entries")
            links = {
                entry.name: os.readlink(entry.name, dir_fd=found.descriptor)
                for entry in listed
                if entry.is_symlink() and self._is_barred(f"{prefix}/{entry.name}".lstrip("/"))
            }
        return [entry.name for entry in listed], links

    def _is_barred(self, key: str) -> bool:
        try:
            found = self._open_at(key)
        except MissingError:
            return True
        if found is not None:
            found.close()
        return False

    def _open_at(self, key: str) -> Opened | None:
        try:
            return beneath.open_in(self._folder, key)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except LeadsOut:
            raise MissingError(
                f'"{key}" is no file of the folder, or a link out of it, which is not followed.'
            ) from None
        except OSError as error:
            raise MissingError(f'"{key}" cannot be read: {error.strerror}.') from None


def _span(wanted: ByteRequest | None, size: int) -> tuple[int, int]:
    if isinstance(wanted, RangeByteRequest):
        return wanted.start, wanted.end
    if isinstance(wanted, OffsetByteRequest):
        return wanted.offset, size
    if isinstance(wanted, SuffixByteRequest):
        return max(0, size - wanted.suffix), size
    return 0, size


class _Attributes(Attributes):
    def __init__(self, found: dict[str, Any]) -> None:
        self._found = found

    def describe(self) -> list[Attribute]:
        check_count(len(self._found), "attributes")
        described = []
        for name, value in self._found.items():
            as_array = np.array(value, object if isinstance(value, list | dict) else None)
            described.append(Attribute(name, form_of(as_array.dtype), list(as_array.shape)))
        return described

    def read(self, names: list[str] | None) -> dict[str, Any]:
        for name in names or ():
            if name not in self._found:
                raise MissingError(f'There is no attribute "{name}".')
        return {name: self._found[name] for name in (self._found if names is None else names)}


class _Group(Group):
    def __init__(self, name: str, found: zarr.Group) -> None:
        super().__init__(name, _Attributes(found.attrs.asdict()))
        self._found = found

    def children(self, links: Links) -> Iterator[Entity | Link]:
        store = self._found.store
        barred = store.names_in(self._found.path)[1] if isinstance(store, _Store) else {}
        for name, target in barred.items():
            if links == "all":
                raise MissingError(f'"{name}" is a link out of the folder, which is not followed.')
            yield Link(name, target)
        members = list(islice(self._found.members(), MOST_ENTRIES + 1))
        check_count(len(members), "entries")
        for name, member in members:
            if name not in barred:
                yield _entity(name, member)


class _Dataset(Dataset):
    def __init__(self, name: str, found: zarr.Array[Any]) -> None:
        super().__init__(name, _Attributes(found.attrs.asdict()))
        self._found = found
        self.dtype = np.dtype(found.dtype)
        self.shape: tuple[int, ...] | None = found.shape
        # of arrays in shards, what is read at once
        self.chunks: tuple[int, ...] | None = found.chunks
        self.filters = [{"name": type(codec).__name__} for codec in found.compressors] or None

    def read(self, selection: Selection) -> NDArray[Any]:
        if self.dtype.kind not in "biufc":
            raise UnfitError("path", "is a dataset of values that cannot be sent")
        codecs = (*self._found.filters, *self._found.compressors)
        if any(getattr(codec, "codec_id", None) == _RUNS_CODE for codec in codecs):
            raise UnfitError("path", "is a dataset whose values would run code")
        return np.asarray(self._found[selection])


def _entity(name: str, found: Any) -> Entity:
    return _Group(name, found) if isinstance(found, zarr.Group) else _Dataset(name, found)
