"""Label images of sites: which pixel belongs to which object."""

import binascii
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from flask import Response, request
from pydantic import Field, ValidationError
from sqlalchemy.orm import Session

from tmlib.errors import BadInput, NotFound
from tmlib.experiments.models import Site
from tmlib.images.alignment import Residues, Shift, crop
from tmlib.images.channel_images import field_path
from tmlib.images.label_files import LabelFormat, check_labels, decode_labels, encode_labels
from tmlib.images.label_images import LabelImage, read_labels
from tmlib.objects import service
from tmlib.objects.writing.segmentations import SitePlane, check_is_segmented, store_segmentation
from tmlib.workflow.steps.channels import read_field_shape
from tmlib.workflow.steps.plate_map import read_plate_map
from tmserver.access import ExperimentAccess
from tmserver.api.places import Align, SitePlace, check_alignment, file_name, find_site
from tmserver.http.multipart import whole_body
from tmserver.http.negotiation import accepted_form, file_response
from tmserver.http.routing import MANY_ITEMS, Routes
from tmserver.http.schemas import Body, Index, Message, Schema, Text
from tmserver.http.validation import describe
from tmserver.scopes import EXPERIMENT

routes = Routes("segmentation", scope=EXPERIMENT)

_SEGMENTATIONS = "/mapobject_types/<mapobject_type_id>/segmentations"
_MULTIPART = "multipart/form-data"
_FILE_TYPES = ("application/x-npz", "image/png", "image/tiff", _MULTIPART)
_FORMATS = {label_format.value: label_format for label_format in LabelFormat}


class SegmentationQuery(SitePlace):
    """Which label image, and in what form; without ``format`` the header ``Accept`` decides."""

    align: Align = False
    format: Literal["json", "npz", "png", "tiff", "zarr"] | None = None


class UploadQuery(Schema):
    """Where a label image belongs that is sent as a file; with JSON, the body says it."""

    plate_name: Text | None = None
    well_name: Text | None = None
    well_pos_y: Index | None = None
    well_pos_x: Index | None = None
    tpoint: Index | None = None
    zplane: Index | None = None
    align: Align = False


class NewSegmentation(SitePlace, Body):
    """A label image: 0 is background, n the object with label n.

    It is sent either as ``npz_file``, base64 text of an NPZ file with the array ``segmentation``,
    or as ``image``, row by row.
    """

    npz_file: Annotated[str | None, Field(examples=[None])] = None
    image: Annotated[list[list[int]] | None, Field(examples=[[[0, 1], [0, 1]]])] = None


@routes.get(_SEGMENTATIONS, permits="read", media=tuple(one.media_type for one in LabelFormat))
def get_segmentations(
    access: ExperimentAccess, mapobject_type_id: int, query: SegmentationQuery
) -> list[list[int]] | Response:
    """Get the label image of a site, row by row: 0 is background, n the object with label n."""
    with access.database.session() as session:
        found = service.get_mapobject_type(session, access.experiment_id, mapobject_type_id)
        site = find_site(session, access.experiment_id, query.model_dump())
        if query.align:
            check_alignment(site)
        field = _field(access, site)
    if (query.tpoint, query.zplane) not in {(one.tpoint, one.zplane) for one in found.layers}:
        raise NotFound(
            f'There are no "{found.name}" at time point {query.tpoint}, plane {query.zplane}.'
        )
    labels = read_labels(field, found.name, t=query.tpoint, z=query.zplane)
    if query.align:
        # labels lie on the images of the reference cycle
        labels = crop(labels, Shift(0, 0), _residues(site))
    label_format = _FORMATS.get(query.format) if query.format else accepted_form(LabelFormat)
    if label_format is None:
        rows: list[list[int]] = labels.tolist()
        return rows
    content = encode_labels(
        labels, label_format, name=found.name, pixel_size=access.experiment.pixel_size
    )
    ending = f"{found.name}{label_format.suffix}"
    name = file_name(access.experiment, site, query.tpoint, query.zplane, ending)
    return file_response(content, label_format, name)


