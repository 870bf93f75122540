"""What Zarr arrays and groups hold, with the types that tests know they have."""

from pathlib import Path
from typing import Any

import numpy as np
import ome_zarr_models
import zarr
from numpy.typing import NDArray


def array_in(path: Path) -> zarr.Array[Any]:
    """The array in a folder."""
    return zarr.open_array(path, mode="r")


def pixels_in(path: Path) -> NDArray[Any]:
    """All elements of the array in a folder."""
    return np.asarray(array_in(path)[...])


def attributes_of(path: Path) -> dict[str, Any]:
    """Attributes of the group in a folder."""
    return zarr.open_group(path, mode="r").attrs.asdict()


def validated(path: Path) -> Any:
    """The group in a folder, as the models of OME-Zarr understand it.

    Raises
    ------
    ValueError
        If it is not as the specification says.
    """
    return ome_zarr_models.open_ome_zarr(zarr.open_group(path, mode="r"))
