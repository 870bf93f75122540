"""Arguments of workflow steps: their type, default, allowed values, and how they are shown."""

import math
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from tmlib.errors import BadInput
from tmlib.ledger.limits import Limits

Value = bool | int | float | str | None

_JSON_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}
_TRUE = {"true", "yes"}
_FALSE = {"false", "no"}
_KEYS = ("name", "value", "help", "default", "required", "disabled", "choices")
# as in the original; the arguments of a step are about the jobs that its batches are done by
_LONGEST = {"init": "12:00:00", "collect": "06:00:00"}
_DURATION = re.compile(r"\d{1,4}:[0-5]\d:[0-5]\d")


@dataclass(frozen=True)
class Argument:
    """One argument of a step.

    Attributes
    ----------
    name
        Name in the workflow description.
    type
        ``bool``, ``int``, ``float`` or ``str``.
    help
        A sentence for the user.
    default
        Value when none is given.
    required
        Whether the step cannot run without a value.
    disabled
        Whether users cannot change it.
    choices
        Allowed values, if they are few.
    minimum, maximum
        Smallest and largest allowed number.
    check
        Raises :exc:`BadInput` for a text that cannot be used.
    """

    name: str
    type: type[bool] | type[int] | type[float] | type[str]
    help: str
    default: Value = None
    required: bool = False
    disabled: bool = False
    choices: tuple[Value, ...] | None = None
    minimum: float | None = None
    maximum: float | None = None
    check: Callable[[str], object] | None = None

    def cast(self, value: Any, step: str) -> Value:
        """Check a value that a user sent; empty text means no value.

        Numbers may come as text, as they do from form fields.

        Raises
        ------
        BadInput
            If it has the wrong type or is not allowed.
        """
        if value is None or value == "":
            return None
        result = self._convert(value, step)
        if self.choices is not None and result not in self.choices:
            allowed = ", ".join(str(choice) for choice in self.choices)
            raise self._refused(value, step, f"one of: {allowed}")
        if self.minimum is not None and isinstance(result, int | float) and result < self.minimum:
            raise self._refused(value, step, f"at least {self.minimum:g}")
        if self.maximum is not None and isinstance(result, int | float) and result > self.maximum:
            raise self._refused(value, step, f"at most {self.maximum:g}")
        if self.check is not None:
            self.check(str(result))
        return result

    def _convert(self, value: Any, step: str) -> Value:
        if self.type is bool:
            if isinstance(value, bool):
                return value
            if isinstance(value, str) and value.lower() in _TRUE | _FALSE:
                return value.lower() in _TRUE
            raise self._refused(value, step, "true or false")
        if self.type is str:
            if isinstance(value, str):
                return value
            raise self._refused(value, step, "text")
        kind = "a whole number" if self.type is int else "a number"
        accepted = (int, str) if self.type is int else (int, float, str)
        if isinstance(value, bool) or not isinstance(value, accepted):
            raise self._refused(value, step, kind)
        try:
            number = int(value) if self.type is int else float(value)
        except ValueError:
            raise self._refused(value, step, kind) from None
        if not math.isfinite(number):
            raise self._refused(value, step, kind)
        return number

    def _refused(self, value: Any, step: str, expected: str) -> BadInput:
        return BadInput(
            f'Argument "{self.name}" of step "{step}" is {value!r}, must be {expected}.'
        )

    def describe(self, value: Value) -> dict[str, Any]:
        """The form in which workflow descriptions show an argument and its value."""
        choices = (False, True) if self.type is bool else self.choices
        return {
            "name": self.name,
            "help": self.help,
            "default": self.default,
            "required": self.required,
            "disabled": self.disabled,
            "value": value,
            "choices": None if choices is None else list(choices),
        }

    def json_schema(self) -> dict[str, Any]:
        """What a value must be, as JSON schema; null, which stands for none, is not told of."""
        schema: dict[str, Any] = {
            "type": _JSON_TYPES[self.type],
            "description": self.help,
            "default": self.default,
            "enum": None if self.choices is None else list(self.choices),
            "minimum": self.minimum,
            "maximum": self.maximum,
            "pattern": self.pattern,
            "readOnly": self.disabled or None,
        }
        return {key: value for key, value in schema.items() if value is not None}

    @property
    def pattern(self) -> str | None:
        """A regular expression that every text has to match as a whole."""
        return None


