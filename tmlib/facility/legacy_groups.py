"""Groups of data collections of a session, as flat rows for clients of ISPyB's Java server."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from tmlib.facility import acquisitions, movies
from tmlib.facility.acquisitions import Collection, CollectionFilter
from tmlib.facility.moments import without_zone
from tmlib.facility.visibility import Viewer


def list_groups(
    session: Session,
    viewer: Viewer,
    booking_id: int,
    proposal_id: int | None = None,
) -> list[dict[str, Any]]:
    """Groups of data collections that somebody sees, the latest first.

    Parameters
    ----------
    session, viewer
        Who looks.
    booking_id
        Number of the session.
    proposal_id
        Only those of this proposal, with counts of movies as ``stats``, a row for each data
        collection.
    """
    which = CollectionFilter(booking_id=booking_id, proposal_id=proposal_id)
    conditions = acquisitions.conditions(session, which)
    groups: dict[int, list[Collection]] = {}
    for one in acquisitions.describe(session, viewer, *conditions):
        groups.setdefault(one.group_id, []).append(one)
    rows = {number: _row(number, groups[number]) for number in sorted(groups, reverse=True)}
    if proposal_id is not None:
        numbers = [one.id for group in groups.values() for one in group]
        counts = movies.count(session, viewer, proposal_id, numbers)
        stats = {one["dataCollectionId"]: one for one in counts}
        for number, row in rows.items():
            row["stats"] = [stats[one.id] for one in groups[number] if one.id in stats]
    return list(rows.values())


def _row(number: int, collections: Sequence[Collection]) -> dict[str, Any]:
    first, last = collections[0], collections[-1]
    ends = [one.ends_at for one in collections if one.ends_at is not None]
    return {
        "DataCollectionGroup_dataCollectionGroupId": number,
        "DataCollectionGroup_sessionId": last.booking_id,
        "DataCollectionGroup_experimentType": last.experiment_type,
        "DataCollectionGroup_startTime": without_zone(first.starts_at),
        "DataCollectionGroup_endTime": without_zone(max(ends))
        if len(ends) == len(collections)
        else None,
        "DataCollection_dataCollectionId": last.id,
        "DataCollection_dataCollectionGroupId": number,
        "DataCollection_imageDirectory": last.folder,
        "DataCollection_fileTemplate": last.name,
        "DataCollection_numberOfImages": last.n_images,
        "DataCollection_runStatus": last.status,
        "DataCollection_startTime": without_zone(last.starts_at),
        "DataCollection_endTime": last.ends_at and without_zone(last.ends_at),
        "BLSession_sessionId": last.booking_id,
        "BLSession_proposalId": last.proposal_id,
        "Proposal_proposalId": last.proposal_id,
        "totalNumberOfDataCollections": len(collections),
        "totalNumberOfImages": sum(one.n_images for one in collections),
    }
