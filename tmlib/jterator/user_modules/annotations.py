"""Types of arguments and results, as they stand in the source of a module."""

import ast
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import Field

from tmlib.jterator import arrays

_CONSTRAINTS = frozenset(
    {"ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length", "pattern"}
)

_NAMES = MappingProxyType(
    {
        **{type_.__name__: type_ for type_ in (int, float, str, bool)},
        **{
            name: getattr(arrays, name)
            for name in (
                "IntensityImage",
                "IntensityStack",
                "BinaryImage",
                "LabelImage",
                "MaskImage",
                "Image",
                "PreviousObjects",
            )
        },
        "DataFrame": pd.DataFrame,
        "None": None,
    }
)


class UnknownAnnotation(ValueError):  # noqa: N818 - says what it is
    """A type that a module of a user cannot have."""


class Annotations:
    """The types that annotations name, found without running them.

    Names count without the module that they come from: ``pd.DataFrame`` is ``DataFrame``.

    Parameters
    ----------
    aliases
        What the source assigns to names of its own, such as ``Annotated[int, Field(ge=3)]``.
    """

    def __init__(self, aliases: Mapping[str, ast.expr]) -> None:
        self._aliases = dict(aliases)
        self._known: dict[str, Any] = dict(_NAMES)

    def evaluate(self, node: ast.expr) -> Any:
        """The type of an annotation.

        Raises
        ------
        UnknownAnnotation
            If it is anything else than the types of arrays, plain values, lists of these, or
            choices and bounds.
        """
        match node:
            case ast.Constant(value=None):
                return None
            case ast.Constant(value=str(text)):
                return self.evaluate(_parse(text))
            case ast.Name(id=name) | ast.Attribute(attr=name) if name in self._known:
                return self._known[name]
            case ast.Name(id=name) if name in self._aliases:
                # taken out, so that what refers to itself is unknown
                self._known[name] = self.evaluate(self._aliases.pop(name))
                return self._known[name]
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                return self.evaluate(left) | self.evaluate(right)
            case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name), slice=inner):
                return self._evaluate_generic(name, inner, node)
        raise UnknownAnnotation(_refusal(node))

    def _evaluate_generic(self, name: str, inner: ast.expr, node: ast.expr) -> Any:
        parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
        if name == "list" and len(parts) == 1:
            return list[self.evaluate(parts[0])]  # type: ignore[misc] # a type only while it runs
        if name == "Optional" and len(parts) == 1:
            return self.evaluate(parts[0]) | None
        if name == "Literal":
            return Literal[tuple(_constant(part) for part in parts)]
        if name == "Annotated" and len(parts) == 2:
            return Annotated[self.evaluate(parts[0]), _evaluate_field(parts[1])]
        raise UnknownAnnotation(_refusal(node))


def _evaluate_field(node: ast.expr) -> Any:
    match node:
        case ast.Call(func=ast.Name(id="Field") | ast.Attribute(attr="Field"), args=[]) if all(
            keyword.arg in _CONSTRAINTS for keyword in node.keywords
        ):
            bounds: dict[str, Any] = {
                str(keyword.arg): _constant(keyword.value) for keyword in node.keywords
            }
            return Field(**bounds)
    raise UnknownAnnotation(_refusal(node))


def _constant(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):
        raise UnknownAnnotation(_refusal(node)) from None


def _parse(text: str) -> ast.expr:
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError):
        raise UnknownAnnotation(f'"{text[:80]}" is no type') from None


def _refusal(node: ast.expr) -> str:
    return (
        f'"{ast.unparse(node)[:80]}" is no type that it can have; known are '
        f"{', '.join(_NAMES)}, list, Optional, Literal, and Annotated with a Field"
    )
