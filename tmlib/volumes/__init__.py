"""Volumes: images of (z, y, x), as files that programs of electron tomography read.

Multiscale OME-Zarr of version 0.4 (Zarr 2) and MRC, both written and read block by block, so that a
volume may be larger than memory.
"""
