"""Images of data collections and of samples, as the microscope has left them.

The images of a data collection are its files, numbered from 1 as they were registered. That of
a sub-sample is the first plane that was imaged there.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tmlib.errors import NotFound
from tmlib.experiments.models import Acquisition, ChannelImageFile, Experiment, Plate, Site, Well
from tmlib.facility import acquisitions, pages
from tmlib.facility.pages import Page, Query, Window
from tmlib.facility.visibility import Viewer, in_shown_experiments
from tmlib.images import sources
from tmlib.images.reading import MAX_PIXELS, GrayImage, ImageFileError
from tmlib.storage import ExperimentStorage
from tmlib.uploads.models import FileKind, FileUploadStatus, MicroscopeFile
from tmlib.uploads.sources import source_path

N_SNAPSHOTS = 4

_THUMBNAIL = 256
_UNIT_BINS = 300
_BLOCK = 1 << 20


class Frame(NamedTuple):
    """Where an image is; ``pixel_size`` in micrometres, if it is known."""

    experiment_id: int
    plate_id: int
    collection_id: int
    file: str
    series: int = 0
    plane: int = 0
    pixel_size: float | None = None


class SampleImage(NamedTuple):
    """An image of a sample; its number is that of the site."""

    id: int
    sample_id: int
    x: float | None
    y: float | None
    pixel_size: float | None


def find_frame(session: Session, viewer: Viewer, collection_id: int, number: int) -> Frame:
    """An image of a data collection that somebody sees, counted from 1.

    Raises
    ------
    NotFound
        If there is none, or it is hidden.
    """
    query = _frames(viewer, collection_id).order_by(MicroscopeFile.id)
    return _first(session, query.offset(number - 1))


def find_snapshot(session: Session, viewer: Viewer, collection_id: int, number: int) -> Frame:
    """One of up to four images, counted from 1, that are spread over a data collection.

    Raises
    ------
    NotFound
        If there are fewer, or they are hidden.
    """
    files = _frames(viewer, collection_id).with_only_columns(
        func.count(), maintain_column_froms=True
    )
    n_frames = session.scalar(files) or 0
    return find_frame(session, viewer, collection_id, _spread(number, n_frames))


def _spread(number: int, n_frames: int) -> int:
    """Which image a snapshot shows; one that is not there if there are too few."""
    if n_frames <= N_SNAPSHOTS:
        return number
    return 1 + round((number - 1) * (n_frames - 1) / (N_SNAPSHOTS - 1))


def list_sample_images(
    session: Session, viewer: Viewer, window: Window, *, sample_id: int | None = None
) -> Page[SampleImage]:
    """Images of samples that somebody sees, in the order of their sites."""
    query = (
        select(Site.id, Site.well_id, Site.stage_x, Site.stage_y, Experiment.pixel_size)
        .select_from(Site)
        .join(Experiment, Experiment.id == Site.experiment_id)
        .where(Site.id.in_(select(ChannelImageFile.site_id)))
    )
    if sample_id is not None:
        query = query.where(Site.well_id == sample_id)
    query = in_shown_experiments(query, viewer).order_by(Site.id)
    found = pages.read(session, query, window)
    return Page([SampleImage(*row) for row in found.rows], found.total)


def find_sample_image(session: Session, viewer: Viewer, site_id: int) -> Frame:
    """The first plane that was imaged at a site that somebody sees.

    Raises
    ------
    NotFound
        If there is none, or it is hidden.
    """
    planes = ChannelImageFile
    query = (
        select(Plate.experiment_id, Plate.id, planes.acquisition_id, planes.file_map)
        .select_from(planes)
        .join(Site, Site.id == planes.site_id)
        .join(Well, Well.id == Site.well_id)
        .join(Plate, Plate.id == Well.plate_id)
        .join(Experiment, Experiment.id == Plate.experiment_id)
        .where(planes.site_id == site_id)
        .order_by(planes.tpoint, planes.zplane, planes.channel_id, planes.id)
    )
    row = session.execute(in_shown_experiments(query, viewer).limit(1)).first()
    if row is None:
        raise NotFound("Sample image not found")
    experiment_id, plate_id, acquisition_id, files = row
    first = (files["files"][0], files["series"][0], files["planes"][0])
    return Frame(experiment_id, plate_id, acquisition_id, *first)


def read(
    storage: ExperimentStorage,
    frame: Frame,
    missing: str = "Image not found",
    *,
    max_pixels: int = MAX_PIXELS,
) -> GrayImage:
    """The pixels of an image.

    Raises
    ------
    NotFound
        If the file is not there any more, cannot be read, or has more than `max_pixels` pixels.
    """
    folder = storage.microscope_images(frame.plate_id, frame.collection_id)
    try:
        return sources.read_plane(
            source_path(folder, frame.file, data_dir=storage.data_dir),
            series=frame.series,
            plane=frame.plane,
            max_pixels=max_pixels,
        )
    except (OSError, ImageFileError):
        raise NotFound(missing) from None


def blocks(pixels: GrayImage) -> Iterator[GrayImage]:
    """The pixels row by row, in parts of which larger numbers can be made without much memory."""
    flat = pixels.ravel()
    for start in range(0, flat.size, _BLOCK):
        yield flat[start : start + _BLOCK]


def shown(pixels: GrayImage, *, as_thumbnail: bool = False) -> NDArray[np.uint8]:
    """An image in 256 shades of gray, from its darkest to its brightest pixel.

    Parameters
    ----------
    pixels
        Gray values of the shape (rows, columns).
    as_thumbnail
        Leave out rows and columns, so that no side has more than 256 pixels.
    """
    step = -(-max(pixels.shape) // _THUMBNAIL) if as_thumbnail else 1
    values = pixels[::step, ::step]
    darkest, brightest = int(values.min()), int(values.max())
    scale = 255 / (brightest - darkest) if brightest > darkest else 0.0
    above = np.arange(brightest + 1, dtype=np.float32) - darkest
    shades = (above.clip(0) * scale).astype(np.uint8)
    picture = np.empty(values.shape, np.uint8)
    for part, shades_of_part in zip(blocks(values), blocks(picture), strict=True):
        shades_of_part[:] = shades[part]
    return picture


def statistics(pixels: GrayImage) -> dict[str, float]:
    """Least, largest and mean value of an image, and their spread, without saturated pixels.

    The least value above zero is 0 if there is none.
    """
    values, counts = _occurrences(pixels)
    if len(values) > 1 and values[-1] == np.iinfo(pixels.dtype).max:
        values, counts = values[:-1], counts[:-1]
    mean, spread = _mean_and_spread(values, counts)
    positive = values[values > 0]
    return {
        "strict_positive_min": float(positive[0]) if positive.size else 0.0,
        "positive_min": float(values[0]),
        "min": float(values[0]),
        "max": float(values[-1]),
        "mean": mean,
        "std": spread,
    }


def histogram(pixels: GrayImage) -> tuple[NDArray[np.int64], NDArray[np.float64], float]:
    """How often values occur that are less than three standard deviations above the mean.

    Returns
    -------
    counts, edges, largest
        Counts of the shape (bins,), edges of the shape (bins + 1,), and the largest such value.
    """
    values, n_each = _occurrences(pixels)
    mean, spread = _mean_and_spread(values, n_each)
    is_near = values <= mean + 3 * spread
    largest = float(values[is_near][-1])
    n_bins = max(1, int(largest)) if largest <= _UNIT_BINS else _UNIT_BINS
    counts, edges = np.histogram(
        values[is_near], bins=n_bins, range=(0, max(largest, 1)), weights=n_each[is_near]
    )
    return counts, edges, largest


def _occurrences(pixels: GrayImage) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which values there are, from the least to the largest, and how often each occurs."""
    n_values = int(np.iinfo(pixels.dtype).max) + 1
    counts = np.zeros(n_values, np.int64)
    for part in blocks(pixels):
        counts += np.bincount(part, minlength=n_values)
    values = np.flatnonzero(counts)
    return values, counts[values]


def _mean_and_spread(values: NDArray[np.int64], counts: NDArray[np.int64]) -> tuple[float, float]:
    mean = np.average(values, weights=counts)
    return float(mean), float(np.sqrt(np.average((values - mean) ** 2, weights=counts)))


def _frames(viewer: Viewer, collection_id: int) -> Query:
    columns = (
        Acquisition.experiment_id,
        Acquisition.plate_id,
        Acquisition.id,
        MicroscopeFile.name,
        Experiment.pixel_size,
    )
    return (
        acquisitions.visible(viewer, *columns)
        .join(MicroscopeFile, MicroscopeFile.acquisition_id == Acquisition.id)
        .where(
            Acquisition.id == collection_id,
            MicroscopeFile.kind == FileKind.IMAGE,
            MicroscopeFile.status == FileUploadStatus.COMPLETE,
        )
    )


def _first(session: Session, query: Query) -> Frame:
    row = session.execute(query.limit(1)).first()
    if row is None:
        raise NotFound("Image not found")
    experiment_id, plate_id, acquisition_id, file, pixel_size = row
    return Frame(experiment_id, plate_id, acquisition_id, file, pixel_size=pixel_size)
