"""How deep pixels lie within their objects."""

import mahotas
import numpy as np
from numpy.typing import NDArray

from tmlib.jterator.measure.crops import crops
from tmlib.jterator.measure.regions import Regions


def depths(regions: Regions) -> NDArray[np.float64]:
    """For each pixel the distance to the closest pixel outside of its object.

    Distances are between centres of pixels, so 1 on a border. The surroundings of the image are
    outside of all objects.
    """
    result = np.empty(len(regions.pixels))
    for part in crops(regions, margin=1):
        # one below the other, objects are kept apart by their margins
        squared = mahotas.distance(part.mask().reshape(-1, part.shape[2]))
        result[part.pixels] = np.sqrt(squared.ravel()[part.positions])
    return result
