"""Names of chunks are those of the files that are there, however a writer names them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorstore as ts
import zarr

from tmlib.images.zarr_chunks import plane_chunks

DOTS = {"name": "v2", "separator": "."}
SLASHES = {"name": "v2", "separator": "/"}


@pytest.mark.parametrize(
    ("version", "how"),
    [
        (2, {}),
        (2, {"chunk_key_encoding": SLASHES}),
        (3, {}),
        (3, {"chunk_key_encoding": DOTS}),
        (3, {"chunk_key_encoding": {"name": "default", "separator": "."}}),
        (3, {"shards": (1, 4, 4)}),
    ],
)
def test_chunks_of_a_plane(tmp_path: Path, version: Any, how: dict[str, Any]) -> None:
    made = zarr.create_array(
        tmp_path / "array",
        shape=(3, 6, 10),
        dtype="u2",
        chunks=(1, 2, 2),
        zarr_format=version,
        **how,
    )
    made[1] = np.ones((6, 10), np.uint16)
    kvstore = {"driver": "file", "path": f"{tmp_path / 'array'}/"}
    driver = {2: "zarr", 3: "zarr3"}[version]
    array = ts.open({"driver": driver, "kvstore": kvstore}, open=True, read=True).result()
    written = {
        path.relative_to(tmp_path / "array").as_posix()
        for path in (tmp_path / "array").rglob("*")
        if path.is_file() and path.name not in ("zarr.json", ".zarray", ".zattrs")
    }
    assert set(plane_chunks(array, [1])) == written
