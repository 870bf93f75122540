"""What h5grove answers: attributes, values, metadata and statistics, in its forms.

The size of all that is read is known before it is read.
"""

import io
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import tifffile
from numpy.typing import NDArray

from tmlib.facility.arrays.entities import (
    JSON,
    ArrayFile,
    Dataset,
    Entity,
    Group,
    Link,
    Links,
    NamedType,
    Selection,
    UnfitError,
    form_of,
)

MOST_BYTES = 64 << 20
"""Most bytes that are read at once."""

_MOST_CHUNK_BYTES = 256 << 20
_MOST_JSON_BYTES = 16 << 20
_MOST_TEXT_VALUES = 1_000_000
_BLOCK = 1 << 20
_LEAST_EXPONENT = -1022
_DOUBLE_BYTES = 8
_TABLE_DIMENSIONS = 2
_RANGE = re.compile(r"\s*(-?\d{1,18})?\s*(?::\s*(-?\d{1,18})?\s*(?::\s*(\d{1,18})?\s*)?)?", re.A)


class Answer(NamedTuple):
    """What is sent; with a name, as a file."""

    media_type: str
    content: bytes
    file_name: str | None = None


def attributes(file: ArrayFile, path: str, names: list[str] | None) -> Answer:
    """Values of attributes by their names."""
    found = _entity(file, path).attributes.read(names)
    return _json({name: _of_attribute(value) for name, value in found.items()}, "attr_keys")


def metadata(file: ArrayFile, path: str, links: Links) -> Answer:
    """What something is like, and what a group holds."""
    found = file.find(path, links)
    told = _told(found)
    if isinstance(found, Group):
        told["children"] = [_told(child) for child in found.children(links)]
    return _json(told, "path")


def statistics(file: ArrayFile, path: str, selection: str | None) -> Answer:
    """Least, largest and mean value, and their spread, of the values that are numbers."""
    values = _read(file, path, selection)
    if values.dtype.kind not in "biuf":
        raise UnfitError("path", "is a dataset without numbers that are more or less than others")
    if values.dtype.kind == "b":
        values = values.astype(np.uint8)
    if values.dtype.kind == "f":
        values = _at_most_double(values)
        values = values[np.isfinite(values)]
    positive = values[values > 0]
    mean, spread = _mean_and_spread(values.ravel()) if values.size else (None, None)
    told: dict[str, Any] = {
        "strict_positive_min": _reduced(np.min, positive),
        "positive_min": _reduced(np.min, values[values >= 0]),
        "min": _reduced(np.min, values),
        "max": _reduced(np.max, values),
        "mean": mean,
        "std": spread,
    }
    return _json(told, "selection")


def _mean_and_spread(values: NDArray[Any]) -> tuple[float, float]:
    """Of numbers however large, which are scaled lest their squares be too large or too small."""
    largest = max(abs(float(values.min())), abs(float(values.max())))
    scale = math.ldexp(1.0, max(math.frexp(largest)[1] - 1, _LEAST_EXPONENT))

    def scaled() -> Iterator[NDArray[np.float64]]:
        for start in range(0, values.size, _BLOCK):
            yield values[start : start + _BLOCK].astype(np.float64) / scale

    mean = math.fsum(block.sum() for block in scaled()) / values.size
    squares = math.fsum(np.square(block - mean).sum() for block in scaled())
    spread = math.sqrt(squares / values.size)
    return mean * scale, spread * scale


def data(
    file: ArrayFile,
    path: str,
    selection: str | None,
    *,
    dtype: str,
    form: str,
    flatten: bool,
) -> Answer:
    """Values of a dataset.

    Parameters
    ----------
    file, path
        Where the dataset is.
    selection
        One number or range for each dimension, such as ``0:2,1``; None for all.
    dtype
        ``origin`` or, for types that browsers have, ``safe``.
    form
        ``json``, ``bin``, ``csv``, ``npy`` or ``tiff``.
    flatten
        Whether all values are in one row.
    """
    values = _read(file, path, selection, as_text=form in ("json", "csv"))
    if dtype == "safe":
        values = _safe(values)
    if flatten:
        values = values.ravel()
    return _FORMS[form](values)


