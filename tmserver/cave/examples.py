"""The examples in the OpenAPI document of this interface."""

from typing import Any

from tmserver.http.examples import Examples

_ROW: dict[str, Any] = {
    "id": 1,
    "created": "2026-01-31 12:00:00.000000",
    "deleted": "None",
    "superceded_id": None,
    "valid": True,
    "pt_position": [2450, 883, 0],
    "tag": "mitotic",
}

EXAMPLES = Examples(
    fields={
        "description": "Mitotic cells",
        "notice_text": "Only the left half was looked at.",
        "flat_segmentation_source": "precomputed://https://lab.example/cells",
        "email": "mara@lab.example",
        "code": 400,
    },
    answers={
        "get_version": "4.3.3",
        "get_annotation_version": "4.35.0",
        "get_package_version": "5.26.3",
        "get_datastacks": ["colon_cells_17"],
        "get_datastacks_of_volume": ["colon_cells_17"],
        "get_schemas": ["synapse", "bound_tag"],
        "get_tables": ["cells"],
        "get_annotations": [_ROW],
        "post_annotations": [1],
        "put_annotations": {"1": 2},
        "delete_annotations": [1],
        "get_api_versions": [2],
        "get_schema_versions": [2],
        "get_annotation_api_versions": [2],
    },
)
