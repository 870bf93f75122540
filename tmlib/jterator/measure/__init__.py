"""Feature families: what is measured of objects, for all objects of an image at once."""
