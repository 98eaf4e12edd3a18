"""A bundle from a file or a web server, which is not asked for what came last."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from serve_app.errors import InvalidInput, NotReady, TooLarge

LARGEST_BYTES = 512 * 2**20
TIMEOUT_S = 60.0
_UNCHANGED = 304


@dataclass(frozen=True, slots=True)
class Download:
    """The bytes of a bundle, and what the server calls them."""

    content: bytes
    etag: str | None = None


def download(source: str, etag: str | None = None) -> Download | None:
    """What stands at a path or a http(s) address; none where it is what `etag` names.

    Raises:
        InvalidInput: it is neither a file nor such an address.
        NotReady: the server cannot be reached or does not have it.
        TooLarge: it is larger than 512 MiB.
    """
    scheme = urlsplit(source).scheme
    if scheme in {"http", "https"}:
        return _from_server(source, etag)
    if "://" in source:
        raise InvalidInput(f"{source}: bundles come from a file, http:// or https://")
    path = Path(source)
    if not path.is_file():
        raise InvalidInput(f"{source} is no file")
    if path.stat().st_size > LARGEST_BYTES:
        raise _too_large(source)
    return Download(path.read_bytes())


def _from_server(source: str, etag: str | None) -> Download | None:
    headers = {} if etag is None else {"If-None-Match": etag}
    # Only http and https come here, and whatever comes is verified by its signature.
    request = Request(source, headers=headers)  # noqa: S310
    try:
        with urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            content: bytes = answer.read(LARGEST_BYTES + 1)
            given = answer.headers.get("ETag")
    except HTTPError as error:
        with error:
            if error.code == _UNCHANGED:
                return None
            raise NotReady(f"{source}: the server answered {error.code} {error.reason}") from error
    except (URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise NotReady(f"{source} cannot be fetched: {reason}") from error
    if len(content) > LARGEST_BYTES:
        raise _too_large(source)
    return Download(content, given)


def _too_large(source: str) -> TooLarge:
    return TooLarge(f"{source} is larger than {LARGEST_BYTES:,} bytes, the most for a bundle")
