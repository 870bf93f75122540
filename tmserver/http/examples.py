"""Examples in the OpenAPI document, composed from the examples of single fields.

A field that a model declares with ``examples`` keeps its own. All others are found here by their
name, so that the same plate and the same well run through the whole document.
"""

from collections.abc import Mapping
from typing import Any

_FIELDS: dict[str, Any] = {
    "access_token": "eyJhbGciOiJIUzI1NiJ9.eyJ1aWQiOjF9.c2lnbmF0dXJl",
    "bit_depth": 16,
    "channel_name": "Channel 1",
    "cycle_index": 0,
    "description": "Optional description",
    "email": "mara@lab.example",
    "experiment_name": "Experiment XY",
    "files": ["file1.png", "file2.png"],
    "first_acquired_at": "2024-03-14T09:30:00Z",
    "flatness_after": 0.01,
    "flatness_before": 0.25,
    "height": 2230,
    "index": 0,
    "is_valid": [True, True, False],
    "label": 123,
    "labels": [1, 2],
    "last_acquired_at": "2024-03-14T11:05:00Z",
    "mapobject_type_name": "Cells",
    "max_intensity": 6056,
    "max_zoom": 12,
    "message": "ok",
    "microscope_type": "cellvoyager",
    "min_intensity": 0,
    "name": "Name XY",
    "names": ["Morphology_Area", "Intensity_mean_Channel 1"],
    "password": "a long password",
    "phase": "run",
    "plate_acquisition_mode": "basic",
    "plate_format": 384,
    "plate_name": "Plate XY",
    "quality": 0.93,
    "result_name": "Clustering-117",
    "stage_name": "image_preprocessing",
    "status_code": 400,
    "stderr": "",
    "stdout": "bla bla bla",
    "step_name": "metaconfig",
    "submission_id": 117,
    "tool_name": "Clustering",
    "tpoint": 0,
    "user": "mara",
    "username": "mara",
    "values": [[2450.0, 883.5], [5670.0, 721.25]],
    "wavelength": "DAPI",
    "well_name": "D04",
    "well_pos_x": 2,
    "well_pos_y": 0,
    "width": 2140,
    "workflow_type": "canonical",
    "zplane": 0,
}

_DESCRIPTION: dict[str, Any] = {
    "type": "canonical",
    "stages": [
        {
            "name": "image_conversion",
            "active": True,
            "steps": [
                {
                    "name": "metaconfig",
                    "active": True,
                    "batch_args": [],
                    "submission_args": [{"name": "duration", "value": "06:00:00"}],
                }
            ],
        }
    ],
}

_PROJECT: dict[str, Any] = {
    "pipeline": {
        "description": "Smooths a channel.",
        "version": "0.1.0",
        "input": {"channels": [{"name": "Channel 1"}], "objects": []},
        "output": {"objects": []},
        "pipeline": [
            {"source": "smooth.py", "handles": "./handles/smooth.handles.yaml", "active": True}
        ],
    },
    "handles": {"smooth": {"version": "0.2.0", "input": [], "output": []}},
}

_MODELS: dict[str, dict[str, Any]] = {
    "Acquisition": {"name": "Acquisition XY", "description": ""},
    "Channel": {"name": "Channel 1"},
    "Description": {"description": _DESCRIPTION},
    "ErrorDescription": {
        "message": "The experiment MQ== does not exist.",
        "status_code": 404,
        "type": "NotFound",
    },
    "Experiment": {"name": "Experiment XY"},
    "Feature": {"name": "Morphology_Area"},
    "File": {"name": "some-file-name.png"},
    "ImageSize": {"width": 22000, "height": 10000},
    "MapobjectInfo": {"type": "Cells"},
    "MapobjectType": {"name": "Cells"},
    "NewAcquisition": {"name": "Acquisition XY"},
    "NewExperiment": {"name": "Experiment XY"},
    "NewMapobjectType": {"name": "Cells"},
    "NewPlate": {"name": "Plate XY"},
    "CreatedToken": {"name": "microscope 2"},
    "PersonalToken": {"name": "microscope 2"},
    "Plate": {"name": "Plate XY"},
    "Profile": {"name": "mara"},
    "Project": {"pipeline": _PROJECT["pipeline"], "handles": _PROJECT["handles"]},
    "Rename": {"name": "New name"},
    "Resubmission": {"description": _DESCRIPTION, "index": 1},
    "Site": {"y": 0, "x": 1},
    "Submission": {"description": _DESCRIPTION},
    "User": {"name": "mara"},
    "UserChange": {"name": "mara"},
    "UserName": {"name": "mara"},
    "Well": {"name": "D04"},
}

_ANSWERS: dict[str, Any] = {
    "get_acquisition_modes": ["basic", "multiplexing"],
    "get_microscope_types": ["cellvoyager", "visiview"],
    "get_workflow_types": ["canonical", "multiplexing"],
    "register_upload": ["file1.png", "file2.png"],
}
"""What views answer whose models say too little, by their names."""

_SIMPLE: dict[str, Any] = {
    "array": [],
    "boolean": True,
    "integer": 1,
    "null": None,
    "number": 0.5,
    "object": {},
    "string": "text",
}


def example(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Any:
    """A value that a JSON schema describes.

    Parameters
    ----------
    schema
        The schema, whose references are names of `definitions`.
    definitions
        Schemas of the models, by name.
    """
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return _of_properties(definitions[name], definitions, _MODELS.get(name, {}))
    return _of_properties(schema, definitions, {})


def field_example(name: str, schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Any:
    """A value of one field, or of one parameter of a query."""
    if name in _FIELDS and "examples" not in schema and _admits(schema, _FIELDS[name]):
        return _FIELDS[name]
    return example(schema, definitions)


def answer_example(view: str, schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Any:
    """What a view answers."""
    return _ANSWERS[view] if view in _ANSWERS else example(schema, definitions)


def _of_properties(
    schema: Mapping[str, Any], definitions: Mapping[str, Any], known: Mapping[str, Any]
) -> Any:
    if "properties" not in schema:
        return _of_type(schema, definitions)
    return {
        name: known[name] if name in known else field_example(name, content, definitions)
        for name, content in schema["properties"].items()
    }


def _of_type(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Any:
    if "examples" in schema:
        return schema["examples"][0]
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("default") is not None:
        return schema["default"]
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return example(schema[key][0], definitions)
    if "prefixItems" in schema:
        return [example(item, definitions) for item in schema["prefixItems"]]
    if schema.get("type") == "array" and schema.get("items"):
        return [example(schema["items"], definitions)]
    if "minimum" in schema:
        return schema["minimum"]
    return _SIMPLE[schema.get("type", "object")]


def _admits(schema: Mapping[str, Any], value: Any) -> bool:
    """Whether a schema, or one of its alternatives, is of a value's type."""
    names = {str: "string", bool: "boolean", int: "integer", list: "array", float: "number"}
    alternatives = schema.get("anyOf", [schema])
    return any(one.get("type") == names[type(value)] for one in alternatives)
