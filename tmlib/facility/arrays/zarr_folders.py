"""OME-Zarr and other Zarr folders, of which no symbolic link leads out."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.abc.store import ByteRequest
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import LocalStore

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
    """A Zarr hierarchy in a folder."""

    def __init__(self, path: Path) -> None:
        self._store = _Store(path.resolve(), read_only=True)

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

    async def get(
        self,
        key: str,
        prototype: BufferPrototype | None = None,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        self._check(key)
        return await super().get(key, prototype, byte_range)

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        ranges = list(key_ranges)
        for key, _ in ranges:
            self._check(key)
        return await super().get_partial_values(prototype, ranges)

    def get_sync(
        self,
        key: str,
        *,
        prototype: BufferPrototype | None = None,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        self._check(key)
        return super().get_sync(key, prototype=prototype, byte_range=byte_range)

    def _check(self, key: str) -> None:
        if not (self.root / key).resolve().is_relative_to(self.root):
            raise MissingError(f'"{key}" is a link out of the folder, which is not followed.')


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
        members = list(islice(self._found.members(), MOST_ENTRIES + 1))
        check_count(len(members), "entries")
        for name, member in members:
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
