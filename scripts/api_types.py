"""Write the types of the viewer's requests and answers, from the server's OpenAPI document.

Usage: ``python scripts/api_types.py`` after changes of what requests take or answer; with
``--check`` only tell whether the file is up to date.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import npm

from tmlib.settings import Settings
from tmserver.application import create_app

TYPES = npm.VIEWER / "src" / "api_types.ts"

_OPTIONS = ("--immutable", "--default-non-nullable", "false", "--alphabetize")
_FORMS = ("--root-types", "--root-types-no-schema-prefix", "--root-types-keep-casing")
_REFERENCE = "#/components/schemas/"
_LEFT_OUT = ("title", "description", "example", "examples", "default")


def document() -> dict[str, Any]:
    """The OpenAPI document, as the application answers it without a database."""
    with tempfile.TemporaryDirectory() as folder:
        client = create_app(Settings(data_dir=Path(folder))).test_client()
        described: dict[str, Any] = client.get("/api/openapi.json").get_json()
    return described


def schemas(described: dict[str, Any]) -> dict[str, Any]:
    """The models of all JSON that is sent and answered, and those that they consist of."""
    everything = described["components"]["schemas"]
    waiting = set(_names(_bodies(described)))
    found: dict[str, Any] = {}
    while waiting:
        name = waiting.pop()
        found[name] = _plain(everything[name])
        waiting |= set(_names([found[name]])) - found.keys()
    return found


def _bodies(described: dict[str, Any]) -> Iterator[Any]:
    for operations in described["paths"].values():
        for operation in operations.values():
            answers = (a for status, a in operation["responses"].items() if status < "300")
            for body in (operation.get("requestBody", {}), *answers):
                yield body.get("content", {}).get("application/json", {}).get("schema", {})


def _names(schemas: Iterable[Any]) -> Iterator[str]:
    """Names of the models that schemas refer to."""
    for schema in schemas:
        if isinstance(schema, dict):
            reference = schema.get("$ref")
            if isinstance(reference, str):
                yield reference.removeprefix(_REFERENCE)
            yield from _names(schema.values())
        elif isinstance(schema, list):
            yield from _names(schema)


def _plain(schema: Any, *, names: bool = False) -> Any:
    """A schema without what makes no difference to types, so that these change with it alone."""
    if isinstance(schema, list):
        return [_plain(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _plain(part, names=key == "properties")
        for key, part in schema.items()
        if names or key not in _LEFT_OUT
    }


def main(arguments: list[str]) -> int:
    """Write the file, or check it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="Write nothing.")
    check = ["--check"] if parser.parse_args(arguments).check else []
    described = document()
    models = {**described, "paths": {}, "components": {"schemas": schemas(described)}}
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "openapi.json"
        source.write_text(json.dumps(models), encoding="utf-8")
        output = ["--output", str(TYPES), *check]
        return npm.main(
            ["exec", "--", "openapi-typescript", str(source), *output, *_OPTIONS, *_FORMS]
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
