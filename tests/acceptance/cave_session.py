"""Annotates an experiment with the published client of CAVE; runs where that is installed.

Usage: cave_session.py URL TOKEN READING_TOKEN DATASTACK FOLDER
"""

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
    many(client.annotation)
    staged(client)
    references(client.annotation)
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
