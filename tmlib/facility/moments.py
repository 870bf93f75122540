"""Points in time as ISPyB tells of them."""

from datetime import UTC, datetime


def without_zone(moment: datetime) -> str:
    """A point in time in UTC, which is not said, like ``2026-03-14T09:00:00``."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat()
