"""Import and export of objects in files of other programs."""
