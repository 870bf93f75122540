"""Selection: objects that somebody chose one by one, or on the map."""

from typing import Annotated

import numpy as np
from pydantic import Field
from sqlalchemy.orm import Session

from tmlib.tools.base import ChosenObjects, Finding, Progress, Tool, check_objects
from tmlib.tools.labels import Labels
from tmlib.tools.payloads import Color, ObjectNumber, Payload
from tmlib.tools.values import Values

_MAX_OBJECTS = 900_000  # a request may have a million values in all
_LABELS = ("0", "1")
_OTHER_COLOR = "#7f7f7f"


class SelectionPayload(Payload):
    """Which objects, and what they are called."""

    name: Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,255}$")] = Field(
        default="selected", description="What the chosen objects are called."
    )
    color: Color = Field(
        default="#e4572e", title="Colour", description="Colour to show them in, #rrggbb."
    )
    object_ids: tuple[ObjectNumber, ...] = Field(
        min_length=1,
        max_length=_MAX_OBJECTS,
        title="Objects",
        description="Numbers of the objects, as in tiles and tables.",
        json_schema_extra={"format": "selection"},
    )


class Selection(Tool[SelectionPayload]):
    """Labels the chosen objects with 1, all others with 0, at all of their time points."""

    name = "Selection"
    icon = "SEL"
    description = "Keeps a choice of objects under a name, as a column like any other."
    takes_incomplete = True
    payload_type = SelectionPayload

    def check(self, session: Session, payload: SelectionPayload, objects: ChosenObjects) -> None:
        """Check that all chosen objects exist."""
        check_objects(session, objects, payload.object_ids)

    def compute(
        self, payload: SelectionPayload, objects: ChosenObjects, values: Values, progress: Progress
    ) -> Finding:
        """Look up which objects are among those that were chosen."""
        chosen = np.unique(np.array(payload.object_ids, np.int64))
        codes = np.isin(values.mapobject_ids, chosen).astype(np.int64)
        counts = np.bincount(codes, minlength=2).tolist()
        return Finding(
            type="ScalarToolResult",
            attributes={
                "unique_labels": [0, 1],
                "label_map": {
                    "0": {"name": "others", "color": _OTHER_COLOR},
                    "1": {"name": payload.name, "color": payload.color},
                },
                "counts": dict(zip(_LABELS, counts, strict=True)),
                **values.counts(),
            },
            labels=Labels(values.mapobject_ids, values.tpoints, codes, _LABELS),
            name=payload.name,
        )
