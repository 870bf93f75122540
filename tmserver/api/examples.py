"""The examples in the OpenAPI document of this interface, by names of fields, models and views."""

from typing import Any

from tmserver.http.examples import Examples

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
    "help": "Estimates how unevenly light falls on the images of a channel.",
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

EXAMPLES = Examples(_FIELDS, _MODELS, _ANSWERS)
