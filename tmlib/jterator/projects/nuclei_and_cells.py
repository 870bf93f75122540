"""The pipeline that finds nuclei and the cells around them."""
import copy
from typing import Any

from tmlib.jterator.modules import registry
from tmlib.jterator.project import Project


def nuclei_and_cells(
    nuclei_channel: str, cells_channel: str | None = None, *, nucleus_diameter: float | None = None
) -> Project:
    """Thin."""
    steps: dict[str, tuple[str, dict[str, Any]]] = {
        "smooth": ("smooth", {"image": nuclei_channel, "filter_size": 1}),
        "threshold_otsu": ("threshold_otsu", {"image": "smooth.smoothed_image"}),
        "fill": ("fill", {"mask": "threshold_otsu.mask"}),
        "separate_clumps": (
            "separate_clumps",
            {"mask": "fill.filled_mask", "intensity_image": "smooth.smoothed_image"},
        ),
        "register_nuclei": (
            "register_objects",
            {"mask": "separate_clumps.separated_label_image", "objects": "Nuclei"},
        ),
    }
    objects = ["Nuclei"]
    channels = [nuclei_channel]
    if cells_channel is not None:
        steps["segment_secondary"] = (
            "segment_secondary",
            {"primary_label_image": "Nuclei", "intensity_image": cells_channel},
        )
        steps["register_cells"] = (
            "register_objects",
            {"mask": "segment_secondary.secondary_label_image", "objects": "Cells"},
        )
        objects.append("Cells")
        channels.append(cells_channel)
    for o in objects:
        for n, c in enumerate(channels):
            steps[f"measure_intensity_{o}_{n}".lower()] = (
                "measure_intensity",
                {"extract_objects": o, "assign_objects": o, "intensity_image": c},
            )
        steps[f"measure_morphology_{o}".lower()] = (
            "measure_morphology",
            {"extract_objects": o, "assign_objects": o},
        )
    handles = {}
    for name, (module, settings) in steps.items():
        h = copy.deepcopy(dict(registry.get(module).handles))
        for handle in [*h["input"], *h["output"]]:
            if handle["name"] in settings:
                handle["key" if "key" in handle else "value"] = settings[handle["name"]]
        handles[name] = h
    return Project.from_dict(
        {
            "pipeline": {
                "input": {"channels": [{"name": c, "correct": True} for c in channels]},
                "pipeline": [
                    {"source": f"{m}.py", "handles": f"handles/{n}.handles.yaml", "active": True}
                    for n, (m, _) in steps.items()
                ],
                "output": {"objects": [{"name": o, "as_polygons": True} for o in objects]},
            },
            "handles": handles,
        }
    )
