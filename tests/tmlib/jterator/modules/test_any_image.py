"""Modules bear images of any size and content, and leave what they are given alone."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tmlib.jterator.arrays import PreviousObjects
from tmlib.jterator.modules import registry

SHAPES = ((1, 1), (1, 7), (30, 41))

Labels = NDArray[np.int32]


def gray_values(shape: tuple[int, int]) -> list[NDArray[Any]]:
    random = np.random.default_rng(0)
    hot = np.full(shape, 100, np.uint16)
    hot[0, 0] = 65535
    return [
        np.zeros(shape, np.uint8),
        np.full(shape, 77, np.uint8),
        np.full(shape, 65535, np.uint16),
        hot,
        random.integers(0, 256, shape).astype(np.uint8),
        random.integers(0, 65536, shape).astype(np.uint16),
    ]


def labels(shape: tuple[int, int]) -> list[Labels]:
    random = np.random.default_rng(1)
    halves = np.full(shape, 2, np.int32)
    halves[:, : shape[1] // 2] = 1
    corner = np.zeros(shape, np.int32)
    corner[0, 0] = 9
    return [
        np.zeros(shape, np.int32),
        np.ones(shape, np.int32),
        corner,
        halves,
        random.integers(0, 5, shape).astype(np.int32),
        (70000 * random.integers(0, 2, shape)).astype(np.int32),
    ]


def arguments(name: str, image: NDArray[Any], objects: NDArray[Any]) -> dict[str, Any]:
    """The shipped settings, and the arrays as they fit."""
    values: dict[str, Any] = {}
    module = registry.get(name)
    for handle in module.handles["input"]:
        if module.takes_previous(handle["name"]):
            values[handle["name"]] = PreviousObjects(objects.astype(np.int32), int(objects.max()))
        elif handle["type"] in ("IntensityImage", "Image"):
            values[handle["name"]] = image
        elif handle["type"] in ("MaskImage", "BinaryImage"):
            values[handle["name"]] = objects
        else:
            values[handle["name"]] = (
                objects.astype(np.int32) if "key" in handle else handle["value"]
            )
    return values


def settings(name: str) -> Iterator[dict[str, Any]]:
    """The shipped settings, then with each other option, and with everything that is off."""
    yield {}
    values = [handle for handle in registry.get(name).handles["input"] if "key" not in handle]
    for handle in values:
        for option in handle.get("options") or []:
            if option != handle["value"]:
                yield {handle["name"]: option}
    switches = {
        handle["name"]: not handle["value"] for handle in values if handle["type"] == "Boolean"
    }
    if switches:
        yield switches


# a stack is another matter, and those that need a model are tried where there is one
OTHERS = {"generate_volume_image", "segment_cellpose", "segment_instanseg"}


@pytest.mark.parametrize("name", sorted({*registry.names()} - OTHERS))
def test_module_bears_any_image(name: str) -> None:
    module = registry.get(name)
    for shape in SHAPES:
        for image, objects in product(gray_values(shape), labels(shape)):
            before = image.copy(), objects.copy()
            for result in module.main(**arguments(name, image, objects)):
                if isinstance(result, np.ndarray):
                    assert result.shape == shape
            assert np.array_equal(image, before[0])
            assert np.array_equal(objects, before[1])


@pytest.mark.parametrize("name", sorted({*registry.names()} - OTHERS))
def test_module_bears_any_image_with_every_option(name: str) -> None:
    module = registry.get(name)
    images = [gray_values((12, 15))[n] for n in (0, 2, 3, 4)]
    masks = [*labels((12, 15)), *(each > 0 for each in labels((12, 15))[:3])]
    for changes in settings(name):
        for image, objects in product(images, masks):
            given = arguments(name, image, objects) | changes
            for result in module.main(**given):
                if isinstance(result, np.ndarray):
                    assert result.shape == image.shape


@pytest.mark.parametrize("depth", [2, 6])
def test_a_stack_without_beads_has_no_height(depth: int) -> None:
    module = registry.get("generate_volume_image")
    for shape in SHAPES:
        for objects in labels(shape):
            for value, dtype in ((0, np.uint8), (255, np.uint8), (65535, np.uint16)):
                stack = np.full((*shape, depth), value, dtype)
                found = module.main(**arguments(module.name, stack, objects)).volume_image
                assert found.shape == shape
                assert not found.any()
