"""Images of data collections and of samples: pictures of them, and their values."""

from typing import Annotated

import imagecodecs
from flask import Response
from pydantic import Field

from tmlib.facility import frames
from tmlib.facility.frames import N_SNAPSHOTS, Frame
from tmlib.images.reading import GrayImage
from tmlib.storage import ExperimentStorage
from tmserver.access import UserAccess
from tmserver.http.paging import Part
from tmserver.http.routing import Routes
from tmserver.http.schemas import MAX_INT
from tmserver.ispyb.forms import PREFIX, Model, Number, PageQuery, Query
from tmserver.ispyb.looking import looking

routes = Routes("Data Collections")
data = Routes("Data")
samples = Routes("Samples")

_PNG = "image/png"
_VALUES = "application/octet-stream"


class _Picture(Query):
    """Asks for a picture, which may be a small one."""

    snapshot: bool = False


class WhichImage(_Picture):
    """Asks for one of up to four pictures that are spread over what was acquired."""

    image_id: Annotated[int, Field(ge=1, le=N_SNAPSHOTS)] = 1


class WhichFrame(Query):
    """Asks for an image by its number, counted from 1 as the files were registered."""

    data_collection_id: Number
    image_number: Annotated[int, Field(gt=0, le=MAX_INT)]


class FrameHeader(Model):
    """What is known of an image; lengths in metres, and values without saturated pixels."""

    wavelength: float | None = None
    detector_distance: float | None = Field(None, alias="detector_distance")
    beam_cx: float | None = Field(None, alias="beam_cx")
    beam_cy: float | None = Field(None, alias="beam_cy")
    beam_ocx: float | None = Field(None, alias="beam_ocx")
    beam_ocy: float | None = Field(None, alias="beam_ocy")
    detector_radius: float | None = Field(None, alias="detector_radius")
    pixel_size_x: float | None = Field(alias="pixel_size_x")
    pixel_size_y: float | None = Field(alias="pixel_size_y")
    img_width: int = Field(alias="img_width")
    img_height: int = Field(alias="img_height")
    pxxpm: float | None
    pxypm: float | None
    strict_positive_min: float = Field(alias="strict_positive_min")
    positive_min: float = Field(alias="positive_min")
    min: float
    max: float
    mean: float
    std: float


class ImageHeader(Model):
    """The header of an image."""

    braggy_hdr: FrameHeader = Field(alias="braggy_hdr")


class ImageHistogram(Model):
    """How often values occur in an image; outliers above three standard deviations are left out."""

    values: list[int]
    bins: list[float]
    shape: list[int]
    max: float


class SampleImageMetaData(Model):
    """Where the image is."""

    url: str


class SampleImage(Model):
    """An image of a sample; the offsets are where it begins on the stage, in pixels."""

    bl_sample_image_id: int
    bl_sample_id: int
    microns_per_pixel_x: float | None
    microns_per_pixel_y: float | None
    offset_x: int | None
    offset_y: int | None
    metadata: SampleImageMetaData = Field(alias="_metadata")


class WhichSampleImages(PageQuery):
    """Asks for images of a sample."""

    bl_sample_id: Number | None = None


@routes.get("/datacollections/images/<collection_id>", permits="user", raises=(404,), media=(_PNG,))
def get_datacollection_image(access: UserAccess, collection_id: int, query: WhichImage) -> Response:
    """Get a picture of a data collection, from the darkest to the brightest pixel of an image."""
    with looking(access) as (session, viewer):
        frame = frames.find_snapshot(session, viewer, collection_id, query.image_id)
    return _picture(_pixels(access, frame), as_thumbnail=query.snapshot)


@routes.get(
    "/datacollections/images/diffraction/<collection_id>",
    permits="user",
    raises=(404,),
    media=(_PNG,),
)
def get_datacollection_diffraction_image(
    access: UserAccess, collection_id: int, query: _Picture
) -> Response:
    """Get a picture of the first image of a data collection."""
    with looking(access) as (session, viewer):
        frame = frames.find_frame(session, viewer, collection_id, 1)
    return _picture(_pixels(access, frame), as_thumbnail=query.snapshot)


