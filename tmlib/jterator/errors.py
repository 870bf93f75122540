"""What goes wrong with a pipeline: its description, or one of its modules while it runs."""

from collections.abc import Iterable
from difflib import get_close_matches

from tmlib.errors import BadInput


class PipelineDescriptionError(BadInput):
    """A pipeline or the handles of one of its modules cannot be used as described."""


class ModuleError(BadInput):
    """A module of a pipeline could not do its work on the images of a site."""


def suggest(name: str, known: Iterable[str]) -> str:
    """The end of an error message about an unknown name: the closest match, and what is known."""
    names = sorted(known)
    if not names:
        return "there are none"
    known_names = ", ".join(names)
    matches = get_close_matches(name, names, n=1)
    if matches:
        return f'did you mean "{matches[0]}"? Known are: {known_names}'
    return f"known are: {known_names}"
