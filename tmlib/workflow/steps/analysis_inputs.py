"""What decides about the result of an analysis at each site."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from tmlib.experiments.models import Channel, Experiment
from tmlib.images.channel_images import field_path
from tmlib.images.label_images import labels_stamp
from tmlib.jterator.project import Project
from tmlib.storage import file_stamp
from tmlib.workflow.steps.base import Inputs, StepContext, digest
from tmlib.workflow.steps.channels import read_channels, read_field_shape
from tmlib.workflow.steps.imaged_planes import planes_of_channels
from tmlib.workflow.steps.plate_map import PlacedSite
from tmlib.workflow.steps.site_images import SiteImages
from tmlib.workflow.steps.stored_planes import StoredPlanes


class AnalysisInputs:
    """The pipeline and all that it takes.

    Parameters
    ----------
    session, context
        Of the experiment; the session is used only while this is made.
    project
        With the pipeline, which fits the experiment.
    """

    def __init__(self, session: Session, context: StepContext, project: Project) -> None:
        self._storage = context.storage
        self._channels = project.pipeline.input.channels
        self._objects = [objects.name for objects in project.pipeline.input.objects]
        channels = read_channels(session, context.experiment_id)
        ids = {one.name: one.id for one in channels}
        self._channel_ids = [ids[channel.name] for channel in self._channels]
        self._known_channels = digest_of_channels(project, channels)
        self._planes = StoredPlanes(session, context.storage, self._channel_ids)
        self._images = SiteImages(session, context.storage)
        self._shape, _ = read_field_shape(session, context.experiment_id)
        pixel_size = session.get_one(Experiment, context.experiment_id).pixel_size
        self._pipeline = digest_of_pipeline(project.to_dict())
        self._models = digest_of_models(project, context.settings.resolved_models_dir)
        planes = planes_of_channels(session, context.experiment_id)
        zplanes = [planes.get(channel_id) for channel_id in self._channel_ids]
        self._shape_of_images = digest(self._shape, pixel_size, zplanes)

    def of(self, sites: Sequence[PlacedSite]) -> Inputs:
        """What decides about the result at some sites."""
        light, shifts = [], []
        for site in sites:
            for channel in self._channels:
                decisive = self._images.fingerprint(
                    site, channel.name, correct=channel.correct, align=True
                )
                light.append(decisive[0])
                shifts.append(decisive[1:])
        inputs = {
            "pipeline": self._pipeline,
            "models": self._models,
            "channels": self._known_channels,
            "images": digest([self._planes.of_site(site.id, self._channel_ids) for site in sites]),
            "shape of images": self._shape_of_images,
            "illumination": digest(light),
            "alignment": digest(shifts),
            "places on the map": digest(
                [(site.plate_id, site.well_name, site.field, site.aligned_box) for site in sites]
            ),
        }
        if self._objects:
            inputs["stored objects"] = digest([self._labels(site) for site in sites])
        return inputs

    def _labels(self, site: PlacedSite) -> list[object]:
        """What the label images of stored objects are known by."""
        field = field_path(self._storage.plate_images(site.plate_id), site.well_name, site.field)
        return [
            labels_stamp(field, name, t=tpoint, z=0)
            for name in self._objects
            for tpoint in range(self._shape.n_tpoints)
        ]


def digest_of_pipeline(project: dict[str, Any]) -> str:
    """What the description of a project is known by."""
    return digest(json.dumps(project))


def digest_of_channels(project: Project, channels: Sequence[Channel]) -> str:
    """What the channels that a pipeline takes are known by, whatever they are called meanwhile."""
    names = {one.name: one.recorded_name for one in channels}
    return digest([names.get(one.name) for one in project.pipeline.input.channels])


def digest_of_models(project: Project, folder: Path) -> str:
    """What the files of the models that a pipeline loads are known by."""
    return digest([(name, file_stamp(folder / name)) for name in project.models])
