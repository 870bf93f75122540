"""Mapobjects: recording objects on the map, and reading them as tiles, tables and values.

Subpackages, each of which may use those after it: ``exchange`` with other programs, the ``table``
of all objects of a type, ``tiles`` of the map, ``writing`` objects, and the ``values`` of features
in their files. The modules here are used by all of them.
"""
