"""Mapobjects as a table that programs for CAVE read, and that remarks refer to."""

import io

import pandas as pd

from tests.tmserver.api.conftest import LABELS, PLACE
from tests.tmserver.conftest import Person

SIZE = {f"voxel_resolution_{axis}": 1 for axis in "xyz"}


def test_objects_are_read_and_referred_to(owner: Person, cells: str, experiment_id: int) -> None:
    owner.post(f"{cells}/segmentations", **PLACE, image=LABELS.tolist())
    tables = f"/annotation/api/v2/aligned_volume/screen_{experiment_id}/table"
    assert owner.request("GET", tables).json == ["mapobjects_cells"]
    objects = f"{tables}/mapobjects_cells"
    told = owner.request("GET", objects).json
    assert (told["schema_type"], told["reference_table"]) == ("nucleus_detection", None)
    assert owner.request("GET", f"{objects}/count").json == 2
    found = owner.request("GET", f"{objects}/annotations?annotation_ids=1,2,3,4,5").json
    assert len(found) == 2
    first = found[0]
    assert (first["valid"], first["deleted"], first["superceded_id"]) == (True, "None", None)
    low, high = first["bb_start_position"], first["bb_end_position"]
    assert [high[axis] - low[axis] for axis in range(3)] == [10, 4, 0]
    assert first["volume"] == 40
    assert low[0] < first["pt_position"][0] < high[0]
    row = {"annotations": [{"target_id": first["id"], "tag": "odd"}]}
    for method in ("POST", "PUT"):
        assert "shows mapobjects" in owner.refused(method, f"{objects}/annotations", 403, json=row)
    made = {
        "schema_type": "reference_tag",
        "table_name": "remarks",
        "metadata": {
            "description": "",
            **SIZE,
            "table_metadata": {"reference_table": "mapobjects_cells"},
        },
    }
    assert owner.request("POST", tables, json=made).text == "remarks"
    remarks = f"{tables}/remarks/annotations"
    assert owner.request("POST", remarks, json=row).json == [1]
    wrong = {"annotations": [{"target_id": 99, "tag": "odd"}]}
    assert "no 99 in table mapobjects_cells" in owner.refused("POST", remarks, 422, json=wrong)
    assert "no such mapobject type" in owner.refused("GET", f"{tables}/mapobjects_no", 404)


def test_a_table_of_remarks_is_made_for_a_type_of_objects(
    owner: Person, cells: str, experiment: str
) -> None:
    owner.post(f"{cells}/segmentations", **PLACE, image=LABELS.tolist())
    tables = f"{experiment}/annotation_tables"
    new = {"name": "remarks", "schema_name": "reference_tag", "voxel_resolution": [1, 1, 1]}
    made = owner.post(tables, **new, mapobject_type="Cells")
    assert (made["reference_table"], made["mapobject_type"]) == ("mapobjects_cells", "Cells")
    assert owner.get(tables) == [made]
    plain = owner.post(tables, name="dots", schema_name="bound_tag", voxel_resolution=[1, 1, 1])
    assert plain["mapobject_type"] is None
    for more, message in (
        ({"mapobject_type": "Nuclei"}, 'no mapobject type "Nuclei"'),
        ({"mapobject_type": "Cells", "reference_table": "dots"}, "not both"),
    ):
        body = new | {"name": "others"} | more
        assert message in owner.refused("POST", tables, 400, json=body)


def test_points_bind_to_the_objects_that_contain_them(
    owner: Person, cells: str, experiment: str
) -> None:
    owner.post(f"{cells}/segmentations", **PLACE, image=LABELS.tolist())
    [layer] = owner.get(f"{experiment}/segmentation_layers", mapobject_type_name="Cells")
    everywhere = {"min_x": -9999, "min_y": -9999, "max_x": 9999, "max_y": 9999}
    objects = f"{experiment}/segmentation_layers/{layer['id']}/mapobjects/within"
    wide, _ = owner.get(objects, **everywhere)["objects"]
    left, top, right, bottom = wide["box"]
    assert (right - left, bottom - top) == (10, 4)
    tables = f"{experiment}/annotation_tables"
    owner.post(tables, name="dots", schema_name="bound_tag", voxel_resolution=[1, 1, 1])
    rows = f"{tables}/dots/annotations"
    places = [(right - 1, bottom - 1), (left - 1, top), (left + 1, bottom + 5)]
    sent = [{"pt": {"position": [*place, 0]}, "tag": "a"} for place in places]
    owner.post(rows, annotations=sent)
    expected = [wide["id"], None, None]
    found = owner.get(rows, bind="Cells")
    assert [row["values"]["pt_mapobject_id"] for row in found] == expected
    assert "pt_mapobject_id" not in owner.get(rows)[0]["values"]
    collection = owner.request("GET", f"{rows}?bind=Cells&format=geojson").json
    features = collection["features"]
    assert [one["properties"]["pt_mapobject_id"] for one in features] == expected
    sheet = owner.request("GET", f"{rows}?bind=Cells&format=csv").data
    assert list(pd.read_csv(io.BytesIO(sheet))["pt_mapobject_id"].fillna(0)) == [wide["id"], 0, 0]
    assert [row["id"] for row in owner.get(rows, mapobject_id=wide["id"])] == [1]
    assert owner.get(f"{tables}/dots/count", mapobject_id=wide["id"]) == 1
    for query in ({"bind": "Nuclei"}, {"mapobject_id": 99}):
        assert "There is no mapobject" in owner.refused("GET", rows, 404, query_string=query)
