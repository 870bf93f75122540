"""YAML files of names and values."""

from pathlib import Path
from typing import Any

import yaml

from tmclient.errors import ResourceError
from tmclient.local_files import write


def read_yaml(path: Path) -> dict[str, Any]:
    """Read names and values.

    Raises
    ------
    ResourceError
        If there is no such file, or it contains something else.
    """
    if not path.is_file():
        raise ResourceError(f"There is no file {path}.")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ResourceError(f"{path} is not a YAML file: {error}") from error
    if not isinstance(content, dict):
        raise ResourceError(f"{path} must hold names and values.")
    return content


def write_yaml(path: Path, content: dict[str, Any]) -> None:
    """Write names and values, in their order."""
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    write(path, text.encode())
