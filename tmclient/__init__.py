"""Python client of tmserver, which uses only HTTP and none of the server's code."""

from tmclient.client import TmClient
from tmclient.errors import (
    LoginError,
    RequestError,
    ResourceError,
    ServerUnreachable,
    TmClientError,
    UploadError,
)

__all__ = [
    "LoginError",
    "RequestError",
    "ResourceError",
    "ServerUnreachable",
    "TmClient",
    "TmClientError",
    "UploadError",
]
