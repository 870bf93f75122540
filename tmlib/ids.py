"""Opaque ids for the outside: base64 of the decimal number, ``1`` is ``"MQ=="``.

The plain decimal and the base64 of ``tmaps<number>``, both in use by older clients, are accepted
on input.
"""

import base64
import binascii
import re

from tmlib.errors import BadInput

_DECIMAL = re.compile(r"[0-9]{1,18}")
_DECODED = re.compile(r"(?:tmaps)?([0-9]{1,18})")


def encode_id(number: int) -> str:
    """The opaque form of a database id."""
    return base64.urlsafe_b64encode(str(number).encode()).decode()


def decode_id(text: str) -> int:
    """The database id behind an opaque id, a decimal or an older client's id.

    Raises
    ------
    BadInput
        If `text` is none of the three.
    """
    if _DECIMAL.fullmatch(text):
        return int(text)
    try:
        padded = text + "=" * (-len(text) % 4)
        decoded = base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, UnicodeError, ValueError):
        decoded = ""
    match = _DECODED.fullmatch(decoded)
    if match is None:
        raise BadInput(f'"{text}" is not a valid id: use an id as the server returned it.')
    return int(match.group(1))
