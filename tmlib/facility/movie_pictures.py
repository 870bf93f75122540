"""Pictures of movies, at the paths that were handed in, and plots of what was measured."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from PIL import Image, ImageDraw
from sqlalchemy.orm import Session

from tmlib.beneath import Opened
from tmlib.errors import NotFound
from tmlib.experiments.models import Acquisition
from tmlib.facility import acquisitions, movies, open_folders
from tmlib.facility.acquisitions import CollectionFilter
from tmlib.facility.models import Proposal
from tmlib.facility.movies import Movie
from tmlib.facility.pages import Window
from tmlib.facility.visibility import Viewer

Shows = Literal["movie", "motion_correction", "ctf", "drift"]

MEDIA_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}
"""Types of pictures by how names of their files end."""

_MISSING = "Movie thumbnail not found"
_MOST = 10_000
_SIZE = 640, 240
_MARGIN = 48
_DOT = 2
_DARK, _LIGHT, _BLUE = (60, 60, 60), (210, 210, 210), (30, 90, 160)


class MoviePicture(NamedTuple):
    """A path that was handed in, and the proposal that the movie belongs to."""

    path: str
    proposal: str


def find_picture(
    session: Session,
    viewer: Viewer,
    proposal_id: int | None,
    shows: Shows,
    *,
    movie_id: int,
    collection_id: int | None = None,
) -> MoviePicture:
    """A picture of a movie that somebody sees, or of what was made of it.

    Raises
    ------
    NotFound
        If there is none, or it is hidden.
    """
    columns = (Movie.details, Movie.motion_correction, Movie.ctf, Proposal.name)
    query = (
        acquisitions.visible(viewer, *columns)
        .join(Movie, Movie.acquisition_id == Acquisition.id)
        .where(Movie.id == movie_id, Proposal.id == proposal_id)
    )
    if collection_id is not None:
        query = query.where(Acquisition.id == collection_id)
    row = session.execute(query).first()
    if row is None:
        raise NotFound(_MISSING)
    details, motion_correction, ctf, proposal = row
    paths: dict[Shows, Any] = {
        "movie": details.get("micrographSnapshotFullPath"),
        "motion_correction": (motion_correction or {}).get("micrographSnapshotFullPath"),
        "ctf": (ctf or {}).get("spectraImageThumbnailFullPath"),
        "drift": (motion_correction or {}).get("driftPlotFullPath"),
    }
    if not paths[shows]:
        raise NotFound(_MISSING)
    return MoviePicture(paths[shows], proposal)


def open_file(picture: MoviePicture, roots: Sequence[Path]) -> Opened:
    """The file with a picture, which must be in the folder of the proposal in one that is open.

    Raises
    ------
    NotFound
        If it is not, or is no picture.
    """
    paths = [Path(picture.path)] if picture.path.startswith("/") else []
    for found in open_folders.open_files(picture.proposal, paths, roots, MEDIA_TYPES):
        if not found.is_folder:
            return found
        found.close()
    raise NotFound(_MISSING)


def plot_resolutions(session: Session, viewer: Viewer, collection_id: int) -> bytes:
    """A plot of the resolutions of the movies of a data collection, by their numbers, as PNG.

    Of many movies it shows the first ones, and says so.

    Raises
    ------
    NotFound
        If none is known, or they are hidden.
    """
    which = CollectionFilter(collection_id=collection_id)
    found = movies.resolutions(session, viewer, Window(0, _MOST), which)
    points = [(number, resolution) for number, resolution in found.rows if resolution is not None]
    if not points:
        raise NotFound("Image not found")
    picture = _plot(points, "" if found.total <= _MOST else f" ({_MOST:,} of {found.total:,})")
    content = io.BytesIO()
    picture.save(content, "PNG")
    return content.getvalue()


def _plot(points: Sequence[tuple[int, float]], of_how_many: str) -> Image.Image:
    (width, height), margin = _SIZE, _MARGIN
    numbers, values = [n for n, _ in points], [value for _, value in points]
    picture = Image.new("RGB", _SIZE, "white")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((margin, margin // 2, width - margin // 2, height - margin), outline=_LIGHT)

    def place(number: float, value: float) -> tuple[float, float]:
        x = _share(number, min(numbers), max(numbers)) * (width - 2 * margin)
        # what is resolved finer is higher
        y = _share(value, min(values), max(values)) * (height - 2 * margin)
        return margin + margin / 4 + x, margin * 3 / 4 + y

    for number, value in points:
        x, y = place(number, value)
        draw.ellipse((x - _DOT, y - _DOT, x + _DOT, y + _DOT), fill=_BLUE)
    for value in {min(values), max(values)}:
        _, y = place(numbers[0], value)
        draw.text((margin - 6, y), f"{value:.4g}", fill=_DARK, anchor="rm")
    for number in {min(numbers), max(numbers)}:
        x, _ = place(number, values[0])
        draw.text((x, height - margin + 6), str(number), fill=_DARK, anchor="ma")
    title = "Resolution up to which the CTF fits, in angstroms, by number of the movie"
    title += of_how_many
    draw.text((width / 2, height - margin / 3), title, fill=_DARK, anchor="mm")
    return picture


def _share(value: float, least: float, largest: float) -> float:
    return (value - least) / (largest - least) if largest > least else 0.5
