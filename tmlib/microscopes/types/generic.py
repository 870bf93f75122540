"""Any microscope: the user gives a pattern, or the files carry OME-XML."""

from tmlib.microscopes.file_names import FileNames

MICROSCOPE = FileNames("generic")
