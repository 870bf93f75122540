"""Downloads a dataset with the published client; runs where that is installed.

Usage: published_dataset_session.py URL TITLE FOLDER, where FOLDER takes what is downloaded.
"""

import json
import os
import sys
from pathlib import Path

from cryoet_data_portal import Annotation, AnnotationFile, Client, Dataset, Run, Tomogram


def main(url: str, title: str, folder: Path) -> None:
    """All rows of the dataset, and all files of one run."""
    client = Client(f"{url}/graphql")
    os.environ["BOTO_ENDPOINT_URL"] = f"{url}/s3"
    [dataset] = Dataset.find(client, [Dataset.title == title])
    inside = Annotation.run.dataset_id == dataset.id
    kept = {
        "dataset": dataset.to_dict(),
        "deposition": dataset.deposition.to_dict(),
        "types": [one.type for one in dataset.deposition.deposition_types],
        "authors": [one.to_dict() for one in dataset.authors],
        "funding": [one.to_dict() for one in dataset.funding_sources],
        "runs": [one.to_dict() for one in dataset.runs],
        "annotations": [
            {**one.to_dict(), "run": one.run.name, "links": [x.link for x in one.method_links]}
            for one in Annotation.find(client, [inside, Annotation.object_count > 0])
        ],
        "tomograms": [
            {**one.to_dict(), "run": one.run.name}
            for one in Tomogram.find(client, [Tomogram.run.dataset_id == dataset.id])
        ],
    }
    dataset.download_everything(str(folder))
    [run, *_] = Run.find(client, [Run.dataset.id == dataset.id])
    single = folder / "single"
    single.mkdir()
    [spacing] = run.tomogram_voxel_spacings
    for tomogram in spacing.tomograms:
        place = single / tomogram.name
        place.mkdir()
        tomogram.download_mrcfile(str(place))
        tomogram.download_omezarr(str(place))
        tomogram.download_all_annotations(str(place))
    files = AnnotationFile.find(client, [AnnotationFile.tomogram_voxel_spacing.run_id == run.id])
    kept["formats"] = sorted(f"{one.annotation_shape.shape_type} {one.format}" for one in files)
    kept["run"] = run.name
    (folder / "kept.json").write_text(json.dumps(kept, default=lambda moment: moment.isoformat()))


main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
