"""Published files, as S3 serves them: by address, in parts, and in lists of a bucket."""

import base64
import binascii
import mimetypes
from typing import Annotated
from urllib.parse import quote
from xml.etree.ElementTree import Element, SubElement, tostring

from flask import Response, request, send_file
from pydantic import Field

from tmlib.errors import BadInput, NotFound, TmError
from tmlib.portal.files import FileStore, FoundFile, check_bucket, end_of, find_file
from tmlib.portal.listing import Listing, list_files
from tmserver.access import Access
from tmserver.http.documentation import declare_document
from tmserver.http.routing import Routes
from tmserver.http.schemas import Schema

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
MOST_KEYS = 1000
_XML = "application/xml"
_BYTES = "application/octet-stream"
# what a browser would run is given as bytes, since it comes from where the viewer does
_SHOWN = ("application/json", "image/gif", "image/jpeg", "image/png", "text/csv", "text/plain")
_HOUR = 3600
_CHANGED = 412

routes = Routes("files", prefix="/s3")


class ChangedFile(TmError):  # noqa: N818 - reads as what it is: "raise ChangedFile"
    """The file is another one than that of which more was asked for."""

    status_code = _CHANGED


class WhichFiles(Schema):
    """Which files of a bucket are listed, as ListObjectsV2 of S3 has it."""

    list_type: Annotated[str, Field(alias="list-type")] = ""
    prefix: str = ""
    delimiter: str = ""
    max_keys: Annotated[int, Field(alias="max-keys", ge=0)] = MOST_KEYS
    start_after: Annotated[str, Field(alias="start-after")] = ""
    continuation_token: Annotated[str, Field(alias="continuation-token")] = ""
    encoding_type: Annotated[str, Field(alias="encoding-type")] = ""


declare_document(routes, "/.openapi.json")


@routes.get("/<bucket>", "/<bucket>/", permits="public", raises=(404, 503), media=(_XML,))
def list_bucket(access: Access, bucket: str, query: WhichFiles) -> Response:
    """List files of a bucket (ListObjectsV2), or tell by HEAD whether there is one (HeadBucket)."""
    if request.method == "HEAD":
        check_bucket(access.database, bucket)
        return Response(mimetype=_XML)
    if query.list_type != "2":
        raise BadInput("Files are listed by ListObjectsV2 alone: send list-type=2.")
    if query.encoding_type not in ("", "url"):
        raise BadInput("Names are encoded as encoding-type=url, or not at all.")
    for text in (query.prefix, query.delimiter, query.start_after):
        if not _is_plain(text):
            raise BadInput("Names of files are of letters, digits, _, -, . and / alone.")
    check_bucket(access.database, bucket)
    after = _after(query.continuation_token) or query.start_after
    most = min(query.max_keys, MOST_KEYS)
    with access.database.snapshot() as connection:
        listing = list_files(connection, bucket, query.prefix, query.delimiter, after, most)
    content = tostring(_listed(bucket, query, listing, most), "utf-8", xml_declaration=True)
    return Response(content, mimetype=_XML)


@routes.get(
    "/<bucket>/<path:key>",
    permits="public",
    raises=(404, 412, 416, 503),
    success=(200, 206, 304),
    media=("*/*",),
)
def get_file(access: Access, bucket: str, key: str) -> Response:
    """Get a file, or the part of it that the header Range asks for (GetObject)."""
    file = find_file(access.database, bucket, key)
    path = FileStore(access.settings.data_dir).path(file.digest)
    try:
        response = send_file(
            path,
            mimetype=_media_type(key),
            conditional=True,
            etag=file.etag,
            last_modified=file.modified_at,
            max_age=_HOUR,
        )
    except FileNotFoundError:
        raise NotFound("The content of this file is not there any more.") from None
    if response.status_code == _CHANGED:
        response.close()
        raise ChangedFile("The file is not the one that If-Match names: get it anew.")
    response.headers["Accept-Ranges"] = "bytes"
    return response


def _media_type(key: str) -> str:
    guessed, coding = mimetypes.guess_type(key)
    name = key.rpartition("/")[2]
    if name in (".zattrs", ".zgroup", ".zarray", ".zmetadata"):
        return "application/json"
    return guessed if guessed in _SHOWN and coding is None else _BYTES


def _listed(bucket: str, query: WhichFiles, listing: Listing, most: int) -> Element:
    def told(name: str) -> str:
        return quote(name, safe="/") if query.encoding_type else name

    result = Element("ListBucketResult", xmlns=NAMESPACE)
    for name, text in {
        "Name": bucket,
        "Prefix": told(query.prefix),
        "Delimiter": told(query.delimiter) or None,
        "StartAfter": told(query.start_after) or None,
        "EncodingType": query.encoding_type or None,
        "MaxKeys": str(most),
        "KeyCount": str(len(listing)),
        "IsTruncated": "false" if listing.next is None else "true",
        "ContinuationToken": query.continuation_token or None,
        "NextContinuationToken": listing.next and _token(listing.next),
    }.items():
        if text is not None:
            SubElement(result, name).text = text
    for file in listing.files:
        _add_file(SubElement(result, "Contents"), file, told(file.key))
    for folder in listing.folders:
        SubElement(SubElement(result, "CommonPrefixes"), "Prefix").text = told(folder)
    return result


def _add_file(element: Element, file: FoundFile, key: str) -> None:
    for name, text in {
        "Key": key,
        "LastModified": file.modified_at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "ETag": f'"{file.etag}"',
        "Size": str(file.size),
        "StorageClass": "STANDARD",
    }.items():
        SubElement(element, name).text = text


def _token(after: str) -> str:
    return base64.urlsafe_b64encode(after.encode()).decode()


def _after(token: str) -> str:
    try:
        after = base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        after = "\0"
    # a token may stand for all that is in a folder
    if not _is_plain(after.removesuffix(end_of(""))):
        raise BadInput("This is no continuation token: take the one of a list.")
    return after


def _is_plain(text: str) -> bool:
    """Whether a text could be part of the name of a file; a database need not take others."""
    return text.isascii() and text.isprintable()
