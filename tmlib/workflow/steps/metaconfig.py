"""Step metaconfig: finds out which file shows which well, site, channel, time point and plane.

What the microscope's metadata files say comes first, then the file names, then the layout that
the user gives.
"""

from collections import defaultdict
from pathlib import Path
from typing import ClassVar

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tmlib import microscopes
from tmlib.errors import BadInput
from tmlib.experiments.models import Acquisition, Channel, Cycle, Experiment, Well
from tmlib.images.layout import grid_from_stage_positions, site_grid, well_position
from tmlib.images.ome_xml import read_properties
from tmlib.images.reading import ImageProperties
from tmlib.microscopes.base import ImageMetadata, Microscope
from tmlib.uploads.models import FileKind, FileUploadStatus, MicroscopeFile
from tmlib.workflow.arguments import Argument
from tmlib.workflow.steps import configuration
from tmlib.workflow.steps.base import Batch, JobContext, Step, logger
from tmlib.workflow.steps.configuration import Plane

STITCH_LAYOUTS = ("horizontal", "zigzag_horizontal", "vertical", "zigzag_vertical")

_SHOWN = 5


class Metaconfig(Step):
    """Configuration of metadata: from files to wells, sites, channels and planes."""

    name = "metaconfig"
    fullname = "Metadata configuration"
    help = "Assigns every image file to a well, site, channel, time point and focal plane."
    has_collect = True
    arguments: ClassVar[tuple[Argument, ...]] = (
        Argument("mip", bool, "Project the focal planes of a site to their maximum.", False),
        Argument("n_horizontal", int, "Columns of sites in a well, if no file tells.", minimum=1),
        Argument("n_vertical", int, "Rows of sites in a well, if no file tells.", minimum=1),
        Argument("regex", str, "Pattern of file names with named groups w, c, z, t and s."),
        Argument(
            "stitch_layout",
            str,
            "Order in which the sites of a well were imaged.",
            "horizontal",
            choices=STITCH_LAYOUTS,
        ),
    )

    def create_batches(self, context: JobContext) -> list[list[Batch]]:
        """One job per acquisition; earlier wells, channels and cycles are deleted."""
        with context.database.session() as session:
            ids = session.scalars(
                select(Acquisition.id)
                .where(Acquisition.experiment_id == context.experiment_id)
                .order_by(Acquisition.id)
            ).all()
        context.effects.append(lambda session: _forget(session, context.experiment_id))
        return [[{"acquisition_id": acquisition_id} for acquisition_id in ids]]

    def run(self, context: JobContext, batch: Batch) -> None:
        """Read the metadata of one acquisition."""
        with context.database.session() as session:
            experiment = session.get_one(Experiment, context.experiment_id)
            acquisition = session.get_one(Acquisition, batch["acquisition_id"])
            files = session.scalars(
                select(MicroscopeFile)
                .where(
                    MicroscopeFile.acquisition_id == acquisition.id,
                    MicroscopeFile.status == FileUploadStatus.COMPLETE,
                )
                .order_by(MicroscopeFile.name)
            ).all()
        properties = {
            file.name: read_properties(file.omexml)
            for file in files
            if file.kind is FileKind.IMAGE and file.omexml is not None
        }
        folder = context.storage.microscope_metadata(acquisition.plate_id, acquisition.id)
        microscope = microscopes.get(experiment.microscope_type)
        images = _read_images(
            microscope,
            [folder / file.name for file in files if file.kind is FileKind.METADATA],
            list(properties),
            _text(context, "regex"),
        )
        for well in {image.well for image in images.values()}:
            well_position(well, experiment.plate_format)
        grid = _grid(context, images, microscope.reverse_rows)
        planes = _planes(images, properties, grid, mip=bool(context.arguments["mip"]))
        logger.info("%d planes in %d image files", len(planes), len(images))
        context.effects.append(lambda session: configuration.record(session, acquisition, planes))

    def collect(self, context: JobContext) -> None:
        """Join the acquisitions: as a time series, or as cycles with channels of their own."""
        context.effects.append(
            lambda session: configuration.join_acquisitions(session, context.experiment_id)
        )


