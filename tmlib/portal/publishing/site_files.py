"""Writes the files of one site: volumes of its images, and what is known of them."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from tmlib.errors import BadInput
from tmlib.experiments.conditions import conditions_of
from tmlib.experiments.models import Channel, ChannelImageFile, Plate, Site, Well
from tmlib.portal.files import FileStore
from tmlib.portal.publishing.drafts import Content, keep, write_json
from tmlib.portal.publishing.naming import item_folder, run_folder, spacing_folder
from tmlib.portal.publishing.site_objects import SiteObjects, write_objects
from tmlib.portal.publishing.tomograms import Stack, write_tomogram
from tmlib.workflow.steps.plate_map import PlacedSite, read_plate_map
from tmlib.workflow.steps.site_images import SiteImages


@dataclass(frozen=True)
class SiteRun:
    """A site that becomes a run.

    Attributes
    ----------
    dataset_id, name
        What the run belongs to, and how it is called.
    spacing
        Edge of a voxel in angstroms.
    place
        The site.
    about
        What is known of the place: plate, well, its conditions.
    stacks
        The images.
    objects
        What was found in them.
    """

    dataset_id: int
    name: str
    spacing: float
    place: PlacedSite
    about: Mapping[str, Any]
    stacks: tuple[Stack, ...]
    objects: tuple[SiteObjects, ...]

    @property
    def zplanes(self) -> dict[int, tuple[int, ...]]:
        """The focal planes of the site's images, by time point."""
        planes: dict[int, set[int]] = defaultdict(set)
        for stack in self.stacks:
            planes[stack.tpoint].update(stack.zplanes)
        return {tpoint: tuple(sorted(found)) for tpoint, found in planes.items()}

    @property
    def folder(self) -> str:
        """The key below which all of the run is."""
        return run_folder(self.dataset_id, self.name)

    @property
    def spacing_folder(self) -> str:
        """The key below which its volumes are."""
        return spacing_folder(self.dataset_id, self.name, self.spacing)


def sites_shown(session: Session, experiment_id: int) -> list[PlacedSite]:
    """The sites that have images, without those whose cycles could not be aligned.

    Raises
    ------
    BadInput
        If there are none.
    """
    imaged = set(
        session.scalars(
            select(ChannelImageFile.site_id)
            .where(ChannelImageFile.experiment_id == experiment_id)
            .distinct()
        )
    )
    if not imaged:
        raise BadInput("The experiment has no images yet: run the image conversion stage first.")
    sites = read_plate_map(session, experiment_id).sites
    shown = [site for site in sites if site.id in imaged and not site.omitted]
    if not shown:
        raise BadInput(
            "All sites are omitted, since their cycles could not be aligned: run the workflow "
            "again with a higher shift_limit."
        )
    return shown


def read_stacks(session: Session, site_id: int) -> tuple[Stack, ...]:
    """The images of a site, in the order of their channels and time points."""
    rows = session.execute(
        select(Channel, ChannelImageFile.tpoint, ChannelImageFile.zplane)
        .join(Channel, Channel.id == ChannelImageFile.channel_id)
        .where(ChannelImageFile.site_id == site_id)
        .distinct()
    )
    planes: dict[tuple[int, int], list[int]] = defaultdict(list)
    channels: dict[int, Channel] = {}
    for channel, tpoint, zplane in rows:
        channels[channel.index] = channel
        planes[channel.index, tpoint].append(zplane)
    return tuple(
        Stack(channels[index].name, channels[index].wavelength, tpoint, tuple(sorted(zplanes)))
        for (index, tpoint), zplanes in sorted(planes.items())
    )


def read_about(session: Session, site_id: int) -> dict[str, Any]:
    """What is known of the place of a site."""
    site, well, plate = session.execute(
        select(Site, Well, Plate)
        .join(Well, Well.id == Site.well_id)
        .join(Plate, Plate.id == Well.plate_id)
        .where(Site.id == site_id)
    ).one()
    return {
        "plate": plate.name,
        "well": well.name,
        "well_pos_y": site.y,
        "well_pos_x": site.x,
        "conditions": conditions_of(well.description),
    }


def write_site(
    run: SiteRun, images: SiteImages, field: Path, store: FileStore, draft: Path
) -> Content:
    """Write and keep all files of a site.

    Parameters
    ----------
    run
        What the site becomes.
    images
        Of the experiment.
    field
        The folder of the site's images.
    store
        Keeps contents.
    draft
        An empty folder.

    Raises
    ------
    NotFound
        If an image was never written.
    Conflict
        If the stored labels of objects are not those that are recorded.
    """
    bucket = draft / "bucket"
    several = len({stack.tpoint for stack in run.stacks}) > 1
    tomograms = [
        write_tomogram(
            stack,
            _read_stack(run.place, images, stack, draft / "stack.npy"),
            name=stack.name(with_tpoint=several),
            run=run.name,
            folder=item_folder(run.spacing_folder, "Tomograms", index),
            spacing=run.spacing,
            bucket=bucket,
            with_pictures=index == 0,
        )
        for index, stack in enumerate(run.stacks)
    ]
    annotations = [
        *write_objects(
            *(run.objects, run.place, field, run.zplanes, run.spacing_folder, run.spacing),
            *(bucket, draft / "labels.npy"),
        )
    ]
    metadata = {"run_name": run.name, "voxel_spacing": run.spacing, **run.about}
    write_json(bucket / f"{run.folder}run_metadata.json", metadata)
    return {
        "name": run.name,
        "spacing": run.spacing,
        "tomograms": tomograms,
        "annotations": annotations,
        "files": keep(store, bucket),
    }


def _read_stack(place: PlacedSite, images: SiteImages, stack: Stack, file: Path) -> Any:
    """The planes as a volume of (z, y, x), on the disk since it may be larger than memory."""
    volume: Any = None
    for index, zplane in enumerate(stack.zplanes):
        plane = images.read(place, stack.channel, t=stack.tpoint, z=zplane, align=True)
        if volume is None:
            shape = (len(stack.zplanes), *plane.shape)
            volume = np.lib.format.open_memmap(file, "w+", plane.dtype, shape)
        volume[index] = plane
    return volume