@routes.post(
    _SEGMENTATIONS, permits="write", raises=(409,), file_types=_FILE_TYPES, max_items=MANY_ITEMS
)
def add_segmentations(
    access: ExperimentAccess,
    mapobject_type_id: int,
    query: UploadQuery,
    body: NewSegmentation | None,
) -> Message:
    """Store the objects of a site that were found elsewhere, in place of those that it has.

    The label image is as large as the images of the site, or with ``align`` as what all cycles
    show. It is sent as JSON or as a file (NPZ, PNG of 8 or 16 bits, TIFF), which is the body or
    its part ``file``.
    """
    place = body or _place(query)
    with access.database.session() as session:
        check_is_segmented(
            service.get_mapobject_type(session, access.experiment_id, mapobject_type_id)
        )
        site = find_site(session, access.experiment_id, place.model_dump())
        plane = _plane(session, access, site, place, align=query.align)
    height = site.height - plane.residues.top - plane.residues.bottom
    width = site.width - plane.residues.left - plane.residues.right
    store_segmentation(
        access.database,
        access.storage,
        mapobject_type_id=mapobject_type_id,
        plane=plane,
        labels=_sent_labels(body, height, width),
    )
    return Message()


def _place(query: UploadQuery) -> SitePlace:
    try:
        return SitePlace.model_validate(query.model_dump(exclude_none=True))
    except ValidationError as error:
        raise BadInput(describe(error, request.method, in_query=True)) from None


def _sent_labels(body: NewSegmentation | None, height: int, width: int) -> LabelImage:
    """The label image of the present request, which must have this size."""
    if body is None:
        return decode_labels(_sent_file(), height, width)
    if (body.npz_file is None) == (body.image is None):
        raise BadInput(
            'Send the label image either as "npz_file" (base64 of an NPZ file) or as "image" '
            "(rows of numbers)."
        )
    if body.npz_file is not None:
        try:
            # some encoders break lines
            content = binascii.a2b_base64("".join(body.npz_file.split()), strict_mode=True)
        except ValueError as error:
            raise BadInput(f'Parameter "npz_file" is no base64 text: {error}.') from None
        return decode_labels(content, height, width)
    try:
        labels = np.array(body.image, dtype=np.int64)
    except (ValueError, OverflowError):
        raise BadInput(
            'The rows of "image" must have the same length, and its labels 32 bits.'
        ) from None
    return check_labels(labels, height, width)


def _sent_file() -> bytes:
    if request.mimetype != _MULTIPART:
        return whole_body()
    if "file" not in request.files:
        raise BadInput('The body has no file in part "file": send one.')
    content: bytes = request.files["file"].read()
    return content


def _plane(
    session: Session, access: ExperimentAccess, site: Site, place: SitePlace, *, align: bool
) -> SitePlane:
    shape, _ = read_field_shape(session, access.experiment_id)
    if place.tpoint >= shape.n_tpoints or place.zplane >= shape.n_zplanes:
        raise NotFound(
            f"There are no images of time point {place.tpoint}, plane {place.zplane}: there are "
            f"{shape.n_tpoints} time points and {shape.n_zplanes} planes, counted from 0."
        )
    if align:
        check_alignment(site)
    plate_map = read_plate_map(session, access.experiment_id)
    placed = next(one for one in plate_map.sites if one.id == site.id)
    box = placed.aligned_box if align else placed.box
    return SitePlane(
        site_id=site.id,
        field=_field(access, site),
        offset=(box.y, box.x),
        residues=placed.residues if align else Residues(),
        tpoint=place.tpoint,
        zplane=place.zplane,
        n_tpoints=shape.n_tpoints,
        n_zplanes=shape.n_zplanes,
        pixel_size=access.experiment.pixel_size,
    )


def _field(access: ExperimentAccess, site: Site) -> Path:
    return field_path(access.storage.plate_images(site.well.plate_id), site.well.name, site.field)


def _residues(site: Site) -> Residues:
    return Residues(site.top_residue, site.bottom_residue, site.left_residue, site.right_residue)
