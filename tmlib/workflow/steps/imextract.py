"""Step imextract: reads the pixels of all planes from the microscope's files into OME-Zarr."""

from collections.abc import Sequence
from functools import partial, reduce
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from sqlalchemy import Row, Select, delete, select
from sqlalchemy.orm import Session, selectinload

from tmlib.db.many import select_among
from tmlib.experiments.models import (
    Acquisition,
    Channel,
    ChannelImageFile,
    Experiment,
    Plate,
    Site,
    Well,
)
from tmlib.experiments.trash import Trash
from tmlib.images.channel_images import (
    field_path,
    field_stamp,
    outdated_fields,
    plane_stamp,
    plate_metadata_stamps,
    write_plane,
    write_plate_metadata,
)
from tmlib.images.reading import GrayImage
from tmlib.images.sources import read_plane
from tmlib.storage import Stamp, file_stamp
from tmlib.uploads.models import FileKind, MicroscopeFile
from tmlib.uploads.sources import source_path
from tmlib.workflow.arguments import BATCH_SIZE, Argument
from tmlib.workflow.steps.base import (
    Batch,
    Inputs,
    Step,
    StepContext,
    Work,
    chunks,
    digest,
    logger,
)
from tmlib.workflow.steps.channels import read_field_shape
from tmlib.workflow.steps.site_refinement import (
    forget_refinement,
    refine,
    refinement,
    wells_to_refine,
)

WELL = "well_id"
"""Key of the batches that correct the places of a well's sites."""


class Imextract(Step):
    """Extraction of images from the microscope's files."""

    name = "imextract"
    fullname = "Image extraction"
    help = "Reads the pixels of all planes and stores them as OME-Zarr."
    version = 1
    has_collect = True
    arguments: ClassVar[tuple[Argument, ...]] = (
        BATCH_SIZE,
        Argument("delete", bool, "Delete the microscope's image files afterwards.", False),
        Argument(
            "refine_positions",
            bool,
            "Correct where the stage put overlapping sites by what their images show.",
            True,
        ),
        Argument(
            "refinement_limit",
            int,
            "Pixels by which the stage may be wrong; 3 % of an image if not given.",
            minimum=1,
        ),
    )

    def create_batches(self, context: StepContext) -> list[list[Work]]:
        """Cut the planes into batches, the planes of a site together; then wells that overlap."""
        with context.database.session() as session:
            refined = (
                wells_to_refine(session, context.experiment_id)
                if context.arguments["refine_positions"]
                else {}
            )
            shape, _ = read_field_shape(session, context.experiment_id)
            pixel_size = session.get_one(Experiment, context.experiment_id).pixel_size
            planes = session.execute(
                _planes()
                .where(ChannelImageFile.experiment_id == context.experiment_id)
                .order_by(ChannelImageFile.site_id, ChannelImageFile.id)
            ).all()
        stamps = _FileStamps(context)
        described = digest(shape, pixel_size)
        work = []
        for part in chunks(planes, int(context.arguments["batch_size"] or 1)):
            places = [
                (row.plate_id, row.well, row.field, row.tpoint, row.channel_index, row.zplane)
                for row in part
            ]
            work.append(
                Work(
                    {"channel_image_file_ids": [row.id for row in part]},
                    {
                        "files": digest([stamps.of(row) for row in part]),
                        "places of planes": digest(places),
                        "shape of images": described,
                    },
                )
            )
        files: dict[int, list[object]] = {well_id: [] for well_id in refined}
        for row in planes:
            if row.well_id in refined:
                files[row.well_id].append((row.tpoint, row.channel_index, stamps.of(row)))
        wells = [
            Work({WELL: well_id}, {"files": digest(files[well_id]), "stage positions": lie})
            for well_id, lie in refined.items()
        ]
        return [work, wells] if wells else [work]

    def collect_inputs(self, context: StepContext) -> Inputs:
        """The plates with their wells."""
        with context.database.session() as session:
            return {
                "plates": digest([(id_, name, w) for id_, name, w in _plates(session, context)])
            }

    def keep(self, context: StepContext, current: Sequence[Batch]) -> None:
        """Delete images of an earlier conversion that had other channels or time points.

        What else does not stand is replaced plane by plane.
        """
        with context.database.session() as session:
            shape, _ = read_field_shape(session, context.experiment_id)
            plates = _plates(session, context)
        outdated = [
            field
            for plate_id, _, wells in plates
            for field in outdated_fields(context.storage.plate_images(plate_id), shape, wells)
        ]
        context.effects.append(lambda session: _set_aside(context, outdated))
        refined = {batch[WELL] for batch in current if WELL in batch}
        context.effects.append(
            lambda session: forget_refinement(session, context.experiment_id, refined)
        )

    def outputs(
        self, context: StepContext, session: Session, batches: Sequence[Batch]
    ) -> list[str | None]:
        """What the files of all planes are known by, and the places of sites."""
        places = refinement(session, [batch[WELL] for batch in batches if WELL in batch])
        ids = [id_ for batch in batches for id_ in batch.get("channel_image_file_ids", ())]
        found: dict[int, tuple[Stamp | None, ...]] = {}
        fields: dict[tuple[int, str, int], tuple[Path, Stamp | None]] = {}
        for row in select_among(session, _planes(), ChannelImageFile.id, ids):
            key = row.plate_id, row.well, row.field
            if key not in fields:
                field = field_path(context.storage.plate_images(row.plate_id), *key[1:])
                fields[key] = field, field_stamp(field)
            field, stamp = fields[key]
            plane = plane_stamp(field, t=row.tpoint, c=row.channel_index, z=row.zplane)
            found[row.id] = stamp, plane
        outputs: list[str | None] = []
        for batch in batches:
            if WELL in batch:
                outputs.append(places[batch[WELL]])
                continue
            stamps = [found.get(id_, (None,)) for id_ in batch["channel_image_file_ids"]]
            outputs.append(None if any(None in one for one in stamps) else digest(stamps))
        return outputs

    def collect_output(self, context: StepContext, session: Session) -> str | None:
        """What the descriptions of plates are known by."""
        stamps = [
            plate_metadata_stamps(context.storage.plate_images(plate_id), wells)
            for plate_id, _, wells in _plates(session, context)
        ]
        return None if any(None in one for one in stamps) else digest(stamps)

    def run(self, context: StepContext, batch: Batch) -> None:
        """Read and write the planes of a batch, or correct the places of a well's sites."""
        if WELL in batch:
            refine(context, batch[WELL])
            return
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

    def collect(self, context: StepContext) -> None:
        """Describe each plate as a whole; delete the microscope's images if that is wanted."""
        with context.database.session() as session:
            plates = _plates(session, context)
        for plate_id, name, wells in plates:
            write_plate_metadata(context.storage.plate_images(plate_id), name, wells)
        if context.arguments["delete"]:
            context.effects.append(lambda session: _delete_images(session, context))


