"""Errors in the form of GraphQL, for what is no query, and in that of S3."""

import re
from xml.etree.ElementTree import Element, SubElement, tostring

from pydantic import BaseModel

from tmserver.http.error_forms import ErrorForm, Failure, told

# what XML cannot have in it
_NO_CHARACTER = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class QueryError(BaseModel):
    """What went wrong, in one sentence."""

    message: str


class QueryErrors(BaseModel):
    """The form of every answer that reports an error."""

    errors: list[QueryError]


class GraphqlErrors(ErrorForm):
    """``{"errors": [{"message": ...}]}``."""

    def model(self, status: int) -> type[QueryErrors]:
        """The same for every status."""
        return QueryErrors

    def describe(self, failure: Failure) -> QueryErrors:
        """An error as such an object."""
        return QueryErrors(errors=[QueryError(message=told(failure.message))])


class FileError(BaseModel):
    """What went wrong, by a name of S3's and in one sentence."""

    Code: str
    Message: str


class FileErrors(ErrorForm):
    """``<Error><Code>NoSuchKey</Code><Message>...</Message></Error>``."""

    media_type = "application/xml"

    def model(self, status: int) -> type[FileError]:
        """The same for every status."""
        return FileError

    def describe(self, failure: Failure) -> FileError:
        """An error by its name."""
        code = _CODES.get(self.status(failure), "InternalError")
        if failure.kind in ("NoSuchBucket", "NoSuchKey"):
            code = failure.kind
        return FileError(Code=code, Message=told(failure.message))

    def content(self, failure: Failure) -> bytes:
        """An error as XML."""
        error = Element("Error")
        for name, text in self.describe(failure).model_dump().items():
            SubElement(error, name).text = _NO_CHARACTER.sub("?", text)
        content: bytes = tostring(error, "utf-8", xml_declaration=True)
        return content


_CODES = {
    400: "InvalidArgument",
    403: "AccessDenied",
    404: "NoSuchKey",
    405: "MethodNotAllowed",
    408: "RequestTimeout",
    412: "PreconditionFailed",
    413: "EntityTooLarge",
    416: "InvalidRange",
    503: "SlowDown",
}
