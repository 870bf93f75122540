"""Prediction: a trained model is applied to these objects or others."""

import numpy as np
from pydantic import Field
from sqlalchemy.orm import Session

from tmlib.errors import BadInput
from tmlib.ids import decode_id
from tmlib.tools import plots
from tmlib.tools.base import UNKNOWN_MODEL, ChosenObjects, Finding, Progress, Tool, in_batches
from tmlib.tools.labels import Labels
from tmlib.tools.learning import model_files
from tmlib.tools.learning.trained_models import rows_per_batch
from tmlib.tools.models import ToolModel
from tmlib.tools.payloads import Payload
from tmlib.tools.values import Values


class PredictionPayload(Payload):
    """Which model to apply, of this or any other experiment that its user may read."""

    model_id: str = Field(
        min_length=1,
        max_length=50,
        title="Model",
        description="Id of the model.",
        json_schema_extra={"format": "model"},
    )


class Prediction(Tool[PredictionPayload]):
    """Labels objects with the classes of a model."""

    name = "Prediction"
    icon = "PRD"
    description = "Sorts objects into classes with a model that was trained before."
    payload_type = PredictionPayload

    def model(self, session: Session, payload: PredictionPayload) -> ToolModel:
        """The model that is applied."""
        found = session.get(ToolModel, decode_id(payload.model_id))
        if found is None:
            raise BadInput(UNKNOWN_MODEL)
        return found

    def compute(
        self, payload: PredictionPayload, objects: ChosenObjects, values: Values, progress: Progress
    ) -> Finding:
        """Sort all objects."""
        complete = values.complete()
        if objects.model_file is None:
            raise BadInput("There is no model to be applied: choose one.")
        model = model_files.read(objects.model_file)
        codes = in_batches(model.predict, complete.matrix, progress, size=rows_per_batch(model))
        description = model.description
        texts = tuple(one.label for one in description.classes)
        names = [one.name for one in description.classes]
        sizes = np.bincount(codes, minlength=len(texts)).tolist()
        is_supervised = all(one.color is not None for one in description.classes)
        return Finding(
            type="SupervisedClassifierToolResult" if is_supervised else "ScalarToolResult",
            attributes={
                "unique_labels": [float(text) if "." in text else int(text) for text in texts],
                **(
                    {
                        "label_map": {
                            one.label: {"name": one.name, "color": one.color}
                            for one in description.classes
                        }
                    }
                    if is_supervised
                    else {}
                ),
                "counts": dict(zip(texts, sizes, strict=True)),
                **values.counts(),
                "model": {
                    "tool_name": description.tool_name,
                    "method": description.method,
                    "features": list(description.features),
                    "n_training_objects": description.n_training_objects,
                },
            },
            labels=Labels(complete.mapobject_ids, complete.tpoints, codes, texts),
            plots=[plots.sizes(dict(zip(names, sizes, strict=True)))],
        )
