"""What a demo is asked to do."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DemoOptions:
    """The options of ``tm demo``, which explains them.

    Attributes
    ----------
    sites
        Rows and columns of a simulated well.
    facility
        Whether plates are those of proposals with booked instruments.
    stop
        Whether to end when the workflow has ended.
    """

    images: Path | None
    microscope_type: str | None
    pattern: str | None
    rows: int | None
    columns: int | None
    stitch_layout: str
    plate_format: str
    nuclei_channel: str | None
    cells_channel: str | None
    project: Path | None
    wells: int
    sites: tuple[int, int]
    seed: int
    port: int
    data_dir: Path | None
    processes: int | None
    facility: bool
    stop: bool
