"""Reads YAML that somebody sent, whose short texts can stand for anything."""

from typing import Any

import yaml

MAX_CHARACTERS = 500_000
_MAX_DEPTH = 50
_MAX_NODES = 50_000
_MAX_ALIASES = 10_000

# libyaml's takes a tenth of the time; not every platform has it
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load_yaml(text: str) -> Any:
    """What a text in YAML describes.

    Raises
    ------
    ValueError
        If it is too long, nested too deeply, or has too many parts.
    yaml.YAMLError
        If it is no YAML.
    """
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"it has more than {MAX_CHARACTERS} characters")
    _check(text)
    return yaml.load(text, _Loader)  # noqa: S506 - both loaders are safe ones


def _check(text: str) -> None:
    """Look at the text from its start to its end, before anything is made of it."""
    depth = n_nodes = n_aliases = 0
    for event in yaml.parse(text, _Loader):
        match event:
            case yaml.CollectionStartEvent():
                depth += 1
                n_nodes += 1
            case yaml.CollectionEndEvent():
                depth -= 1
            case yaml.ScalarEvent(value="<<"):
                # merging what was merged makes a few lines as long as one likes
                raise ValueError('it has a merge key "<<", which no project needs')
            case yaml.ScalarEvent():
                n_nodes += 1
            case yaml.AliasEvent():
                n_aliases += 1
        if depth > _MAX_DEPTH:
            raise ValueError(f"it is nested more than {_MAX_DEPTH} levels deep")
        if n_nodes > _MAX_NODES or n_aliases > _MAX_ALIASES:
            raise ValueError("it has too many parts")
