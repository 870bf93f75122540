"""Every module that makes a figure makes one that Plotly can draw, and none that nobody wants."""

import json
from typing import Any

import numpy as np
import pytest

from tmlib.jterator.arrays import PreviousObjects
from tmlib.jterator.modules import registry

SHAPE = (300, 280)
MODULES = [name for name in registry.names() if "figure" in registry.get(name).outputs]


def arguments(name: str) -> dict[str, Any]:
    """What a module needs to work on an image of disks on a background."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    labels = (y // 50 * 6 + x // 50 + 1) * (np.hypot(y % 50 - 25, x % 50 - 25) < 16)
    labels = labels.astype(np.int32)
    random = np.random.default_rng(0)
    image = random.poisson(100 + 900 * (labels > 0)).astype(np.uint16)
    values: dict[str, Any] = {}
    for handle in registry.get(name).handles["input"]:
        if handle["type"] in ("IntensityImage", "Image"):
            values[handle["name"]] = image
        elif registry.get(name).takes_previous(handle["name"]):
            values[handle["name"]] = PreviousObjects(np.roll(labels, 3, axis=1), 36)
        elif "key" in handle:
            values[handle["name"]] = labels
        else:
            values[handle["name"]] = handle["value"]
    if name == "generate_volume_image":
        beads = random.random((*SHAPE, 3)) < 0.01
        values["image"] = (beads * 5000).astype(np.uint16)
    return values


# those that need a model are shown where there is one: tests/tmlib/jterator/networks
@pytest.mark.parametrize("name", [name for name in MODULES if not registry.get(name).requires])
def test_figure_is_made_on_demand(name: str) -> None:
    main, values = registry.get(name).main, arguments(name)
    assert main(**values | {"plot": False}).figure == ""
    result = main(**values | {"plot": True})
    figure = json.loads(result.figure, parse_constant=lambda word: pytest.fail(word))
    assert figure["layout"]["title"]["text"]
    assert figure["data"]
    for trace in figure["data"]:
        assert trace["type"] == "heatmap"
        assert max(len(trace["z"]), len(trace["z"][0])) <= 256
        axis = trace["xaxis"].replace("x", "xaxis")
        assert figure["layout"][axis]["title"]["text"] == trace["name"]


def test_modules_without_a_figure_only_register_objects() -> None:
    assert set(registry.names()) - set(MODULES) == {
        "register_objects",
        "register_objects_channel",
        "register_site",
    }
