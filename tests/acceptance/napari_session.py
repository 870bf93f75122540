"""Opens folders with napari's reader, as napari does when they are dropped on its window.

Runs in an environment of its own. Usage: napari_session.py TARGET FOLDER..., where TARGET gets
``<i>.json``, the layers of each FOLDER, and ``<i>.npz``, the pixels of their largest levels.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from napari_ome_zarr import napari_get_reader


def describe(data: list[Any], metadata: dict[str, Any], kind: str) -> dict[str, Any]:
    """What a layer is, without its pixels."""
    told = ("name", "channel_axis", "scale", "units", "axis_labels", "contrast_limits")
    return {
        "kind": kind,
        "shapes": [level.shape for level in data],
        **{key: metadata.get(key) for key in told},
    }


target, *folders = map(Path, sys.argv[1:])
for i, folder in enumerate(folders):
    read = napari_get_reader(str(folder))
    if read is None:
        raise SystemExit(f"The reader does not take {folder}.")
    layers = read(str(folder))
    description = [describe(*layer) for layer in layers]
    (target / f"{i}.json").write_text(json.dumps(description))
    np.savez(target / f"{i}.npz", *(np.asarray(data[0]) for data, _, _ in layers))
