"""How objects are found: foreground, clumps of touching objects, cells around nuclei."""