def _entity(file: ArrayFile, path: str) -> Entity:
    found = file.find(path)
    if isinstance(found, Link):
        raise UnfitError("path", "is a link that leads nowhere, or to another file")
    return found


def _read(
    file: ArrayFile, path: str, selection: str | None, *, as_text: bool = False
) -> NDArray[Any]:
    found = _entity(file, path)
    if not isinstance(found, Dataset):
        raise UnfitError("path", "is no dataset")
    if found.shape is None:
        raise UnfitError("path", "is a dataset without values, or with values in other files")
    members, count = _selected(selection, found.shape)
    n_bytes = count * max(1, found.dtype.itemsize)
    if n_bytes > MOST_BYTES or (as_text and count > _MOST_TEXT_VALUES):
        message = f"has {count:,} values, more than are sent at once: ask for less"
        raise UnfitError("selection", message)
    # a chunk is unpacked as a whole, however little of it is read
    if math.prod(found.chunks or ()) * found.dtype.itemsize > _MOST_CHUNK_BYTES:
        raise UnfitError("path", "is a dataset in larger pieces than are unpacked")
    return found.read(members)


def _selected(text: str | None, shape: tuple[int, ...]) -> tuple[Selection, int]:
    """A selection, and how many values it has."""
    wanted = text.split(",") if text else []
    if len(wanted) > len(shape):
        raise UnfitError("selection", f"has more members than the {len(shape)} dimensions")
    members: list[int | slice] = []
    count = 1
    for size, member in zip(shape, [*wanted, *[":"] * (len(shape) - len(wanted))], strict=True):
        one, length = _member(member, size)
        members.append(one)
        count *= length
    return tuple(members), count


def _member(text: str, size: int) -> tuple[int | slice, int]:
    found = _RANGE.fullmatch(text)
    if found is None or not text.strip():
        raise UnfitError("selection", "is no list of numbers and ranges, such as 0:2,1")
    start, stop, step = (None if number is None else int(number) for number in found.groups())
    if ":" not in text:
        number = int(text)
        if not -size <= number < size:
            raise UnfitError("selection", f"has {number}, which is not within {size}")
        return number % size, 1
    if step == 0:
        raise UnfitError("selection", "has a step of 0")
    chosen = range(*slice(start, stop, step).indices(size))
    return slice(chosen.start, max(chosen.start, chosen.stop), chosen.step), len(chosen)


