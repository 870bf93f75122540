"""Takes a plate through the server with the published client; runs where that is installed.

Usage: published_client_session.py PORT USER PASSWORD FOLDER, where FOLDER has ``images``,
``project`` and ``site.json``, and takes what is found.
"""

import contextlib
import inspect
import io
import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pandas.errors
import pandas.io.common

# today's pandas and Python lack what the client of 2018 expects of them
pandas.io.common.EmptyDataError = pandas.errors.EmptyDataError
inspect.getargspec = inspect.getfullargspec

from tmclient.api import TmClient  # noqa: E402 - after what it needs has been put in place

PLATE, ACQUISITION = "plate 1", "first acquisition"


def main(port: str, user: str, password: str, folder: Path) -> None:
    """Everything that the client can do, once."""
    client = TmClient("127.0.0.1", int(port), user, password, "published client")
    create(client)
    upload(client, folder)
    analyse(client, folder)
    kept = {"listed": look_around(client), "site": json.loads((folder / "site.json").read_text())}
    site = kept["site"]
    download_images(client, site, folder)
    download_values(client, folder)
    upload_objects(client, site, folder)
    kept["job"] = use_tools(client)
    kept["printed"] = print_tables(client, (port, user, password), kept["job"])
    rename(client)
    delete(client)
    kept["left"] = client.get_experiments()
    (folder / "kept.json").write_text(json.dumps(kept))


def create(client):
    """An experiment with a plate and an acquisition, which get their names in the end."""
    created = client.create_experiment("canonical", "cellvoyager", 96, "basic")
    assert created in client.get_experiments()
    for name in ("plate", "to be deleted"):
        plate = client.create_plate(name, description="a plate")
        assert plate in client.get_plates()
        client.create_acquisition(name, "acquisition", description="its images")
    client.rename_plate("plate", PLATE)
    client.rename_acquisition(PLATE, "acquisition", ACQUISITION)
    (acquisition,) = client.get_acquisitions(PLATE)
    assert acquisition["name"] == ACQUISITION
    assert acquisition["plate_name"] == PLATE
    client.delete_acquisition("to be deleted", "acquisition")
    client.delete_plate("to be deleted")
    assert [plate["name"] for plate in client.get_plates()] == [PLATE]


def upload(client, folder):
    """All files, twice: what is there already does no harm."""
    images = folder / "images"
    for _ in range(2):
        client.upload_microscope_files(PLATE, ACQUISITION, str(images), parallel=2)
    files = client.get_microscope_files(PLATE, ACQUISITION)
    assert {file["status"] for file in files} == {"COMPLETE"}
    assert {file["name"] for file in files} <= {path.name for path in images.iterdir()}


def analyse(client, folder):
    """Project and description there and back, then the workflow until its end, twice."""
    copy = folder / "copy"
    copy.mkdir()
    client.upload_jterator_project_files(str(folder / "project"))
    client.download_jterator_project_files(str(copy))
    client.upload_jterator_project_files(str(copy))
    description = folder / "description.yaml"
    client.download_workflow_description_file(str(description))
    client.upload_workflow_description_file(str(description))
    assert client.get_workflow_status() is None
    client.submit_workflow()
    wait(client)
    client.kill_workflow()
    client.resubmit_workflow("image_analysis", client.download_workflow_description())
    wait(client)


def wait(client):
    """Ask until the workflow has ended."""
    while not (status := client.get_workflow_status())["done"]:
        time.sleep(0.2)
    assert not status["failed"], status


def look_around(client):
    """All lists."""
    return {
        "wells": client.get_wells(PLATE),
        "sites": client.get_sites(PLATE, "B02"),
        "cycles": client.get_cycles(),
        "channels": client.get_channels(),
        "types": client.get_mapobject_types(),
        "features": client.get_features("Nuclei"),
        "layer": client._get_channel_layer_id(client.get_channels()[0]["name"], 0, 0),
        "cycle": client._get_cycle_id(PLATE, 0),
    }


def download_images(client, site, folder):
    """Images and labels, as arrays and as files."""
    place = (PLATE, site["well"], site["y"], site["x"])
    channel = site["channel"]
    raw = client.download_channel_image(channel, *place, correct=False)
    corrected = client.download_channel_image(channel, *place)
    labels = client.download_segmentation_image("Nuclei", *place)
    np.savez(folder / "images.npz", raw=raw, corrected=corrected, labels=labels)
    files = folder / "image files"
    files.mkdir()
    client.download_channel_image_file(channel, *place, 0, 0, 0, False, str(files))
    client.download_segmentation_image_file("Nuclei", *place, 0, 0, str(files))


