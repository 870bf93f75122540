"""Writes the map of one well: the stitched images of its sites, and what is known of them."""

from collections import defaultdict
from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from tmlib.errors import BadInput, NotFound
from tmlib.experiments.conditions import conditions_of
from tmlib.experiments.models import Channel, ChannelImageFile, ChannelLayer, Experiment, Site
from tmlib.images.arrays import open_array
from tmlib.images.map_layout import Box
from tmlib.images.mosaic_regions import is_complete
from tmlib.images.mosaics import Region, read_base
from tmlib.portal.files import FileStore
from tmlib.portal.publishing.drafts import Content, keep, write_json
from tmlib.portal.publishing.naming import item_folder, run_folder, run_name, spacing_folder
from tmlib.portal.publishing.site_files import sites_shown
from tmlib.portal.publishing.tomograms import Stack, write_tomogram
from tmlib.storage import ExperimentStorage
from tmlib.volumes.blocks import Block
from tmlib.workflow.fingerprints import COLLECT
from tmlib.workflow.models import Fingerprint
from tmlib.workflow.steps.layers import is_corrected
from tmlib.workflow.steps.plate_map import PlateMap, read_plate_map

_STEP = "illuminati"


@dataclass(frozen=True)
class MapLayer:
    """A channel at one time point, as the map of a well shows it.

    Attributes
    ----------
    stack
        Which planes.
    mosaics
        The folder of each plane's mosaic.
    """

    stack: Stack
    mosaics: tuple[Path, ...]


@dataclass(frozen=True)
class WellMap:
    """The map of a well, which becomes a run.

    Attributes
    ----------
    dataset_id, name
        What the run belongs to, and how it is called.
    spacing
        Edge of a voxel in angstroms.
    about
        What is known of the well: plate, conditions, and where on the map its sites are.
    box
        Where it lies in the mosaics.
    layers
        What it shows.
    arguments
        Those of the step that made the mosaics, as far as they are known.
    """

    dataset_id: int
    name: str
    spacing: float
    about: Mapping[str, Any]
    box: Box
    layers: tuple[MapLayer, ...]
    arguments: Mapping[str, Any]

    def is_corrected(self, channel: str) -> bool:
        """Whether uneven light of a channel was corrected."""
        return is_corrected(self.arguments, channel)


class MapVolume:
    """A rectangle of mosaics of several planes, read block by block.

    Attributes
    ----------
    shape, dtype
        Of the volume of (z, y, x).
    """

    def __init__(self, mosaics: tuple[Path, ...], box: Box) -> None:
        self._mosaics, self._box = mosaics, box
        self.shape = len(mosaics), box.height, box.width
        self.dtype = open_array(mosaics[0] / "0", keep_zeros=False).dtype.numpy_dtype

    def __getitem__(self, block: Block, /) -> NDArray[Any]:
        """The voxels of a block."""
        z, y, x = (range(*one.indices(size)) for one, size in zip(block, self.shape, strict=True))
        region = Region(self._box.y + y.start, self._box.x + x.start, len(y), len(x))
        return np.stack([read_base(self._mosaics[plane], region) for plane in z])


def check_map(session: Session, experiment_id: int, plate_map: PlateMap) -> None:
    """Make sure that an experiment has a map of all that was imaged.

    Raises
    ------
    BadInput
        If it has none, or one that was made of other sites.
    """
    experiment = session.get_one(Experiment, experiment_id)
    present = plate_map.digest()
    laid_out = session.scalars(
        select(Fingerprint.inputs).where(
            *_of_step(experiment_id),
            Fingerprint.key == COLLECT,
        )
    ).one_or_none()
    is_same = laid_out is None or laid_out.get("layout", present) == present
    if not is_same or (experiment.map_height, experiment.map_width) != plate_map.size:
        raise BadInput(
            "The experiment has no map of its present sites: run the stage pyramid_creation, or "
            "publish it without plate_maps."
        )


def read_well_map(
    session: Session,
    storage: ExperimentStorage,
    well_id: int,
    *,
    dataset_id: int,
    name: str,
    spacing: float,
) -> WellMap:
    """What the map of a well shows.

    Parameters
    ----------
    session, storage
        Of the experiment.
    well_id
        The well.
    dataset_id, name, spacing
        As of the run.

    Raises
    ------
    NotFound
        If the well is gone.
    """
    experiment_id = storage.experiment_id
    plate_map = read_plate_map(session, experiment_id)
    boxes = dict(plate_map.well_boxes())
    if well_id not in boxes:
        raise NotFound("The well was deleted meanwhile: publish the experiment again.")
    of_step = select(Fingerprint.arguments).where(*_of_step(experiment_id))
    arguments = session.scalars(of_step.limit(1)).first() or {}
    imaged = _imaged(session, well_id, with_omitted=not arguments.get("align"))
    return WellMap(
        dataset_id,
        name,
        spacing,
        _read_about(session, experiment_id, plate_map, well_id, name),
        boxes[well_id],
        _read_layers(session, storage, imaged),
        arguments,
    )


