"""Makes tiles of a pyramid with large_image, in an environment of its own.

python large_image_tiles.py PYRAMID.tif LEVEL N_TILES MINIMUM MAXIMUM

Reads a tiled TIFF with all zoom levels. Prints the least processor time of three runs, in seconds
for a tile: as JPEG and as PNG of 8 bit in a window of intensities, and of 16 bit as an array, since
it encodes no PNG of 16 bit. Needs large-image-source-tiff and nothing of this project.
"""

import json
import sys
import time

import large_image_source_tiff
from large_image.cache_util import cachesClear


def seconds(source, level, n_tiles, **options):
    """Least processor time for a tile, of a square of so many tiles."""
    side = int(n_tiles**0.5)
    durations = []
    for _ in range(3):
        cachesClear()
        start = time.process_time()
        for y in range(side):
            for x in range(side):
                source.getTile(x, y, level, **options)
        durations.append((time.process_time() - start) / side**2)
    return min(durations)


path, level, n_tiles, minimum, maximum = sys.argv[1], *map(int, sys.argv[2:])
style = {"min": minimum, "max": maximum}
results = {
    form: seconds(
        large_image_source_tiff.open(path, encoding=form.upper(), style=style, noCache=True),
        level,
        n_tiles,
    )
    for form in ("jpeg", "png")
}
results["png16"] = seconds(
    large_image_source_tiff.open(path, noCache=True), level, n_tiles, numpyAllowed="always"
)
print(json.dumps(results))