def download_values(client, folder):
    """Tables of everything, and a pair of files for each well."""
    client.download_feature_values("Nuclei").to_csv(folder / "values.csv", index=False)
    client.download_object_metadata("Nuclei").to_csv(folder / "metadata.csv", index=False)
    files = folder / "value files"
    files.mkdir()
    client.download_feature_values_and_metadata_files("Nuclei", str(files), parallel=2)


def upload_objects(client, site, folder):
    """Objects of one's own with values of one's own, and back."""
    place = (PLATE, site["well"], site["y"], site["x"])
    drawn = client.create_mapobject_type("Drawn")
    assert drawn["name"] == "Drawn"
    labels = np.zeros(site["shape"], np.int32)
    labels[3:9, 4:20] = 7
    labels[30:40, 0:5] = 2
    client.upload_segmentation_image("Drawn", *place, 0, 0, labels)
    assert np.array_equal(client.download_segmentation_image("Drawn", *place), labels)
    client.create_mapobject_type("Nuclei again")
    (file,) = (folder / "image files").glob("*Nuclei.png")
    client.upload_segmentation_image_file("Nuclei again", *place, 0, 0, str(file))
    again = client.download_segmentation_image("Nuclei again", *place)
    assert np.array_equal(again, client.download_segmentation_image("Nuclei", *place))
    values = pd.DataFrame({"hue": [0.5, 2.25], "age": [3.0, 4.0]}, index=[2, 7])
    client.upload_feature_values("Drawn", *place, 0, values)
    found = client.download_feature_values("Drawn").merge(
        client.download_object_metadata("Drawn"), on="mapobject_id"
    )
    found = found.set_index("label").loc[[2, 7], ["hue", "age"]]
    assert np.array_equal(found, values), found


def use_tools(client):
    """A request, which only other clients can send, and the lists that this one has."""
    url = client._build_api_url(f"/experiments/{client._experiment_id}/tools/request")
    payload = {
        "chosen_object_type": "Nuclei",
        "selected_feature": client.get_features("Nuclei")[0]["name"],
    }
    request = {"tool_name": "Heatmap", "payload": payload, "session_uuid": "0"}
    response = client._session.post(url, json=request)
    response.raise_for_status()
    while any(job["state"] != "TERMINATED" for job in client.get_tools_status("Heatmap")):
        time.sleep(0.2)
    (job,) = client.get_tools_status()
    assert job["submission_id"] == response.json()["data"]["submission_id"]
    assert job["exitcode"] == 0, job
    (result,) = client.get_tool_results()
    assert result["tool_name"] == "Heatmap"
    return job


def print_tables(client, login, job):
    """What the command line of the client prints."""
    port, user, password = login
    first = ["tm_client", "-H", "127.0.0.1", "-P", port, "-u", user, "-p", password]
    of = ["-e", client.experiment_name]
    commands = [
        ["experiment", "ls"],
        ["plate", *of, "ls"],
        ["acquisition", *of, "ls", "-p", PLATE],
        ["well", *of, "ls"],
        ["site", *of, "ls"],
        ["channel", *of, "ls"],
        ["microscope-file", *of, "ls", "-p", PLATE, "-a", ACQUISITION],
        ["object-type", *of, "ls"],
        ["feature", *of, "ls", "-o", "Nuclei"],
        ["workflow", *of, "status"],
        ["workflow", *of, "log", "-s", "imextract", "-n", "imextract_run_0000001"],
        ["tools", *of, "ls"],
        ["tools", *of, "status"],
        ["tools", *of, "log", "--name", job["name"], "--submission", str(job["submission_id"])],
    ]
    printed = {}
    for command in commands:
        sys.argv = [*first, *command]
        with contextlib.redirect_stdout(io.StringIO()) as output:
            TmClient.__main__()
        printed[" ".join(word for word in command if word not in of)] = output.getvalue()
    return printed


def rename(client):
    """Everything that has a name gets another."""
    channel = client.get_channels()[0]["name"]
    client.rename_channel(channel, "DAPI")
    assert "DAPI" in [channel["name"] for channel in client.get_channels()]
    client.rename_mapobject_type("Drawn", "Painted")
    client.rename_feature("Painted", "hue", "colour")
    client.delete_feature("Painted", "age")
    assert [feature["name"] for feature in client.get_features("Painted")] == ["colour"]
    assert list(client.download_feature_values("Painted")) == ["mapobject_id", "colour"]
    client.rename_experiment("published client renamed")
    client.experiment_name = "published client renamed"
    assert client.experiment_name in [one["name"] for one in client.get_experiments()]


def delete(client):
    """Objects first, then all."""
    client.delete_mapobject_type("Painted")
    assert "Painted" not in [kind["name"] for kind in client.get_mapobject_types()]
    client.delete_experiment()


if __name__ == "__main__":
    main(*sys.argv[1:4], Path(sys.argv[4]))
