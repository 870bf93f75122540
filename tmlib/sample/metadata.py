"""The two XML files that a CellVoyager writes beside its images."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

_NAMESPACE = "http://www.yokogawa.co.jp/BTS/BTSSchema/1.0"
_START = datetime(2024, 3, 14, 9, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Record:
    """One image in the measurement, numbers counting from 1.

    Attributes
    ----------
    file_name
        Name of the image file.
    well
        Name of the well.
    field, tpoint, zplane, channel
        What the image shows.
    stage
        Centre of the field relative to the centre of the well (y, x) in micrometres, y upwards.
    height
        Height of the focal plane in micrometres.
    """

    file_name: str
    well: str
    field: int
    tpoint: int
    zplane: int
    channel: int
    stage: tuple[float, float]
    height: float


def write_records(path: Path, records: Sequence[Record]) -> None:
    """Write ``MeasurementData.mlf``, with one record of an error as real ones often have."""
    lines = [_element(i, record, "IMG", record.file_name) for i, record in enumerate(records)]
    if records:
        lines.insert(1, _element(0, records[0], "ERR", "Autofocus failed, measurement repeated."))
    _write(path, "MeasurementData", {"Version": "1.0"}, lines)


def write_detail(
    path: Path,
    title: str,
    shape: tuple[int, int],
    n_channels: int,
    n_tpoints: int,
    n_zplanes: int,
    pixel_size: float,
) -> None:
    """Write ``MeasurementDetail.mrf``: the plate and the camera of each channel."""
    attributes = {
        "Version": "1.0",
        "Title": title,
        "ApplicationName": "CellVoyager",
        "BeginTime": _START.isoformat(),
        "RowCount": 8,
        "ColumnCount": 12,
        "TimePointCount": n_tpoints,
        "ZCount": n_zplanes,
    }
    channels = [
        _tag(
            "MeasurementChannel",
            {
                "Ch": c,
                "HorizontalPixelDimension": pixel_size,
                "VerticalPixelDimension": pixel_size,
                "InputBitDepth": 16,
                "HorizontalPixels": shape[1],
                "VerticalPixels": shape[0],
            },
        )
        + "/>"
        for c in range(1, n_channels + 1)
    ]
    _write(path, "MeasurementDetail", attributes, channels)


def _element(index: int, record: Record, kind: str, text: str) -> str:
    attributes = {
        "Time": (_START + timedelta(seconds=index)).isoformat(),
        "Column": int(record.well[1:]),
        "Row": ord(record.well[0]) - ord("A") + 1,
        "TimelineIndex": 1,
        "TimePoint": record.tpoint,
        "FieldIndex": record.field,
        "ZIndex": record.zplane,
        "Type": kind,
        "X": f"{record.stage[1]:.2f}",
        "Y": f"{record.stage[0]:.2f}",
        "Z": f"{record.height:.2f}",
        "Ch": record.channel,
    }
    return f"{_tag('MeasurementRecord', attributes)}>{escape(text)}</bts:MeasurementRecord>"


def _tag(name: str, attributes: dict[str, object]) -> str:
    """The opening of an element, without its closing bracket."""
    return " ".join(
        [f"<bts:{name}"] + [f"bts:{k}={quoteattr(str(v))}" for k, v in attributes.items()]
    )


def _write(path: Path, root: str, attributes: dict[str, object], lines: list[str]) -> None:
    opening = _tag(root, {}) + f' xmlns:bts="{_NAMESPACE}" ' + _tag("", attributes).split(" ", 1)[1]
    body = "\n".join(f"  {line}" for line in lines)
    text = f'<?xml version="1.0" encoding="utf-8"?>\n{opening}>\n{body}\n</bts:{root}>\n'
    path.write_text(text, encoding="utf-8")
