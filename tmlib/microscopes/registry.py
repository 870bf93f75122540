"""The microscope types that the product knows, by name."""

from tmlib.errors import BadInput
from tmlib.microscopes.base import FileNames, Microscope
from tmlib.microscopes.cellvoyager import CellVoyager

_TYPES: dict[str, Microscope] = {
    microscope.name: microscope
    for microscope in (
        CellVoyager(),
        FileNames(
            "metamorph",
            r".+_?(?P<w>[A-Z]\d{2})_s(?P<s>\d+)(?:_w(?P<c>\d))?(?!.*_thumb)",
        ),
        FileNames(
            "visiview",
            r".+?_?(?P<w>[A-Z]\d{2})?_w\d+(?P<c>\w+)_s(?P<s>\d+)(?:_?t(?P<t>\d+))?\.",
            r"\.nd$",
        ),
        FileNames("generic"),
    )
}


def names() -> list[str]:
    """Names of all microscope types."""
    return list(_TYPES)


def get(name: str) -> Microscope:
    """The microscope type of this name.

    Raises
    ------
    BadInput
        If there is none.
    """
    if name not in _TYPES:
        raise BadInput(f'There is no microscope type "{name}": use one of {", ".join(_TYPES)}.')
    return _TYPES[name]
