"""Files by the suffix of their names; what is in them has tests of its own."""

from pathlib import Path

import pytest

from tmlib.images.reading import ImageFileError
from tmlib.images.sources import inspect, read_plane


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    (tmp_path / "gone.tif").symlink_to("/nowhere/gone.tif")
    for read in (inspect, read_plane):
        with pytest.raises(ImageFileError, match=r'"gone\.tif" is not there any more'):
            read(tmp_path / "gone.tif")
