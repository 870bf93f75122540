"""Step metaconfig: finds out which file shows which well, site, channel, time point and plane.

What the microscope's metadata files say comes first, then the file names, then the layout that
the user gives.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, get_args

from sqlalchemy import select
from sqlalchemy.orm import Session

from tmlib import microscopes
from tmlib.experiments.models import Acquisition, Experiment, Plate
from tmlib.images import ome_xml
from tmlib.images.layout import StitchLayout, well_position
from tmlib.images.ome_masters import follow_masters
from tmlib.images.ome_xml import DescribedFile
from tmlib.images.reading import ImageProperties
from tmlib.microscopes import Microscope, PlaneMetadata
from tmlib.uploads.models import FileKind, FileUploadStatus, MicroscopeFile
from tmlib.uploads.sources import source_path
from tmlib.workflow.arguments import Argument, Value
from tmlib.workflow.steps import configuration, joining
from tmlib.workflow.steps.base import Batch, Inputs, Step, StepContext, Work, digest, logger
from tmlib.workflow.steps.joined_planes import join_planes
from tmlib.workflow.steps.microscope_files import digests_of_metadata
from tmlib.workflow.steps.site_cells import Cell, Stage, UserLayout, Wells, locate_sites
from tmlib.workflow.steps.site_places import Camera, Place, place_sites

STITCH_LAYOUTS: tuple[str, ...] = get_args(StitchLayout)
STAGE_POSITIONS = ("auto", "ignore")


class Metaconfig(Step):
    """Configuration of metadata: from files to wells, sites, channels and planes."""

    name = "metaconfig"
    fullname = "Metadata configuration"
    help = "Assigns every image file to a well, site, channel, time point and focal plane."
    version = 3
    has_collect = True
    is_indivisible = True
    arguments: ClassVar[tuple[Argument, ...]] = (
        Argument("mip", bool, "Project the focal planes of a site to their maximum.", False),
        Argument("n_horizontal", int, "Columns of sites in a well, if no file tells.", minimum=1),
        Argument("n_vertical", int, "Rows of sites in a well, if no file tells.", minimum=1),
        Argument(
            "regex",
            str,
            "Pattern of file names with named groups w, c, z, t and s.",
            check=microscopes.compile_pattern,
        ),
        Argument(
            "stitch_layout",
            str,
            "Order in which the sites of a well were imaged.",
            "horizontal",
            choices=STITCH_LAYOUTS,
        ),
        Argument(
            "stage_y",
            str,
            "Where on the images y of the stage grows, if not as the microscope type says.",
            choices=("up", "down"),
        ),
        Argument(
            "stage_x",
            str,
            "Where on the images x of the stage grows, if not to the right.",
            choices=("left", "right"),
        ),
        Argument(
            "stage_positions",
            str,
            "Whether sites overlap and have gaps as the stage says, or lie side by side.",
            "auto",
            choices=STAGE_POSITIONS,
        ),
    )

    def create_batches(self, context: StepContext) -> list[list[Work]]:
        """One job per plate."""
        with context.database.session() as session:
            experiment = session.get_one(Experiment, context.experiment_id)
            plates = session.scalars(
                select(Plate)
                .where(Plate.experiment_id == context.experiment_id, Plate.acquisitions.any())
                .order_by(Plate.id)
            ).all()
            described = digest(experiment.microscope_type, experiment.plate_format)
            metadata = digests_of_metadata(session, context.storage)
            return [
                [
                    Work(
                        {"plate_id": plate.id},
                        {
                            "experiment": described,
                            "files": _files_digest(session, plate),
                            "metadata files": metadata.get(plate.id, ""),
                        },
                    )
                    for plate in plates
                ]
            ]

    def collect_inputs(self, context: StepContext) -> Inputs:
        """How acquisitions are joined, and which."""
        with context.database.session() as session:
            experiment = session.get_one(Experiment, context.experiment_id)
            acquisitions = session.execute(
                select(Acquisition.plate_id, Acquisition.id)
                .where(Acquisition.experiment_id == context.experiment_id)
                .order_by(Acquisition.id)
            ).all()
        return {
            "acquisition mode": digest(experiment.plate_acquisition_mode),
            "acquisitions": configuration.digest_of_acquisitions(
                (row.plate_id, row.id) for row in acquisitions
            ),
        }

    def keep(self, context: StepContext, current: Sequence[Batch]) -> None:
        """Delete earlier wells, channels and cycles, unless all of them stand.

        What users have said of wells is kept for those that are found again.
        """
        if not current:
            context.effects.append(
                lambda session: configuration.forget(session, context.experiment_id)
            )

    def outputs(
        self, context: StepContext, session: Session, batches: Sequence[Batch]
    ) -> list[str | None]:
        """Nothing of its own: what the jobs record is known once collect has joined it."""
        return ["joined by collect"] * len(batches)

    def collect_output(self, context: StepContext, session: Session) -> str:
        """What all wells, sites, channels and planes are known by."""
        return configuration.recorded(session, context.experiment_id)

    def run(self, context: StepContext, batch: Batch) -> None:
        """Read the metadata of all acquisitions of a plate, which share its wells and sites."""
        with context.database.session() as session:
            experiment = session.get_one(Experiment, context.experiment_id)
            acquisitions = list(session.get_one(Plate, batch["plate_id"]).acquisitions)
        microscope = microscopes.get(experiment.microscope_type)
        found = [_read(context, microscope, acquisition) for acquisition in acquisitions]
        for one in found:
            for well in {plane.well for plane in one.planes}:
                well_position(well, experiment.plate_format)
        directions = _stage_directions(context, microscope)
        wells = [one.stages(directions) for one in found]
        cells = locate_sites(wells, user_layout(context.arguments))
        places = _places(context, found, wells, cells)
        mip = bool(context.arguments["mip"])
        for acquisition, one, own_cells in zip(acquisitions, found, cells, strict=True):
            planes = join_planes(one.planes, one.properties, own_cells, mip=mip)
            logger.info("%d planes in acquisition %s", len(planes), acquisition.name)
            context.effects.append(
                partial(
                    configuration.record,
                    acquisition=acquisition,
                    planes=planes,
                    places=places,
                    pixel_size=one.pixel_size,
                )
            )

    def collect(self, context: StepContext) -> None:
        """Join the acquisitions: as a time series, or as cycles with channels of their own."""
        context.effects.append(
            lambda session: joining.join_acquisitions(session, context.experiment_id)
        )


@dataclass(frozen=True)
class _Found:
    """What the files of an acquisition are."""

    planes: list[PlaneMetadata]
    properties: dict[str, ImageProperties]
    pixel_size: float | None
    is_grid: bool

    def stages(self, directions: tuple[int, int]) -> dict[str, dict[int, Stage | None]]:
        """By name of the well and number of the site where the stage stood, if that is known.

        `directions` are those of the stage's (y, x) on the images: 1 down or to the right, -1 up
        or to the left.
        """
        wells: dict[str, dict[int, Stage | None]] = defaultdict(dict)
        for plane in self.planes:
            stage = plane.stage
            if stage is not None:
                stage = directions[0] * stage[0], directions[1] * stage[1]
            wells[plane.well].setdefault(plane.site, stage)
        return wells


def _read(context: StepContext, microscope: Microscope, acquisition: Acquisition) -> _Found:
    """Read what metadata files, image files and names say."""
    with context.database.session() as session:
        files = session.scalars(
            select(MicroscopeFile)
            .where(
                MicroscopeFile.acquisition_id == acquisition.id,
                MicroscopeFile.status == FileUploadStatus.COMPLETE,
            )
            .order_by(MicroscopeFile.name)
        ).all()
    described = {
        file.name: ome_xml.read(file.omexml, file.name)
        for file in files
        if file.kind is FileKind.IMAGE and file.omexml is not None
    }
    metadata = [file.name for file in files if file.kind is FileKind.METADATA]
    pattern = _text(context, "regex")
    followed = follow_masters(
        described,
        context.storage.microscope_images(acquisition.plate_id, acquisition.id),
        metadata,
        names_tell=pattern is not None,
    )
    described = followed.files
    folder = context.storage.microscope_metadata(acquisition.plate_id, acquisition.id)
    acquired = microscopes.read_acquisition(
        microscope,
        [source_path(folder, name, data_dir=context.settings.data_dir) for name in metadata],
        {name: file.planes for name, file in described.items()},
        pattern,
    )
    for warning in followed.warnings + acquired.warnings:
        logger.warning(warning)
    return _Found(
        acquired.planes,
        {name: file.properties for name, file in described.items()},
        acquired.pixel_size or _pixel_size(described),
        acquired.is_grid,
    )


def _files_digest(session: Session, plate: Plate) -> str:
    """A digest of which files acquisitions of a plate have, and what images say of themselves."""
    found = []
    for acquisition in plate.acquisitions:
        found.append((acquisition.id, acquisition.name))
        found += [
            (row.name, digest(row.omexml))
            for row in session.execute(
                select(MicroscopeFile.name, MicroscopeFile.omexml)
                .where(
                    MicroscopeFile.acquisition_id == acquisition.id,
                    MicroscopeFile.status == FileUploadStatus.COMPLETE,
                )
                .order_by(MicroscopeFile.name)
                .execution_options(yield_per=1000)
            )
        ]
    return digest(found)


def _places(
    context: StepContext,
    found: Sequence[_Found],
    wells: Sequence[Wells],
    cells: Sequence[Mapping[tuple[str, int], Cell]],
) -> dict[tuple[str, Cell], Place]:
    """Where the stage put the sites, by well and cell; nothing if they lie side by side."""
    shapes = [(one.height, one.width) for each in found for one in each.properties.values()]
    if context.arguments["stage_positions"] == "ignore" or not shapes:
        return {}
    if any(each.is_grid for each in found):
        return {}
    sizes = [each.pixel_size for each in found if each.pixel_size is not None]
    return place_sites(wells, cells, Camera(*shapes[0], sizes[0] if sizes else None))


def _stage_directions(context: StepContext, microscope: Microscope) -> tuple[int, int]:
    stage_y = _text(context, "stage_y") or ("up" if microscope.reverse_rows else "down")
    stage_x = _text(context, "stage_x") or "right"
    return -1 if stage_y == "up" else 1, -1 if stage_x == "left" else 1


def _text(context: StepContext, name: str) -> str | None:
    value = context.arguments[name]
    return None if value is None else str(value)


def user_layout(arguments: Mapping[str, Value]) -> UserLayout:
    """How the user says that the sites of a well lie."""
    return UserLayout(
        arguments["stitch_layout"],  # type: ignore[arg-type] # one of the choices
        _number(arguments, "n_horizontal"),
        _number(arguments, "n_vertical"),
    )


def _number(arguments: Mapping[str, Value], name: str) -> int | None:
    value = arguments[name]
    return None if value is None else int(value)


def _pixel_size(described: Mapping[str, DescribedFile]) -> float | None:
    """Size of a pixel, if all files that know it agree."""
    sizes = {file.pixel_size for file in described.values()} - {None}
    return sizes.pop() if len(sizes) == 1 else None
