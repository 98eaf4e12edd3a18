"""Which arm a subject gets, by its key alone: by rendezvous, or by the buckets of a hash."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING, Protocol

from serve_app.core.plan import Assignment, Plan
from serve_app.routing.rendezvous import ranked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from serve_app.routing.hashing.bucket_hash import BucketHash

RENDEZVOUS = "rendezvous"
EXCLUDED = "excluded"
_PREBUILT = 4
"""Up to so many variants, a plan for each of their orders stands ready (24 of four)."""


class Arms(Protocol):
    """Chooses an arm for every key, always the same one."""

    def plan(self, key: str) -> Plan:
        """Who is asked for a subject."""
        ...


class RankedArms:
    """By weighted rendezvous: those after the chosen one are its next choices.

    `variants` are names and weights above 0; `seed` keeps experiments apart, `algorithm` is the
    name under which choices are recorded.
    """

    def __init__(
        self,
        variants: Sequence[tuple[str, float]],
        *,
        seed: str,
        epoch: int,
        algorithm: str = RENDEZVOUS,
    ) -> None:
        self._variants = variants
        self._seed = seed
        self._epoch = epoch
        total = sum(weight for _, weight in variants)
        self._shares = {name: weight / total for name, weight in variants}
        self._assignment = Assignment(algorithm, seed)
        names = [name for name, _ in variants]
        orders = itertools.permutations(names) if len(names) <= _PREBUILT else ()
        self._ready = {order: self._made(order) for order in orders}

    def plan(self, key: str) -> Plan:
        """Who is asked for a subject."""
        return self.in_order(ranked(self._variants, salt=self._seed, key=key))

    def in_order(self, order: tuple[str, ...]) -> Plan:
        """The plan of a subject whose choices are in this order."""
        return self._ready.get(order) or self._made(order)

    def _made(self, order: tuple[str, ...]) -> Plan:
        share = self._shares[order[0]]
        return Plan(order, propensity=share, assignment=self._assignment, epoch=self._epoch)


class BucketArms:
    """By the bucket of a key: each arm owns ranges of them, in the order of the variants.

    Who falls between the ranges gets the `baseline`, whose plan that is. `coverage` in [0, 1]
    shortens the ranges. The propensity of an arm is its part of all buckets that have an arm.
    """

    def __init__(
        self,
        variants: Sequence[tuple[str, float]],
        hashed: BucketHash,
        *,
        seed: str,
        coverage: float,
        baseline: Plan,
    ) -> None:
        self._hash = hashed
        self._bucket = hashed.bucket
        self._seed = seed
        owners = hashed.owners([weight for _, weight in variants], coverage, hashed.buckets)
        counts = Counter(owner for owner in owners if owner >= 0)
        heaviest = sorted(variants, key=lambda variant: (-variant[1], variant[0]))
        orders = [(name, *(v for v, _ in heaviest if v != name)) for name, _ in variants]
        shares = [counts[arm] / max(1, counts.total()) for arm in range(len(variants))]
        self._orders = [*orders, baseline.variants]
        self._shares = [*shares, 1.0]
        # An owner of -1 is the last of both: the baseline.
        self._owners = owners
        self._epoch = baseline.epoch

    def plan(self, key: str) -> Plan:
        """Who is asked for a subject."""
        bucket = self._bucket(self._seed, key)
        arm = self._owners[bucket]
        algorithm = self._hash.name if arm >= 0 else EXCLUDED
        return Plan(
            self._orders[arm],
            propensity=self._shares[arm],
            assignment=Assignment(algorithm, self._seed, bucket),
            epoch=self._epoch,
        )
