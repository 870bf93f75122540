"""Reads AnnData files and Zarr groups and writes what is in them as JSON; runs by itself.

python anndata_session.py TARGET SOURCE ...
"""

import json
import sys
from pathlib import Path

import anndata

target, *sources = sys.argv[1:]
found = []
for source in sources:
    data = anndata.read_h5ad(source) if Path(source).is_file() else anndata.read_zarr(source)
    obs = data.obs.astype(dict.fromkeys(data.obs.columns, object))
    found.append(
        {
            "X": [[None if value != value else value for value in row] for row in data.X.tolist()],
            "dtype": str(data.X.dtype),
            "features": data.var_names.tolist(),
            "index": data.obs_names.tolist(),
            "obs": {
                name: [None if value != value else value for value in column.tolist()]
                for name, column in obs.items()
            },
            "categorical": [
                name for name, kind in data.obs.dtypes.items() if str(kind) == "category"
            ],
            "spatial": data.obsm["spatial"].tolist(),
        }
    )
Path(target).write_text(json.dumps(found))
