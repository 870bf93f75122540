"""Tables of objects in the form of AnnData, in HDF5 files and Zarr groups.

``X`` contains the features, ``obs`` all other columns of each object, ``obsm["spatial"]`` the
centres (x, y) in pixels of the map. Files follow the AnnData specification 0.1.0
(https://anndata.readthedocs.io/en/stable/fileformat-prose.html) and are written part by part, so
that memory does not depend on the number of features.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

import h5py
import numpy as np
from numpy.typing import NDArray

from tmlib.objects.table.columns import Column, ColumnValues
from tmlib.objects.table.object_table import ObjectTable

if TYPE_CHECKING:
    import zarr

_CHUNK_BYTES = 1 << 20
_PART_CELLS = 2_000_000

Rows = NDArray[np.intp]


class _Group(Protocol):
    """A group of an HDF5 file or of a Zarr store."""

    def set(self, **attributes: Any) -> None: ...

    def group(self, name: str) -> "_Group": ...

    def array(self, name: str, shape: Sequence[int], dtype: Any) -> Any: ...

    def texts(self, name: str, texts: Sequence[str]) -> None: ...


@dataclass(frozen=True)
class _Hdf5Group:
    group_: h5py.Group

    def set(self, **attributes: Any) -> None:
        for name, value in attributes.items():
            is_list = isinstance(value, list)
            text = h5py.string_dtype()
            self.group_.attrs[_dashed(name)] = np.array(value, dtype=text) if is_list else value

    def group(self, name: str) -> _Group:
        return _Hdf5Group(self.group_.create_group(name))

    def array(self, name: str, shape: Sequence[int], dtype: Any) -> Any:
        chunks = _chunks(shape, dtype) if 0 not in shape else None
        made = self.group_.create_dataset(name, shape=tuple(shape), dtype=dtype, chunks=chunks)
        made.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
        return made

    def texts(self, name: str, texts: Sequence[str]) -> None:
        made = self.group_.create_dataset(
            name, data=np.array(texts, dtype=object), dtype=h5py.string_dtype()
        )
        made.attrs.update({"encoding-type": "string-array", "encoding-version": "0.2.0"})


@dataclass(frozen=True)
class _ZarrGroup:
    group_: "zarr.Group"

    def set(self, **attributes: Any) -> None:
        self.group_.attrs.update({_dashed(name): value for name, value in attributes.items()})

    def group(self, name: str) -> _Group:
        return _ZarrGroup(self.group_.create_group(name))

    def array(self, name: str, shape: Sequence[int], dtype: Any) -> Any:
        attributes: dict[str, Any] = {"encoding-type": "array", "encoding-version": "0.2.0"}
        return self.group_.create_array(
            name,
            shape=tuple(shape),
            dtype=dtype,
            chunks=_chunks(shape, dtype),
            attributes=attributes,
        )

    def texts(self, name: str, texts: Sequence[str]) -> None:
        made = self.group_.create_array(
            name,
            shape=(len(texts),),
            dtype="string",
            chunks=(max(1, len(texts)),),
            attributes={"encoding-type": "string-array", "encoding-version": "0.2.0"},
        )
        made[:] = np.array(texts, dtype=object)


def _dashed(name: str) -> str:
    return name if name.startswith("_") else name.replace("_", "-")


def _chunks(shape: Sequence[int], dtype: Any) -> tuple[int, ...]:
    """Chunks of about a megabyte that consist of whole rows."""
    row_bytes = np.dtype(dtype).itemsize * int(np.prod(shape[1:], initial=1))
    n_rows = max(1, min(shape[0], _CHUNK_BYTES // max(1, row_bytes)))
    return (n_rows, *(max(1, size) for size in shape[1:]))


@dataclass(frozen=True)
class AnnDataContent:
    """The content of a file: ascending rows of a table, features for ``X``, columns for ``obs``."""

    table: ObjectTable
    rows: Rows
    features: Sequence[Column]
    observations: Sequence[Column]
    dtype: str = "float64"


def write_h5ad(file: IO[bytes], content: AnnDataContent) -> None:
    """Write an ``.h5ad`` file into an open, empty file."""
    with h5py.File(file, "w") as root:
        _write(_Hdf5Group(root), content)


def write_zarr(folder: Path, content: AnnDataContent, **attributes: Any) -> None:
    """Write a Zarr group into a folder that does not exist; further attributes describe it."""
    import zarr  # importing it takes long, and most processes never need it

    root = zarr.open_group(folder, mode="w-", zarr_format=3)
    _write(_ZarrGroup(root), content)
    root.attrs.update(attributes)


def _write(root: _Group, content: AnnDataContent) -> None:
    root.set(encoding_type="anndata", encoding_version="0.1.0")
    _write_matrix(root, content)
    _write_observations(root.group("obs"), content)
    variables = root.group("var")
    _describe_frame(variables, [])
    variables.texts("_index", [column.name for column in content.features])
    names = ("obsm", "varm", "obsp", "varp", "layers", "uns")
    groups = {name: root.group(name) for name in names}
    for group in groups.values():
        group.set(encoding_type="dict", encoding_version="0.1.0")
    table = content.table
    centres = [table.find(f"metadata:centroid_{axis}") for axis in "xy"]
    spatial = groups["obsm"].array("spatial", (len(content.rows), 2), "float64")
    for part in _parts(len(content.rows), 2):
        found = table.values_of(centres, content.rows[part])
        spatial[part] = np.stack([values.numbers for values in found], axis=1)


def _write_matrix(root: _Group, content: AnnDataContent) -> None:
    shape = (len(content.rows), len(content.features))
    matrix = root.array("X", shape, content.dtype)
    if not shape[1]:
        return
    for part, columns in content.table.stream_features(content.features, content.rows):
        matrix[part] = np.stack(columns, axis=1).astype(content.dtype)


def _write_observations(group: _Group, content: AnnDataContent) -> None:
    table, rows = content.table, content.rows
    taken: set[str] = {"_index"}
    columns = {}
    for column in content.observations:
        name = column.name.replace("/", "_")  # which separates groups
        while name in taken:
            name = f"{column.kind}:{name}"
        taken.add(name)
        columns[name] = column
    _describe_frame(group, list(columns))
    ids = table.rows["mapobject_id"][rows]
    names = list(map(str, ids.tolist()))
    if len(np.unique(ids)) < len(ids):  # sites are the same at all time points
        planes = zip(
            *(table.rows[axis][rows].tolist() for axis in ("tpoint", "zplane")), strict=True
        )
        names = [f"{one}_t{t}_z{z}" for one, (t, z) in zip(names, planes, strict=True)]
    group.texts("_index", names)
    for name, column in columns.items():
        [values] = table.values_of([column], rows)
        _write_column(group, name, column, values)


def _write_column(group: _Group, name: str, column: Column, values: ColumnValues) -> None:
    numbers = values.numbers
    if values.texts is not None:
        categorical = group.group(name)
        categorical.set(encoding_type="categorical", encoding_version="0.2.0", ordered=False)
        categorical.texts("categories", values.texts)
        group, name = categorical, "codes"
    elif column.type == "boolean":
        numbers = numbers.astype(bool)
    array = group.array(name, numbers.shape, numbers.dtype)
    if len(numbers):
        array[:] = numbers


def _describe_frame(group: _Group, columns: list[str]) -> None:
    group.set(
        encoding_type="dataframe", encoding_version="0.2.0", _index="_index", column_order=columns
    )


def _parts(n_rows: int, n_columns: int) -> Iterator[slice]:
    step = max(1, _PART_CELLS // max(1, n_columns))
    return (slice(start, min(start + step, n_rows)) for start in range(0, n_rows, step))
