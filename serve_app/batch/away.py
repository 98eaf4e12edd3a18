"""Whether a storage elsewhere is away, which passes, or refuses, which somebody has to mend."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from serve_app.errors import ServeError, Unavailable

_PASSING = frozenset(
    {
        errno.EAGAIN,
        errno.EBUSY,
        errno.ECONNABORTED,
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.EHOSTUNREACH,
        # What s3fs makes of answers that it has no better word for, such as a 500.
        errno.EIO,
        errno.ENETUNREACH,
        errno.EPIPE,
        errno.ETIMEDOUT,
    }
)
_LIBRARIES = frozenset({"aiohttp", "botocore", "fsspec", "httpx", "requests", "urllib3"})
_NAMES = frozenset(
    {
        "ClientConnectionError",
        "ClientPayloadError",
        "ConnectionError",
        "FSTimeoutError",
        "HTTPClientError",
        "ProtocolError",
        "TransportError",
    }
)
"""What libraries call errors of a connection; they are not imported, since no one needs all."""


class StoreAway(Unavailable):
    """A storage elsewhere does not answer now; what is wanted of it may be tried again."""


@contextmanager
def reached(place: str) -> Iterator[None]:
    """Raise StoreAway where what is done at a URL fails since nobody answers there.

    Everything else is raised as it comes, and so is what happens on a disk of this machine.
    """
    try:
        yield
    except ServeError:
        raise
    except Exception as error:
        if "://" in place and not place.startswith("file://") and is_away(error):
            raise StoreAway(f"{place} does not answer: {error}") from error
        raise


def is_away(error: BaseException) -> bool:
    """Whether an error says that nobody answered, or that who answers cannot do so now."""
    if isinstance(error, ConnectionError | TimeoutError):
        return True
    if isinstance(error, OSError) and error.errno in _PASSING:
        return True
    kinds = type(error).__mro__
    return any(one.__module__.split(".")[0] in _LIBRARIES and one.__name__ in _NAMES
               for one in kinds)  # fmt: skip
