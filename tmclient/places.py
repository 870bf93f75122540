"""Which images and which objects a request is for."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Selection:
    """Objects in a part of an experiment; fields that are None select everything."""

    plate_name: str | None = None
    well_name: str | None = None
    well_pos_y: int | None = None
    well_pos_x: int | None = None
    tpoint: int | None = None

    def parameters(self) -> dict[str, Any]:
        """The query parameters."""
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
        """The query parameters, or the fields of a body."""
        return asdict(self)
