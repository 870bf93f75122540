"""OME-Zarr: plates, wells, collections or single images, each as one ZIP archive.

Where the server itself is told of it, a folder does as well.
"""

from tmlib.microscopes.file_names import SelfDescribing

MICROSCOPE = SelfDescribing(
    "ome-zarr",
    r"\.(zarr|zarr\.zip|ozx)$",
    suffixes=frozenset({".zarr", ".zip", ".ozx"}),
)
