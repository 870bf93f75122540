"""What a job of a workflow would refuse, told when the workflow is submitted.

Only what is certain is refused. Where files say themselves what they show, that is known once
they have been read, and the jobs tell.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from tmlib import microscopes
from tmlib.errors import BadInput
from tmlib.experiments.models import Acquisition, Experiment, IllumstatsFile
from tmlib.images import ome_xml
from tmlib.images.layout import well_position
from tmlib.images.reading import ImageFileError
from tmlib.images.sources import inspect
from tmlib.jterator.project import Project
from tmlib.microscopes import ImageMetadata, PlaneMetadata
from tmlib.objects.mapobject_types import STATIC_TYPES
from tmlib.objects.models import MapobjectType
from tmlib.settings import Settings
from tmlib.storage import ExperimentStorage
from tmlib.uploads.models import FileKind, MicroscopeFile
from tmlib.workflow.arguments import Value
from tmlib.workflow.description import StepDescription, WorkflowDescription
from tmlib.workflow.models import WorkflowSettings
from tmlib.workflow.steps.channels import read_channels
from tmlib.workflow.steps.layers import check_exceptions
from tmlib.workflow.steps.metaconfig import user_layout
from tmlib.workflow.steps.metaextract import check_uploads
from tmlib.workflow.steps.site_cells import locate_sites

Steps = Mapping[str, StepDescription]


def check(
    session: Session,
    settings: Settings,
    experiment_id: int,
    description: WorkflowDescription,
    first: int = 0,
) -> None:
    """Make sure that nothing that is known already keeps a workflow from ending well.

    Parameters
    ----------
    session
        For reading.
    settings
        Of the installation.
    experiment_id
        Whose workflow it is.
    description
        What will run.
    first
        Index of the active stage that it begins with.

    Raises
    ------
    BadInput
        If a job would refuse its arguments, its files or its pipeline.
    """
    stages = description.active_stages[first:]
    steps = {step.name: step for stage in stages for step in stage.steps if step.active}
    _check_required(steps.values())
    experiment = session.get_one(Experiment, experiment_id)
    if "metaextract" in steps:
        check_uploads(session, experiment_id)
    channels: list[str] | None = [one.name for one in read_channels(session, experiment_id)]
    if "metaconfig" in steps:
        storage = ExperimentStorage(settings.data_dir, experiment_id)
        named = _expected_channels(
            session, storage, experiment, steps["metaconfig"].batch_arguments
        )
        # one that there is or was may have been renamed, and keeps the name that it was given
        given = experiment.channel_names
        again = [given[name] for name in named or () if name in given]
        channels = None if named is None else [*named, *again, *(channels or [])]
    _check_light(session, experiment_id, steps)
    if "align" in steps and experiment.plate_acquisition_mode == "basic":
        raise BadInput(
            'Step "align" aligns cycles, of which an experiment with "plate_acquisition_mode" '
            "basic has one: leave the step out, or create the experiment as multiplexing."
        )
    if "illuminati" in steps and channels is not None:
        check_exceptions(steps["illuminati"].batch_arguments, channels)
    if "jterator" in steps:
        is_last = "metaconfig" not in steps
        _check_pipeline(session, experiment_id, channels, are_objects_known=is_last)


def _check_required(steps: Collection[StepDescription]) -> None:
    for step in steps:
        for argument in step.step.arguments:
            if argument.required and step.batch_arguments[argument.name] is None:
                raise BadInput(
                    f'Argument "{argument.name}" of step "{step.name}" is required: give it a '
                    "value, or leave the step out."
                )


def _check_light(session: Session, experiment_id: int, steps: Steps) -> None:
    """Refuse to correct light that nothing has measured or will measure before."""
    if "corilla" in steps:
        return
    if session.scalar(select(exists().where(IllumstatsFile.experiment_id == experiment_id))):
        return
    for step in steps.values():
        arguments = step.batch_arguments
        needing = [name for name in ("illumcorr", "clip") if arguments.get(name)]
        if needing == ["clip"] and arguments["clip_value"] is not None:
            continue
        if needing:
            raise BadInput(
                f'Argument "{needing[0]}" of step "{step.name}" needs illumination statistics, '
                'which the experiment lacks: have step "corilla" run before, or switch it off.'
            )


def _check_pipeline(
    session: Session,
    experiment_id: int,
    channels: Collection[str] | None,
    *,
    are_objects_known: bool,
) -> None:
    stored = session.get(WorkflowSettings, experiment_id)
    if stored is None or stored.jterator_project is None:
        raise BadInput(
            "The experiment has no jterator project: upload a pipeline and its handles first, or "
            'leave stage "image_analysis" out.'
        )
    types = session.scalars(
        select(MapobjectType.name).where(MapobjectType.experiment_id == experiment_id)
    )
    objects = set(types) - STATIC_TYPES.keys() if are_objects_known else None
    Project.from_dict(stored.jterator_project).check(channels, objects)


def _expected_channels(
    session: Session,
    storage: ExperimentStorage,
    experiment: Experiment,
    arguments: Mapping[str, Value],
) -> list[str] | None:
    """Names that channels will have; None if only the files tell. Places of sites are checked."""
    plates: dict[int, list[list[PlaneMetadata] | None]] = {}
    for acquisition in session.scalars(
        select(Acquisition)
        .where(Acquisition.experiment_id == experiment.id)
        .order_by(Acquisition.id)
    ):
        found = _read_names(session, storage, experiment, acquisition, arguments)
        plates.setdefault(acquisition.plate_id, []).append(found)
    channels: list[str] = []
    is_whole = True
    for plate in plates.values():
        acquisitions = [planes for planes in plate if planes is not None]
        if len(acquisitions) < len(plate):
            is_whole = False
            continue
        wells = [_wells(planes) for planes in acquisitions]
        for name in sorted({name for one in wells for name in one}):
            well_position(name, experiment.plate_format)
        locate_sites(wells, user_layout(arguments))
        channels += _channel_names(
            acquisitions, is_multiplexed=experiment.plate_acquisition_mode == "multiplexing"
        )
    return list(dict.fromkeys(channels)) if is_whole else None


def _wells(planes: Sequence[PlaneMetadata]) -> dict[str, dict[int, None]]:
    wells: dict[str, dict[int, None]] = {}
    for plane in planes:
        wells.setdefault(plane.well, {})[plane.site] = None
    return wells


def _channel_names(
    acquisitions: Sequence[Sequence[PlaneMetadata]], *, is_multiplexed: bool
) -> list[str]:
    """What metaconfig will call the channels of a plate."""
    names: list[str] = []
    first = 0
    for planes in acquisitions:
        if is_multiplexed:
            names += [f"{first + plane.tpoint}_{plane.channel}" for plane in planes]
            first += 1 + max(plane.tpoint for plane in planes)
        else:
            names += [plane.channel for plane in planes]
    return names


def _read_names(
    session: Session,
    storage: ExperimentStorage,
    experiment: Experiment,
    acquisition: Acquisition,
    arguments: Mapping[str, Value],
) -> list[PlaneMetadata] | None:
    """What the files of an acquisition show by their names; None if not the names alone tell."""
    files = session.execute(
        select(MicroscopeFile.name, MicroscopeFile.kind)
        .where(MicroscopeFile.acquisition_id == acquisition.id)
        .order_by(MicroscopeFile.name)
    ).all()
    names = [file.name for file in files if file.kind is FileKind.IMAGE]
    if len(names) < len(files) or not names:
        return None
    folder = storage.microscope_images(acquisition.plate_id, acquisition.id)
    if not _is_silent(folder / names[0]):
        return None
    pattern = arguments["regex"]
    acquired = microscopes.read_acquisition(
        microscopes.get(experiment.microscope_type),
        [],
        {name: [ImageMetadata(name)] for name in names},
        None if pattern is None else str(pattern),
    )
    return acquired.planes


def _is_silent(file: Path) -> bool:
    """Whether an image file, and with it those of its acquisition, says nothing of what it shows.

    Files that cannot be read are told by the job that reads all.
    """
    try:
        described = ome_xml.read(inspect(file), file.name)
    except ImageFileError:
        return False
    return described.master is None and all(
        (one.well, one.channel, one.site, one.stage, one.tpoint) == (None,) * 5
        for one in described.planes
    )
