"""A project: a pipeline with the handles of its modules, and modules that users bring."""

import copy
from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Self, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from tmlib import durable_files
from tmlib.jterator import checks
from tmlib.jterator.descriptions import HandlesDescription, PipelineDescription
from tmlib.jterator.errors import PipelineDescriptionError
from tmlib.jterator.modules import registry
from tmlib.jterator.modules.registry import Module
from tmlib.jterator.user_modules.source import check_sources, read_module
from tmlib.jterator.yaml_texts import load_yaml
from tmlib.storage import check_file_name

_PIPELINE_FILE = "pipeline.yaml"
_HANDLES_SUFFIX = ".handles.yaml"
_MODULES = "modules"

_Model = TypeVar("_Model", bound=BaseModel)


class Project:
    """A pipeline and its handles, as they were written.

    Attributes
    ----------
    pipeline
        Which modules run.
    handles
        How they are connected, by the name of the step.
    sources
        The text of the modules that the project brings, by name.
    """

    def __init__(self, description: Mapping[str, Any]) -> None:
        self._description = copy.deepcopy(dict(description))
        self.pipeline = _parse(
            PipelineDescription, self._description.get("pipeline"), "the pipeline"
        )
        handles = self._description.get("handles") or {}
        if not isinstance(handles, Mapping):
            raise PipelineDescriptionError(
                'The "handles" of a project must map the name of each module to its handles.'
            )
        self.handles = {
            str(name): _parse(HandlesDescription, value, f'the handles of module "{name}"')
            for name, value in handles.items()
        }
        self.sources = _parse_sources(self._description.get("modules"))

    @classmethod
    def from_dict(cls, description: Mapping[str, Any]) -> Self:
        """A project from ``{"pipeline": {...}, "handles": {name: {...}}}``.

        Modules that it brings are under ``"modules"``: ``{name: text}``.

        Raises
        ------
        PipelineDescriptionError
            If a part is missing or is not what it should be.
        """
        if not isinstance(description, Mapping):
            raise PipelineDescriptionError('A project needs the keys "pipeline" and "handles".')
        return cls(description)

    def to_dict(self) -> dict[str, Any]:
        """Exactly the description that the project was made from, unknown keys included."""
        return copy.deepcopy(self._description)

    @classmethod
    def from_directory(cls, directory: Path) -> Self:
        """A project from ``pipeline.yaml`` and ``handles/<name>.handles.yaml``.

        Files ``modules/<name>.py`` are modules that it brings.

        Raises
        ------
        PipelineDescriptionError
            If a file is missing, is no YAML, or does not describe what it should.
        """
        files = sorted((directory / "handles").glob(f"*{_HANDLES_SUFFIX}"))
        description = {
            "pipeline": _load_yaml(directory / _PIPELINE_FILE),
            "handles": {
                file.name.removesuffix(_HANDLES_SUFFIX): _load_yaml(file) for file in files
            },
        }
        sources = sorted((directory / _MODULES).glob("*.py"))
        if sources:
            description["modules"] = {file.stem: _read_source(file) for file in sources}
        return cls(description)

    def to_directory(self, directory: Path) -> None:
        """Write ``pipeline.yaml``, ``handles/<name>.handles.yaml`` and ``modules/<name>.py``.

        Raises
        ------
        BadInput
            If the name of a module cannot be a file name.
        """
        texts = {
            check_file_name(f"{name}{_HANDLES_SUFFIX}"): _dump_yaml(handles)
            for name, handles in (self._description.get("handles") or {}).items()
        }
        for name, text in texts.items():
            durable_files.write(directory / "handles" / name, text)
        for name, source in self.sources.items():
            durable_files.write(directory / _MODULES / f"{name}.py", source)
        # last: a folder without it is no project
        pipeline = _dump_yaml(self._description["pipeline"])
        durable_files.write(directory / _PIPELINE_FILE, pipeline)

    def module(self, name: str) -> Module:
        """The module of that name: one that the project brings, or a shipped one.

        Raises
        ------
        PipelineDescriptionError
            If there is none, or the project brings one that cannot be read.
        """
        return self._own_modules.get(name) or registry.get(name)

    @cached_property
    def _own_modules(self) -> dict[str, Module]:
        return {name: read_module(name, source) for name, source in self.sources.items()}

    @property
    def models(self) -> list[str]:
        """Names of the files of models that the active steps load."""
        return [
            str(handle.value)
            for step in self.pipeline.active_steps
            for handle in self.handles[step.name].input
            if (module := self.module(step.module)).takes_model(module.inputs[handle.name])
        ]

    @property
    def made_types(self) -> list[str]:
        """Types that the pipeline makes itself; it may also keep values of stored ones."""
        taken = {objects.name for objects in self.pipeline.input.objects}
        made = (output.name for output in self.pipeline.output.objects)
        return [name for name in made if name not in taken]

    def check(
        self,
        channel_names: Collection[str] | None = None,
        object_names: Collection[str] | None = (),
    ) -> None:
        """Make sure that the pipeline can run.

        Parameters
        ----------
        channel_names
            The channels of the experiment; None if they are not known yet.
        object_names
            The types of stored objects that the pipeline may take as input; None if they are not
            known yet.

        Raises
        ------
        PipelineDescriptionError
            If something does not fit; names the module, the handle and the way out.
        """
        for name in self.sources:
            self.module(name)
        checks.check_project(self.pipeline, self.handles, self.module, channel_names, object_names)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Project) and self._description == other._description

    __hash__ = None  # type: ignore[assignment] # holds dictionaries, like them it is not hashable

    def __repr__(self) -> str:
        return f"Project({', '.join(step.name for step in self.pipeline.pipeline)})"


