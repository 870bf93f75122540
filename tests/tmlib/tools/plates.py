"""Objects on plates, for tools that look at wells, without a database."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tmlib.images.layout import well_name
from tmlib.tools.base import ChosenObjects, Finding
from tmlib.tools.plates.wells import Layout, Well
from tmlib.tools.registry import get_tool
from tmlib.tools.values import Values

N_ROWS, N_COLUMNS = 4, 6
PER_SITE = 5
FEATURES = ("size", "brightness")


@dataclass
class Screen:
    """Two plates of 4 x 6 wells with two sites each and five objects on each site.

    ``plates``, ``wells`` (names) and ``values`` (n, 2) are those of the objects.
    """

    layout: Layout
    site_ids: NDArray[np.int32]
    plates: NDArray[np.str_]
    wells: NDArray[np.str_]
    values: NDArray[np.float64]

    def ask(self, tool_name: str, tpoints: NDArray[np.int32] | None = None, **more: Any) -> Finding:
        """What a tool finds out about the objects, which have the ids 1, 2 and so on."""
        tool = get_tool(tool_name)
        payload = tool.payload_type.model_validate({"chosen_object_type": "Cells"} | more)
        n = len(self.values)
        columns = [FEATURES.index(name) for name in payload.features]
        objects = ChosenObjects(1, 1, "Cells", dict.fromkeys(payload.features, 1), n, self.layout)
        values = Values(
            np.arange(1, n + 1, dtype=np.int64),
            np.zeros(n, np.int32) if tpoints is None else tpoints,
            self.site_ids,
            payload.features,
            self.values[:, columns],
        )
        shares: list[float] = []
        finding: Finding = tool.compute(payload, objects, values, shares.append)
        assert shares == sorted(shares)
        return finding


def make_screen(seed: int = 0) -> Screen:
    """Plates with values of different size, gradients along rows and columns, and much noise."""
    random = np.random.default_rng(seed)
    wells = [
        Well(plate, well_name(row, column), row, column)
        for plate in ("plate 1", "plate 2")
        for row in range(N_ROWS)
        for column in range(N_COLUMNS)
    ]
    well_of_site = np.repeat(np.arange(len(wells)), 2)
    layout = Layout(tuple(wells), np.arange(10, 10 + len(well_of_site)), well_of_site)
    sites = np.repeat(layout.site_ids, PER_SITE)
    of_object = np.repeat(well_of_site, PER_SITE)
    values = random.normal(0, 1, (len(sites), 2))
    for number, well in enumerate(wells):
        level = (3.0 if well.plate == "plate 1" else 11.0) + 0.5 * well.row - 0.3 * well.column
        values[of_object == number] += [level, random.normal(0, 2)]
    order = random.permutation(len(sites))
    of_object = of_object[order]
    return Screen(
        layout,
        sites[order].astype(np.int32),
        np.array([wells[number].plate for number in of_object]),
        np.array([wells[number].name for number in of_object]),
        values[order],
    )