class _FileStamps:
    """What the microscope's files are known by; each is looked at once."""

    def __init__(self, context: StepContext) -> None:
        self._storage = context.storage
        self._folders: dict[int, Path] = {}
        self._stamps: dict[tuple[int, str], Stamp | None] = {}

    def of(self, row: Row[Any]) -> list[object]:
        """What the files of a plane are known by, and which planes of them it is made of."""
        acquisition_id, file_map = row.acquisition_id, row.file_map
        if acquisition_id not in self._folders:
            folder = self._storage.microscope_images(row.plate_id, acquisition_id)
            self._folders[acquisition_id] = folder
        for name in file_map["files"]:
            if (acquisition_id, name) not in self._stamps:
                stamp = file_stamp(f"{self._folders[acquisition_id]}/{name}")
                self._stamps[acquisition_id, name] = stamp
        stamps = [self._stamps[acquisition_id, name] for name in file_map["files"]]
        return [*file_map.values(), stamps]


def _planes() -> Select[*tuple[Any, ...]]:
    """All planes, what they are made of, and where they are stored."""
    return (
        select(
            ChannelImageFile.id,
            ChannelImageFile.acquisition_id,
            ChannelImageFile.file_map,
            ChannelImageFile.tpoint,
            Channel.index.label("channel_index"),
            ChannelImageFile.zplane,
            Site.field,
            Well.name.label("well"),
            Well.id.label("well_id"),
            Well.plate_id,
        )
        .join(Channel, Channel.id == ChannelImageFile.channel_id)
        .join(Site, Site.id == ChannelImageFile.site_id)
        .join(Well, Well.id == Site.well_id)
    )


def _plates(session: Session, context: StepContext) -> list[tuple[int, str, dict[str, int]]]:
    """Id and name of each plate that has wells, and the number of sites by name of the well."""
    plates = session.scalars(
        select(Plate)
        .where(Plate.experiment_id == context.experiment_id, Plate.wells.any())
        .order_by(Plate.id)
        .options(selectinload(Plate.wells).selectinload(Well.sites))
    )
    return [
        (plate.id, plate.name, {well.name: len(well.sites) for well in plate.wells})
        for plate in plates
    ]


def _set_aside(context: StepContext, folders: Sequence[Path]) -> None:
    """Take folders away while the job is surely this worker's: later there may be new ones."""
    for folder in folders:
        Trash(context.storage.root, folder)
    context.afterwards.append(Trash(context.storage.root).empty)


def _read(context: StepContext, acquisition: Acquisition, plane: ChannelImageFile) -> GrayImage:
    """Read a plane, the maximum of several if it is made of several."""
    folder = context.storage.microscope_images(acquisition.plate_id, acquisition.id)
    sources = zip(*(plane.file_map[key] for key in ("files", "series", "planes")), strict=True)
    limit = context.settings.max_image_pixels
    return reduce(
        np.maximum,
        (
            read_plane(
                source_path(folder, name, data_dir=context.settings.data_dir),
                series=series,
                plane=number,
                max_pixels=limit,
            )
            for name, series, number in sources
        ),
    )


def _delete_images(session: Session, context: StepContext) -> None:
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
