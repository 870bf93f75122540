"""OME-Zarr: plates, wells, collections or single images, each as one ZIP archive.

What reads them takes a folder as well, where one gets among an acquisition's files.
"""

from tmlib.microscopes.file_names import SelfDescribing

MICROSCOPE = SelfDescribing(
    "ome-zarr",
    r"\.(zarr|zarr\.zip|ozx)$",
    suffixes=frozenset({".zarr", ".zip", ".ozx"}),
)