def _forget(session: Session, experiment_id: int) -> None:
    for model in (Channel, Cycle, Well):
        session.execute(delete(model).where(model.experiment_id == experiment_id))


def _text(context: JobContext, name: str) -> str | None:
    value = context.arguments[name]
    return None if value is None else str(value)


def _number(context: JobContext, name: str) -> int | None:
    value = context.arguments[name]
    return None if value is None else int(value)


def _read_images(
    microscope: Microscope, metadata_files: list[Path], names: list[str], pattern: str | None
) -> dict[str, ImageMetadata]:
    """What each image file shows, from metadata files or else from its name."""
    metadata = microscope.read_metadata(metadata_files, names)
    if metadata is None:
        return microscope.read_names(names, pattern)
    for warning in metadata.warnings:
        logger.warning(warning)
    unknown = [name for name in names if name not in metadata.images]
    if unknown:
        listed = ", ".join(f'"{name}"' for name in unknown[:_SHOWN])
        raise BadInput(
            f"The metadata files do not mention {len(unknown)} of {len(names)} image files "
            f"({listed}): upload the metadata files that belong to them, or delete the images."
        )
    return metadata.images


def _grid(
    context: JobContext, images: dict[str, ImageMetadata], reverse_rows: bool
) -> dict[tuple[str, int], tuple[int, int]]:
    """Row and column of each site, by name of the well and number of the site."""
    wells: dict[str, dict[int, tuple[float, float] | None]] = defaultdict(dict)
    for image in images.values():
        wells[image.well].setdefault(image.site, image.stage)
    grid = {}
    for well, sites in wells.items():
        numbers = sorted(sites)
        stages = [stage for number in numbers if (stage := sites[number]) is not None]
        if len(stages) == len(numbers):
            cells = grid_from_stage_positions(stages, reverse_rows)
        else:
            cells = site_grid(
                len(numbers),
                context.arguments["stitch_layout"],  # type: ignore[arg-type] # one of the choices
                _number(context, "n_horizontal"),
                _number(context, "n_vertical"),
            )
        grid.update({(well, number): cell for number, cell in zip(numbers, cells, strict=True)})
    return grid


def _planes(
    images: dict[str, ImageMetadata],
    properties: dict[str, ImageProperties],
    grid: dict[tuple[str, int], tuple[int, int]],
    *,
    mip: bool,
) -> list[Plane]:
    """All planes, with time points and focal planes counted from zero."""
    stacked = [
        (image, number)
        for name, image in images.items()
        for number in range(properties[name].n_planes)
    ]
    tpoints = {t: i for i, t in enumerate(sorted({image.tpoint for image, _ in stacked}))}
    depths = sorted({(image.zplane, number) for image, number in stacked})
    zplanes = {z: 0 if mip else i for i, z in enumerate(depths)}
    sources: dict[tuple[str, tuple[int, int], str, int, int], list[tuple[str, int]]]
    sources = defaultdict(list)
    for image, number in stacked:
        cell = grid[image.well, image.site]
        key = (
            image.well,
            cell,
            image.channel,
            tpoints[image.tpoint],
            zplanes[image.zplane, number],
        )
        sources[key].append((image.file_name, number))
    return [
        Plane(*key, files=tuple(files), properties=_agreed(files, properties, mip))
        for key, files in sources.items()
    ]


def _agreed(
    files: list[tuple[str, int]], properties: dict[str, ImageProperties], mip: bool
) -> ImageProperties:
    """The properties of a plane's files, which must be one file unless planes are projected."""
    names = sorted({name for name, _ in files})
    if len(files) > 1 and not mip:
        raise BadInput(
            f'The files "{names[0]}" and "{names[-1]}" show the same well, site, channel, time '
            "point and focal plane: correct the pattern of the file names so that it tells them "
            "apart, or delete one of them."
        )
    first = properties[names[0]]
    for name in names:
        other = properties[name]
        if (other.height, other.width) != (first.height, first.width):
            raise BadInput(
                f'"{name}" has {other.height} x {other.width} pixels, "{names[0]}" has '
                f"{first.height} x {first.width}: the focal planes of a site must be of one size."
            )
    return first
