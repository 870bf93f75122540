"""Finds the shipped modules by name."""

import importlib
import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from tmlib.jterator import modules
from tmlib.jterator.arrays import PreviousObjects, Stack
from tmlib.jterator.errors import PipelineDescriptionError, suggest

_SUFFIX = ".handles.yaml"

_OLDER_NAMES = {"expand": "expand_or_shrink"}


@dataclass(frozen=True)
class Module:
    """A module that can be part of a pipeline.

    Attributes
    ----------
    name
        Its file name without ``.py``.
    version
        The version of its interface.
    compatible_versions
        Versions of handles that it accepts, its own included.
    inputs
        Names of the input handles, older names included, and the argument that each sets.
    main
        The function that does the work; returns a NamedTuple.
    annotations
        Types of the arguments by name, and of the result as ``return``.
    required
        Arguments without a default.
    outputs
        Names of the results, older names included, and the field that holds each.
    handles
        The shipped handles: defaults and explanations.
    """

    name: str
    version: str
    compatible_versions: frozenset[str]
    inputs: Mapping[str, str]
    main: Callable[..., Any]
    annotations: Mapping[str, Any]
    required: frozenset[str]
    outputs: Mapping[str, str]
    handles: Mapping[str, Any]

    @property
    def arguments(self) -> frozenset[str]:
        """Names of the arguments."""
        return frozenset(self.annotations) - {"return"}

    def takes_stacks(self, argument: str) -> bool:
        """Whether an argument may have several focal planes."""
        return Stack in getattr(self.annotations[argument], "__metadata__", ())

    def takes_previous(self, argument: str) -> bool:
        """Whether an argument gets the objects of the previous time point."""
        return self.annotations[argument] is PreviousObjects


@cache
def names() -> tuple[str, ...]:
    """The names of all modules."""
    return tuple(sorted(_handles_files()))


def _handles_files() -> dict[str, Path]:
    return {
        path.name.removesuffix(_SUFFIX): path
        for folder in modules.__path__
        for path in Path(folder).glob(f"*{_SUFFIX}")
    }


@cache
def get(name: str) -> Module:
    """The module of that name, which may be one that it had in the past.

    Raises
    ------
    PipelineDescriptionError
        If there is none; suggests the closest name.
    """
    name = _OLDER_NAMES.get(name, name)
    if name not in names():
        raise PipelineDescriptionError(
            f'There is no module "{name[:80]}": {suggest(name, names())}.'
        )
    source = importlib.import_module(f"tmlib.jterator.modules.{name}")
    annotations = typing.get_type_hints(source.main, include_extras=True)
    parameters = inspect.signature(source.main).parameters.values()
    compatible = getattr(source, "COMPATIBLE_VERSIONS", ())
    arguments = {name: name for name in annotations if name != "return"}
    outputs = {field: field for field in annotations["return"]._fields}
    return Module(
        name=name,
        version=source.VERSION,
        compatible_versions=frozenset({source.VERSION, *compatible}),
        inputs=MappingProxyType({**arguments, **getattr(source, "OLDER_INPUTS", {})}),
        main=source.main,
        annotations=MappingProxyType(annotations),
        required=frozenset(p.name for p in parameters if p.default is p.empty),
        outputs=MappingProxyType({**outputs, **getattr(source, "OLDER_OUTPUTS", {})}),
        handles=MappingProxyType(yaml.safe_load(_handles_files()[name].read_text())),
    )
