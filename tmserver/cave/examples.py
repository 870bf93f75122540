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

_MATERIALIZED_ROW: dict[str, Any] = {
    "id": 1,
    "created": "2026-01-31T12:00:00Z",
    "superceded_id": None,
    "valid": True,
    "pt_position": [2450.0, 883.0, 0.0],
    "tag": "mitotic",
}
_ROW_WITH_TARGET: dict[str, Any] = {
    "id": 1,
    "target_id": 1,
    "tag": "blurred",
    "id_ref": 1,
    "pt_position": [2450.0, 883.0, 0.0],
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
        "get_materialization_version": "5.13.0",
        "get_materialization_api_versions": [2, 3],
        "get_versions": [1, 2],
        "get_materialized_tables": ["cells"],
        "query_table": [_MATERIALIZED_ROW],
        "query_live": [_MATERIALIZED_ROW],
        "query_with_targets": [_ROW_WITH_TARGET],
    },
)
