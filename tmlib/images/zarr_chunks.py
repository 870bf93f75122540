"""Names of the files that the chunks of a Zarr array are in."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any


def plane_chunks(array: Any, fixed: Sequence[int]) -> Iterator[str]:
    """Those that have a part of a plane, from the folder of the array on.

    Parameters
    ----------
    array
        A tensorstore of Zarr 2 or 3.
    fixed
        Indices of all dimensions but the last two.
    """
    shape = array.shape
    # of chunks in shards, the shards
    sizes = array.chunk_layout.write_chunk.shape or shape
    plane = zip(shape[-2:], sizes[-2:], strict=True)
    numbers = [
        *([index // size] for index, size in zip(fixed, sizes[:-2], strict=True)),
        *(range(-(-length // size)) for length, size in plane),
    ]
    first, separator = _encoding(array.spec().to_json()["metadata"])
    for chunk in product(*numbers):
        yield separator.join([*first, *map(str, chunk)])


def _encoding(metadata: dict[str, Any]) -> tuple[list[str], str]:
    """What names begin with, and what parts them."""
    encoding = metadata.get("chunk_key_encoding")
    if encoding is None:
        return [], metadata.get("dimension_separator", ".")
    is_default = encoding["name"] == "default"
    separator = encoding.get("configuration", {}).get("separator", "/" if is_default else ".")
    return (["c"] if is_default else []), separator
