"""napari's reader of OME-Zarr, without the windows of napari."""

READER = ("napari>=0.9.2,<0.10", "napari-ome-zarr>=0.10,<0.11")
REQUIREMENTS = (
    # what the reader imports of napari and its requirements: half of all that they ask for
    "app-model>=0.5,<0.6",
    "cachey>=0.2,<0.3",
    "dask[array]>=2025.1",
    "lazy-loader>=0.4,<1",
    "pint>=0.25,<0.26",
    "psutil>=6,<8",
    "psygnal>=0.15,<0.17",
    "scipy>=1.15,<2",
    "tqdm>=4.67,<5",
    "vispy>=0.17,<0.18",
    "zarr>=3.1.5,<4",
)
