from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from ome_zarr.io import parse_url
from ome_zarr.reader import Label, Reader

from tests.services.zarr_content import attributes_of, validated
from tmlib.errors import BadInput, NotFound
from tmlib.images.channel_images import FieldShape, field_path, write_plane
from tmlib.images.label_images import delete_labels, read_labels, write_labels

HEIGHT, WIDTH = 300, 260


def random_labels(seed: int = 0, height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.int32]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 2**31 - 1, (height, width), dtype=np.int32) * (
        rng.random((height, width)) < 0.3
    ).astype(np.int32)


@pytest.fixture
def field(tmp_path: Path) -> Path:
    path = field_path(tmp_path / "plate_1.ome.zarr", "B03", 0)
    shape = FieldShape(n_tpoints=2, n_channels=1, n_zplanes=1, height=HEIGHT, width=WIDTH)
    write_plane(path, shape, ["DNA"], t=0, c=0, z=0, pixels=np.ones((HEIGHT, WIDTH), np.uint16))
    return path


def write(
    field: Path, name: str = "Nuclei", seed: int = 0, t: int = 0, **options: Any
) -> NDArray[np.int32]:
    labels = random_labels(seed)
    write_labels(field, name, labels, t=t, z=0, n_tpoints=2, n_zplanes=1, **options)
    return labels


def test_labels_come_back_as_they_were_written(field: Path) -> None:
    first, second = write(field, seed=1, t=0), write(field, seed=2, t=1)
    for t, labels in enumerate([first, second]):
        found = read_labels(field, "Nuclei", t=t, z=0)
        assert found.dtype == np.int32
        assert np.array_equal(found, labels)
    again = write(field, seed=3, t=0)
    assert np.array_equal(read_labels(field, "Nuclei", t=0, z=0), again)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 99))
def test_labels_of_any_size_come_back(
    tmp_path_factory: pytest.TempPathFactory, height: int, width: int, seed: int
) -> None:
    path = tmp_path_factory.mktemp("field")
    labels = random_labels(seed, height, width)
    write_labels(path, "Cells", labels, t=0, z=0, n_tpoints=1, n_zplanes=1)
    assert np.array_equal(read_labels(path, "Cells", t=0, z=0), labels)


def test_no_objects_are_told_from_never_looked(field: Path) -> None:
    write_labels(
        field, "Nuclei", np.zeros((HEIGHT, WIDTH), np.int32), t=0, z=0, n_tpoints=2, n_zplanes=1
    )
    assert not read_labels(field, "Nuclei", t=0, z=0).any()
    for name, t in [("Nuclei", 1), ("Nuclei", 2), ("Cells", 0)]:
        with pytest.raises(NotFound, match=f"no {name} at t={t}"):
            read_labels(field, name, t=t, z=0)


def test_labels_of_images_that_were_replaced_do_not_stay(field: Path) -> None:
    write(field)
    small = np.ones((9, 9), np.int32)
    write_labels(field, "Nuclei", small, t=0, z=0, n_tpoints=1, n_zplanes=1)
    assert np.array_equal(read_labels(field, "Nuclei", t=0, z=0), small)


def test_other_readers_find_the_labels(field: Path) -> None:
    write(field, "Nuclei", pixel_size=0.65)
    cells = write(field, "Cells", seed=4)
    assert attributes_of(field / "labels")["ome"]["labels"] == ["Cells", "Nuclei"]
    assert type(validated(field / "labels")).__name__ == "Labels"
    image = validated(field / "labels/Cells")
    assert type(image).__name__ == "ImageLabel"
    nodes = list(Reader(parse_url(field))())
    found = {node.zarr.zgroup["multiscales"][0]["name"]: node for node in nodes[1:] if node.data}
    assert any(isinstance(spec, Label) for spec in found["Cells"].specs)
    assert np.array_equal(np.asarray(found["Cells"].data[0][0, 0]), cells)
    delete_labels(field, "Cells")
    delete_labels(field, "Cells")
    assert attributes_of(field / "labels")["ome"]["labels"] == ["Nuclei"]


@pytest.mark.parametrize("name", ["../../x", "a/b", "", ".hidden"])
def test_names_stay_in_their_folder(field: Path, name: str) -> None:
    with pytest.raises(BadInput):
        write(field, name)


def test_what_is_no_label_image_is_refused(field: Path) -> None:
    with pytest.raises(BadInput, match="int32"):
        write_labels(field, "A", np.zeros((3, 3), np.int64), t=0, z=0, n_tpoints=1, n_zplanes=1)
    with pytest.raises(BadInput, match="t=2"):
        write(field, t=2)
