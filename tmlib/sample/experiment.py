"""A simulated experiment as a finished workflow leaves it: plates, a map, and objects with values.

Its map is black, for there are no images. It shows how the product behaves with many objects.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from tmlib.db import Database
from tmlib.db.counters import allocate
from tmlib.errors import BadInput
from tmlib.experiments.models import Channel, ChannelLayer, Cycle, Experiment, Plate, Site, Well
from tmlib.experiments.plate_formats import PLATE_FORMATS
from tmlib.experiments.service import create_experiment
from tmlib.images import mosaics
from tmlib.images.layout import well_name
from tmlib.objects.mapobject_types import (
    ensure_features,
    ensure_layer,
    ensure_mapobject_type,
    set_zoom_thresholds,
)
from tmlib.objects.models import FeatureValueFile
from tmlib.objects.tiles.layer_index import prepare_tiles
from tmlib.objects.values import feature_files
from tmlib.objects.writing.recording import insert_objects
from tmlib.sample.crowd import SITE_SIZE, Crowd, feature_names, simulate_crowd, spread
from tmlib.storage import ExperimentStorage
from tmlib.workflow.steps.plate_map import PlateMap, draw_layout, read_plate_map

MAX_OBJECTS = 100_000_000
MAX_FEATURES = 1000

_PLATE_FORMAT = 384
_SITES = (3, 3)  # rows and columns in each well
_SITES_PER_WELL = _SITES[0] * _SITES[1]
_OBJECTS_PER_SITE = 300  # as a 20x objective sees them
_PIXEL_SIZE = 0.65
_SITES_AT_ONCE = 64


@dataclass(frozen=True)
class GeneratedExperiment:
    """How large an experiment is to be.

    Attributes
    ----------
    n_objects, n_features
        Number of objects, and of values of each.
    type_name
        What the objects are called.
    seed
        Another number gives other objects.
    """

    n_objects: int
    n_features: int
    type_name: str = "Cells"
    seed: int = 0

    def __post_init__(self) -> None:
        for name, number, limit in (
            ("objects", self.n_objects, MAX_OBJECTS),
            ("features", self.n_features, MAX_FEATURES),
        ):
            if not 0 <= number <= limit:
                raise BadInput(f"{number} {name} cannot be made: choose between 0 and {limit}.")

    @property
    def n_wells(self) -> int:
        """Number of wells, over all plates."""
        return max(1, -(-self.n_objects // (_OBJECTS_PER_SITE * _SITES_PER_WELL)))

    @property
    def n_sites(self) -> int:
        """Number of sites, over all plates."""
        return self.n_wells * _SITES_PER_WELL


class _Ids(NamedTuple):
    """Numbers that the objects get."""

    mapobject_type: int
    layer: int
    mapobjects: range
    segmentations: range


def generate_experiment(
    database: Database, data_dir: Path, user_id: int, name: str, size: GeneratedExperiment
) -> int:
    """Make an experiment with objects; returns its id.

    The same size and seed give the same objects on every database, with other ids. Nothing is
    seen of it until it is complete.

    Parameters
    ----------
    database, data_dir
        Where it is stored.
    user_id
        Its owner.
    name
        Its name.
    size
        What is in it.

    Raises
    ------
    Conflict
        If the user has an experiment of this name.
    """
    # numbers are reserved in a transaction of their own, which SQLite has one of at a time
    blocks = allocate(database, size.n_objects, "mapobjects", "mapobject_segmentations")
    counts = spread(size.n_objects, size.n_wells, _SITES_PER_WELL, size.seed)
    with database.transaction() as session:
        experiment_id = _create(session, user_id, name, size)
        storage = ExperimentStorage(data_dir, experiment_id)
        try:
            plate_map = _draw_map(session, storage)
            ids = _Ids(*_create_type(session, experiment_id, size), *blocks)
            keys = feature_names(size.n_features)
            path = feature_files.new_path(storage, ids.mapobject_type, 0, 0)
            tables = _insert(session, experiment_id, plate_map, counts, ids, size)
            n_rows = feature_files.write(path, keys, tables)
            session.execute(
                insert(FeatureValueFile).values(
                    experiment_id=experiment_id,
                    mapobject_type_id=ids.mapobject_type,
                    tpoint=0,
                    zplane=0,
                    path=path.relative_to(storage.root).as_posix(),
                    n_rows=n_rows,
                )
            )
        except BaseException:
            storage.delete()
            raise
    prepare_tiles(database, storage, ids.mapobject_type)
    return experiment_id


def _create(session: Session, user_id: int, name: str, size: GeneratedExperiment) -> int:
    """The experiment with its plates, wells and sites."""
    experiment = create_experiment(
        session,
        user_id,
        name=name,
        description=f"{size.n_objects} simulated objects, seed {size.seed}",
        microscope_type="cellvoyager",
        plate_format=_PLATE_FORMAT,
    )
    experiment.pixel_size = _PIXEL_SIZE
    owner = {"experiment_id": experiment.id}
    session.add(Cycle(**owner, index=0))
    _, n_columns = PLATE_FORMATS[_PLATE_FORMAT]
    rows, columns = _SITES
    for first in range(0, size.n_wells, _PLATE_FORMAT):
        plate = Plate(**owner, name=f"plate{first // _PLATE_FORMAT + 1:02d}")
        for index in range(min(_PLATE_FORMAT, size.n_wells - first)):
            well = Well(**owner, name=well_name(*divmod(index, n_columns)))
            well.sites = [
                Site(**owner, y=y, x=x, field=y * columns + x, height=SITE_SIZE, width=SITE_SIZE)
                for y in range(rows)
                for x in range(columns)
            ]
            plate.wells.append(well)
        session.add(plate)
    session.flush()
    return experiment.id


def _draw_map(session: Session, storage: ExperimentStorage) -> PlateMap:
    """Lay out the map, with a channel whose pixels are all black."""
    session.expire_all()
    experiment = session.get_one(Experiment, storage.experiment_id)
    plate_map = read_plate_map(session, experiment.id)
    height, width = plate_map.size
    experiment.map_height, experiment.map_width = height, width
    experiment.map_levels = len(mosaics.level_shapes(height, width))
    draw_layout(session, experiment.id, plate_map)
    owner = {"experiment_id": experiment.id}
    channel = Channel(**owner, name="DNA", wavelength="405", bit_depth=16, index=0)
    window = {"min_intensity": 0, "max_intensity": 2**16 - 1}
    channel.layers = [ChannelLayer(**owner, tpoint=0, zplane=0, version="generated", **window)]
    session.add(channel)
    session.flush()
    mosaics.create_mosaic(
        storage.mosaic(channel.id, 0, 0, "generated"),
        height=height,
        width=width,
        dtype="uint16",
        name=channel.name,
        pixel_size=experiment.pixel_size,
    )
    return plate_map


def _create_type(
    session: Session, experiment_id: int, size: GeneratedExperiment
) -> tuple[int, int]:
    """Ids of the type of the objects and of its layer."""
    type_id = ensure_mapobject_type(session, experiment_id, size.type_name, "Site")
    layer_id = ensure_layer(session, type_id, 0, 0, as_polygons=True)
    ensure_features(session, experiment_id, type_id, feature_names(size.n_features))
    levels = session.scalars(
        select(Experiment.map_levels).where(Experiment.id == experiment_id)
    ).one()
    set_zoom_thresholds(session, experiment_id, levels or 0, {})
    return type_id, layer_id


def _insert(
    session: Session,
    experiment_id: int,
    plate_map: PlateMap,
    counts: NDArray[np.int64],
    ids: _Ids,
    size: GeneratedExperiment,
) -> Iterator[Any]:
    """Insert the objects, some sites at a time; gives the tables of their feature values."""
    sites = sorted(plate_map.sites, key=lambda site: site.id)
    ends = np.cumsum(counts)
    for first in range(0, len(sites), _SITES_AT_ONCE):
        some = sites[first : first + _SITES_AT_ONCE]
        numbers = range(first, first + len(some))
        crowds = [
            simulate_crowd(
                int(counts[i]), size.n_features, site=i, well=i // _SITES_PER_WELL, seed=size.seed
            )
            for i in numbers
        ]
        block = slice(int(ends[first] - counts[first]), int(ends[first + len(some) - 1]))
        offsets = np.array([(site.box.y, site.box.x) for site in some])
        labels = np.concatenate([np.arange(1, counts[i] + 1, dtype=np.int32) for i in numbers])
        site_ids = np.repeat([site.id for site in some], counts[first : first + len(some)])
        insert_objects(
            session,
            experiment_id=experiment_id,
            mapobject_type_id=ids.mapobject_type,
            layer_id=ids.layer,
            ref_ids=site_ids.tolist(),
            mapobject_ids=ids.mapobjects[block],
            segmentation_ids=ids.segmentations[block],
            labels=labels.tolist(),
            is_border=np.concatenate([crowd.is_border for crowd in crowds]).tolist(),
            **_placed(crowds, offsets),
        )
        own = ids.mapobjects[block]
        yield pa.table(
            [
                np.arange(own.start, own.stop, dtype=np.int64),
                labels,
                site_ids.astype(np.int32),
                *np.concatenate([crowd.values for crowd in crowds]).T.copy(),
            ],
            schema=feature_files.schema(feature_names(size.n_features)),
        )


def _placed(crowds: list[Crowd], offsets: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """Centroids and outlines in pixels of the map."""
    owners = np.repeat(np.arange(len(crowds)), [len(crowd.outlines) for crowd in crowds])
    outlines = np.concatenate([crowd.outlines for crowd in crowds])
    n_points = shapely.get_num_coordinates(outlines)
    shift = np.repeat(offsets[owners][:, ::-1], n_points, axis=0)
    return {
        "centroids": np.concatenate([crowd.centroids for crowd in crowds]) + offsets[owners],
        "geometries": np.asarray(shapely.transform(outlines, lambda points: points + shift)),
    }
