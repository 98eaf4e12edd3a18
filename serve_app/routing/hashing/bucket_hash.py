"""What a hash of subjects is: a name, a number of buckets, and which of them a key falls into."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

Bucket = Callable[[str, str], int]
"""The bucket of a seed and a key."""


def round_ends(weights: Sequence[float], coverage: float, buckets: int) -> tuple[int, ...]:
    """Which arm owns each bucket, -1 where none does: cumulative ranges of whole buckets.

    Arm i owns the first `coverage` of its part [sum of the shares before, that and its own).
    """
    owners = [-1] * buckets
    total, start = sum(weights), 0.0
    for arm, weight in enumerate(weights):
        part = weight / total
        first, end = round(start * buckets), round((start + coverage * part) * buckets)
        owners[first:end] = [arm] * (end - first)
        start += part
    return tuple(owners[:buckets])


@dataclass(frozen=True, slots=True)
class BucketHash:
    """One way to give subjects buckets.

    `bucket` gives a number in [0, `buckets`) for a seed and a key. `covers` is another draw that
    says who is in an experiment at all, from a seed of its own; where there is none, coverage
    shortens the range of each arm instead. `owners` are the arms that own the buckets, given
    their weights and the coverage of their ranges. `advice` is what speaks against the hash.
    """

    name: str
    buckets: int
    bucket: Bucket
    covers: Bucket | None = None
    owners: Callable[[Sequence[float], float, int], tuple[int, ...]] = round_ends
    advice: str | None = None

    def position(self, seed: str, key: str) -> float:
        """Where a key falls in [0, 1), in steps of one bucket."""
        return self.bucket(seed, key) / self.buckets
