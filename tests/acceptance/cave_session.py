"""Annotates an experiment with the published client of CAVE; runs where that is installed.

Usage: cave_session.py URL TOKEN READING_TOKEN DATASTACK FOLDER
"""

import base64
import builtins
import getpass
import logging
import os
import sys
from pathlib import Path

os.environ["HOME"] = sys.argv[5]

import numpy as np
import pandas as pd
import requests
from caveclient import CAVEclient

URL, TOKEN, READING_TOKEN, DATASTACK, FOLDER = sys.argv[1:]
ME = {"Authorization": f"Bearer {TOKEN}"}
USER = str(requests.get(f"{URL}/auth/api/v1/user/me", headers=ME, timeout=60).json()["id"])
TEXT = {"description": "mitotic cells", "voxel_resolution": [325, 325, 1000]}


def main():
    """Everything that the client documents for annotations, once."""
    store_token()
    client = CAVEclient(DATASTACK, server_address=URL, auth_token=TOKEN, write_server_cache=False)
    look_around(client)
    tables(client.annotation)
    rows(client.annotation)
    data_frames(client.annotation)
    other_ways(client.annotation)
    many(client.annotation)
    staged(client)
    references(client.annotation)
    materialized(client)
    notices(client.annotation)
    refusals(client)


def store_token():
    """As `caveclient setup-token` does: the client finds it again by itself."""
    getpass.getpass = lambda _: TOKEN
    builtins.input = lambda _: "Y"
    CAVEclient.setup_token(URL, open=False)
    client = CAVEclient(DATASTACK, server_address=URL, write_server_cache=False)
    assert client.auth.token == TOKEN
    assert list(Path(FOLDER).rglob("*-cave-secret.json"))


def look_around(client):
    """Datastacks, schemas, users."""
    assert DATASTACK in client.info.get_datastacks()
    assert DATASTACK in client.info.get_aligned_volumes()
    assert client.info.get_aligned_volume_info()["name"] == DATASTACK
    number = client.info.get_datastack_info()["aligned_volume"]["id"]
    assert client.info.get_aligned_volume_info_by_id(number)["name"] == DATASTACK
    assert client.info.get_datastacks_by_aligned_volume(DATASTACK) == [DATASTACK]
    assert client.info.get_image_mirrors() == []
    assert len(client.info.viewer_resolution()) == 3
    assert client.info.annotation_endpoint() == f"{URL}/annotation"
    names = client.schema.get_schemas()
    assert len(names) >= 57
    one = client.schema.schema_definition("bound_tag")
    assert one["$ref"] == "#/definitions/BoundTagAnnotation"
    several = client.schema.schema_definition_multi(["bound_tag", "synapse"])
    assert several["bound_tag"] == one
    assert client.schema.schema_definition_all()["bound_tag"] == one
    [user] = client.auth.get_user_information([int(USER)])
    assert user["id"] == int(USER)
    assert client.auth.get_tokens()[0]["user_id"] == int(USER)
    assert client.auth.get_group_users(999) == []


def tables(annotation):
    """Tables and what is told about them."""
    annotation.create_table("cells", "bound_tag", **TEXT, user_id=int(USER))
    annotation.create_table("gone", "bound_tag", **TEXT)
    assert annotation.delete_table("gone") is True
    assert annotation.get_tables() == ["cells"]
    annotation.update_metadata("cells", description="cells that divide", write_permission="PUBLIC")
    told = annotation.get_table_metadata("cells")
    assert told["voxel_resolution"] == [325, 325, 1000]
    assert (told["description"], told["write_permission"]) == ("cells that divide", "PUBLIC")
    assert told["user_id"] == USER
    assert told["deleted"] is None


