"""What is wrong with a request, in the words of pydantic 1, which clients know."""

from collections.abc import Mapping
from types import MappingProxyType

from pydantic_core import ErrorDetails

_INTEGER = ("type_error.integer", "value is not a valid integer")
_FLOAT = ("type_error.float", "value is not a valid float")
_BOOLEAN = ("type_error.bool", "value could not be parsed to a boolean")
_DICT = ("type_error.dict", "value is not a valid dict")
_ENUM = ("type_error.enum", "value is not a valid enumeration member; permitted: {expected}")
_DATETIME = ("value_error.datetime", "invalid datetime format")
_NONE = ("type_error.none.not_allowed", "none is not an allowed value")

# in braces what pydantic 2 tells of the rule that was broken
_WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "missing": ("value_error.missing", "field required"),
        "int_parsing": _INTEGER,
        "int_parsing_size": _INTEGER,
        "int_type": _INTEGER,
        "int_from_float": _INTEGER,
        "float_parsing": _FLOAT,
        "float_type": _FLOAT,
        "finite_number": (
            "value_error.number.not_finite_number",
            "ensure this value is a finite number",
        ),
        "bool_parsing": _BOOLEAN,
        "bool_type": _BOOLEAN,
        "string_type": ("type_error.str", "str type expected"),
        "list_type": ("type_error.list", "value is not a valid list"),
        "dict_type": _DICT,
        "model_type": _DICT,
        "model_attributes_type": _DICT,
        "enum": _ENUM,
        "literal_error": _ENUM,
        "string_pattern_mismatch": (
            "value_error.str.regex",
            'string does not match regex "{pattern}"',
        ),
        "string_too_short": (
            "value_error.any_str.min_length",
            "ensure this value has at least {min_length} characters",
        ),
        "string_too_long": (
            "value_error.any_str.max_length",
            "ensure this value has at most {max_length} characters",
        ),
        "too_short": (
            "value_error.list.min_items",
            "ensure this value has at least {min_length} items",
        ),
        "too_long": (
            "value_error.list.max_items",
            "ensure this value has at most {max_length} items",
        ),
        "greater_than_equal": (
            "value_error.number.not_ge",
            "ensure this value is greater than or equal to {ge}",
        ),
        "greater_than": ("value_error.number.not_gt", "ensure this value is greater than {gt}"),
        "less_than_equal": (
            "value_error.number.not_le",
            "ensure this value is less than or equal to {le}",
        ),
        "less_than": ("value_error.number.not_lt", "ensure this value is less than {lt}"),
        "json_invalid": ("value_error.json", "Invalid JSON"),
        "json_type": ("type_error.json", "JSON object must be str, bytes or bytearray"),
        "datetime_parsing": _DATETIME,
        "datetime_from_date_parsing": _DATETIME,
        "datetime_type": (
            "type_error",
            "invalid type; expected datetime, string, bytes, int or float",
        ),
        "value_error": ("value_error", "{error}"),
    }
)


def reworded(problem: ErrorDetails) -> tuple[str, str]:
    """Kind and message of a problem; what pydantic 1 has no words for keeps its message."""
    place, kind_of_ours = problem["loc"][0], problem["type"]
    if kind_of_ours not in _WORDS:
        return "value_error", problem["msg"]
    kind, words = _WORDS[kind_of_ours]
    if place == "path":
        return kind, problem["msg"]  # it is this server that reads ids, and says more of them
    if place == "body" and kind_of_ours == "json_invalid":
        return "value_error.jsondecode", problem["msg"]  # in the words of FastAPI
    if problem["input"] is None and kind.startswith("type_error"):
        return _NONE
    told = dict(problem.get("ctx", {}))
    if "expected" in told:
        told["expected"] = str(told["expected"]).replace(" or ", ", ")
    return kind, words.format_map(told)
