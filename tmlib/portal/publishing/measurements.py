"""What was measured at a site, as digests by which it is told whether numbers are equal."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from sqlalchemy import select

from tmlib import digests
from tmlib.db import Database, texts
from tmlib.objects.models import MapobjectType
from tmlib.objects.selection import Selection
from tmlib.objects.values.feature_values import select_feature_values
from tmlib.storage import ExperimentStorage

Measurements = dict[str, dict[str, Any]]
"""By the name of a type of objects: ``objects``, how many rows of values there are, ``sha256``."""

_PLACES = ("label", "tpoint", "zplane")


def measured_at(
    database: Database,
    storage: ExperimentStorage,
    place: Mapping[str, Any],
    names: Collection[str],
) -> Measurements:
    """What was measured of the objects of a site, each type for itself.

    Digests are made from the names of features, and of the values of each object in the order of
    time points, planes and labels. Equal digests mean that all values are the same to the last bit.

    Parameters
    ----------
    database, storage
        Of the experiment.
    place
        ``plate``, ``well``, ``well_pos_y`` and ``well_pos_x`` of the site.
    names
        The types: those that the pipeline makes, since others cannot be computed again.
    """
    with database.session() as session:
        types = session.execute(
            select(MapobjectType.name, MapobjectType.id)
            .where(
                MapobjectType.experiment_id == storage.experiment_id,
                MapobjectType.name.in_(names),
                ~MapobjectType.is_static,
            )
            .order_by(texts.code_points(MapobjectType.name))
        ).all()
    selection = Selection(
        plate_name=place["plate"],
        well_name=place["well"],
        well_pos_y=place["well_pos_y"],
        well_pos_x=place["well_pos_x"],
    )
    found = {}
    for name, type_id in types:
        values = select_feature_values(database, storage, type_id, selection)
        table = values.table()
        order = np.lexsort([table[key].to_numpy() for key in _PLACES])
        digest = digests.start("sha256")
        for key in (*_PLACES, *sorted(values.names)):
            column = table[key].to_numpy()[order]
            # zeros of either sign are equal, and so are values that are missing
            plain = np.where(np.isnan(column), np.nan, column + 0.0).astype("<f8")
            digest.update(key.encode())
            digest.update(plain.tobytes())
        found[name] = {"objects": table.num_rows, "sha256": digest.hexdigest()}
    return found
