"""Which errors of a storage pass by themselves."""

import errno

import pytest

from serve_app.batch.away import StoreAway, reached


def of_library(module, name):
    """An error as a library has it, whatever that is built on."""
    base = type(name, (Exception,), {"__module__": f"{module}.exceptions"})
    return type("Special", (base,), {"__module__": "elsewhere"})("nobody is there")


PASSING = [
    ConnectionRefusedError(errno.ECONNREFUSED, "refused"),
    TimeoutError("too slow"),
    OSError(errno.EBUSY, "slow down"),
    OSError(errno.EIO, "an internal error"),
    of_library("botocore", "ConnectionError"),
    of_library("botocore", "HTTPClientError"),
    of_library("aiohttp", "ClientConnectionError"),
]
LASTING = [
    FileNotFoundError(errno.ENOENT, "no such bucket"),
    PermissionError(errno.EACCES, "access denied"),
    OSError(errno.ENOSPC, "no space"),
    OSError("something else"),
    ValueError("not a number"),
    of_library("botocore", "NoCredentialsError"),
]


def failing(place, error):
    with reached(place):
        raise error


@pytest.mark.parametrize("error", PASSING, ids=repr)
def test_who_does_not_answer_is_away(error):
    with pytest.raises(StoreAway, match="s3://rows/in does not answer"):
        failing("s3://rows/in", error)


@pytest.mark.parametrize("error", LASTING, ids=repr)
def test_who_refuses_is_there(error):
    with pytest.raises(type(error)) as raised:
        failing("s3://rows/in", error)
    assert raised.value is error


@pytest.mark.parametrize("place", ["/disk/rows.csv", "file:///disk/rows.csv"])
def test_a_disk_of_this_machine_is_never_away(place):
    error = OSError(errno.EIO, "broken")
    with pytest.raises(OSError, match="broken") as raised:
        failing(place, error)
    assert raised.value is error
