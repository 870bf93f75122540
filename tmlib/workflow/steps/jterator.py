"""Step jterator: runs the analysis pipeline on every site and stores the objects that it finds."""

from pathlib import Path
from typing import ClassVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from tmlib.errors import BadInput
from tmlib.experiments.models import ChannelImageFile, Experiment
from tmlib.images.channel_images import field_path, read_plane
from tmlib.images.illumination import IlluminationCorrection
from tmlib.images.reading import GrayImage
from tmlib.jterator.project import Project
from tmlib.jterator.runner import SegmentedObjects, run_pipeline
from tmlib.objects import compaction, feature_files
from tmlib.objects.mapobject_types import (
    delete_type,
    ensure_mapobject_type,
    set_zoom_thresholds,
)
from tmlib.objects.models import MapobjectType
from tmlib.objects.recording import PreparedSiteObjects, prepare_site_objects, record
from tmlib.workflow.arguments import BATCH_SIZE, Argument
from tmlib.workflow.models import WorkflowSettings
from tmlib.workflow.steps.base import Batch, JobContext, Step, chunks, logger
from tmlib.workflow.steps.channels import read_channels, read_field_shape
from tmlib.workflow.steps.corilla import load_corrections
from tmlib.workflow.steps.plate_map import PlacedSite, read_plate_map


class Jterator(Step):
    """Image analysis: segmentation of objects and measurement of their features.

    The name is the original's: it iterates a pipeline of modules over all sites.
    """

    name = "jterator"
    fullname = "Image analysis pipeline"
    help = "Runs the modules of the pipeline on every site and stores objects and features."
    has_collect = True
    arguments: ClassVar[tuple[Argument, ...]] = (
        BATCH_SIZE,
        Argument("plot", bool, "Keep the figures of modules.", default=False, disabled=True),
    )

    def create_batches(self, context: JobContext) -> list[list[Batch]]:
        """Check the pipeline and cut the sites into batches."""
        with context.database.session() as session:
            project = _read_project(session, context.experiment_id)
            channels = read_channels(session, context.experiment_id)
            project.check([channel.name for channel in channels])
            shape, _ = read_field_shape(session, context.experiment_id)
            site_ids = [site.id for site in read_plate_map(session, context.experiment_id).sites]
        if shape.n_zplanes > 1:
            raise BadInput(
                f"The images have {shape.n_zplanes} focal planes, pipelines work on one: set the "
                'argument "mip" of step "metaconfig" to project them.'
            )
        context.effects.append(lambda session: _renew_types(session, context, project))
        size = int(context.arguments["batch_size"] or 1)
        return [[{"site_ids": part} for part in chunks(site_ids, size)]]

    def run(self, context: JobContext, batch: Batch) -> None:
        """Analyse the sites of a batch."""
        with context.database.session() as session:
            project = _read_project(session, context.experiment_id)
            shape, channel_names = read_field_shape(session, context.experiment_id)
            corrections = load_corrections(session, context.storage)
            type_ids = _type_ids(session, context.experiment_id)
            wanted = set(batch["site_ids"])
            plate_map = read_plate_map(session, context.experiment_id)
            sites = [site for site in plate_map.sites if site.id in wanted]
            imaged = _imaged(session, batch["site_ids"])
        for site in sites:
            for tpoint in range(shape.n_tpoints):
                if (site.id, tpoint) not in imaged:
                    logger.warning("site %d has no images at time point %d", site.id, tpoint)
                    continue
                images = _load(context, project, site, tpoint, channel_names, corrections)
                for objects in run_pipeline(project, images).values():
                    self._keep(context, site, tpoint, type_ids[objects.name], objects)

    def collect(self, context: JobContext) -> None:
        """Join the files of feature values, and say at which zoom objects are shown."""
        with context.database.session() as session:
            project = _read_project(session, context.experiment_id)
            levels = session.get_one(Experiment, context.experiment_id).map_levels or 1
            type_ids = _type_ids(session, context.experiment_id)
        as_polygons = _as_polygons(project)
        context.effects.append(
            lambda session: set_zoom_thresholds(session, context.experiment_id, levels, as_polygons)
        )
        for name in as_polygons:
            compaction.compact(context.database, context.storage, type_ids[name])

    def _keep(
        self,
        context: JobContext,
        site: PlacedSite,
        tpoint: int,
        type_id: int,
        objects: SegmentedObjects,
    ) -> None:
        prepared = prepare_site_objects(
            context.database,
            context.storage,
            mapobject_type_id=type_id,
            site_id=site.id,
            site_offset=(site.box.y, site.box.x),
            tpoint=tpoint,
            zplane=0,
            labels=objects.labels,
            measurements=objects.measurements,
            as_polygons=objects.as_polygons,
        )
        logger.info(
            "%d %s at site %d of well %s, time point %d",
            len(prepared.labels),
            objects.name,
            site.field,
            site.well_name,
            tpoint,
        )
        context.effects.append(lambda session: _record(session, context, prepared))


def _record(session: Session, context: JobContext, prepared: PreparedSiteObjects) -> None:
    outdated = record(session, prepared)
    context.afterwards.append(lambda: feature_files.remove(outdated))


def _read_project(session: Session, experiment_id: int) -> Project:
    settings = session.get(WorkflowSettings, experiment_id)
    if settings is None or settings.jterator_project is None:
        raise BadInput(
            "The experiment has no jterator project: upload a pipeline and its handles first."
        )
    return Project.from_dict(settings.jterator_project)


def _as_polygons(project: Project) -> dict[str, bool]:
    """Output objects of a pipeline, and whether their outlines are kept."""
    return {output.name: output.as_polygons for output in project.pipeline.output.objects}


def _type_ids(session: Session, experiment_id: int) -> dict[str, int]:
    rows = session.execute(
        select(MapobjectType.name, MapobjectType.id).where(
            MapobjectType.experiment_id == experiment_id
        )
    )
    return {row.name: row.id for row in rows}


def _renew_types(session: Session, context: JobContext, project: Project) -> None:
    """Replace the types that the pipeline makes; others, uploaded ones for example, stay."""
    type_ids = _type_ids(session, context.experiment_id)
    outdated: list[Path] = []
    for name in _as_polygons(project):
        if name in type_ids:
            outdated += delete_type(session, context.storage, type_ids[name])
        ensure_mapobject_type(session, context.experiment_id, name, "Site")
    context.afterwards.append(lambda: feature_files.remove(outdated))


def _imaged(session: Session, site_ids: list[int]) -> set[tuple[int, int]]:
    rows = session.execute(
        select(ChannelImageFile.site_id, ChannelImageFile.tpoint)
        .where(ChannelImageFile.site_id.in_(site_ids))
        .distinct()
    )
    return {(row.site_id, row.tpoint) for row in rows}


def _load(
    context: JobContext,
    project: Project,
    site: PlacedSite,
    tpoint: int,
    channel_names: list[str],
    corrections: dict[str, IlluminationCorrection],
) -> dict[str, GrayImage]:
    """Images of the channels that the pipeline uses, corrected where it asks for that."""
    path = field_path(context.storage.plate_images(site.plate_id), site.well_name, site.field)
    images = {}
    for channel in project.pipeline.input.channels:
        pixels = read_plane(path, t=tpoint, c=channel_names.index(channel.name), z=0)
        if channel.correct and channel.name in corrections:
            pixels = corrections[channel.name].correct(pixels)
        images[channel.name] = pixels
    return images
