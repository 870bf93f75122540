"""Base classes and field types of the payloads of tools.

Forms are generated from the JSON schema of a payload alone: ``format`` says what a text means where
its type does not.
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag
from pydantic.config import JsonDict

MAX_LISTED = 10_000
"""Largest number of features, gates or wells in a payload."""

FeatureName = Annotated[
    str,
    Field(min_length=1, max_length=255, json_schema_extra={"format": "feature"}),
]
"""Name of a feature of the chosen objects."""

WellName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z]{1,2}[0-9]{1,2}$", json_schema_extra={"format": "well"}),
]
"""Name of a well, ``B03`` for example, which means the wells of this name on all plates."""

Color = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$", json_schema_extra={"format": "color"})]
"""A colour, #rrggbb."""


ObjectNumber = Annotated[int, Field(ge=1, le=2**63 - 1)]
"""Number of an object, as in tiles and tables."""


class Part(BaseModel):
    """A part of a payload; what it does not know is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class WellCondition(Part):
    """The wells whose condition has this value, on all plates."""

    column: str = Field(
        pattern=r"^[^\x00]{1,240}$", description="Name of the condition, as in the plate map."
    )
    value: Annotated[str, Field(max_length=300)] | bool | int | float = Field(
        description="The value, as in the plate map."
    )

    def __str__(self) -> str:
        return f"{self.column}: {self.value}"


def _kind_of_well(value: Any) -> str:
    return "condition" if isinstance(value, dict | WellCondition) else "name"


ControlWells = tuple[
    Annotated[
        Annotated[WellName, Tag("name")] | Annotated[WellCondition, Tag("condition")],
        Discriminator(_kind_of_well),
    ],
    ...,
]
"""Wells by their names or by what was done to them: what any of these says of a well counts."""

AS_CONTROLS: JsonDict = {"format": "controls"}
"""What the schema of such a field has in addition."""


class Payload(Part):
    """What a tool is asked to do with the objects of one type."""

    chosen_object_type: str = Field(
        pattern=r"^[^\x00]{1,255}$",
        title="Objects",
        description="Name of the mapobject type.",
        json_schema_extra={"format": "mapobject-type"},
    )

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features whose values are needed, once each; none if a model has them."""
        return ()


class FeaturePayload(Payload):
    """Which feature counts."""

    selected_feature: FeatureName = Field(title="Feature", description="Name of the feature.")

    @property
    def features(self) -> tuple[str, ...]:
        """The one feature."""
        return (self.selected_feature,)


class FeaturesPayload(Payload):
    """Which features count."""

    selected_features: tuple[FeatureName, ...] = Field(
        min_length=1,
        max_length=MAX_LISTED,
        title="Features",
        description="Names of the features.",
    )

    @property
    def features(self) -> tuple[str, ...]:
        """The selected features, without duplicates."""
        return tuple(dict.fromkeys(self.selected_features))
