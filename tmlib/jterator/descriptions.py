"""The two YAML forms of a pipeline: which modules run, and how their handles are connected.

These models say what a description must look like. Whether its names exist and fit together is
the matter of `tmlib.jterator.checks`.
"""

from pathlib import PurePosixPath
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

PIPE_TYPES = frozenset(
    {"IntensityImage", "MaskImage", "LabelImage", "BinaryImage", "Image", "SegmentedObjects"}
)
"""Types of handles that carry an array from module to module, under a key."""

CONSTANT_TYPES = frozenset({"Scalar", "Boolean", "Numeric", "Character", "Sequence", "Set", "Plot"})
"""Types of input handles that carry a value."""

INPUT_TYPES = PIPE_TYPES | CONSTANT_TYPES
OUTPUT_TYPES = PIPE_TYPES | {"Measurement", "Figure"}

Name = Annotated[str, Field(min_length=1)]


class _Description(BaseModel):
    """A part of a description; keys that are not known are kept by the project, not here."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class ChannelInput(_Description):
    """A channel that the pipeline uses, and whether its illumination is to be corrected."""

    name: Name
    correct: bool = True


class ObjectsInput(_Description):
    """Stored objects that the pipeline uses."""

    name: Name


class PipelineInput(_Description):
    """What the pipeline starts from."""

    channels: list[ChannelInput] = Field(default_factory=list)
    objects: list[ObjectsInput] = Field(default_factory=list)

    @field_validator("channels", "objects", mode="before")
    @classmethod
    def _nothing_is_an_empty_list(cls, value: Any) -> Any:
        return [] if value is None else value


class Step(_Description):
    """One run of a module.

    Attributes
    ----------
    source
        File name of the module, ``smooth.py`` for example.
    handles
        Path of its handles file; the part before ``.handles.yaml`` is the name of the step.
    active
        An inactive step is skipped.
    """

    source: Name
    handles: Name
    active: bool = True

    @property
    def name(self) -> str:
        """The name that is unique in the pipeline, by which its handles are found."""
        return PurePosixPath(self.handles).name.removesuffix(".yaml").removesuffix(".handles")

    @property
    def module(self) -> str:
        """The name of the module that runs."""
        return self.source.removesuffix(".py")


class ObjectsOutput(_Description):
    """Objects to be kept, with outlines or only with their centroids."""

    name: Name
    as_polygons: bool = True


class PipelineOutput(_Description):
    """What is kept of the results."""

    objects: list[ObjectsOutput] = Field(default_factory=list)

    @field_validator("objects", mode="before")
    @classmethod
    def _nothing_is_an_empty_list(cls, value: Any) -> Any:
        return [] if value is None else value


class PipelineDescription(_Description):
    """Which channels go in, which modules run in which order, which objects come out."""

    input: PipelineInput = PipelineInput()
    pipeline: list[Step] = Field(default_factory=list)
    output: PipelineOutput = PipelineOutput()

    @property
    def active_steps(self) -> list[Step]:
        """The steps that run, in their order."""
        return [step for step in self.pipeline if step.active]


class InputHandle(_Description):
    """What one argument of a module is set to: a key for arrays, a value for constants."""

    name: Name
    type: Name
    key: str | None = None
    value: Any = None
    options: list[Any] | None = None

    @model_validator(mode="after")
    def _type_is_known(self) -> Self:
        if self.type not in INPUT_TYPES:
            known = ", ".join(sorted(INPUT_TYPES))
            raise ValueError(f'"{self.type}" is no type of an input handle; use one of {known}')
        return self

    @property
    def is_pipe(self) -> bool:
        """Whether it carries an array."""
        return self.type in PIPE_TYPES


class OutputHandle(_Description):
    """Where one result of a module goes.

    Attributes
    ----------
    key
        Name under which later modules find the array; for SegmentedObjects the name of the
        objects.
    objects, objects_ref, channel_ref
        For measurements: the input handles that hold the objects that get the values, the
        objects that were measured, and the image.
    """

    name: Name
    type: Name
    key: str | None = None
    objects: str | None = None
    objects_ref: str | None = None
    channel_ref: str | None = None

    @model_validator(mode="after")
    def _type_is_known(self) -> Self:
        if self.type not in OUTPUT_TYPES:
            known = ", ".join(sorted(OUTPUT_TYPES))
            raise ValueError(f'"{self.type}" is no type of an output handle; use one of {known}')
        return self

    @property
    def is_pipe(self) -> bool:
        """Whether it carries an array."""
        return self.type in PIPE_TYPES


class HandlesDescription(_Description):
    """How the arguments and results of a module are connected."""

    version: str
    input: list[InputHandle] = Field(default_factory=list)
    output: list[OutputHandle] = Field(default_factory=list)

    @field_validator("input", "output", mode="before")
    @classmethod
    def _nothing_is_an_empty_list(cls, value: Any) -> Any:
        return [] if value is None else value
