"""Whether a described pipeline can run: names exist, versions fit, every key has a source."""

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Any

from pydantic import TypeAdapter, ValidationError

from tmlib.jterator.descriptions import (
    CONSTANT_TYPES,
    PIPE_TYPES,
    HandlesDescription,
    InputHandle,
    OutputHandle,
    PipelineDescription,
    Step,
)
from tmlib.jterator.errors import PipelineDescriptionError, suggest
from tmlib.jterator.modules.registry import Module

_STORED = "(stored objects)"

_OF_LAYOUT = ("Plates", "Wells", "Sites")


def check_project(
    pipeline: PipelineDescription,
    handles: Mapping[str, HandlesDescription],
    get_module: Callable[[str], Module],
    channel_names: Collection[str] | None,
    object_names: Collection[str] | None,
) -> None:
    """Make sure that a pipeline can run. `Project.check` explains arguments and errors."""
    channels = _check_channels(pipeline, channel_names)
    _check_names(pipeline)
    registered = _check_stored_objects(pipeline, object_names)
    producers = dict.fromkeys(registered, _STORED)
    features: dict[tuple[str | None, ...], str] = {}
    for step in pipeline.active_steps:
        module = _module_of(step, get_module)
        connections = _handles_of(step, handles)
        _check_installed(step, module)
        _check_version(step, module, connections)
        _check_argument_names(step, module, connections)
        _check_kinds(step, module, connections)
        for handle in connections.input:
            if module.takes_previous(module.inputs[handle.name]):
                _check_previous(step, handle, pipeline)
            elif handle.is_pipe:
                _check_source(step, handle, channels, producers, registered)
            else:
                _check_value(step, handle, module)
        for output in connections.output:
            _check_output(step, output, connections, channels, producers, registered)
            _check_unique_features(step, output, connections, features)
    _check_registered(pipeline, registered)


def _check_channels(
    pipeline: PipelineDescription, channel_names: Collection[str] | None
) -> set[str]:
    channels = [channel.name for channel in pipeline.input.channels]
    for name in channels:
        if channels.count(name) > 1:
            raise PipelineDescriptionError(f'The pipeline lists channel "{name}" twice.')
        if channel_names is not None and name not in channel_names:
            raise PipelineDescriptionError(
                f'The pipeline asks for channel "{name}", which the experiment does not have: '
                f"{suggest(name, channel_names)}."
            )
    return set(channels)


def _check_stored_objects(
    pipeline: PipelineDescription, object_names: Collection[str] | None
) -> set[str]:
    names = [objects.name for objects in pipeline.input.objects]
    for name in names:
        if names.count(name) > 1:
            raise PipelineDescriptionError(f'The pipeline lists stored objects "{name}" twice.')
        if object_names is not None and name not in object_names:
            raise PipelineDescriptionError(
                f'The pipeline asks for stored objects "{name}", which the experiment does not '
                f"have: {suggest(name, object_names)}."
            )
    return set(names)


def _check_names(pipeline: PipelineDescription) -> None:
    names = [step.name for step in pipeline.pipeline]
    for name in names:
        if names.count(name) > 1:
            raise PipelineDescriptionError(
                f'The pipeline has two modules named "{name}"; the name of a module is that of '
                "its handles file and must be unique."
            )


def _module_of(step: Step, get_module: Callable[[str], Module]) -> Module:
    if "/" in step.source or "\\" in step.source:
        raise PipelineDescriptionError(
            f'Module "{step.name}" has the source "{step.source}"; give the name alone, such as '
            '"smooth.py": that of a shipped module, or of one that the project brings.'
        )
    if not step.source.endswith(".py"):
        raise PipelineDescriptionError(
            f'Module "{step.name}" has the source "{step.source}", but only Python modules can '
            f'run: the name must end with ".py".'
        )
    return get_module(step.module)


def _handles_of(step: Step, handles: Mapping[str, HandlesDescription]) -> HandlesDescription:
    if step.name not in handles:
        raise PipelineDescriptionError(
            f'The handles of module "{step.name}" are missing: {suggest(step.name, handles)}.'
        )
    return handles[step.name]


def _check_installed(step: Step, module: Module) -> None:
    if not module.is_installed:
        raise PipelineDescriptionError(
            f'Module "{step.name}" needs the package "{module.requires}", which is not installed: '
            'install "tmserver[deep-learning]" on the web server and on all workers.'
        )


