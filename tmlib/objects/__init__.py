"""Objects found in images: their types, outlines, positions on the map, and feature values."""
