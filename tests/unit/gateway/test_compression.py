"""Which encoding an answer gets, and that it can be read again."""

import gzip
import zlib

import pytest

from serve_app.gateway.compression import encoding, packed


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        ("gzip", "gzip"),
        ("gzip, deflate, br, zstd", "gzip"),
        ("deflate", "deflate"),
        ("X-GZIP", "gzip"),
        ("*", "gzip"),
        ("*, gzip;q=0", None),
        ("gzip;q=0, deflate;q=0.5", "deflate"),
        ("gzip; q=0.0", None),
        ("gzip;q=0.01", "gzip"),
        ("identity", None),
        ("br, zstd", None),
        ("", None),
        (";;,,q=", None),
    ],
)
def test_an_encoding_is_one_that_the_client_takes(accepted, chosen):
    assert encoding(accepted) == chosen


def test_what_is_packed_is_read_by_everybody():
    body = b'{"predictions": [1.0, 2.0]}' * 100
    assert gzip.decompress(packed(body, "gzip")) == body
    assert zlib.decompress(packed(body, "deflate")) == body
    assert len(packed(body, "gzip")) < len(body) / 5
