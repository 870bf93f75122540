"""Arrays of HDF5 files and of OME-Zarr that belong to data collections, read by h5grove's rules."""
