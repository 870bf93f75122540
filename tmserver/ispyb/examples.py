"""The examples in the OpenAPI document of this interface, by names of fields."""

from typing import Any

from tmserver.http.examples import Examples

_FIELDS: dict[str, Any] = {
    "action": "db_options",
    "address": "1 Main Road",
    "beamLineGroups": ["Light microscopes"],
    "bltimeStamp": "2026-03-14T09:00:00",
    "beamLineName": "Spinning disk",
    "beamLineOperator": "Ada",
    "beamLines": ["Spinning disk"],
    "city": "Oslo",
    "comments": "Changed the objective",
    "country": "Norway",
    "dateTime": "2026-03-14T09:00:00",
    "description": "Looks after light microscopes",
    "displayName": "Screen 1",
    "emailAddress": "mara@lab.example",
    "blSample": "A01",
    "endTime": "2026-03-14T10:30:00",
    "eventType": "canonical",
    "eventTypeName": "canonical",
    "experimentType": "canonical",
    "fileName": "MeasurementData.mlf",
    "fileTemplate": "Run 1",
    "fileType": "metadata",
    "imageContainerSubPath": "0/0",
    "imageDirectory": "Screen 1/Plate 1",
    "endDate": "2026-03-14T17:00:00",
    "familyName": "Lind",
    "focusingOptic": "Water 40x",
    "givenName": "Mara",
    "lastSession": "2026-03-14T09:00:00",
    "laboratoryExtPk": 31,
    "login": "mara",
    "message": "The proposal MX-1 has been synchronized in 0.1: 1 proposals added",
    "monochromatorType": "Filter wheel",
    "month": "3",
    "motd": "Confocal is down on Friday",
    "name": "staff",
    "Permissions": ["view_activity"],
    "permissions": ["view_activity"],
    "phoneNumber": "+47 1234",
    "processingCommandLine": "tm worker",
    "processingEndTime": "2026-03-14T11:00:00",
    "processingEnvironment": "cluster",
    "processingMessage": "SUCCESS",
    "processingPrograms": "workflow",
    "processingStartTime": "2026-03-14T10:40:00",
    "proposal": "MX1",
    "proposalCode": "MX",
    "proposalNumber": "1",
    "proposalType": "Long term",
    "recipe": "workflow",
    "recordTimeStamp": "2026-03-14T10:40:00",
    "recordTimestamp": "2026-03-14T10:40:00",
    "rotationAxis": "Omega",
    "runStatus": "Data collection successful",
    "role": "Local Contact",
    "sampleChangerType": "Plate loader",
    "session": "MX1-1",
    "sessionTitle": "First plates",
    "sessionTypes": ["training"],
    "setupDate": "2026-03-01T09:00:00",
    "startTime": "2026-03-14T09:05:00",
    "status": "success",
    "startDate": "2026-03-14T09:00:00",
    "state": "Open",
    "synchrotronMode": "Normal",
    "synchrotronName": "Core facility",
    "title": "Nuclei under stress",
    "token": "eyJhbGciOiJIUzI1NiJ9.eyJ1aWQiOjF9.c2lnbmF0dXJl",
    "uiGroups": ["light"],
    "undulatorType1": "Laser 405 nm",
    "undulatorType2": "Laser 488 nm",
    "undulatorType3": "Laser 561 nm",
    "url": "https://lab.example",
    "username": "mara",
    "validity": "/ispyb/api/v1/proposals/MX1",
    "workflowStepType": "metaextract",
    "workflowTitle": "Screen 1",
    "workflowType": "canonical",
    "year": "2026",
}

_MODELS: dict[str, Any] = {
    name: {
        "beamLines": [
            {
                "beamLineName": "Spinning disk",
                "sampleChangerType": "Plate loader",
                "sampleChangerCapacity": 20,
                "archived": False,
            }
        ]
    }
    for name in ("BeamLineGroup", "BeamLineGroup-Input", "BeamLineGroup-Output")
}
_GROUPS = {
    "beamLineGroups": [
        {
            "groupName": "Light microscopes",
            "uiGroup": "light",
            "permission": "light_staff",
            **_MODELS["BeamLineGroup"],
        }
    ]
}
_MODELS["Permission"] = {"type": "light_staff"}
_MODELS |= dict.fromkeys(("Options", "UIOptions", "OptionChange"), _GROUPS)

EXAMPLES = Examples(fields=_FIELDS, models=_MODELS)
