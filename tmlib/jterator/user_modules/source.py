"""Reads what a module of a user takes and gives from its source, without running any of it."""

import ast
import contextlib
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, NoReturn

from tmlib.jterator.errors import PipelineDescriptionError
from tmlib.jterator.modules import registry
from tmlib.jterator.modules.registry import Module
from tmlib.jterator.user_modules.annotations import Annotations, UnknownAnnotation

MAX_BYTES = 256 * 1024
"""Largest source of one module."""

MAX_MODULES = 50
"""How many modules a project may bring."""

_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,62}")


def check_sources(sources: Mapping[str, str]) -> None:
    """Make sure that there are not too many sources, and that they are named and sized right.

    Raises
    ------
    PipelineDescriptionError
        If not; names the module.
    """
    if len(sources) > MAX_MODULES:
        raise PipelineDescriptionError(
            f"The project brings {len(sources)} modules; {MAX_MODULES} are allowed: join some."
        )
    for name, source in sources.items():
        if not _NAME.fullmatch(name):
            raise PipelineDescriptionError(
                f'A module cannot be named "{name[:80]}": use up to 63 letters, digits and _, '
                "with a letter first."
            )
        if registry.is_name(name):
            raise PipelineDescriptionError(
                f'The project brings a module "{name}", but there is a shipped one of that name: '
                "choose another name."
            )
        if len(source.encode(errors="replace")) > MAX_BYTES:
            raise PipelineDescriptionError(
                f'Module "{name}" has more than the {MAX_BYTES // 1024} kB that the source of a '
                "module may have: make it shorter."
            )


def read_module(name: str, source: str) -> Module:
    """The interface of a module, as its source declares it.

    Parameters
    ----------
    name
        Its file name without ``.py``.
    source
        The text of the file: a constant ``VERSION``, a NamedTuple with the results, and a typed
        function ``main`` that returns it.

    Raises
    ------
    PipelineDescriptionError
        If a part is missing or not as it should be; names the module and the part.
    """
    try:
        statements = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = f" in line {error.lineno}" if isinstance(error, SyntaxError) else ""
        _refuse(name, f"is no valid Python{line}: {getattr(error, 'msg', None) or error}")
    assigned = _assigned(statements)
    constants = _constants(assigned)
    types = _Types(name, Annotations(assigned))
    version = constants.get("VERSION")
    if not isinstance(version, str):
        _refuse(name, 'lacks its version, a line such as VERSION = "0.1.0"')
    main = _last(statements, ast.FunctionDef, "main")
    if main is None:
        _refuse(name, "lacks a function main")
    signature = _read_signature(name, main, types)
    result = main.returns.id if isinstance(main.returns, ast.Name) else ""
    output = _last(statements, ast.ClassDef, result)
    if output is None or not any(_name(base) == "NamedTuple" for base in output.bases):
        _refuse(name, "must say that its function main returns a NamedTuple of the same file")
    outputs = {
        field.target.id: types.of(field.target.id, field.annotation)
        for field in output.body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
    }
    return Module(
        name=name,
        version=version,
        compatible_versions=frozenset({version, *_versions(constants)}),
        inputs=_names(name, signature.annotations, constants.get("OLDER_INPUTS")),
        main=_never,
        annotations=MappingProxyType(signature.annotations),
        required=signature.required,
        outputs=_names(name, outputs, constants.get("OLDER_OUTPUTS")),
        results=MappingProxyType(outputs),
        handles=MappingProxyType({}),
        source=source,
    )


class _Signature(NamedTuple):
    annotations: dict[str, Any]
    required: frozenset[str]


def _read_signature(name: str, main: ast.FunctionDef, types: "_Types") -> _Signature:
    given = main.args
    if given.vararg or given.kwarg or given.posonlyargs:
        _refuse(name, "must name all arguments of its function main, without * and /")
    arguments = [*given.args, *given.kwonlyargs]
    annotations = {}
    for argument in arguments:
        if argument.annotation is None:
            _refuse(name, f'must say of what type the argument "{argument.arg}" of main is')
        annotations[argument.arg] = types.of(argument.arg, argument.annotation)
    n_required = len(given.args) - len(given.defaults)
    required = {argument.arg for argument in given.args[:n_required]} | {
        argument.arg
        for argument, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)
        if default is None
    }
    return _Signature(annotations, frozenset(required))


class _Types(NamedTuple):
    """Finds the types of arguments and results, and says where there is none."""

    module: str
    annotations: Annotations

    def of(self, place: str, annotation: ast.expr) -> Any:
        try:
            return self.annotations.evaluate(annotation)
        except (UnknownAnnotation, TypeError, RecursionError) as error:
            _refuse(self.module, f'has an unknown type at "{place}": {error}')


def _assigned(statements: list[ast.stmt]) -> dict[str, ast.expr]:
    """What the file assigns to names."""
    found = {}
    for statement in statements:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                found[name] = value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                found[name] = value
    return found


def _constants(assigned: Mapping[str, ast.expr]) -> dict[str, object]:
    """Those values that stand there as they are."""
    found: dict[str, object] = {}
    for name, value in assigned.items():
        with contextlib.suppress(ValueError, TypeError, RecursionError, MemoryError):
            found[name] = ast.literal_eval(value)
    return found


def _versions(constants: Mapping[str, object]) -> list[str]:
    values = constants.get("COMPATIBLE_VERSIONS", ())
    return [str(value) for value in values] if isinstance(values, tuple | list) else []


def _names(module: str, current: Mapping[str, Any], older: object) -> Mapping[str, str]:
    """Names of handles, older ones included, and what each means today."""
    renamed = older if isinstance(older, dict) else {}
    for name, meant in renamed.items():
        if meant not in current:
            _refuse(module, f'says that "{name}" is now called "{meant}", which does not exist')
    return MappingProxyType({**{name: name for name in current}, **renamed})


def _last(statements: list[ast.stmt], kind: type[Any], name: str) -> Any:
    found = [each for each in statements if isinstance(each, kind) and each.name == name]
    return found[-1] if found else None


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")


def _never(**_: object) -> NoReturn:
    raise AssertionError("modules of users run in a process of their own")


def _refuse(name: str, reason: str) -> NoReturn:
    raise PipelineDescriptionError(f'Module "{name}" of the project {reason}.')
