"""The microscope types that the product knows, by name: the modules of ``types``."""

import importlib
import pkgutil
from collections.abc import Sequence

from tmlib.errors import BadInput
from tmlib.microscopes import types
from tmlib.microscopes.base import Microscope
from tmlib.microscopes.file_names import closest

_TYPES: dict[str, Microscope] = {
    microscope.name: microscope
    for microscope in (
        importlib.import_module(f"{types.__name__}.{module.name}").MICROSCOPE
        for module in pkgutil.iter_modules(types.__path__)
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
        match = closest(name, names())
        meant = f'did you mean "{match}"? Known are: ' if match else "use one of "
        raise BadInput(f'There is no "microscope_type" "{name}": {meant}{", ".join(_TYPES)}.')
    return _TYPES[name]


def recognise(file_names: Sequence[str]) -> list[str]:
    """Names of the types whose own pattern most of these image files fit, the best first."""
    claims = {
        name: sum(microscope.is_image(file_name) for file_name in file_names)
        for name, microscope in _TYPES.items()
        if microscope.image_pattern is not None
    }
    fitting = [name for name, n in claims.items() if 2 * n > len(file_names)]
    return sorted(fitting, key=lambda name: -claims[name])