def _parse(model: type[_Model], value: object, what: str) -> _Model:
    """The model of a part of a description, with one sentence about what is wrong with it."""
    if value is None:
        raise PipelineDescriptionError(f"The project lacks {what}.")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        place = _place(first["loc"], value)
        reason = first["msg"].removeprefix("Value error, ")
        raise PipelineDescriptionError(
            f"Cannot read {what}{': ' + place if place else ''}: {reason}."
        ) from None


def _place(location: tuple[int | str, ...], value: object) -> str:
    """Where in a description something is wrong, with the names that its author gave."""
    words = []
    for part in location:
        try:
            value = value[part]  # type: ignore[index] # whatever cannot be indexed ends the walk
        except (KeyError, IndexError, TypeError):
            value = None
        name = value.get("name") if isinstance(value, Mapping) else None
        if isinstance(part, int):
            words.append(f'"{name}"' if name else f"entry {part + 1}")
        else:
            words.append(str(part))
    return " ".join(words)


def _parse_sources(sources: object) -> dict[str, str]:
    if sources is None:
        return {}
    if not isinstance(sources, Mapping) or not all(
        isinstance(name, str) and isinstance(source, str) for name, source in sources.items()
    ):
        raise PipelineDescriptionError(
            'The "modules" of a project must map the name of each module to its source, a text.'
        )
    check_sources(sources)
    return dict(sources)


def _read_source(file: Path) -> str:
    try:
        return file.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise PipelineDescriptionError(
            f'Cannot read the module "{file.name}" of the project: {error}.'
        ) from None


def _load_yaml(file: Path) -> Any:
    try:
        return load_yaml(file.read_text())
    except OSError as error:
        raise PipelineDescriptionError(
            f'Cannot read "{file.name}" of the project: {error.strerror}.'
        ) from None
    except (yaml.YAMLError, ValueError) as error:
        raise PipelineDescriptionError(
            f'"{file.name}" is not valid YAML: {" ".join(str(error).split())}.'
        ) from None


def _dump_yaml(value: object) -> str:
    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True))