def rows(annotation):
    """Rows one by one."""
    post = annotation.post_annotation
    assert post("cells", {"pt": {"position": [1, 2, 3]}, "tag": "a"}) == [1]
    point = {"position": np.array([4, 5, 6], np.int32)}
    assert post("cells", [{"pt": point, "tag": "b"}, {"pt": point, "tag": "c", "id": 100}]) == [
        2,
        100,
    ]
    assert annotation.update_annotation("cells", {"id": 1, "tag": "A"}) == {"1": 101}
    assert annotation.delete_annotation("cells", 2) == [2]
    assert annotation.delete_annotation("cells", {"id": 100}) == [100]
    assert annotation.delete_annotation("cells", [{"id": 100}]) == [100]
    assert annotation.get_annotation_count("cells") == 4
    old, deleted, new = annotation.get_annotation("cells", [1, 2, 101])
    assert (old["superceded_id"], old["valid"]) == (101, False)
    assert (new["pt_position"], new["tag"]) == ([1, 2, 3], "A")
    assert (new["deleted"], new["valid"], deleted["superceded_id"]) == ("None", True, None)
    assert pd.Timestamp(old["deleted"]) == pd.Timestamp(new["created"])
    assert annotation.get_annotation("cells", 1)[0] == old


def data_frames(annotation):
    """Whole tables at once."""
    annotation.create_table("framed", "cell_type_local", **TEXT)
    frame = pd.DataFrame(
        {
            "pt_position": [[1, 2, 3], [4.5, -5, 6]],
            "cell_type": ["crypt", "villus"],
            "classification_system": "by eye",
        }
    )
    numbers = annotation.post_annotation_df("framed", frame, None)
    assert numbers == [1, 2]
    frame["id"] = numbers
    frame["cell_type"] = "goblet"
    changed = frame.rename(columns={"pt_position": "where"})
    assert annotation.update_annotation_df("framed", changed, {"where": "pt"}) == {"1": 3, "2": 4}
    found = pd.DataFrame(annotation.get_annotation("framed", [3, 4]))
    assert list(found["cell_type"]) == ["goblet", "goblet"]
    assert list(found["pt_position"]) == [[1, 2, 3], [4.5, -5, 6]]


def other_ways(annotation):
    """What else the methods take."""
    # the client asks no annotation service for its version
    assert annotation.server_version is None
    annotation.create_table(
        "shared",
        "bound_tag",
        **TEXT,
        flat_segmentation_source="precomputed://gs://lab/cells",
        read_permission="GROUP",
        write_permission="PUBLIC",
        notice_text="still in review",
    )
    told = annotation.get_table_metadata("shared")
    assert told["flat_segmentation_source"] == "precomputed://gs://lab/cells"
    assert (told["read_permission"], told["write_permission"]) == ("GROUP", "PUBLIC")
    assert told["notice_text"] == "still in review"
    frame = pd.DataFrame({"pt_position": [[1, 2, 3], [4, 5, 6]], "tag": ["a", "b"]})
    processed = annotation.process_position_columns(frame, ["pt_position"])
    assert processed[1] == {"pt": {"position": [4, 5, 6]}, "tag": "b"}
    numbers = annotation.post_annotation_df("shared", frame, ["pt_position"])
    changes = [{"id": number, "tag": "c"} for number in numbers]
    changed = annotation.update_annotation("shared", changes)
    assert list(changed) == [str(number) for number in numbers]
    for ids in (set(changed.values()), np.array(list(changed.values()))):
        assert [one["tag"] for one in annotation.get_annotation("shared", ids)] == ["c", "c"]
    stage = annotation.stage_annotations(
        schema_name="bound_tag",
        id_field=True,
        table_resolution=[325, 325, 1000],
        annotation_resolution=[650, 325, 1000],
    )
    stage.add(id=50, pt_position=[10, 10, 10], tag="numbered")
    stage.table_name = "shared"
    assert annotation.upload_staged_annotations(stage, progress=False) == [50]
    [row] = annotation.get_annotation("shared", [50])
    assert row["pt_position"] == [20, 10, 10]
    annotation.update_metadata("shared", user_id=int(USER))
    assert annotation.get_table_metadata("shared")["user_id"] == USER
    answer = requests.get(f"{URL}/annotation/api/v2/nothing", headers=ME, timeout=60)
    refused(404, lambda: annotation.raise_for_status(answer))
    assert annotation.delete_table("shared") is True


def many(annotation):
    """As many as the client sends at once."""
    annotation.create_table("many", "bound_tag", **TEXT)
    sent = [{"pt": {"position": [n, n, 0]}, "tag": str(n)} for n in range(10_000)]
    numbers = annotation.post_annotation("many", sent)
    assert numbers == list(range(1, 10_001))
    found = annotation.get_annotation("many", numbers[5000:])
    assert [one["tag"] for one in found] == [str(n) for n in range(5000, 10_000)]
    refused(413, lambda: annotation.post_annotation("many", [*sent, sent[0]]), "10001")
    assert annotation.get_annotation_count("many") == 10_000


