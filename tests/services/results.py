"""Everything that a workflow has made, told by names and places instead of ids."""

from typing import Any

import numpy as np
import shapely
import zarr
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.services.runs import Run
from tmlib.errors import NotFound
from tmlib.experiments.models import (
    Channel,
    ChannelImageFile,
    ChannelLayer,
    IllumstatsFile,
    Plate,
    Site,
    Well,
)
from tmlib.images.channel_images import field_path, read_plane
from tmlib.images.illumination import IlluminationStatistics
from tmlib.images.label_images import read_labels
from tmlib.objects.models import (
    Feature,
    Mapobject,
    MapobjectSegmentation,
    MapobjectType,
    SegmentationLayer,
)
from tmlib.objects.values.feature_values import select_feature_values

Results = dict[tuple[Any, ...], Any]


def results_of(run: Run) -> Results:
    """All planes, corrections, maps, labels, outlines and feature values of an experiment."""
    with run.database.session() as session:
        found: Results = {}
        found |= _planes(session, run)
        found |= _corrections(session, run)
        found |= _maps(session, run)
        for kind in session.scalars(
            select(MapobjectType).where(MapobjectType.experiment_id == run.experiment.id)
        ):
            found |= _objects(session, run, kind)
    return found


def assert_same(found: Results, expected: Results) -> None:
    """Two workflows have made the same, to the last pixel and digit."""
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        np.testing.assert_array_equal(found[key], value, err_msg=str(key))


def _planes(session: Session, run: Run) -> Results:
    query = (
        select(ChannelImageFile, Channel.name, Channel.index, Site, Well.name, Plate)
        .join(Channel, Channel.id == ChannelImageFile.channel_id)
        .join(Site, Site.id == ChannelImageFile.site_id)
        .join(Well, Well.id == Site.well_id)
        .join(Plate, Plate.id == Well.plate_id)
        .where(ChannelImageFile.experiment_id == run.experiment.id)
    )
    found: Results = {}
    for file, channel, index, site, well, plate in session.execute(query):
        place = "plane", plate.name, well, site.y, site.x, channel, file.tpoint, file.zplane
        field = field_path(run.storage.plate_images(plate.id), well, site.field)
        found[place] = read_plane(field, t=file.tpoint, c=index, z=file.zplane)
    return found


def _corrections(session: Session, run: Run) -> Results:
    rows = session.execute(
        select(Channel.name, IllumstatsFile)
        .join(IllumstatsFile, IllumstatsFile.channel_id == Channel.id)
        .where(Channel.experiment_id == run.experiment.id)
    )
    found: Results = {}
    for name, file in rows:
        statistics = IlluminationStatistics.load(run.storage.root / file.path)
        found["light", name, file.plate_id is None] = statistics.mean
    return found


def _maps(session: Session, run: Run) -> Results:
    rows = session.execute(
        select(Channel.name, ChannelLayer)
        .join(ChannelLayer, ChannelLayer.channel_id == Channel.id)
        .where(ChannelLayer.experiment_id == run.experiment.id)
    )
    found: Results = {}
    for name, layer in rows:
        key = "map", name, layer.tpoint, layer.zplane
        path = run.storage.mosaic(layer.channel_id, *key[2:], layer.version)
        found[*key, "window"] = layer.min_intensity, layer.max_intensity
        for dataset in range(sum(1 for _ in path.glob("[0-9]*"))):
            found[*key, dataset] = zarr.open_array(path / str(dataset), mode="r")[:]
    return found


def _objects(session: Session, run: Run, kind: MapobjectType) -> Results:
    """Objects of a type by their place; features in their order, by the names of users."""
    rows = session.execute(
        select(Mapobject.id, Mapobject.ref_id, MapobjectSegmentation, SegmentationLayer)
        .join(MapobjectSegmentation, MapobjectSegmentation.mapobject_id == Mapobject.id)
        .join(
            SegmentationLayer, SegmentationLayer.id == MapobjectSegmentation.segmentation_layer_id
        )
        .where(Mapobject.mapobject_type_id == kind.id)
    )
    names = select(Feature.name).where(Feature.mapobject_type_id == kind.id).order_by(Feature.id)
    features = list(session.scalars(names))
    table = select_feature_values(run.database, run.storage, kind.id).table().to_pandas()
    table = table.set_index("mapobject_id")
    found: Results = {("features", kind.name): features}
    for object_id, ref_id, segmentation, layer in rows:
        place = _place(session, kind.name if kind.is_static else kind.ref_type, ref_id)
        key = "object", kind.name, *place, segmentation.label, layer.tpoint
        found[key] = (
            shapely.to_wkt(segmentation.outline),
            segmentation.is_border,
            layer.polygon_thresh,
            layer.centroid_thresh,
        )
        if object_id in table.index:
            found["values", *key] = table.loc[object_id, features].to_numpy(dtype=float)
    found["rows of values", kind.name] = len(table)
    if not kind.is_static:
        found |= _labels(session, run, kind.name)
    return found


def _place(session: Session, ref_type: str, ref_id: int) -> tuple[Any, ...]:
    if ref_type in ("Plate", "Plates"):
        return (session.get_one(Plate, ref_id).name,)
    if ref_type in ("Well", "Wells"):
        well = session.get_one(Well, ref_id)
        return well.plate.name, well.name
    site = session.get_one(Site, ref_id)
    return site.well.plate.name, site.well.name, site.y, site.x


def _labels(session: Session, run: Run, name: str) -> Results:
    found: Results = {}
    for site in session.scalars(select(Site).where(Site.experiment_id == run.experiment.id)):
        field = field_path(run.storage.plate_images(site.well.plate_id), site.well.name, site.field)
        try:
            labels = read_labels(field, name, t=0, z=0)
        except NotFound:
            continue
        found["labels", name, site.well.name, site.y, site.x] = labels
    return found
