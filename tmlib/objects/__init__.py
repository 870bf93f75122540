"""Mapobjects: recording what was found on the map, and reading it as tiles, tables and values.

The rooms, each of which may use those after it: ``exchange`` with other programs, the ``table`` of
all objects of a type, ``tiles`` of the map, ``writing`` what was found, the ``values`` of features
in their files; and here what all of them stand on.
"""
