"""Modules bear images of any size and content, and leave what they are given alone."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tmlib.jterator.arrays import PreviousObjects
from tmlib.jterator.modules import registry

SHAPES = ((1, 1), (1, 7), (30, 41))


def gray_values(shape: tuple[int, int]) -> list[NDArray[Any]]:
    random = np.random.default_rng(0)
    return [
        np.zeros(shape, np.uint8),
        np.full(shape, 65535, np.uint16),
        random.integers(0, 256, shape).astype(np.uint8),
        random.integers(0, 65536, shape).astype(np.uint16),
    ]


def labels(shape: tuple[int, int]) -> list[NDArray[np.int32]]:
    random = np.random.default_rng(1)
    return [
        np.zeros(shape, np.int32),
        np.ones(shape, np.int32),
        random.integers(0, 5, shape).astype(np.int32),
        (70000 * random.integers(0, 2, shape)).astype(np.int32),
    ]


def arguments(name: str, image: NDArray[Any], objects: NDArray[np.int32]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for handle in registry.get(name).handles["input"]:
        if registry.get(name).takes_previous(handle["name"]):
            values[handle["name"]] = PreviousObjects(objects, int(objects.max()))
        elif handle["type"] in ("IntensityImage", "Image"):
            values[handle["name"]] = image
        else:
            values[handle["name"]] = objects if "key" in handle else handle["value"]
    return values


# Without beads there is no height map: the module says so, which its own test shows.
# a stack is another matter, and those that need a model are tried where there is one
OTHERS = {"generate_volume_image", "segment_cellpose", "segment_instanseg"}


@pytest.mark.parametrize("name", sorted({*registry.names()} - OTHERS))
def test_module_bears_any_image(name: str) -> None:
    for shape in SHAPES:
        for image in gray_values(shape):
            for objects in labels(shape):
                before = image.copy(), objects.copy()
                for result in registry.get(name).main(**arguments(name, image, objects)):
                    if isinstance(result, np.ndarray):
                        assert result.shape == shape
                assert np.array_equal(image, before[0])
                assert np.array_equal(objects, before[1])
