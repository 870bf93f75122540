"""Runs a pipeline on the images of one site."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tmlib.errors import TmError
from tmlib.jterator.arrays import IntensityStack, LabelImage, PreviousObjects
from tmlib.jterator.checks import check_argument
from tmlib.jterator.descriptions import HandlesDescription, InputHandle, OutputHandle, Step
from tmlib.jterator.errors import ModuleError, PipelineDescriptionError, suggest
from tmlib.jterator.modules.registry import Module
from tmlib.jterator.networks.models import find_model
from tmlib.jterator.project import Project
from tmlib.jterator.user_modules.sandbox import Sandbox

_DTYPES: dict[str, tuple[type[np.generic], ...]] = {
    "IntensityImage": (np.uint8, np.uint16),
    "BinaryImage": (np.bool_,),
    "LabelImage": (np.int32,),
    "MaskImage": (np.bool_, np.int32),
    "SegmentedObjects": (np.int32,),
}


@dataclass(frozen=True)
class SegmentedObjects:
    """The objects of one type at a site.

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
    is_stored
        Whether they are stored objects that the pipeline took as input; their measurements are
        new.
    largest_label
        The largest label so far, at this time point or one before.
    """

    name: str
    labels: LabelImage
    measurements: pd.DataFrame
    as_polygons: bool
    is_stored: bool = False
    largest_label: int = 0


@dataclass
class _Site:
    """What is known of a site while the pipeline runs."""

    shape: tuple[int, ...]
    images: dict[str, NDArray[Any]] = field(default_factory=dict)
    objects: dict[str, LabelImage] = field(default_factory=dict)
    measurements: dict[str, list[pd.DataFrame]] = field(default_factory=dict)
    previous: Mapping[str, SegmentedObjects] | None = None
    models_dir: Path | None = None


class Observer(Protocol):
    """Is told what the modules of a pipeline make, one module after the other."""

    def begin(self, module_name: str) -> None:
        """Say that a module begins."""

    def take(self, handle: OutputHandle, value: NDArray[Any] | pd.DataFrame) -> None:
        """Take what the module has made: an array (y, x), or the values of objects by labels."""

    def end(self) -> None:
        """Say that the module has ended well."""


class _Nobody:
    """Looks at nothing."""

    def begin(self, module_name: str) -> None:
        pass

    def take(self, handle: OutputHandle, value: NDArray[Any] | pd.DataFrame) -> None:
        pass

    def end(self) -> None:
        pass


def run_pipeline(
    project: Project,
    images: Mapping[str, IntensityStack],
    *,
    objects: Mapping[str, LabelImage] | None = None,
    previous: Mapping[str, SegmentedObjects] | None = None,
    save_figure: Callable[[str, str], None] | None = None,
    sandbox: Sandbox | None = None,
    models_dir: Path | None = None,
    observer: Observer | None = None,
) -> dict[str, SegmentedObjects]:
    """Run the active modules of a pipeline, in their order, on the images of one site.

    Parameters
    ----------
    project
        The pipeline and its handles.
    images
        Gray values (y, x), uint8 or uint16, of each channel by name; all of one height and
        width. Modules that take stacks work on several focal planes (y, x, z), too. Channels
        that the pipeline does not use are allowed.
    objects
        Label images (y, x) of the stored objects at the site, by name, for pipelines that take
        some as input.
    previous
        What the pipeline put out for the previous time point of the site, for modules that follow
        objects through time; empty for the first time point. Without it these modules cannot run.
    save_figure
        Called with the name of a module and its figure (Plotly JSON). If not given, no figures
        are made, whatever the handles say.
    sandbox
        Where modules run that the project brings. Without it such a project cannot run.
    models_dir
        Folder with the models of neural networks, for modules that use one.
    observer
        Is told what each module has made, also if a later one fails.

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
    stored = objects or {}
    project.check(object_names=stored)
    site = _start(project, images, stored)
    site.previous, site.models_dir = previous, models_dir
    last_uses = _last_uses(project)
    observer = observer or _Nobody()
    for n, step in enumerate(project.pipeline.active_steps):
        module = _runnable(project.module(step.module), sandbox)
        observer.begin(step.name)
        _run_step(step, module, project.handles[step.name], site, save_figure, observer)
        observer.end()
        for key in [key for key in site.images if last_uses.get(key, -1) <= n]:
            del site.images[key]
    return {
        output.name: SegmentedObjects(
            name=output.name,
            labels=site.objects[output.name],
            measurements=_measurements(site, output.name),
            as_polygons=output.as_polygons,
            is_stored=output.name in stored,
            largest_label=_largest_label(site, output.name),
        )
        for output in project.pipeline.output.objects
    }


def _last_uses(project: Project) -> dict[str | None, int]:
    """Which step is the last one that takes an image, by its name in the pipeline."""
    return {
        handle.key: n
        for n, step in enumerate(project.pipeline.active_steps)
        for handle in project.handles[step.name].input
        if handle.is_pipe
    }


