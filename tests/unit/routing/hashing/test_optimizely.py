"""Optimizely's own cases, and MurmurHash3 beside another library's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.routing.hashing import optimizely

LONG = (
    "a very very very very very very very very very very very very very very very long ppd string"
)


@pytest.mark.parametrize(
    ("bucketing_id", "parent_id", "expected"),
    # optimizely/python-sdk, tests/test_bucketing.py, test_bucket_number.
    [
        ("ppid1", "1886780721", 5254),
        ("ppid2", "1886780721", 4299),
        ("ppid2", "1886780722", 2434),
        ("ppid3", "1886780721", 5439),
        (LONG, "1886780721", 6128),
    ],
)
def test_buckets_are_the_published_ones(bucketing_id, parent_id, expected):
    assert optimizely.bucket(parent_id, bucketing_id) == expected


@pytest.mark.parametrize(
    ("content", "seed", "expected"),
    # The vectors of Appleby's reference that Wikipedia's MurmurHash article lists.
    [
        (b"", 0, 0),
        (b"", 1, 0x514E28B7),
        (b"", 0xFFFFFFFF, 0x81F16F39),
        (b"test", 0, 0xBA6BD213),
        (b"Hello, world!", 0, 0xC0363E43),
        (b"The quick brown fox jumps over the lazy dog", 0, 0x2E4FF723),
    ],
)
def test_murmur3_gives_the_published_numbers(content, seed, expected):
    assert optimizely.murmur3_x86_32(content, seed) == expected


@given(st.binary(max_size=64), st.integers(0, 2**32 - 1))
def test_murmur3_agrees_with_the_library_of_that_name(content, seed):
    mmh3 = pytest.importorskip("mmh3")
    assert optimizely.murmur3_x86_32(content, seed) == mmh3.hash(content, seed, signed=False)
