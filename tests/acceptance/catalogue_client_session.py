"""Reads the whole catalogue with the published client; runs where that is installed.

Usage: catalogue_client_session.py URL FOLDER, where FOLDER takes what is found and downloaded.
"""

import json
import os
import sys
from pathlib import Path

import boto3
import botocore
import cryoet_data_portal
from botocore import UNSIGNED
from cryoet_data_portal import (
    Annotation,
    Client,
    Dataset,
    Run,
    Tomogram,
    _models,
)
from cryoet_data_portal._gql_base import ItemRelationship, Model

MOST_FOLLOWED = 3


def main(url: str, folder: Path) -> None:
    """Everything that the client can ask for."""
    client = Client(f"{url}/graphql")
    kept = {"listed": {}, "got": {}, "related": {}}
    for name, model in vars(_models).items():
        if isinstance(model, type) and issubclass(model, Model) and model is not Model:
            rows = model.find(client)
            kept["listed"][name] = [row.to_dict() for row in rows]
            again = [model.get_by_id(client, row.id) for row in rows[:MOST_FOLLOWED]]
            kept["got"][name] = [row.to_dict() for row in again]
            kept["related"][name] = follow(model, rows[:MOST_FOLLOWED])
    kept["nothing"] = Run.get_by_id(client, 2**31 - 1)
    kept["found"] = {name: ids(found) for name, found in search(client).items()}
    schema = Path(cryoet_data_portal.__file__).parent / "data" / "schema.graphql"
    kept["schema"] = schema.read_text(encoding="utf-8")
    os.environ["BOTO_ENDPOINT_URL"] = f"{url}/s3"
    download(client, folder)
    kept["refused"] = use_bucket(url)
    (folder / "kept.json").write_text(json.dumps(kept, default=lambda moment: moment.isoformat()))


def follow(model, rows):
    """What every relation of some rows leads to, by the id of the row and the relation."""
    followed = {}
    for row in rows:
        followed[row.id] = {}
        for name in model._get_relationship_fields():
            found = getattr(row, name)
            is_item = isinstance(vars(model)[name], ItemRelationship)
            followed[row.id][name] = (found and found.id) if is_item else ids(found)
    return followed


def ids(rows):
    """The ids of rows."""
    return [row.id for row in rows]


def download(client, folder):
    """Everything that can be downloaded of a dataset, by HTTPS and by S3."""
    for name in ("everything", "run", "spacing", "frames", "tomogram", "annotations", "series"):
        (folder / name).mkdir()
    dataset = Dataset.get_by_id(client, 10000)
    dataset.download_everything(str(folder / "everything"))
    [run] = dataset.runs
    run.download_everything(str(folder / "run"))
    run.download_frames(str(folder / "frames"))
    [spacing] = run.tomogram_voxel_spacings
    spacing.download_everything(str(folder / "spacing"))
    [tomogram] = spacing.tomograms
    tomogram.download_mrcfile(str(folder / "tomogram"))
    tomogram.download_omezarr(str(folder / "tomogram"))
    tomogram.download_all_annotations(str(folder / "annotations"))
    [series] = run.tiltseries
    series.download_mrcfile(str(folder / "series"))
    series.download_omezarr(str(folder / "series"))
    series.download_angle_list(str(folder / "series"))


def use_bucket(url):
    """What boto3 is told, without credentials, of what is not there and what may not be done."""
    bucket = {"Bucket": "portal-test"}
    s3 = boto3.client(
        "s3", endpoint_url=f"{url}/s3", config=botocore.config.Config(signature_version=UNSIGNED)
    )
    folders = s3.list_objects_v2(**bucket, Prefix="10000/", Delimiter="/")
    assert [one["Prefix"] for one in folders["CommonPrefixes"]] == ["10000/run/"]
    paginator = s3.get_paginator("list_objects_v2").paginate(
        **bucket, PaginationConfig={"PageSize": 2}
    )
    keys = [one["Key"] for page in paginator for one in page["Contents"]]
    assert len(keys) == len(set(keys)) > 5
    head = s3.head_object(**bucket, Key=keys[0])
    got = s3.get_object(**bucket, Key=keys[0], Range="bytes=0-1", IfMatch=head["ETag"])
    assert len(got["Body"].read()) == 2
    refused = {}
    for name, call in {
        "missing": lambda: s3.get_object(**bucket, Key="nothing"),
        "missing head": lambda: s3.head_object(**bucket, Key="nothing"),
        "bucket": lambda: s3.list_objects_v2(Bucket="nothing-there"),
        "range": lambda: s3.get_object(**bucket, Key=keys[0], Range="bytes=999999-"),
        "write": lambda: s3.put_object(**bucket, Key="new", Body=b"-"),
        "delete": lambda: s3.delete_object(**bucket, Key=keys[0]),
    }.items():
        try:
            call()
        except botocore.exceptions.ClientError as error:
            refused[name] = error.response["Error"]["Code"]
    return refused


def search(client):
    """Filters as people write them."""
    return {
        "text": Run.find(client, [Run.name.ilike("%a%")]),
        "not text": Run.find(client, [Run.name != "a", Run.name.like("%_%")]),
        "list": Annotation.find(client, [Annotation.object_name._in(["a", "A", "z"])]),
        "none": Annotation.find(client, [Annotation.object_state.is_null()]),
        "number": Tomogram.find(client, [Tomogram.size_x >= 10, Tomogram.size_x < 40]),
        "moment": Dataset.find(client, [Dataset.release_date >= "2023-12-31"]),
        "enumeration": Dataset.find(client, [Dataset.sample_type == "tissue"]),
        "up": Tomogram.find(client, [Tomogram.run.dataset.deposition.id > 10]),
        "down": Run.find(client, [Run.annotations.annotation_shapes.shape_type == "Point"]),
        "deep": Dataset.find(
            client, [Dataset.runs.tomograms.tomogram_voxel_spacing.run.dataset.id > 0]
        ),
        "empty": Run.find(client, [Run.id.like("%1")]),
        "many": Run.find(client, [Run.id._in(list(range(5000)))]),
    }


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
