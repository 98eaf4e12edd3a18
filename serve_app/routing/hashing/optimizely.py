"""The buckets of Optimizely's SDKs: MurmurHash3 x86 32 of the bucketing id and a parent's id.

Sources: Optimizely, `optimizely/bucketer.py`; Appleby, MurmurHash3 (`MurmurHash3_x86_32`, which
is in the public domain).
"""

from __future__ import annotations

from serve_app.routing.hashing.bucket_hash import BucketHash

BUCKETS = 10_000
_SEED, _WORD = 1, 0xFFFFFFFF
_C1, _C2 = 0xCC9E2D51, 0x1B873593


def murmur3_x86_32(content: bytes, seed: int) -> int:
    """MurmurHash3 of 32 bits, unsigned."""
    whole = len(content) & ~3
    value = seed
    for at in range(0, whole, 4):
        value ^= _mixed(int.from_bytes(content[at : at + 4], "little"))
        value = (_turned(value, 13) * 5 + 0xE6546B64) & _WORD
    if whole < len(content):
        value ^= _mixed(int.from_bytes(content[whole:], "little"))
    value ^= len(content)
    value = ((value ^ (value >> 16)) * 0x85EBCA6B) & _WORD
    value = ((value ^ (value >> 13)) * 0xC2B2AE35) & _WORD
    return value ^ (value >> 16)


def _mixed(block: int) -> int:
    return (_turned((block * _C1) & _WORD, 15) * _C2) & _WORD


def _turned(value: int, bits: int) -> int:
    return ((value << bits) | (value >> (32 - bits))) & _WORD


def bucket(parent_id: str, bucketing_id: str) -> int:
    """One of 10,000 buckets; the parent is an experiment, or a group of them."""
    text = f"{bucketing_id}{parent_id}".encode("utf-8", "surrogatepass")
    return murmur3_x86_32(text, _SEED) * BUCKETS >> 32


OPTIMIZELY = BucketHash("optimizely", BUCKETS, bucket)