def _safe(values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype.kind not in "biuf":
        raise UnfitError("dtype", "is safe, which only numbers can be")
    if values.dtype.kind == "f" and values.dtype.itemsize not in (4, 8):
        return values.astype("<f4" if values.dtype.itemsize < 4 else "<f8")
    return values.astype(values.dtype.newbyteorder("<"))


def _as_json(values: NDArray[Any]) -> Answer:
    return _json(_plain(values), "selection")


def _as_bytes(values: NDArray[Any]) -> Answer:
    return Answer("application/octet-stream", _numbers(values, "bin", "biufc").tobytes())


def _as_table(values: NDArray[Any]) -> Answer:
    if values.ndim > _TABLE_DIMENSIONS:
        raise UnfitError("format", "is csv, which is for up to two dimensions: select less")
    rows = np.atleast_1d(_numbers(values, "csv"))
    text = io.StringIO()
    np.savetxt(text, rows, delimiter=",", fmt="%.18g" if rows.dtype.kind == "f" else "%d")
    return Answer("text/csv", text.getvalue().encode(), "data.csv")


def _as_npy(values: NDArray[Any]) -> Answer:
    content = io.BytesIO()
    np.save(content, _numbers(values, "npy", "biufc"), allow_pickle=False)
    return Answer("application/octet-stream", content.getvalue(), "data.npy")


def _as_tiff(values: NDArray[Any]) -> Answer:
    content = io.BytesIO()
    numbers = np.atleast_2d(_numbers(values, "tiff"))
    if numbers.dtype.itemsize > _DOUBLE_BYTES:
        raise UnfitError("format", "is tiff, which has numbers of up to 64 bits: take safe ones")
    if not numbers.size:
        raise UnfitError("selection", "has no values, and there is no tiff without")
    pixels = numbers.astype(np.uint8) if numbers.dtype.kind == "b" else numbers
    tifffile.imwrite(content, pixels, photometric="minisblack")
    return Answer("image/tiff", content.getvalue(), "data.tiff")


_FORMS: Mapping[str, Callable[[NDArray[Any]], Answer]] = {
    "json": _as_json,
    "bin": _as_bytes,
    "csv": _as_table,
    "npy": _as_npy,
    "tiff": _as_tiff,
}


def _numbers(values: NDArray[Any], form: str, kinds: str = "biuf") -> NDArray[Any]:
    if values.dtype.kind not in kinds:
        raise UnfitError("format", f"is {form}, which such values cannot have")
    return values


def _reduced(function: Callable[..., Any], values: NDArray[Any]) -> Any:
    return _plain(np.asarray(function(values))) if values.size else None


def _told(found: Entity | Link) -> dict[str, Any]:
    if isinstance(found, Link):
        kind = "soft_link" if found.target_file is None else "external_link"
        of_file = {} if found.target_file is None else {"target_file": found.target_file}
        return {"name": found.name, **of_file, "target_path": found.target_path, "type": kind}
    told: dict[str, Any] = {
        "attributes": [one._asdict() for one in found.attributes.describe()],
        "name": found.name,
    }
    if isinstance(found, Dataset):
        return told | {
            "chunks": found.chunks,
            "dtype": form_of(found.dtype),
            "filters": found.filters,
            "shape": found.shape,
            "type": "dataset",
        }
    if isinstance(found, NamedType):
        return told | {"dtype": form_of(found.dtype), "type": "datatype"}
    return told | {"type": "group"}


def _of_attribute(value: Any) -> Any:
    try:
        return _plain_value(value) if isinstance(value, dict | list) else _plain(np.asarray(value))
    except UnfitError:
        return None


def _plain(values: NDArray[Any]) -> Any:
    """Values as JSON has them: what is no number is null."""
    if values.dtype.kind in "biu":
        return values.tolist()
    if values.dtype.kind == "f":
        values = _at_most_double(values)
        if np.isfinite(values).all():
            return values.tolist()
        if values.ndim == 0:
            return None
        told = values.astype(object)
        told[~np.isfinite(values)] = None
        return told.tolist()
    return _plain_value(values.tolist())


def _at_most_double(values: NDArray[Any]) -> NDArray[Any]:
    """Numbers with a point; what is too large for 64 bits is infinite."""
    if values.dtype.itemsize <= _DOUBLE_BYTES:
        return values
    with np.errstate(over="ignore"):
        return values.astype(np.float64)


def _plain_value(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain_value(one) for one in value]
    if isinstance(value, dict):
        return {name: _plain_value(one) for name, one in value.items()}
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, complex | np.complexfloating):
        return [_plain_value(value.real), _plain_value(value.imag)]
    if isinstance(value, float | np.floating):
        number = float(value)
        return number if math.isfinite(number) else None
    if isinstance(value, np.ndarray):
        return _plain(value)
    if value is None or isinstance(value, str | int):
        return value
    raise UnfitError("path", "is a dataset of values that JSON does not have")


def _json(value: Any, parameter: str) -> Answer:
    text = json.dumps(value, allow_nan=False, ensure_ascii=False)
    # names and texts may have bytes that are no text, which no JSON has
    content = text.encode(errors="replace")
    if len(content) > _MOST_JSON_BYTES:
        message = f"has more than is sent as JSON, {_MOST_JSON_BYTES >> 20} MB: ask for less"
        raise UnfitError(parameter, message)
    return Answer(JSON, content)
