"""Sends and takes the objects of a time series with the published client, where it is installed.

Usage: published_client_film.py PORT USER PASSWORD EXPERIMENT FOLDER, where FOLDER has
``labels.npz`` with an image for each time point, and takes the tables.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from published_client_session import TmClient

PLACE = ("plate", "B02", 0, 0)


def main(port, user, password, experiment, folder):
    """Objects with values there, and back."""
    client = TmClient("127.0.0.1", int(port), user, password, experiment)
    client.create_mapobject_type("Drawn")
    with np.load(folder / "labels.npz") as images:
        for tpoint, labels in enumerate(images["labels"]):
            client.upload_segmentation_image("Drawn", *PLACE, tpoint, 0, labels)
            found = client.download_segmentation_image("Drawn", *PLACE, tpoint, 0)
            assert np.array_equal(found, labels)
            numbers = [label for label in np.unique(labels) if label]
            hue = pd.DataFrame({"hue": [tpoint + label / 4 for label in numbers]}, index=numbers)
            client.upload_feature_values("Drawn", *PLACE, tpoint, hue)
    for name in ("Drawn", "Nuclei"):
        client.download_feature_values(name).to_csv(folder / f"{name} values.csv", index=False)
        client.download_object_metadata(name).to_csv(folder / f"{name} metadata.csv", index=False)
    last = client.download_feature_values("Drawn", tpoint=2)
    last.to_csv(folder / "last.csv", index=False)


if __name__ == "__main__":
    main(*sys.argv[1:5], Path(sys.argv[5]))
