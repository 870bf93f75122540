"""Errors in the form of GraphQL, for what is no query."""

from pydantic import BaseModel

from tmserver.http.error_forms import ErrorForm, Failure, told


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
