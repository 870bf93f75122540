"""Columns that are kept on disk: whole or not at all, and within their room."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tmlib.errors import Unavailable
from tmlib.objects.table.column_cache import ColumnCache

KILOBYTE = 1024


@pytest.fixture
def cache(tmp_path: Path) -> ColumnCache:
    return ColumnCache(tmp_path / "columns", 10 * KILOBYTE)


def fill(cache: ColumnCache, version: str, name: str, age: float = 0.0) -> None:
    """A column of a kilobyte, used last so many seconds ago."""
    before = set(cache.folder.glob("*/*"))
    cache.write(version, {name: "f8"}, [[np.full(KILOBYTE // 8, 1.5)]])
    [path] = set(cache.folder.glob("*/*")) - before
    os.utime(path, (time.time() - age,) * 2)


def test_columns_come_back_as_they_were(cache: ColumnCache) -> None:
    parts = [[np.arange(3), np.array([0.5, np.nan, 2])], [np.arange(3, 5), np.array([1.0, 2])]]
    cache.write("v", {"label": "i4", "Area": "f8"}, parts)
    labels, areas = cache.read("v", "label", "i4"), cache.read("v", "Area", "f8")
    assert labels is not None
    assert areas is not None
    assert labels.tolist() == [0, 1, 2, 3, 4]
    assert np.array_equal(areas, [0.5, np.nan, 2, 1, 2], equal_nan=True)
    assert not areas.flags.writeable
    assert cache.read("w", "label", "i4") is None
    assert cache.read("v", "../label", "i4") is None
    cache.write("v", {"nothing": "i8"}, [])
    nothing = cache.read("v", "nothing", "i8")
    assert nothing is not None
    assert nothing.tolist() == []
    cache.write_texts("v", "class", ("a", "ä"))
    assert cache.read_texts("v", "class") == ("a", "ä")
    assert cache.read_texts("v", "other") is None


def test_a_column_that_breaks_off_is_not_there(cache: ColumnCache) -> None:
    def parts() -> Iterator[list[NDArray[Any]]]:
        yield [np.zeros(5)]
        raise RuntimeError("the file is damaged")

    with pytest.raises(RuntimeError, match="damaged"):
        cache.write("v", {"Area": "f8"}, parts())
    assert cache.read("v", "Area", "f8") is None
    assert list(cache.folder.glob("*/*")) == []


def test_what_was_used_last_stays(cache: ColumnCache) -> None:
    for number in range(9):
        fill(cache, f"v{number}", "Area", age=1000 - number)
    old = cache.read("v0", "Area", "f8")
    for name in ("Depth", "Form"):
        fill(cache, "new", name)
    # the first was used just now, so the second and third had to go; whoever reads one goes on
    gone = [n for n in range(9) if cache.read(f"v{n}", "Area", "f8") is None]
    assert gone == [1, 2]
    assert not (cache.folder / "v1").exists()
    assert old is not None
    assert old.sum() == 1.5 * len(old)
    assert sum(path.stat().st_size for path in cache.folder.glob("*/*")) <= cache.max_bytes


def test_what_is_larger_than_the_room_takes_all_of_it(cache: ColumnCache) -> None:
    fill(cache, "v", "Area")
    cache.write("v", {"Depth": "f8"}, [[np.zeros(2 * cache.max_bytes // 8)]])
    assert cache.read("v", "Area", "f8") is None
    assert cache.read("v", "Depth", "f8") is not None


def test_nothing_stays_for_ever(cache: ColumnCache) -> None:
    fill(cache, "forgotten", "Area", age=31 * 86_400)
    fill(cache, "v", "Area")
    assert cache.read("forgotten", "Area", "f8") is None


def test_a_folder_that_cannot_be_written(cache: ColumnCache) -> None:
    cache.folder.parent.mkdir(parents=True, exist_ok=True)
    cache.folder.write_text("a file")
    with pytest.raises(Unavailable, match="TM_CACHE_DIR"):
        cache.write("v", {"Area": "f8"}, [])
    with pytest.raises(Unavailable, match="TM_CACHE_DIR"):
        cache.write_texts("v", "Area", ())
