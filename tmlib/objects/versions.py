"""Versions of segmentation layers: what changes whenever the objects of a layer do.

Every transaction that changes a layer adds a row with a random number; the version is made of
their sum. So transactions that record different sites of a layer do not wait for each other, as
they would for a counter, and it does not matter in which order they end.
"""

import secrets

from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.orm import Session

from tmlib.objects.models import SegmentationChange, SegmentationLayer

_CHANGES = SegmentationChange.__table__.c
# asked for with every tile, therefore put together once, and of the table rather than the class
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
    """The version of a layer: the same as long as nobody changes its objects."""
    return version_of(session.scalar(_STAMPS, {"layer_id": layer_id}))


def version_of(stamps: int | None) -> str:
    """The version of a layer by the sum of its stamps; it has none if nobody ever changed it."""
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
