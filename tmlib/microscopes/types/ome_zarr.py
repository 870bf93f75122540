"""OME-Zarr: plates, wells, collections or single images, each as one ZIP archive.

A folder that is on the server already is taken as it is.
"""

from tmlib.microscopes.file_names import SelfDescribing

MICROSCOPE = SelfDescribing(
    "ome-zarr",
    r"\.(zarr|zarr\.zip|ozx)$",
    suffixes=frozenset({".zarr", ".zip", ".ozx"}),
)
