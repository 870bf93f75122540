"""Names of plates and wells, and conditions of wells, as columns with the prefix ``Metadata_``.

By that prefix pycytominer and other programs for profiles tell metadata from features.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tmlib.objects.table.object_places import Place
from tmlib.objects.values.place_columns import PlaceColumn

PREFIX = "Metadata_"

_TYPES = {"text": pa.string(), "integer": pa.int32(), "float": pa.float64()}


def metadata_columns(
    places: Mapping[str, Place], taken: Collection[str] = ()
) -> tuple[PlaceColumn, ...]:
    """Columns of the properties of plates, wells or sites.

    Parameters
    ----------
    places
        Properties by their names, which get the prefix if they do not have it.
    taken
        Names of other columns of the table; what has one of them gets the prefix once more.
    """
    names = set(taken)
    columns = []
    for name, place in places.items():
        shown = name if name.startswith(PREFIX) else PREFIX + name
        while shown in names:
            shown = PREFIX + shown
        names.add(shown)
        columns.append(PlaceColumn(shown, _TYPES[place.type], _reader(place)))
    return tuple(columns)


def _reader(place: Place) -> Callable[[NDArray[np.int32]], Any]:
    def read(ref_ids: NDArray[np.int32]) -> Any:
        values = place.values(ref_ids)
        codes = pa.array(values.numbers, mask=values.is_missing)
        return codes if values.texts is None else pa.array(values.texts, pa.string()).take(codes)

    return read
