"""A project that brings a module, which stretches what it is given and measures it."""

from typing import Any

SOURCE = '''"""Marks and measures what is bright."""

from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field

from tmlib.jterator.arrays import IntensityImage, LabelImage

VERSION = "0.3.0"
COMPATIBLE_VERSIONS = ("0.2.0",)


class Output(NamedTuple):
    mask: LabelImage
    figure: str


def main(
    image: IntensityImage, level: Annotated[int, Field(ge=0)] = 100, plot: bool = False
) -> Output:
    print("level", level)
    return Output((image > level).astype(np.int32), "{}" if plot else "")
'''

MEASURING = """
from typing import NamedTuple

import numpy as np
import pandas as pd

from tmlib.jterator.arrays import LabelImage

VERSION = "1"


class Output(NamedTuple):
    measurements: pd.DataFrame


def main(objects: LabelImage) -> Output:
    labels = np.unique(objects[objects > 0])
    area = [np.count_nonzero(objects == label) for label in labels]
    return Output(pd.DataFrame({"Own_area": area}, index=labels))
"""


def project(source: str = SOURCE, **values: Any) -> dict[str, Any]:
    """The channel ``01`` above a level, by the module ``brighter`` of the user, as ``Bright``."""
    return {
        "pipeline": {
            "input": {"channels": [{"name": "01", "correct": False}]},
            "pipeline": [
                {"source": "brighter.py", "handles": "handles/brighter.handles.yaml"},
                {"source": "register_objects.py", "handles": "handles/register.handles.yaml"},
                {"source": "own_area.py", "handles": "handles/own_area.handles.yaml"},
            ],
            "output": {"objects": [{"name": "Bright"}]},
        },
        "handles": {
            "brighter": {
                "version": "0.3.0",
                "input": [
                    {"name": "image", "type": "IntensityImage", "key": "01"},
                    *(
                        {"name": name, "type": "Numeric", "value": value}
                        for name, value in values.items()
                    ),
                ],
                "output": [{"name": "mask", "type": "LabelImage", "key": "bright"}],
            },
            "register": {
                "version": "0.1.0",
                "input": [{"name": "mask", "type": "MaskImage", "key": "bright"}],
                "output": [{"name": "objects", "type": "SegmentedObjects", "key": "Bright"}],
            },
            "own_area": {
                "version": "1",
                "input": [{"name": "objects", "type": "SegmentedObjects", "key": "Bright"}],
                "output": [
                    {
                        "name": "measurements",
                        "type": "Measurement",
                        "objects": "objects",
                        "objects_ref": "objects",
                    }
                ],
            },
        },
        "modules": {"brighter": source, "own_area": MEASURING},
    }


def doing(body: str, source: str = SOURCE) -> str:
    """The same module with another body."""
    head, _, _ = source.partition('    print("level"')
    return head + "".join(f"    {line}\n" for line in body.splitlines())
