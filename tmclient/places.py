"""Where images and objects are asked for."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Selection:
    """Objects in a part of an experiment; of those that are None, all."""

    plate_name: str | None = None
    well_name: str | None = None
    well_pos_y: int | None = None
    well_pos_x: int | None = None
    tpoint: int | None = None

    def parameters(self) -> dict[str, Any]:
        """What is sent in a query."""
        return asdict(self)


@dataclass(frozen=True)
class Place:
    """An image: its site, time point and plane, counted from 0."""

    plate_name: str
    well_name: str
    well_pos_y: int
    well_pos_x: int
    tpoint: int = 0
    zplane: int = 0

    def parameters(self) -> dict[str, Any]:
        """What is sent in a query or a body."""
        return asdict(self)