def _start(
    project: Project, images: Mapping[str, IntensityStack], stored: Mapping[str, LabelImage]
) -> _Site:
    arrays: dict[str, NDArray[Any]] = {}
    for channel in project.pipeline.input.channels:
        name = channel.name
        if name not in images:
            raise PipelineDescriptionError(
                f'There is no image of channel "{name}": {suggest(name, images)}.'
            )
        if images[name].ndim not in (2, 3) or images[name].dtype not in (np.uint8, np.uint16):
            raise ModuleError(
                f'The image of channel "{name}" must have two dimensions, or three with focal '
                f"planes, and 8 or 16 bit; it has shape {images[name].shape} and type "
                f"{images[name].dtype}."
            )
        arrays[f'image of channel "{name}"'] = images[name]
    for each in project.pipeline.input.objects:
        labels = stored[each.name]
        if labels.ndim != 2 or labels.dtype != np.int32 or (labels < 0).any():
            raise ModuleError(
                f'The label image of the stored objects "{each.name}" must have two dimensions '
                f"and labels of type int32 from 0; it has shape {labels.shape} and type "
                f"{labels.dtype}."
            )
        arrays[f'label image of the stored objects "{each.name}"'] = labels
    if not arrays:
        raise PipelineDescriptionError(
            "The pipeline has no input; it needs at least one channel or stored objects."
        )
    (first, start), *others = arrays.items()
    for place, array in others:
        if array.shape[:2] != start.shape[:2]:
            raise ModuleError(
                f"The {first} and the {place} differ in shape: {start.shape} and {array.shape}."
            )
    site = _Site(start.shape[:2])
    for channel in project.pipeline.input.channels:
        site.images[channel.name] = images[channel.name]
    for each in project.pipeline.input.objects:
        _register(each.name, stored[each.name], site)
    return site


def _register(name: str, labels: LabelImage, site: _Site) -> None:
    # Objects may have the name of a channel; as an image the name then stands for the channel.
    site.images.setdefault(name, labels)
    site.objects[name] = labels
    site.measurements[name] = []


def _runnable(module: Module, sandbox: Sandbox | None) -> Module:
    """The module itself, or one that runs a user's module in the sandbox."""
    if module.source is None:
        return module
    if sandbox is None:
        raise ModuleError(
            f'The project brings the module "{module.name}"; to run it a sandbox must be given.'
        )
    return replace(module, main=lambda **arguments: sandbox.run(module, arguments))


def _run_step(
    step: Step,
    module: Module,
    handles: HandlesDescription,
    site: _Site,
    save_figure: Callable[[str, str], None] | None,
    observer: Observer,
) -> None:
    arguments = {
        module.inputs[handle.name]: _argument(
            step, module, handle, site, plots=save_figure is not None
        )
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
            continue
        if handle.type == "Measurement":
            _keep_measurements(handle, handles, value, site)
        else:
            _keep_array(step, handle, value, site)
        observer.take(handle, value)


def _argument(
    step: Step, module: Module, handle: InputHandle, site: _Site, *, plots: bool
) -> object:
    argument = module.inputs[handle.name]
    if argument == "plot":
        return bool(handle.value) and plots
    if module.takes_model(argument):
        return _model_path(step, str(handle.value), site)
    if not handle.is_pipe:
        place = f'Input "{handle.name}" of module "{step.name}"'
        return check_argument(place, handle.value, module.annotations[argument])
    key = str(handle.key)
    if module.takes_previous(argument):
        return _previous(step, key, site)
    array = site.objects[key] if handle.type == "SegmentedObjects" else site.images[key]
    place = f'Module "{step.name}": input "{handle.name}"'
    _check_type(place, handle.type, array)
    if array.ndim > 2 and not module.takes_stacks(argument):
        raise ModuleError(
            f"{place} has {array.shape[2]} focal planes, but the module works on one; use the "
            'module "project" before it.'
        )
    return array


def _model_path(step: Step, name: str, site: _Site) -> str:
    try:
        return str(find_model(site.models_dir, name))
    except TmError as error:
        raise ModuleError(f'Module "{step.name}": {error.message}') from None


def _previous(step: Step, name: str, site: _Site) -> PreviousObjects:
    if site.previous is None:
        raise ModuleError(
            f'Module "{step.name}" follows objects through time, but nothing is known of the '
            "previous time point; run time points one after the other."
        )
    if name not in site.previous:
        return PreviousObjects(np.zeros(site.shape, np.int32), 0)
    found = site.previous[name]
    return PreviousObjects(found.labels, found.largest_label)


def _keep_array(step: Step, handle: OutputHandle, array: NDArray[Any], site: _Site) -> None:
    key = str(handle.key)
    place = f'Module "{step.name}": output "{handle.name}"'
    _check_type(place, handle.type, array)
    if array.shape != site.shape:
        raise ModuleError(f"{place} has shape {array.shape}, the images have {site.shape}.")
    if handle.type == "SegmentedObjects":
        if array.size and int(array.min()) < 0:
            raise ModuleError(f"{place} has negative labels.")
        _register(key, array, site)
    else:
        site.images[key] = array


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
    table = pd.concat([pd.DataFrame(index=index), *tables], axis="columns")
    # How many objects one encloses is counted with each summary of their features.
    return table.loc[:, ~table.columns.duplicated()]


def _largest_label(site: _Site, name: str) -> int:
    labels = site.objects[name]
    before = (site.previous or {}).get(name)
    return max(int(labels.max(initial=0)), before.largest_label if before else 0)
