"""What has changed in a JSON object, as a JSON Merge Patch (RFC 7396)."""

from collections.abc import Mapping
from typing import Any


def merge_patch(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The patch that makes one object of another; neither may hold null, which means removal.

    Parameters
    ----------
    before, after
        Objects as JSON has them. Lists are replaced as a whole.
    """
    patch: dict[str, Any] = {name: None for name in before if name not in after}
    for name, value in after.items():
        known = before.get(name)
        if isinstance(known, dict) and isinstance(value, dict):
            changed = merge_patch(known, value)
            if changed:
                patch[name] = changed
        elif known != value or name not in before:
            patch[name] = value
    return patch