@data.get("/data/images", permits="user", raises=(404,), media=(_VALUES,))
def get_data_image(access: UserAccess, query: WhichFrame) -> Response:
    """Get the values of an image, row by row, as little-endian numbers of 32 bits with a point."""
    _, pixels = _frame(access, query)
    answer = Response(part.astype("<f4").tobytes() for part in frames.blocks(pixels))
    answer.mimetype, answer.content_length = _VALUES, 4 * pixels.size
    return answer


@data.get("/data/images/header", permits="user", raises=(404,))
def get_data_image_header(access: UserAccess, query: WhichFrame) -> ImageHeader:
    """Tell the size of an image, and what its values are like."""
    frame, pixels = _frame(access, query)
    height, width = pixels.shape
    metres = None if frame.pixel_size is None else frame.pixel_size * 1e-6
    return ImageHeader(
        braggy_hdr=FrameHeader.model_validate(
            {
                **frames.statistics(pixels),
                **dict.fromkeys(("pixel_size_x", "pixel_size_y"), metres),
                **dict.fromkeys(("pxxpm", "pxypm"), metres and 1 / metres),
                "img_width": width,
                "img_height": height,
            }
        )
    )


@data.get("/data/images/histogram", permits="user", raises=(404,))
def get_data_image_histogram(access: UserAccess, query: WhichFrame) -> ImageHistogram:
    """Tell how often values occur in an image."""
    _, pixels = _frame(access, query)
    counts, edges, largest = frames.histogram(pixels)
    return ImageHistogram(
        values=counts.tolist(), bins=edges.tolist(), shape=[len(counts)], max=largest
    )


@samples.get("/samples/images", permits="user")
def get_sample_images(access: UserAccess, query: WhichSampleImages) -> Part[SampleImage]:
    """List images of samples, one of each sub-sample."""
    with looking(access) as (session, viewer):
        found = frames.list_sample_images(
            session, viewer, query.window, sample_id=query.bl_sample_id
        )
    return Part([_sample_image(one) for one in found.rows], found.total)


@samples.get("/samples/images/<image_id>", permits="user", raises=(404,), media=(_PNG,))
def get_sample_image(access: UserAccess, image_id: int) -> Response:
    """Get a picture of a sample."""
    with looking(access) as (session, viewer):
        frame = frames.find_sample_image(session, viewer, image_id)
    return _picture(_pixels(access, frame, "Sample image not found"))


def _frame(access: UserAccess, query: WhichFrame) -> tuple[Frame, GrayImage]:
    with looking(access) as (session, viewer):
        frame = frames.find_frame(session, viewer, query.data_collection_id, query.image_number)
    return frame, _pixels(access, frame)


def _pixels(access: UserAccess, frame: Frame, missing: str = "Image not found") -> GrayImage:
    storage = ExperimentStorage(access.settings.data_dir, frame.experiment_id)
    return frames.read(storage, frame, missing, max_pixels=access.settings.max_image_pixels)


def _picture(pixels: GrayImage, *, as_thumbnail: bool = False) -> Response:
    gray = frames.shown(pixels, as_thumbnail=as_thumbnail)
    return Response(bytes(imagecodecs.png_encode(gray)), mimetype=_PNG)


def _sample_image(one: frames.SampleImage) -> SampleImage:
    return SampleImage(
        bl_sample_image_id=one.id,
        bl_sample_id=one.sample_id,
        microns_per_pixel_x=one.pixel_size,
        microns_per_pixel_y=one.pixel_size,
        offset_x=None if one.x is None else round(one.x),
        offset_y=None if one.y is None else round(one.y),
        metadata=SampleImageMetaData(url=f"{PREFIX}/samples/images/{one.id}"),
    )
