"""Step imextract: reads the pixels of all planes from the microscope's files into OME-Zarr."""

import shutil
from functools import partial, reduce
from typing import ClassVar

import numpy as np
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tmlib.experiments.models import (
    Acquisition,
    Channel,
    ChannelImageFile,
    Experiment,
    Plate,
    Site,
    Well,
)
from tmlib.images.channel_images import (
    field_path,
    outdated_fields,
    write_plane,
    write_plate_metadata,
)
from tmlib.images.reading import GrayImage
from tmlib.images.sources import read_plane
from tmlib.uploads.models import FileKind, MicroscopeFile
from tmlib.workflow.arguments import BATCH_SIZE, Argument
from tmlib.workflow.steps.base import Batch, JobContext, Step, chunks, logger
from tmlib.workflow.steps.channels import read_field_shape


class Imextract(Step):
    """Extraction of images from the microscope's files."""

    name = "imextract"
    fullname = "Image extraction"
    help = "Reads the pixels of all planes and stores them as OME-Zarr."
    has_collect = True
    arguments: ClassVar[tuple[Argument, ...]] = (
        BATCH_SIZE,
        Argument("delete", bool, "Delete the microscope's image files afterwards.", False),
    )

    def create_batches(self, context: JobContext) -> list[list[Batch]]:
        """Cut the planes into batches, the planes of a site together.

        Images of an earlier conversion that had other channels or time points are deleted.
        """
        with context.database.session() as session:
            shape, _ = read_field_shape(session, context.experiment_id)
            plates = session.scalars(
                select(Plate).where(Plate.experiment_id == context.experiment_id)
            )
            outdated = [
                field
                for plate in plates
                for field in outdated_fields(
                    context.storage.plate_images(plate.id),
                    shape,
                    {well.name: len(well.sites) for well in plate.wells},
                )
            ]
            ids = session.scalars(
                select(ChannelImageFile.id)
                .where(ChannelImageFile.experiment_id == context.experiment_id)
                .order_by(ChannelImageFile.site_id, ChannelImageFile.id)
            ).all()
        context.afterwards.extend(
            partial(shutil.rmtree, field, ignore_errors=True) for field in outdated
        )
        size = int(context.arguments["batch_size"] or 1)
        return [[{"channel_image_file_ids": part} for part in chunks(ids, size)]]

    def run(self, context: JobContext, batch: Batch) -> None:
        """Read and write the planes of a batch."""
        with context.database.session() as session:
            shape, channel_names = read_field_shape(session, context.experiment_id)
            pixel_size = session.get_one(Experiment, context.experiment_id).pixel_size
            planes = session.execute(
                select(ChannelImageFile, Channel.index, Site.field, Well.name, Acquisition)
                .join(Channel, Channel.id == ChannelImageFile.channel_id)
                .join(Site, Site.id == ChannelImageFile.site_id)
                .join(Well, Well.id == Site.well_id)
                .join(Acquisition, Acquisition.id == ChannelImageFile.acquisition_id)
                .where(ChannelImageFile.id.in_(batch["channel_image_file_ids"]))
                .order_by(ChannelImageFile.site_id, ChannelImageFile.id)
            ).all()
        for plane, channel_index, field, well_name, acquisition in planes:
            store = context.storage.plate_images(acquisition.plate_id)
            write_plane(
                field_path(store, well_name, field),
                shape,
                channel_names,
                t=plane.tpoint,
                c=channel_index,
                z=plane.zplane,
                pixels=_read(context, acquisition, plane),
                pixel_size=pixel_size,
            )
        logger.info("%d planes written", len(planes))

    def collect(self, context: JobContext) -> None:
        """Describe each plate as a whole; delete the microscope's images if that is wanted."""
        with context.database.session() as session:
            for plate in session.scalars(
                select(Plate).where(Plate.experiment_id == context.experiment_id)
            ):
                wells = {well.name: len(well.sites) for well in plate.wells}
                if wells:
                    write_plate_metadata(context.storage.plate_images(plate.id), plate.name, wells)
        if context.arguments["delete"]:
            context.effects.append(lambda session: _delete_images(session, context))


def _read(context: JobContext, acquisition: Acquisition, plane: ChannelImageFile) -> GrayImage:
    """Read a plane, the maximum of several if it is made of several."""
    folder = context.storage.microscope_images(acquisition.plate_id, acquisition.id)
    sources = zip(*(plane.file_map[key] for key in ("files", "series", "planes")), strict=True)
    limit = context.settings.max_image_pixels
    return reduce(
        np.maximum,
        (
            read_plane(folder / name, series=series, plane=number, max_pixels=limit)
            for name, series, number in sources
        ),
    )


def _delete_images(session: Session, context: JobContext) -> None:
    files = session.execute(
        select(MicroscopeFile.name, Acquisition.plate_id, Acquisition.id)
        .join(Acquisition, Acquisition.id == MicroscopeFile.acquisition_id)
        .where(
            MicroscopeFile.experiment_id == context.experiment_id,
            MicroscopeFile.kind == FileKind.IMAGE,
        )
    ).all()
    paths = [
        context.storage.microscope_images(plate_id, acquisition_id) / name
        for name, plate_id, acquisition_id in files
    ]
    session.execute(
        delete(MicroscopeFile).where(
            MicroscopeFile.experiment_id == context.experiment_id,
            MicroscopeFile.kind == FileKind.IMAGE,
        )
    )
    context.afterwards.extend(partial(path.unlink, missing_ok=True) for path in paths)
