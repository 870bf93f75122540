"""Step jterator: runs the analysis pipeline on every site and stores the objects that it finds."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from tmlib.errors import BadInput, NotFound
from tmlib.experiments.models import Experiment
from tmlib.experiments.trash import Trash
from tmlib.images.alignment import Shift, crop, pad
from tmlib.images.channel_images import field_path
from tmlib.images.label_images import read_labels, set_labels_aside, write_labels
from tmlib.jterator.project import Project
from tmlib.jterator.runner import SegmentedObjects, run_pipeline
from tmlib.jterator.user_modules.sandbox import Sandbox, check_allowed
from tmlib.objects.mapobject_types import (
    STATIC_TYPES,
    delete_type,
    ensure_mapobject_type,
    set_zoom_thresholds,
)
from tmlib.objects.models import MapobjectType
from tmlib.objects.tiles.layer_index import prepare_tiles
from tmlib.objects.values import compaction, feature_files
from tmlib.objects.writing.keeping import KeptValues, keep_objects, keep_values, prepare_kept_values
from tmlib.objects.writing.new_values import (
    SITES,
    PreparedValues,
    forget_values,
    prepare_site_values,
    prepare_stored_values,
    record_values,
)
from tmlib.objects.writing.recording import Place, PreparedSiteObjects, prepare_site_objects, record
from tmlib.workflow.arguments import BATCH_SIZE, Argument
from tmlib.workflow.models import WorkflowSettings
from tmlib.workflow.steps.analysis_inputs import AnalysisInputs, digest_of_pipeline
from tmlib.workflow.steps.analysis_output import AnalysisOutput
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
from tmlib.workflow.steps.channels import read_channels, read_field_shape
from tmlib.workflow.steps.imaged_planes import ImagedPlanes
from tmlib.workflow.steps.overlapping_sites import (
    IN_OVERLAP,
    WELL,
    CountedTypes,
    OverlappingWells,
    count_once,
    stand_together,
)
from tmlib.workflow.steps.plate_map import PlacedSite, PlateMap, draw_layout, read_plate_map
from tmlib.workflow.steps.site_images import SiteImages


class Jterator(Step):
    """Image analysis: segmentation of objects and measurement of their features.

    The name is the original's: it iterates a pipeline of modules over all sites.
    """

    name = "jterator"
    fullname = "Image analysis pipeline"
    help = "Runs the modules of the pipeline on every site and stores objects and features."
    version = 4
    has_collect = True
    arguments: ClassVar[tuple[Argument, ...]] = (
        BATCH_SIZE,
        Argument("plot", bool, "Keep the figures of modules.", default=False, disabled=True),
    )

    def create_batches(self, context: StepContext) -> list[list[Work]]:
        """Check the pipeline and cut the sites into batches."""
        with context.database.session() as session:
            project = _read_project(session, context)
            channels = read_channels(session, context.experiment_id)
            stored = _type_ids(session, context.experiment_id).keys() - STATIC_TYPES.keys()
            project.check([channel.name for channel in channels], stored)
            plate_map = read_plate_map(session, context.experiment_id)
            inputs = AnalysisInputs(session, context, project)
        sites = [site for site in plate_map.sites if not site.omitted]
        wells = OverlappingWells(sites if _segmented(project) else [], inputs)
        size = int(context.arguments["batch_size"] or 1)
        analysis = [wells.work_of(part, inputs.of(part)) for part in chunks(sites, size)]
        return [analysis, wells.work()] if wells.work() else [analysis]

    def collect_inputs(self, context: StepContext) -> Inputs:
        """The pipeline, and the zoom levels of the map."""
        with context.database.session() as session:
            project = _read_project(session, context)
            levels = session.get_one(Experiment, context.experiment_id).map_levels
        return {"pipeline": digest_of_pipeline(project.to_dict()), "zoom levels": digest(levels)}

    def keep(self, context: StepContext, current: Sequence[Batch]) -> None:
        """Forget what an earlier pipeline found, or what was found at other sites than these."""
        with context.database.session() as session:
            project = _read_project(session, context)
            plate_map = read_plate_map(session, context.experiment_id)
            type_ids = _type_ids(session, context.experiment_id)
        if not current:
            context.effects.append(
                lambda session: _renew_types(session, context, project, plate_map)
            )
            return
        kept = {site_id for batch in current for site_id in batch.get("site_ids", ())}
        others = [_field(context, site) for site in plate_map.sites if site.id not in kept]
        for name in project.made_types:
            prepared = prepare_kept_values(context.database, context.storage, type_ids[name], kept)
            context.effects.append(partial(_keep_values_of, context=context, prepared=prepared))
            if name != SITES:
                context.effects.append(
                    partial(
                        keep_objects,
                        experiment_id=context.experiment_id,
                        mapobject_type_id=type_ids[name],
                        site_ids=kept,
                    )
                )
                context.effects.append(
                    partial(_set_labels_aside, context=context, fields=others, name=name)
                )

    def outputs(
        self, context: StepContext, session: Session, batches: Sequence[Batch]
    ) -> list[str | None]:
        """What objects, labels and values are known by, with all that is needed to compare it."""
        output = _output(session, context, batches)
        return [_describe(output, batch) for batch in batches]

    def are_current(
        self, context: StepContext, session: Session, batches: Sequence[Batch], known: Sequence[str]
    ) -> list[bool]:
        """Whether objects, labels and values are still there, compacted or not."""
        output = _output(session, context, batches)
        stands = [
            _describe(output, batch) == description
            if WELL in batch
            else output.stands(batch["site_ids"], description)
            for batch, description in zip(batches, known, strict=True)
        ]
        return stand_together(batches, stands)

    def collect_output(self, context: StepContext, session: Session) -> str:
        """Nothing of its own: it gives another form to what the jobs before have made."""
        return "joined"

    def run(self, context: StepContext, batch: Batch) -> None:
        """Analyse the sites of a batch, or count the objects of a well's overlapping sites once."""
        if WELL in batch:
            self._count_once(context, batch)
            return
        with context.database.session() as session:
            project = _read_project(session, context)
            shape, _ = read_field_shape(session, context.experiment_id)
            pixel_size = session.get_one(Experiment, context.experiment_id).pixel_size
            site_images = SiteImages(session, context.storage)
            type_ids = _type_ids(session, context.experiment_id)
            wanted = set(batch["site_ids"])
            plate_map = read_plate_map(session, context.experiment_id)
            sites = [site for site in plate_map.sites if site.id in wanted]
            names = [channel.name for channel in project.pipeline.input.channels]
            imaged = ImagedPlanes(session, context.experiment_id, batch["site_ids"], names)
        for site in sites:
            previous: dict[str, SegmentedObjects] = {}
            ids: dict[str, dict[int, int]] = defaultdict(dict)
            for tpoint in range(shape.n_tpoints):
                if lacking := imaged.lacking(site.id, tpoint):
                    logger.warning(
                        "site %d of well %s lacks images %s at time point %d: it is left out",
                        site.field,
                        site.well_name,
                        lacking,
                        tpoint,
                    )
                    continue
                stored = read_stored_objects(context, project, site, tpoint)
                if stored is None:
                    continue
                images = read_site_images(site_images, project, site, tpoint)
                previous = run_pipeline(
                    project,
                    images,
                    objects=stored,
                    previous=previous,
                    sandbox=Sandbox.of(context.settings),
                    models_dir=context.settings.resolved_models_dir,
                )
                for objects in previous.values():
                    if objects.name == SITES or objects.is_stored:
                        place = Place(type_ids[objects.name], site.id, tpoint, 0)
                        _keep_values(context, place, objects)
                        continue
                    write_labels(
                        _field(context, site),
                        objects.name,
                        pad(objects.labels, site.residues),
                        t=tpoint,
                        z=0,
                        n_tpoints=shape.n_tpoints,
                        n_zplanes=shape.n_zplanes,
                        pixel_size=pixel_size,
                    )
                    prepared = self._keep(
                        context, site, tpoint, type_ids[objects.name], objects, ids[objects.name]
                    )
                    ids[objects.name] |= prepared.ids_by_label

    def collect(self, context: StepContext) -> None:
        """Join the files of feature values, and say at which zoom objects are shown."""
        with context.database.session() as session:
            project = _read_project(session, context)
            levels = session.get_one(Experiment, context.experiment_id).map_levels or 1
            type_ids = _type_ids(session, context.experiment_id)
        as_polygons = _as_polygons(project)
        context.effects.append(
            lambda session: set_zoom_thresholds(session, context.experiment_id, levels, as_polygons)
        )
        for name in as_polygons:
            compaction.compact(context.database, context.storage, type_ids[name])
            prepare_tiles(context.database, context.storage, type_ids[name])
        context.afterwards.append(lambda: feature_files.sweep(context.database, context.storage))

    def _count_once(self, context: StepContext, batch: Batch) -> None:
        with context.database.session() as session:
            names = _segmented(_read_project(session, context))
            ids = _type_ids(session, context.experiment_id)
            shape, _ = read_field_shape(session, context.experiment_id)
            pixel_size = session.get_one(Experiment, context.experiment_id).pixel_size
            plate_map = read_plate_map(session, context.experiment_id)
        sites = [site for site in plate_map.sites if site.id in set(batch[WELL])]
        types = CountedTypes({name: ids[name] for name in names}, shape, pixel_size)
        count_once(context, sites, types)

    def _keep(
        self,
        context: StepContext,
        site: PlacedSite,
        tpoint: int,
        type_id: int,
        objects: SegmentedObjects,
        ids: Mapping[int, int],
    ) -> PreparedSiteObjects:
        prepared = prepare_site_objects(
            context.database,
            context.storage,
            mapobject_type_id=type_id,
            site_id=site.id,
            site_offset=(site.aligned_box.y, site.aligned_box.x),
            tpoint=tpoint,
            zplane=0,
            labels=objects.labels,
            measurements=objects.measurements,
            as_polygons=objects.as_polygons,
            prepared_ids=ids,
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
        return prepared


def _record(session: Session, context: StepContext, prepared: PreparedSiteObjects) -> None:
    outdated = record(session, prepared)
    context.afterwards.append(lambda: feature_files.remove(outdated))


def _keep_values(context: StepContext, place: Place, objects: SegmentedObjects) -> None:
    """Keep what was measured of objects that stay as they are."""
    prepare = prepare_stored_values if objects.is_stored else prepare_site_values
    prepared = prepare(context.database, context.storage, place, objects.measurements)
    context.effects.append(lambda session: _record_values(session, context, prepared))


def _record_values(session: Session, context: StepContext, prepared: PreparedValues) -> None:
    outdated = record_values(session, prepared)
    context.afterwards.append(lambda: feature_files.remove(outdated))


def _read_project(session: Session, context: StepContext) -> Project:
    settings = session.get(WorkflowSettings, context.experiment_id)
    if settings is None or settings.jterator_project is None:
        raise BadInput(
            "The experiment has no jterator project: upload a pipeline and its handles first."
        )
    project = Project.from_dict(settings.jterator_project)
    check_allowed(project.sources, context.settings)
    return project


def _as_polygons(project: Project) -> dict[str, bool]:
    """Output objects of a pipeline, and whether their outlines are kept."""
    return {output.name: output.as_polygons for output in project.pipeline.output.objects}


def _segmented(project: Project) -> list[str]:
    """Types whose objects the pipeline finds."""
    return [name for name in project.made_types if name != SITES]


def _output(session: Session, context: StepContext, batches: Sequence[Batch]) -> AnalysisOutput:
    names = _as_polygons(_read_project(session, context))
    site_ids = {id_ for batch in batches for id_ in batch.get("site_ids") or batch[WELL]}
    overlapping = {id_ for batch in batches for id_ in batch.get(IN_OVERLAP, ())}
    return AnalysisOutput(session, context.storage, names, site_ids, overlapping)


def _describe(output: AnalysisOutput, batch: Batch) -> str | None:
    if WELL in batch:
        return output.describe_remaining(batch[WELL])
    return output.describe(batch["site_ids"])


def _keep_values_of(session: Session, context: StepContext, prepared: KeptValues) -> None:
    outdated = keep_values(session, prepared)
    context.afterwards.append(lambda: feature_files.remove(outdated))


def _type_ids(session: Session, experiment_id: int) -> dict[str, int]:
    rows = session.execute(
        select(MapobjectType.name, MapobjectType.id).where(
            MapobjectType.experiment_id == experiment_id
        )
    )
    return {row.name: row.id for row in rows}


def _renew_types(
    session: Session, context: StepContext, project: Project, plate_map: PlateMap
) -> None:
    """Replace the types that the pipeline makes; others, uploaded ones for example, stay."""
    type_ids = _type_ids(session, context.experiment_id)
    fields = [_field(context, site) for site in plate_map.sites]
    outdated: list[Path] = []
    for name in project.made_types:
        if name == SITES:
            # where nobody has made a map, nobody has drawn the layout
            if name not in type_ids:
                draw_layout(session, context.experiment_id, plate_map)
            else:
                outdated += forget_values(session, context.storage, type_ids[name])
            continue
        if name in type_ids:
            outdated += delete_type(session, context.storage, type_ids[name])
            _set_labels_aside(session, context, fields, name)
        ensure_mapobject_type(session, context.experiment_id, name, "Site")
    context.afterwards.append(lambda: feature_files.remove(outdated))


def _set_labels_aside(
    session: Session, context: StepContext, fields: Sequence[Path], name: str
) -> None:
    """Take labels away while the job is surely this worker's: later there may be new ones."""
    for field in fields:
        set_labels_aside(field, name, context.storage.root)
    context.afterwards.append(Trash(context.storage.root).empty)


def _field(context: StepContext, site: PlacedSite) -> Path:
    return field_path(context.storage.plate_images(site.plate_id), site.well_name, site.field)


def read_site_images(
    site_images: SiteImages, project: Project, site: PlacedSite, tpoint: int
) -> dict[str, NDArray[Any]]:
    """Images of the channels that a pipeline takes, by name."""
    return {
        channel.name: site_images.read_stack(
            site,
            channel.name,
            t=tpoint,
            correct=channel.correct,
            align=True,
        )
        for channel in project.pipeline.input.channels
    }


def read_stored_objects(
    context: StepContext, project: Project, site: PlacedSite, tpoint: int
) -> dict[str, NDArray[np.int32]] | None:
    """Label images of the stored objects that the pipeline takes; None if one was never stored."""
    found = {}
    for objects in project.pipeline.input.objects:
        try:
            labels = read_labels(_field(context, site), objects.name, t=tpoint, z=0)
        except NotFound as error:
            logger.warning("%s It is left out.", error)
            return None
        found[objects.name] = crop(labels, Shift(0, 0), site.residues)
    return found
