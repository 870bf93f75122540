"""Sends files that are open, whatever has come in their places since."""

from flask import Response, send_file

from tmlib.beneath import Opened
from tmserver.http.conditional import unless_known


def send_opened(file: Opened, media_type: str, *, as_attachment: str | None = None) -> Response:
    """A file, or 304 if the sender has just that; it is closed with the answer.

    Parameters
    ----------
    file
        What is sent.
    media_type
        Of it.
    as_attachment
        The name under which it is to be saved; None if it is to be shown.
    """
    status = file.status
    # a header takes no line breaks, and nothing that is not text
    name = as_attachment and "".join(c if c.isprintable() else "_" for c in as_attachment)
    response = send_file(
        file.reader(),
        media_type,
        as_attachment=as_attachment is not None,
        download_name=name,
        conditional=False,
        etag=f"{status.st_mtime_ns:x}-{status.st_size:x}-{status.st_ino:x}",
        last_modified=status.st_mtime,
    )
    response.content_length = status.st_size
    return unless_known(response)
