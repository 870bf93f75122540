"""Runs a pipeline on the images of one site."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tmlib.errors import TmError
from tmlib.jterator.arrays import IntensityImage, LabelImage
from tmlib.jterator.descriptions import HandlesDescription, InputHandle, OutputHandle, Step
from tmlib.jterator.errors import ModuleError, PipelineDescriptionError, suggest
from tmlib.jterator.modules import registry
from tmlib.jterator.project import Project

_DTYPES: dict[str, tuple[type[np.generic], ...]] = {
    "IntensityImage": (np.uint8, np.uint16),
    "BinaryImage": (np.bool_,),
    "LabelImage": (np.int32,),
    "MaskImage": (np.bool_, np.int32),
    "SegmentedObjects": (np.int32,),
}


@dataclass(frozen=True)
class SegmentedObjects:
    """The objects of one type that were found at a site.

    Attributes
    ----------
    name
        Name of the object type.
    labels
        Label image (y, x), int32, background 0.
    measurements
        Feature values (float64), one row for each label in ascending order. The columns depend
        on the pipeline alone, also when there is no object.
    as_polygons
        Whether outlines are to be kept, or only centroids.
    """

    name: str
    labels: LabelImage
    measurements: pd.DataFrame
    as_polygons: bool


@dataclass
class _Site:
    """What is known of a site while the pipeline runs."""

    images: dict[str, NDArray[Any]]
    shape: tuple[int, ...]
    objects: dict[str, LabelImage] = field(default_factory=dict)
    measurements: dict[str, list[pd.DataFrame]] = field(default_factory=dict)


def run_pipeline(
    project: Project,
    images: Mapping[str, IntensityImage],
    *,
    save_figure: Callable[[str, str], None] | None = None,
) -> dict[str, SegmentedObjects]:
    """Run the active modules of a pipeline, in their order, on the images of one site.

    Parameters
    ----------
    project
        The pipeline and its handles.
    images
        Gray values (y, x), uint8 or uint16, of each channel by name; all of one shape. Channels
        that the pipeline does not use are allowed.
    save_figure
        Called with the name of a module and its figure (Plotly JSON). If not given, no figures
        are made, whatever the handles say.

    Returns
    -------
    dict
        The objects that the pipeline puts out, by name.

    Raises
    ------
    PipelineDescriptionError
        If the pipeline cannot run; see `Project.check`.
    ModuleError
        If the images do not fit, or a module fails; names the module and the reason.
    """
    project.check()
    site = _start(project, images)
    steps = project.pipeline.active_steps
    last_uses = {
        handle.key: n
        for n, step in enumerate(steps)
        for handle in project.handles[step.name].input
        if handle.is_pipe
    }
    for n, step in enumerate(steps):
        _run_step(step, project.handles[step.name], site, save_figure)
        for key in [key for key in site.images if last_uses.get(key, -1) <= n]:
            del site.images[key]
    return {
        output.name: SegmentedObjects(
            name=output.name,
            labels=site.objects[output.name],
            measurements=_measurements(site, output.name),
            as_polygons=output.as_polygons,
        )
        for output in project.pipeline.output.objects
    }


def _start(project: Project, images: Mapping[str, IntensityImage]) -> _Site:
    names = [channel.name for channel in project.pipeline.input.channels]
    for name in names:
        if name not in images:
            raise PipelineDescriptionError(
                f'There is no image of channel "{name}": {suggest(name, images)}.'
            )
        if images[name].ndim != 2 or images[name].dtype not in (np.uint8, np.uint16):
            raise ModuleError(
                f'The image of channel "{name}" must have two dimensions and 8 or 16 bit, it has '
                f"shape {images[name].shape} and type {images[name].dtype}."
            )
        if images[name].shape != images[names[0]].shape:
            raise ModuleError(
                f'The images of channels "{names[0]}" and "{name}" differ in shape: '
                f"{images[names[0]].shape} and {images[name].shape}."
            )
    if not names:
        raise PipelineDescriptionError("The pipeline has no input channel; it needs at least one.")
    return _Site({name: images[name] for name in names}, images[names[0]].shape)


def _run_step(
    step: Step,
    handles: HandlesDescription,
    site: _Site,
    save_figure: Callable[[str, str], None] | None,
) -> None:
    module = registry.get(step.module)
    arguments = {
        handle.name: _argument(step, handle, site, plots=save_figure is not None)
        for handle in handles.input
    }
    try:
        result = module.main(**arguments)
    except TmError as error:
        raise ModuleError(f'Module "{step.name}" failed: {error.message}') from error
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise ModuleError(f'Module "{step.name}" failed: {reason}') from error
    for handle in handles.output:
        value = getattr(result, module.outputs[handle.name])
        if handle.type == "Figure":
            if save_figure is not None and value:
                save_figure(step.name, value)
        elif handle.type == "Measurement":
            _keep_measurements(handle, handles, value, site)
        else:
            _keep_array(step, handle, value, site)


def _argument(step: Step, handle: InputHandle, site: _Site, *, plots: bool) -> object:
    if handle.type == "Plot":
        return bool(handle.value) and plots
    if not handle.is_pipe:
        return handle.value
    key = str(handle.key)
    array = site.objects[key] if handle.type == "SegmentedObjects" else site.images[key]
    _check_type(f'Module "{step.name}": input "{handle.name}"', handle.type, array)
    return array


def _keep_array(step: Step, handle: OutputHandle, array: NDArray[Any], site: _Site) -> None:
    key = str(handle.key)
    place = f'Module "{step.name}": output "{handle.name}"'
    _check_type(place, handle.type, array)
    if array.shape != site.shape:
        raise ModuleError(f"{place} has shape {array.shape}, the images have {site.shape}.")
    # Objects may have the name of a channel; as an image the name then stands for the channel.
    site.images.setdefault(key, array)
    if handle.type == "SegmentedObjects":
        if array.size and int(array.min()) < 0:
            raise ModuleError(f"{place} has negative labels.")
        site.objects[key] = array
        site.measurements[key] = []


def _check_type(place: str, handle_type: str, array: NDArray[Any]) -> None:
    allowed = _DTYPES.get(handle_type)
    if allowed is not None and array.dtype not in allowed:
        names = " or ".join(np.dtype(dtype).name for dtype in allowed)
        raise ModuleError(f"{place} is {array.dtype}, but {handle_type} must be {names}.")


def _keep_measurements(
    handle: OutputHandle, handles: HandlesDescription, values: pd.DataFrame, site: _Site
) -> None:
    """Keep feature values under their full names: ``[<ref>_]<feature>[_<channel>]``."""
    keys = {pipe.name: str(pipe.key) for pipe in handles.input}
    objects, reference = keys[str(handle.objects)], keys[str(handle.objects_ref)]
    prefix = "" if reference == objects else f"{reference}_"
    suffix = f"_{keys[handle.channel_ref]}" if handle.channel_ref else ""
    site.measurements[objects].append(values.add_prefix(prefix).add_suffix(suffix))


def _measurements(site: _Site, name: str) -> pd.DataFrame:
    labels = np.unique(site.objects[name])
    index = pd.Index(labels[labels > 0].astype(np.int64), name="label")
    tables = [table.reindex(index) for table in site.measurements[name]]
    return pd.concat([pd.DataFrame(index=index), *tables], axis="columns")