def staged(client):
    """Annotations that are prepared, and sent in batches; one is broken off and sent again."""
    stage = client.annotation.stage_annotations("cells", annotation_resolution=[650, 650, 1000])
    for n in range(25):
        stage.add(pt_position=[n, 2 * n, 0], tag=f"staged {n}")
    breaks = Breaking(after=1)
    client.annotation.session.mount(URL, breaks)
    numbers = client.annotation.upload_staged_annotations(stage, batch_size=10, progress=False)
    assert breaks.has_broken
    assert len(numbers) == 25
    found = client.annotation.get_annotation("cells", numbers)
    assert found[24]["pt_position"] == [48, 96, 0]
    assert client.annotation.get_annotation_count("cells") == 4 + 25
    update = client.annotation.stage_annotations("cells", update=True)
    update.add(id=numbers[0], pt_position=[7, 7, 7], tag="moved")
    mapping = client.annotation.upload_staged_annotations(update, progress=False)
    assert list(mapping) == [str(numbers[0])]
    assert len(client.annotation.stage_annotations(schema_name="synapse").fields_required) == 3


def half(body):
    """The first half of a body, after which the connection breaks."""
    yield body[: len(body) // 2]
    raise ConnectionResetError("broken off")


class Breaking(requests.adapters.HTTPAdapter):
    """Breaks the connection once, in the middle of a POST, when some have gone through."""

    def __init__(self, after):
        super().__init__()
        self.left = after
        self.has_broken = False

    def send(self, request, **options):
        if request.method == "POST" and not self.has_broken:
            if self.left == 0:
                self.has_broken = True
                request = request.copy()
                request.body = half(request.body)
            self.left -= 1
        return super().send(request, **options)


def references(annotation):
    """Tables that refer to another one, with and without following its updates."""
    annotation.create_table("refers", "bound_tag", **TEXT)
    annotation.post_annotation("refers", [{"pt": {"position": [1, 1, 1]}, "tag": "target"}])
    for name, tracks in (("follows", True), ("stays", False), ("unsaid", None)):
        annotation.create_table(
            name,
            "reference_tag",
            **TEXT,
            reference_table="refers",
            track_target_id_updates=tracks,
        )
        annotation.post_annotation(name, {"target_id": 1, "tag": "remark"})
    annotation.update_annotation("refers", {"id": 1, "tag": "changed"})
    targets = [
        annotation.get_annotation(name, [1])[0]["target_id"]
        for name in ("follows", "stays", "unsaid")
    ]
    assert targets == [2, 1, 1]
    refused(
        422, lambda: annotation.post_annotation("stays", {"target_id": 9, "tag": "x"}), "target"
    )


def materialized(client):
    """Tables as of snapshots, which are the versions of the materialization service."""
    materialize = client.materialize
    assert materialize.get_versions() == []
    first = take_snapshot("first", READING_TOKEN)
    assert first.status_code == 403
    taken = take_snapshot("first", TOKEN).json()["data"]
    client.annotation.update_annotation("many", {"id": 8, "tag": "changed"})
    client.annotation.delete_annotation("many", 9)
    client.annotation.delete_table("framed")
    assert take_snapshot("second", TOKEN).json()["data"]["number"] == 2

    versions(client, taken)
    filters(materialize)
    forms(materialize)
    targets(materialize)
    live(client)
    pinned = CAVEclient(
        DATASTACK, server_address=URL, auth_token=TOKEN, write_server_cache=False, version=1
    )
    assert pinned.timestamp == pd.Timestamp(taken["created_at"])
    assert list(pinned.materialize.query_table("many", filter_equal_dict={"id": 9})["tag"]) == ["8"]
    query = materialize.query_table
    refused(404, lambda: query("many", materialization_version=3), "snapshot 3")
    refused(404, lambda: query("framed"), "no table 'framed'")
    refused(404, lambda: query("framed", merge_reference=False), "was deleted")
    refused(400, lambda: query("many", filter_equal_dict={"nope": 1}), '"nope"')
    refused(400, lambda: query("many", filter_spatial_dict={"pt_position": [1, 2]}), "corners")
    refused(400, lambda: query("many", filter_regex_dict={"tag": "a"}), "filter_regex_dict")
    refused(400, lambda: query("many", random_sample=3), "Random samples")
    refused(400, lambda: query("many", select_columns=["pt_root_id"]), "pt_root_id")


def take_snapshot(name, token):
    """Keep the present moment, which the client has no method for."""
    number = base64.urlsafe_b64encode(DATASTACK.rsplit("_", 1)[1].encode()).decode()
    return requests.post(
        f"{URL}/api/experiments/{number}/annotation_snapshots",
        json={"name": name},
        headers={"Authorization": f"Bearer {token}"},
        timeout=60,
    )


def versions(client, taken):
    """What there is of each version."""
    materialize = client.materialize
    assert materialize.get_versions(expired=True) == [1, 2]
    assert materialize.most_recent_version() == materialize.version == 2
    assert materialize.get_timestamp(1) == pd.Timestamp(taken["created_at"])
    told = materialize.get_version_metadata(1)
    assert (told["version"], told["name"], told["valid"]) == (1, "first", True)
    assert told["expires_on"].year > 2200
    assert [one["version"] for one in materialize.get_versions_metadata()] == [1, 2]
    assert "framed" in materialize.get_tables(version=1)
    assert "framed" not in materialize.get_tables()
    assert materialize.get_annotation_count("many", version=1) == 10_000
    assert materialize.get_annotation_count("many") == 9999
    told = materialize.get_table_metadata("many")
    assert (told["schema"], told["voxel_resolution"]) == ("bound_tag", [325, 325, 1000])
    assert "many" in [one["table_name"] for one in materialize.get_tables_metadata()]
    assert client.materialize.tables.many(tag="changed").query()["id"].tolist() == [10_001]


def filters(materialize):
    """What rows are found by."""

    def found(table="many", **options):
        return materialize.query_table(table, **options)["id"].tolist()

    assert len(found()) == 9999
    assert found(filter_equal_dict={"tag": "7"}) == []
    assert found(filter_equal_dict={"tag": "7"}, materialization_version=1) == [8]
    assert found(filter_in_dict={"id": np.arange(8, 12)}) == [10, 11]
    assert len(found(filter_in_dict={"id": list(range(1, 7001))})) == 6998
    assert found(filter_out_dict={"tag": ["9", "10"]}, limit=8)[-2:] == [7, 12]
    assert found(filter_greater_dict={"id": 9998}, filter_less_equal_dict={"id": 10_000}) == [
        9999,
        10_000,
    ]
    box = [[20, 20, 0], [22, 30, 1]]
    assert found(filter_spatial_dict={"pt_position": box}) == [21, 22, 23]
    both = {"filter_spatial_dict": {"pt": box}, "filter_equal_dict": {"tag": "21"}}
    assert found(**both) == [22]
    assert found(offset=5000, limit=2) == [5003, 5004]
    counted = materialize.query_table("many", filter_in_dict={"id": [1, 9]}, get_counts=True)
    assert counted["count"].tolist() == [1]
    assert found("framed", materialization_version=1) == [3, 4]


def forms(materialize):
    """In which forms rows come."""
    whole = materialize.query_table("many", limit=2)
    assert list(whole) == ["id", "created", "superceded_id", "valid", "tag", "pt_position"]
    assert whole["pt_position"][1].tolist() == [1, 1, 0]
    assert whole["valid"].all()
    assert whole["created"].dt.year.min() > 2000
    assert whole.attrs["table_name"] == "many"
    assert whole.attrs["dataframe_resolution"] == [325, 325, 1000]
    options = {"select_columns": ["pt_position", "id"], "limit": 2, "split_positions": True}
    split = materialize.query_table("many", **options, desired_resolution=[650, 325, 500])
    assert list(split) == ["pt_position_x", "pt_position_y", "pt_position_z", "id"]
    assert split["pt_position_x"].tolist() == [0, 0.5]
    assert split["pt_position_y"].tolist() == [0, 1]
    assert split.attrs["dataframe_resolution"] == [650, 325, 500]
    [row] = materialize.query_table("many", filter_equal_dict={"id": 5}, return_df=False)
    assert (row["id"], row["tag"], row["pt_position_x"]) == (5, "4", 4)
    none = materialize.query_table("many", filter_equal_dict={"tag": "none"})
    assert len(none) == 0
    assert "tag" in none


def targets(materialize):
    """Rows of reference tables come with their targets."""
    follows = materialize.query_table("follows")
    assert follows[["id", "id_ref", "target_id"]].values.tolist() == [[1, 2, 2]]
    assert (follows["tag"][0], follows["tag_ref"][0]) == ("remark", "changed")
    assert follows["pt_position"][0].tolist() == [1, 1, 1]
    # the target was superseded
    assert len(materialize.query_table("stays")) == 0
    alone = materialize.query_table("stays", merge_reference=False)
    assert alone["target_id"].tolist() == [1]


def live(client):
    """Tables as of any moment."""
    client.annotation.update_annotation("many", {"id": 20, "tag": "later"})
    for moment, expected in (("now", ["later"]), (client.materialize.get_timestamp(2), ["19"])):
        found = client.materialize.live_live_query(
            "many", moment, filter_in_dict={"many": {"tag": ["later", "19"]}}
        )
        assert found["tag"].tolist() == expected


def notices(annotation):
    """What the owner wants everybody to read."""
    heard = []

    class Handler(logging.Handler):
        def emit(self, record):
            heard.append(record.getMessage())

    logging.getLogger("caveclient.base").addHandler(Handler(logging.WARNING))
    notice = "careful:\nonly the left half ✂"
    annotation.update_metadata("cells", notice_text=notice)
    assert annotation.get_table_metadata("cells")["notice_text"] == notice
    annotation.get_annotation("cells", [1])
    assert any("careful: only the left half" in one for one in heard), heard
    annotation.update_metadata("cells", notice_text="none")
    assert annotation.get_table_metadata("cells")["notice_text"] is None


def refusals(client):
    """What is refused, with the status and a message that says why."""
    annotation = client.annotation
    point = {"position": [1, 2, 3]}
    bad = [{"pt": point, "tag": "a"}, {"pt": {"position": [1, 2, float("nan")]}, "tag": "a"}]
    before = annotation.get_annotation_count("cells")
    refused(422, lambda: annotation.post_annotation("cells", bad), "Row 1", "finite")
    refused(422, lambda: annotation.post_annotation("cells", {"tag": "a"}), "Row 0", '"pt')
    refused(409, lambda: annotation.post_annotation("cells", {"pt": point, "tag": "a", "id": 1}))
    refused(409, lambda: annotation.update_annotation("cells", {"id": 1, "tag": "b"}), "101")
    refused(404, lambda: annotation.update_annotation("cells", {"id": 9999, "tag": "b"}), "9999")
    refused(404, lambda: annotation.delete_annotation("cells", [9999]), "not in table cells")
    assert annotation.get_annotation_count("cells") == before
    refused(409, lambda: annotation.create_table("cells", "bound_tag", **TEXT), "already exists")
    refused(400, lambda: annotation.create_table("Cells", "bound_tag", **TEXT), "Table name error")
    refused(400, lambda: annotation.create_table("other", "nope", **TEXT), "nope")
    refused(404, lambda: annotation.get_annotation("gone", [1]), "was deleted")
    refused(404, lambda: annotation.get_table_metadata("nothing"), "No table named")
    refused(404, lambda: client.schema.schema_definition("nope"), "nope")
    refused(404, lambda: annotation.get_tables(aligned_volume_name="other_999"))
    for token, status in (("0" * 32, 401), (READING_TOKEN, 403)):
        other = CAVEclient(
            DATASTACK if status == 403 else None,
            server_address=URL,
            auth_token=token,
            write_server_cache=False,
        )
        if status == 401:
            refused(401, other.info.get_datastacks)
        else:
            assert other.annotation.get_tables()
            refused(403, lambda: other.annotation.delete_table("cells"))  # noqa: B023 - called at once


def refused(status, call, *words):
    """What is called must be refused with a status, in words that tell why."""
    error = failure_of(call)
    assert isinstance(error, requests.HTTPError), error
    assert error.response.status_code == status, error
    told = error.response.json()
    assert told["code"] == status
    assert all(word in told["message"] for word in words), told


def failure_of(call):
    """What is raised by what is called."""
    try:
        call()
    except requests.HTTPError as error:
        return error
    return None


main()