@dataclass(frozen=True)
class DurationArgument(Argument):
    """A length of time in the form ``hours:minutes:seconds``."""

    def _convert(self, value: Any, step: str) -> Value:
        if isinstance(value, str) and _DURATION.fullmatch(value) and value.strip("0:"):
            return value
        raise self._refused(value, step, 'a time like "06:00:00", longer than nothing')

    @property
    def pattern(self) -> str:
        """Hours, minutes and seconds."""
        return f"^{_DURATION.pattern}$"


BATCH_SIZE = Argument("batch_size", int, "How many items one job works on.", default=100, minimum=1)

_DEFAULT = Limits()

SUBMISSION_ARGUMENTS: tuple[Argument, ...] = (
    Argument("cores", int, "Cores that one job may use.", default=_DEFAULT.cores, minimum=1),
    DurationArgument(
        "duration",
        str,
        "Longest time that one job may take; it is stopped then.",
        default=f"{_DEFAULT.seconds // 3600:02}:00:00",
    ),
    Argument(
        "memory",
        int,
        "Memory that one job may use, in MB; beyond that it is stopped.",
        default=_DEFAULT.memory,
        minimum=1,
    ),
)


def json_schema(arguments: Iterable[Argument]) -> dict[str, Any]:
    """The values of arguments by their names, as JSON schema."""
    named = {argument.name: argument for argument in arguments}
    return {
        "type": "object",
        "properties": {name: argument.json_schema() for name, argument in named.items()},
        "required": [name for name, argument in named.items() if argument.required],
        "additionalProperties": False,
    }


def parse_arguments(
    arguments: tuple[Argument, ...], given: Any, step: str, group: str
) -> dict[str, Value]:
    """Read the list of ``{"name", "value"}`` that a user sent; other keys say what they are.

    Arguments that are not named keep their default.

    Raises
    ------
    BadInput
        If the form is wrong, an argument is unknown or named twice, or a value is not allowed.
    """
    if not isinstance(given, list) or not all(
        isinstance(item, dict) and isinstance(item.get("name"), str) for item in given
    ):
        raise BadInput(
            f'"{group}" of step "{step}" must be a list of objects with "name" and "value".'
        )
    known = {argument.name: argument for argument in arguments}
    values = {name: argument.default for name, argument in known.items()}
    for name in (names := [item["name"] for item in given]):
        if name not in known:
            raise BadInput(f'"{group}" of step "{step}" {_unknown(name, known)}')
        if names.count(name) > 1:
            raise BadInput(f'"{group}" of step "{step}" names "{name}" twice.')
    for item in given:
        check_keys(item, _KEYS, f'Argument "{item["name"]}" of step "{step}"')
        argument = known[item["name"]]
        if "value" in item and not argument.disabled:
            values[argument.name] = argument.cast(item["value"], step)
    return values


def limits(description: dict[str, Any], step_name: str, phase: str) -> Limits:
    """The limits of a job of a workflow.

    Init and collect jobs are not given less than the default, whatever a batch may take: they do
    the work of the whole step.

    Parameters
    ----------
    description
        What was submitted, in the full form.
    step_name, phase
        Whose job it is.
    """
    given = {
        argument["name"]: argument["value"]
        for stage in description["stages"]
        for step in stage["steps"]
        if step["name"] == step_name
        for argument in step["submission_args"]
        if argument["value"] is not None
    }
    values = {argument.name: argument.default for argument in SUBMISSION_ARGUMENTS} | given
    seconds = _seconds(str(values["duration"]))
    memory, cores = int(values["memory"]), int(values["cores"])
    if phase == "run":
        return Limits(seconds, memory, cores)
    return Limits(max(seconds, _seconds(_LONGEST[phase])), max(memory, _DEFAULT.memory), cores)


def _seconds(duration: str) -> int:
    hours, minutes, seconds = (int(part) for part in duration.split(":"))
    return (60 * hours + minutes) * 60 + seconds


def check_keys(given: dict[str, Any], known: Collection[str], what: str) -> None:
    """Make sure that an object has no keys but these.

    Raises
    ------
    BadInput
        If it has, which would do nothing.
    """
    for key in given:
        if key not in known:
            raise BadInput(f"{what} {_unknown(key, known)}")


def _unknown(name: str, known: Collection[str]) -> str:
    like = get_close_matches(name, known, n=1)
    meant = f'did you mean "{like[0]}"' if like else f"use {', '.join(sorted(known)) or 'none'}"
    return f'has "{name}", which is unknown: {meant}{"?" if like else "."}'
