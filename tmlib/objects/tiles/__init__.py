"""Objects on the map: tiles of outlines, centroids and densities, and spatial queries."""
