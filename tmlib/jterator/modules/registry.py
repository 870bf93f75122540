"""Finds the shipped modules by name."""

import importlib
import importlib.util
import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import yaml

from tmlib.jterator import modules
from tmlib.jterator.arrays import Model, PreviousObjects, Stack
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
    results
        Types of the results by name.
    handles
        The shipped handles: defaults and explanations.
    source
        The text of a module that a user brings, which never runs in this process; None for
        shipped modules.
    requires
        The package that it needs and that is not installed by default.
    """

    name: str
    version: str
    compatible_versions: frozenset[str]
    inputs: Mapping[str, str]
    main: Callable[..., Any]
    annotations: Mapping[str, Any]
    required: frozenset[str]
    outputs: Mapping[str, str]
    results: Mapping[str, Any]
    handles: Mapping[str, Any]
    source: str | None = None
    requires: str | None = None

    @property
    def summary(self) -> str:
        """What it does, in the first sentence of its documentation."""
        paragraph = (inspect.getdoc(self.main) or "").partition("\n\n")[0]
        return " ".join(paragraph.split())

    @property
    def arguments(self) -> frozenset[str]:
        """Names of the arguments."""
        return frozenset(self.annotations) - {"return"}

    def takes_array(self, argument: str) -> bool:
        """Whether an argument is an array, and no plain value."""
        return _holds_array(self.annotations[argument])

    def output_type(self, result: str) -> str:
        """What a result is: ``Measurement``, ``Figure`` or ``Image`` for any kind of array."""
        annotation = self.results[result]
        if annotation is pd.DataFrame:
            return "Measurement"
        return "Figure" if annotation is str else "Image"

    def takes_stacks(self, argument: str) -> bool:
        """Whether an argument may have several focal planes."""
        return Stack in getattr(self.annotations[argument], "__metadata__", ())

    def takes_model(self, argument: str) -> bool:
        """Whether an argument is the file of a model."""
        return Model in getattr(self.annotations[argument], "__metadata__", ())

    @property
    def is_installed(self) -> bool:
        """Whether what it needs is there."""
        return self.requires is None or importlib.util.find_spec(self.requires) is not None

    def takes_previous(self, argument: str) -> bool:
        """Whether an argument gets the objects of the previous time point."""
        return self.annotations[argument] is PreviousObjects


def _holds_array(annotation: Any) -> bool:
    origin = typing.get_origin(annotation) or annotation
    if origin is np.ndarray or origin is PreviousObjects:
        return True
    if hasattr(origin, "__value__"):
        # the name of a type, as NumPy's NDArray is from Python 3.12 on
        return _holds_array(origin.__value__)
    return any(_holds_array(part) for part in typing.get_args(annotation))


@cache
def names() -> tuple[str, ...]:
    """The names of all modules."""
    return tuple(sorted(_handles_files()))


def is_name(name: str) -> bool:
    """Whether a shipped module has that name, or had it in the past."""
    return name in names() or name in _OLDER_NAMES


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
    results = typing.get_type_hints(annotations["return"], include_extras=True)
    return Module(
        name=name,
        version=source.VERSION,
        compatible_versions=frozenset({source.VERSION, *compatible}),
        inputs=MappingProxyType({**arguments, **getattr(source, "OLDER_INPUTS", {})}),
        main=source.main,
        annotations=MappingProxyType(annotations),
        required=frozenset(p.name for p in parameters if p.default is p.empty),
        outputs=MappingProxyType(
            {**dict(zip(results, results, strict=True)), **getattr(source, "OLDER_OUTPUTS", {})}
        ),
        results=MappingProxyType(results),
        handles=MappingProxyType(yaml.safe_load(_handles_files()[name].read_text())),
        requires=getattr(source, "REQUIRES", None),
    )
