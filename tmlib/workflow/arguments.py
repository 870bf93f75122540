"""Arguments of workflow steps: their type, default, allowed values, and how they are shown."""

import re
from dataclasses import dataclass
from typing import Any

from tmlib.errors import BadInput

Value = bool | int | float | str | None

_TRUE = {"true", "yes", "1"}
_FALSE = {"false", "no", "0"}
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
    minimum
        Smallest allowed number.
    """

    name: str
    type: type[bool] | type[int] | type[float] | type[str]
    help: str
    default: Value = None
    required: bool = False
    disabled: bool = False
    choices: tuple[Value, ...] | None = None
    minimum: float | None = None

    def cast(self, value: Any, step: str) -> Value:
        """Check a value that a user sent; empty text means no value.

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
        return result

    def _convert(self, value: Any, step: str) -> Value:
        if self.type is bool:
            text = str(value).lower()
            if text in _TRUE | _FALSE:
                return text in _TRUE
            raise self._refused(value, step, "true or false")
        if self.type is str:
            if isinstance(value, str):
                return value
            raise self._refused(value, step, "text")
        try:
            if isinstance(value, bool):
                raise ValueError
            if self.type is int and isinstance(value, float) and not value.is_integer():
                raise ValueError
            return self.type(value)
        except (TypeError, ValueError):
            kind = "a whole number" if self.type is int else "a number"
            raise self._refused(value, step, kind) from None

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


@dataclass(frozen=True)
class DurationArgument(Argument):
    """A length of time in the form ``hours:minutes:seconds``."""

    def _convert(self, value: Any, step: str) -> Value:
        if isinstance(value, str) and _DURATION.fullmatch(value) and value.strip("0:"):
            return value
        raise self._refused(value, step, 'a time like "06:00:00", longer than nothing')


BATCH_SIZE = Argument("batch_size", int, "How many items one job works on.", default=100, minimum=1)

SUBMISSION_ARGUMENTS: tuple[Argument, ...] = (
    Argument("cores", int, "Cores that one job may use.", default=1, minimum=1),
    DurationArgument(
        "duration",
        str,
        "Longest time that one job may take; it is stopped then.",
        default="06:00:00",
    ),
    Argument(
        "memory",
        int,
        "Memory that one job may use, in MB; beyond that it is stopped.",
        default=8000,
        minimum=1,
    ),
)


def parse_arguments(
    arguments: tuple[Argument, ...], given: Any, step: str, group: str
) -> dict[str, Value]:
    """Read the list of ``{"name", "value"}`` that a user sent.

    Unknown names are ignored, as in the original; arguments that are not named keep their
    default.

    Raises
    ------
    BadInput
        If the form is wrong or a value is not allowed.
    """
    if not isinstance(given, list) or not all(
        isinstance(item, dict) and isinstance(item.get("name"), str) for item in given
    ):
        raise BadInput(
            f'"{group}" of step "{step}" must be a list of objects with "name" and "value".'
        )
    values = {item["name"]: item.get("value") for item in given}
    return {
        argument.name: (
            argument.cast(values[argument.name], step)
            if argument.name in values and not argument.disabled
            else argument.default
        )
        for argument in arguments
    }
