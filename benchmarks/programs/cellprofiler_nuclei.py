"""Finds nuclei with CellProfiler's module IdentifyPrimaryObjects, in an environment of its own.

python cellprofiler_nuclei.py IMAGES.npy DIAMETER LABELS.npy

Reads images (n, y, x), writes their label images, prints the least processor time of five runs on
the first one in seconds. Needs CellProfiler 4.2 and nothing of this project.
"""

import sys
import time

import cellprofiler_core.preferences

cellprofiler_core.preferences.set_headless()

import numpy as np  # noqa: E402 - the line before has to come first
from cellprofiler.modules.identifyprimaryobjects import IdentifyPrimaryObjects  # noqa: E402
from cellprofiler_core.image import Image, ImageSetList  # noqa: E402
from cellprofiler_core.measurement import Measurements  # noqa: E402
from cellprofiler_core.object import ObjectSet  # noqa: E402
from cellprofiler_core.pipeline import Pipeline  # noqa: E402
from cellprofiler_core.workspace import Workspace  # noqa: E402


def find_nuclei(pixels, diameter):
    """Label nuclei of half to twice the diameter, with the defaults of the module."""
    module = IdentifyPrimaryObjects()
    module.set_module_num(1)
    module.x_name.value = "DNA"
    module.y_name.value = "Nuclei"
    module.size_range.value = (round(diameter / 2), round(2 * diameter))
    module.exclude_border_objects.value = False
    pipeline = Pipeline()
    pipeline.add_module(module)
    image_sets = ImageSetList()
    image_set = image_sets.get_image_set(0)
    image_set.add("DNA", Image(pixels / 65535.0))
    objects = ObjectSet()
    workspace = Workspace(pipeline, module, image_set, objects, Measurements(), image_sets)
    module.run(workspace)
    return objects.get_objects("Nuclei").segmented


images = np.load(sys.argv[1])
labels = [find_nuclei(image, float(sys.argv[2])) for image in images]
np.save(sys.argv[3], np.array(labels, np.int32))
times = []
for _ in range(5):
    start = time.process_time()
    find_nuclei(images[0], float(sys.argv[2]))
    times.append(time.process_time() - start)
print(min(times))
