"""HDF5 files, of which nothing leads out.

Every name of a path is looked up by itself, so that links to other files are never followed; values
that are in other files, of virtual datasets and of external storage, are not read.
"""

import math
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from tmlib.beneath import Opened
from tmlib.facility.arrays.entities import (
    ArrayFile,
    Attribute,
    Attributes,
    Dataset,
    Entity,
    Group,
    Link,
    Links,
    MissingError,
    NamedType,
    Selection,
    UnfitError,
    check_count,
    form_of,
    parts_of,
)

_MOST_HOPS = 16
_MOST_ATTRIBUTE_BYTES = 16 << 20


class Hdf5File(ArrayFile):
    """An HDF5 file, which stays open as long as it is needed."""

    def __init__(self, file: Opened) -> None:
        # its name may be that of another by now
        self._file = h5py.File(f"/dev/fd/{file.descriptor}", "r", locking=False)

    def find(self, path: str, links: Links = "only_valid") -> Entity | Link:
        """What is at a path."""
        parts = parts_of(path)
        if not parts:
            return _Group("", self._file)
        *before, last = parts
        group = _follow(self._file, before, 0)
        return _entity(group, last, links)


class _Attributes(Attributes):
    def __init__(self, found: h5py.AttributeManager) -> None:
        self._found = found

    def describe(self) -> list[Attribute]:
        names = self._names()
        return [Attribute(name, form_of(one.dtype), _shape(one)) for name, one in names.items()]

    def read(self, names: list[str] | None) -> dict[str, Any]:
        known = self._names()
        for name in names or ():
            if name not in known:
                raise MissingError(f'There is no attribute "{name}".')
        chosen = known if names is None else names
        n_bytes = sum(math.prod(known[n].shape or ()) * known[n].dtype.itemsize for n in chosen)
        if n_bytes > _MOST_ATTRIBUTE_BYTES:
            raise UnfitError("attr_keys", "ask for more than can be read at once")
        values = {name: self._found[_encoded(name)] for name in chosen}
        # there are attributes that have a type and no value
        return {name: None if isinstance(v, h5py.Empty) else v for name, v in values.items()}

    def _names(self) -> dict[str, Any]:
        check_count(len(self._found), "attributes")
        return {_text(name): self._found.get_id(_encoded(name)) for name in self._found}


def _shape(attribute: Any) -> list[int] | None:
    return None if attribute.shape is None else list(attribute.shape)


class _Group(Group):
    def __init__(self, name: str, found: h5py.Group) -> None:
        super().__init__(name, _Attributes(found.attrs))
        self._found = found

    def children(self, links: Links) -> Iterator[Entity | Link]:
        check_count(len(self._found), "entries")
        for name in self._found:
            yield _entity(self._found, _text(name), links)


class _Dataset(Dataset):
    def __init__(self, name: str, found: h5py.Dataset) -> None:
        super().__init__(name, _Attributes(found.attrs))
        self._found = found
        properties = found.id.get_create_plist()
        # even to ask a virtual dataset for its shape opens the files that it is made of
        is_elsewhere = (
            properties.get_layout() == h5py.h5d.VIRTUAL or properties.get_external_count() > 0
        )
        self.dtype: np.dtype[Any] = found.id.dtype
        self.shape: tuple[int, ...] | None = None if is_elsewhere else found.shape
        self.chunks: tuple[int, ...] | None = None if is_elsewhere else found.chunks
        used = [properties.get_filter(number) for number in range(properties.get_nfilters())]
        self.filters = [
            {"id": number, "name": name.decode(errors="replace")} for number, _, _, name in used
        ] or None

    def read(self, selection: Selection) -> NDArray[Any]:
        if h5py.check_string_dtype(self.dtype) is not None:
            values = self._found.asstr(errors="replace")[selection]
            return np.asarray(values, object)
        if self.dtype.hasobject:
            raise UnfitError("path", "is a dataset of values that cannot be sent, such as links")
        return np.asarray(self._found[selection])


def _entity(group: h5py.Group, name: str, links: Links) -> Entity | Link:
    """What has a name in a group, or the link that is there."""
    link = _link(group, name)
    if isinstance(link, h5py.SoftLink | h5py.ExternalLink):
        told = Link(name, link.path, getattr(link, "filename", None))
        if links == "none":
            return told
        try:
            found = _step(group, name, 0)
        except MissingError:
            if links == "all":
                raise
            return told
    else:
        found = group[_encoded(name)]
    if isinstance(found, h5py.Group):
        return _Group(name, found)
    if isinstance(found, h5py.Dataset):
        return _Dataset(name, found)
    return NamedType(name, _Attributes(found.attrs), found.dtype)


def _follow(start: h5py.Group, parts: list[str], n_hops: int) -> Any:
    """What is at the end of a path."""
    found: Any = start
    for part in parts:
        found = _step(found, part, n_hops)
    return found


def _step(group: Any, name: str, n_hops: int) -> Any:
    """What has a name in a group, or is where the link leads that has it."""
    link = _link(group, name)
    if isinstance(link, h5py.HardLink):
        return group[_encoded(name)]
    if isinstance(link, h5py.ExternalLink):
        raise MissingError(f'"{name}" is a link to another file, which is not followed.')
    if n_hops == _MOST_HOPS:
        raise MissingError(f'"{name}" is a link to links without end.')
    start = group.file if link.path.startswith("/") else group
    return _follow(start, parts_of(link.path), n_hops + 1)


def _link(group: Any, name: str) -> Any:
    if not isinstance(group, h5py.Group):
        raise _missing(name)
    links, name_there = group.id.links, _encoded(name)
    try:
        kind = links.get_info(name_there).type
    except (KeyError, RuntimeError):
        raise _missing(name) from None
    if kind == h5py.h5l.TYPE_HARD:
        return h5py.HardLink()
    if kind == h5py.h5l.TYPE_SOFT:
        return h5py.SoftLink(_text(links.get_val(name_there)))
    if kind == h5py.h5l.TYPE_EXTERNAL:
        return h5py.ExternalLink(*map(_text, links.get_val(name_there)))
    raise _missing(name)  # a link that is defined by some program


def _text(name: str | bytes) -> str:
    """A name as text, in which bytes that are none are as Python has them in names of files."""
    return name if isinstance(name, str) else name.decode(errors="surrogateescape")


def _encoded(name: str | bytes) -> bytes:
    return name if isinstance(name, bytes) else name.encode(errors="surrogateescape")


def _missing(name: str) -> MissingError:
    return MissingError(f'There is no "{name}" at this place in the file.')
