"""Opens a run of a published dataset with copick; runs where that is installed.

Usage: copick_session.py URL DATASET RUN FOLDER, where FOLDER takes what is read.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np
from cryoet_data_portal import _client


def main(url: str, dataset_id: int, run_id: int, folder: Path) -> None:
    """All volumes of the run, its points and its masks."""
    # copick takes the portal's own addresses where nobody says otherwise
    _client.DEFAULT_URL = f"{url}/graphql"
    os.environ["AWS_ENDPOINT_URL"] = f"{url}/s3"
    import copick

    root = copick.from_czcdp_datasets(
        [dataset_id], f"local://{folder}/overlay", overlay_fs_args={"auto_mkdir": True}
    )
    [run] = [one for one in root.runs if one.portal_run_id == run_id]
    [spacing] = run.voxel_spacings
    tomograms = spacing.tomograms
    for index, tomogram in enumerate(tomograms):
        np.save(folder / f"tomogram_{index}.npy", tomogram.numpy())
    picks = [len(one.points or []) for one in run.picks]
    masks = [int(len(np.unique(one.numpy())) - 1) for one in run.segmentations]
    found = {
        "runs": len(root.runs),
        "spacing": spacing.voxel_size,
        "tomograms": [one.tomo_type for one in tomograms],
        "picks": sorted(picks),
        "masks": sorted(masks),
    }
    (folder / "found.json").write_text(json.dumps(found))


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
