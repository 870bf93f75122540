"""Python client of tmserver: everything over HTTP, nothing of the server's code."""

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