def _check_version(step: Step, module: Module, handles: HandlesDescription) -> None:
    if handles.version not in module.compatible_versions:
        known = ", ".join(sorted(module.compatible_versions))
        raise PipelineDescriptionError(
            f'The handles of module "{step.name}" are for version {handles.version} of '
            f'"{module.name}", which is at {module.version} and accepts handles of {known}.'
        )


def _check_argument_names(step: Step, module: Module, handles: HandlesDescription) -> None:
    for kind, given, known in (
        ("input", [handle.name for handle in handles.input], module.inputs),
        ("output", [handle.name for handle in handles.output], module.outputs),
    ):
        meant = [known.get(name, name) for name in given]
        for name in given:
            if meant.count(known.get(name, name)) > 1:
                raise PipelineDescriptionError(
                    f'Module "{step.name}" has two {kind} handles named "{name}".'
                )
            if name not in known:
                raise PipelineDescriptionError(
                    f'Module "{step.name}" has no {kind} "{name}": {suggest(name, known)}.'
                )
    missing = module.required - {module.inputs[handle.name] for handle in handles.input}
    if missing:
        raise PipelineDescriptionError(
            f'The input handle "{min(missing)}" of module "{step.name}" is missing.'
        )


def _check_kinds(step: Step, module: Module, handles: HandlesDescription) -> None:
    """What is an array has a type of arrays, what is a value one of values, and so on."""
    for handle in handles.input:
        is_array = module.takes_array(module.inputs[handle.name])
        if handle.is_pipe != is_array:
            kind, types = ("an array", PIPE_TYPES) if is_array else ("a value", CONSTANT_TYPES)
            raise PipelineDescriptionError(
                f'Input "{handle.name}" of module "{step.name}" is {kind}: its type cannot be '
                f"{handle.type}, but one of {', '.join(sorted(types))}."
            )
    for output in handles.output:
        expected = module.output_type(module.outputs[output.name])
        if ("Image" if output.is_pipe else output.type) != expected:
            known = ", ".join(sorted(PIPE_TYPES)) if expected == "Image" else expected
            raise PipelineDescriptionError(
                f'Output "{output.name}" of module "{step.name}" cannot be of type {output.type}, '
                f"but only {known}."
            )


def _check_source(
    step: Step,
    handle: InputHandle,
    channels: Collection[str],
    producers: Mapping[str, str],
    registered: Collection[str],
) -> None:
    place = f'Input "{handle.name}" of module "{step.name}"'
    if not handle.key:
        raise PipelineDescriptionError(
            f"{place} has no key; give it a channel or an output of a module before it."
        )
    if handle.type == "SegmentedObjects":
        if handle.key not in registered:
            raise PipelineDescriptionError(
                f'{place} needs the objects "{handle.key}", which no active module before it '
                "registers and which are no stored objects that the pipeline takes as input: "
                f"{suggest(handle.key, registered)}."
            )
    elif handle.key not in producers and handle.key not in channels:
        raise PipelineDescriptionError(
            f'{place} needs "{handle.key}", which is neither a channel of the pipeline nor made '
            f"by an active module before it: {suggest(handle.key, {*producers, *channels})}."
        )


def _check_previous(step: Step, handle: InputHandle, pipeline: PipelineDescription) -> None:
    put_out = [objects.name for objects in pipeline.output.objects]
    if handle.type != "SegmentedObjects" or handle.key not in put_out:
        raise PipelineDescriptionError(
            f'Input "{handle.name}" of module "{step.name}" gets objects of the previous time '
            f'point, which the pipeline must put out; "{handle.key}" of type {handle.type} are '
            f"none of them: {suggest(str(handle.key), put_out)}."
        )


def _check_value(step: Step, handle: InputHandle, module: Module) -> None:
    place = f'Input "{handle.name}" of module "{step.name}"'
    if handle.options and handle.value not in handle.options:
        options = ", ".join(map(str, handle.options))
        raise PipelineDescriptionError(
            f"{place} is set to {handle.value!r}, which is not among its options: {options}."
        )
    check_argument(place, handle.value, module.annotations[module.inputs[handle.name]])