def _of_step(experiment_id: int) -> tuple[ColumnElement[bool], ...]:
    return Fingerprint.experiment_id == experiment_id, Fingerprint.step_name == _STEP


def _read_about(
    session: Session, experiment_id: int, plate_map: PlateMap, well_id: int, name: str
) -> dict[str, Any]:
    shown = {site.id: site for site in sites_shown(session, experiment_id)}
    [(plate, well)] = [
        (plate, well) for plate in plate_map.plates for well in plate.wells if well.id == well_id
    ]
    origin = dict(plate_map.well_boxes())[well_id]
    sites = [
        {
            "run_name": run_name(name, site.y, site.x),
            "y": shown[site.id].aligned_box.y - origin.y,
            "x": shown[site.id].aligned_box.x - origin.x,
        }
        for site in well.sites
        if site.id in shown
    ]
    return {
        "plate": plate.name,
        "well": well.name,
        "conditions": conditions_of(well.description),
        "sites": sorted(sites, key=lambda site: (site["y"], site["x"])),
    }


def _imaged(session: Session, well_id: int, *, with_omitted: bool) -> set[tuple[int, int, int]]:
    """Channels, time points and focal planes that sites of a well were imaged at.

    A map of aligned images is without omitted sites.
    """
    planes = (
        select(ChannelImageFile.channel_id, ChannelImageFile.tpoint, ChannelImageFile.zplane)
        .join(Site, Site.id == ChannelImageFile.site_id)
        .where(Site.well_id == well_id)
        .distinct()
    )
    rows = session.execute(planes if with_omitted else planes.where(~Site.omitted))
    return {(row.channel_id, row.tpoint, row.zplane) for row in rows}


def _read_layers(
    session: Session, storage: ExperimentStorage, imaged: Container[tuple[int, int, int]]
) -> tuple[MapLayer, ...]:
    """The layers of the map that a well is on, in the order of their channels and time points."""
    rows = session.execute(
        select(Channel, ChannelLayer)
        .join(ChannelLayer, ChannelLayer.channel_id == Channel.id)
        .where(ChannelLayer.experiment_id == storage.experiment_id)
        .order_by(Channel.index, ChannelLayer.tpoint, ChannelLayer.zplane)
    ).all()
    planes: dict[tuple[int, int], list[tuple[Channel, ChannelLayer]]] = defaultdict(list)
    for channel, layer in rows:
        if (channel.id, layer.tpoint, layer.zplane) not in imaged:
            continue
        planes[channel.index, layer.tpoint].append((channel, layer))
    return tuple(
        MapLayer(
            Stack(
                of_stack[0][0].name,
                of_stack[0][0].wavelength,
                tpoint,
                tuple(layer.zplane for _, layer in of_stack),
            ),
            tuple(
                storage.mosaic(channel.id, tpoint, layer.zplane, layer.version)
                for channel, layer in of_stack
            ),
        )
        for (_, tpoint), of_stack in planes.items()
    )


def write_well_map(well: WellMap, store: FileStore, draft: Path) -> Content:
    """Write and keep all files of the map of a well.

    Parameters
    ----------
    well
        What is written.
    store
        Keeps contents.
    draft
        An empty folder.

    Raises
    ------
    NotFound
        If a mosaic is gone, or is not whole.
    """
    bucket = draft / "bucket"
    folder = spacing_folder(well.dataset_id, well.name, well.spacing)
    several = len({layer.stack.tpoint for layer in well.layers}) > 1
    tomograms = []
    for index, layer in enumerate(well.layers):
        if not all(map(is_complete, layer.mosaics)):
            raise NotFound(
                f'The map of channel "{layer.stack.channel}" is not complete any more: run the '
                "stage pyramid_creation again."
            )
        is_corrected = well.is_corrected(layer.stack.channel)
        content = write_tomogram(
            layer.stack,
            MapVolume(layer.mosaics, well.box),
            name=layer.stack.name(with_tpoint=several),
            run=well.name,
            folder=item_folder(folder, "Tomograms", index),
            spacing=well.spacing,
            bucket=bucket,
            with_pictures=index == 0,
            illumination_corrected=is_corrected,
        )
        tomograms.append({**content, "processing": "filtered" if is_corrected else "raw"})
    metadata = {"run_name": well.name, "voxel_spacing": well.spacing, **well.about}
    root = run_folder(well.dataset_id, well.name)
    write_json(bucket / f"{root}run_metadata.json", metadata)
    return {
        "name": well.name,
        "place": {name: well.about[name] for name in ("plate", "well", "conditions")},
        "spacing": well.spacing,
        "tomograms": tomograms,
        "annotations": [],
        "files": keep(store, bucket),
    }
