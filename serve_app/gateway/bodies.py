"""Reads request bodies: within the limit, and only what this server can decode."""

from __future__ import annotations

from starlette.requests import Request

from serve_app.errors import BadEncoding, TooLarge, UnsupportedMedia

JSON = frozenset({"application/json", "text/json", ""})


async def read(request: Request, *, max_bytes: int, accepted: frozenset[str] = JSON) -> bytes:
    """The whole body; memory never holds more of it than the limit.

    Raises:
        TooLarge: more than `max_bytes`, declared or sent.
        UnsupportedMedia: a content type, charset or encoding that is not spoken here.
        BadEncoding: the client went away before the end.
    """
    headers = request.headers
    _check_type(headers.get("content-type", ""), accepted)
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", ""}:
        msg = f"the content encoding {encoding[:40]!r} is not spoken here; send the body plain"
        raise UnsupportedMedia(msg, accepted=["identity"])
    declared = headers.get("content-length", "")
    if declared.isdigit() and int(declared) > max_bytes:
        raise _too_large(max_bytes)
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise BadEncoding("the body ended before its declared length")
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > max_bytes:
            raise _too_large(max_bytes)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _check_type(content_type: str, accepted: frozenset[str]) -> None:
    kind, _, parameters = content_type.partition(";")
    kind = kind.strip().lower()
    if kind not in accepted and not kind.endswith("+json"):
        msg = f"the content type {kind[:80]!r} is not spoken here; send application/json"
        raise UnsupportedMedia(msg, accepted=sorted(accepted - {""}))
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        charset = value.strip().strip('"').lower()
        if name.strip().lower() == "charset" and charset not in {"utf-8", "utf8", "us-ascii"}:
            msg = f"the charset {charset[:40]!r} is not spoken here; send UTF-8"
            raise UnsupportedMedia(msg, accepted=["utf-8"])


def _too_large(max_bytes: int) -> TooLarge:
    msg = f"the body is above the limit of {max_bytes} bytes; send fewer rows per request"
    return TooLarge(msg, max_bytes=max_bytes)
