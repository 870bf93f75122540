"""Mapobjects: recording what was found on the map, and reading it as tiles, tables and values."""
