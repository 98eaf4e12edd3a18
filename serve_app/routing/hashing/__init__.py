"""Where a subject falls: the hashes that experiments assign by, one file per maker, in `HASHES`.

Each turns a seed and a subject's key into the number of a bucket, the same in every process. Ours
is `blake2b`; the others give the buckets of the SDKs whose names they bear, so that a web page
and a model assign a subject alike.
"""

from __future__ import annotations

from serve_app.errors import ConfigError
from serve_app.routing.hashing.blake2b import BLAKE2B
from serve_app.routing.hashing.bucket_hash import BucketHash
from serve_app.routing.hashing.eppo import EPPO, EPPO_V1
from serve_app.routing.hashing.growthbook import GROWTHBOOK_V1, GROWTHBOOK_V2
from serve_app.routing.hashing.optimizely import OPTIMIZELY
from serve_app.routing.hashing.statsig import STATSIG, STATSIG_EXPERIMENT

HASHES = {
    one.name: one
    for one in (
        BLAKE2B,
        GROWTHBOOK_V2,
        GROWTHBOOK_V1,
        OPTIMIZELY,
        STATSIG,
        STATSIG_EXPERIMENT,
        EPPO,
        EPPO_V1,
    )
}
"""The hashes by the names that configs write."""


def hash_named(name: str) -> BucketHash:
    """The hash of a name.

    Raises:
        ConfigError: there is none.
    """
    if name not in HASHES:
        msg = f"{name!r} is no hash that is known here; those are {', '.join(HASHES)}"
        raise ConfigError(msg)
    return HASHES[name]
