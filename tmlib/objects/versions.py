"""Versions of segmentation layers, which change whenever the objects of a layer do.

Every transaction that changes a layer adds a row with a random number, and the version is derived
from their sum. Unlike with a counter, transactions that record different sites of a layer do not
wait for each other, and their order does not matter.
"""

import secrets

from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.orm import Session

from tmlib.objects.models import SegmentationChange, SegmentationLayer

_CHANGES = SegmentationChange.__table__.c
# used for every tile, therefore built once, and from the table rather than the class
_STAMPS = select(func.sum(_CHANGES.stamp)).where(
    _CHANGES.segmentation_layer_id == bindparam("layer_id")
)

_RANGE = 2**40  # sums of millions of them stay within 64 bits


def note_change(session: Session, layer_id: int) -> None:
    """Give a layer another version, as part of the transaction that changes its objects."""
    stamp = secrets.randbelow(_RANGE)
    session.add(SegmentationChange(segmentation_layer_id=layer_id, stamp=stamp))
    session.flush()


def layer_version(session: Session, layer_id: int) -> str:
    """The version of a layer, which is the same as long as its objects do not change."""
    return version_of(session.scalar(_STAMPS, {"layer_id": layer_id}))


def version_of(stamps: int | None) -> str:
    """The version of a layer from the sum of its stamps; a layer that never changed has none."""
    return f"{int(stamps or 0) % _RANGE:010x}"


def merge_changes(session: Session, mapobject_type_id: int) -> None:
    """Replace the rows of each layer of a type by one of the same version."""
    layers = select(SegmentationLayer.id).where(
        SegmentationLayer.mapobject_type_id == mapobject_type_id
    )
    rows = session.execute(
        delete(SegmentationChange)
        .where(SegmentationChange.segmentation_layer_id.in_(layers))
        .returning(SegmentationChange.segmentation_layer_id, SegmentationChange.stamp)
    ).all()
    totals: dict[int, int] = {}
    for layer_id, stamp in rows:
        totals[layer_id] = (totals.get(layer_id, 0) + stamp) % _RANGE
    session.add_all(
        SegmentationChange(segmentation_layer_id=layer_id, stamp=stamp)
        for layer_id, stamp in sorted(totals.items())
    )
    session.flush()