def check_argument(place: str, value: object, annotation: Any) -> object:
    """Make sure that a value is one that an argument of a module allows.

    Returns
    -------
    object
        The value. Whole numbers may be written as 3.0, and are integers where that is asked for.

    Raises
    ------
    PipelineDescriptionError
        If it is not; `place` says where it stands.
    """
    adapter = TypeAdapter(annotation)
    try:
        return adapter.validate_python(value, strict=True)
    except ValidationError as error:
        with suppress(ValidationError):
            return adapter.validate_python(_with_integers(value), strict=True)
        reasons = dict.fromkeys(problem["msg"] for problem in error.errors())
        raise PipelineDescriptionError(
            f"{place} cannot be {value!r}: {' or '.join(reasons)}."
        ) from None


def _with_integers(value: object) -> object:
    """The value, with integers in place of whole numbers that are written as 3.0."""
    if isinstance(value, list):
        return [_with_integers(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _check_output(
    step: Step,
    handle: OutputHandle,
    handles: HandlesDescription,
    channels: Collection[str],
    producers: dict[str, str],
    registered: set[str],
) -> None:
    place = f'Output "{handle.name}" of module "{step.name}"'
    if handle.is_pipe:
        if not handle.key:
            raise PipelineDescriptionError(f"{place} has no key under which it can be found.")
        if producers.get(handle.key) == _STORED:
            raise PipelineDescriptionError(
                f'{place} has the key "{handle.key}", the name of stored objects that the '
                "pipeline takes as input; choose another key."
            )
        if handle.key in producers:
            raise PipelineDescriptionError(
                f'{place} has the key "{handle.key}", as has an output of module '
                f'"{producers[handle.key]}"; keys must be unique.'
            )
        if handle.key in channels and handle.type != "SegmentedObjects":
            raise PipelineDescriptionError(
                f'{place} has the key "{handle.key}", which is a channel; choose another key.'
            )
        producers[handle.key] = step.name
        if handle.type == "SegmentedObjects":
            _check_layout_names(place, step, handle.key)
            registered.add(handle.key)
    elif handle.type == "Measurement":
        _check_references(place, handle, handles)


def _check_layout_names(place: str, step: Step, name: str) -> None:
    """What the layout of the plate makes is not found in images; sites can be measured, though."""
    if name in _OF_LAYOUT and (name, step.module) != ("Sites", "register_site"):
        raise PipelineDescriptionError(
            f'{place} cannot have the key "{name}", the name of what the layout of the plate '
            'makes; choose another key. Only "register_site" can register "Sites", to measure '
            "them."
        )


def _check_references(place: str, handle: OutputHandle, handles: HandlesDescription) -> None:
    objects = {pipe.name for pipe in handles.input if pipe.type == "SegmentedObjects"}
    images = {pipe.name for pipe in handles.input if pipe.is_pipe} - objects
    for key, name, known in (
        ("objects", handle.objects, objects),
        ("objects_ref", handle.objects_ref, objects),
        ("channel_ref", handle.channel_ref, images),
    ):
        if name is None and key == "channel_ref":
            continue
        if name not in known:
            raise PipelineDescriptionError(
                f'{place} needs "{key}" to name one of the input handles of the module, not '
                f"{name!r}: {suggest(str(name), known)}."
            )


def _check_unique_features(
    step: Step,
    handle: OutputHandle,
    handles: HandlesDescription,
    features: dict[tuple[str | None, ...], str],
) -> None:
    if handle.type != "Measurement":
        return
    keys = {pipe.name: pipe.key for pipe in handles.input}
    target = (
        step.module,
        keys[str(handle.objects)],
        keys[str(handle.objects_ref)],
        keys[handle.channel_ref] if handle.channel_ref else None,
    )
    if target in features:
        raise PipelineDescriptionError(
            f'Modules "{features[target]}" and "{step.name}" would measure the same features of '
            f'the same objects "{target[1]}"; remove one of them.'
        )
    features[target] = step.name


def _check_registered(pipeline: PipelineDescription, registered: Collection[str]) -> None:
    names = [objects.name for objects in pipeline.output.objects]
    for name in names:
        if name not in registered:
            raise PipelineDescriptionError(
                f'The pipeline should put out the objects "{name}", but no active module '
                f"registers them: {suggest(name, registered)}."
            )
        if names.count(name) > 1:
            raise PipelineDescriptionError(f'The pipeline puts out objects "{name}" twice.')
