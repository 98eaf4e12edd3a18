"""Who is in an experiment at all: layers, whose experiments exclude each other, and coverage.

A subject passes the gates of an experiment in order. Each looks where the subject falls in
[0, 1) under a seed of the gate's own; those of one layer share a seed and take parts of [0, 1)
that do not overlap, so that nobody is in two of its experiments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serve_app.core.messages import Request
from serve_app.core.plan import Assignment, Plan
from serve_app.routing import keys
from serve_app.routing.arms import EXCLUDED, Arms
from serve_app.routing.hashing import hash_named
from serve_app.routing.hashing.bucket_hash import Bucket

HOLDOUT = "holdout"


@dataclass(frozen=True, slots=True)
class Gate:
    """Lets those pass who fall into [`start`, `end`) of [0, 1) under its seed.

    `outcome` is what is recorded of the others as the algorithm that chose for them.
    """

    bucket: Bucket
    buckets: int
    seed: str
    start: float
    end: float
    outcome: str = EXCLUDED

    def refusal(self, key: str) -> Assignment | None:
        """Why a subject is not in the experiment; None where it passes."""
        bucket = self.bucket(self.seed, key)
        if self.start <= bucket / self.buckets < self.end:
            return None
        return Assignment(self.outcome, self.seed, bucket)


def layer_gates(layer: Mapping[str, Any]) -> tuple[Gate, ...]:
    """The gates of a part of a layer: its holdout first, then the part.

    `layer` has a `seed`, the name of a `hash`, the share `holdout`, `from` and `to`.

    Raises:
        ConfigError: there is no such hash.
    """
    hashed, seed, held_out = hash_named(layer["hash"]), layer["seed"], layer["holdout"]
    part = Gate(hashed.bucket, hashed.buckets, seed, layer["from"], layer["to"])
    if not held_out:
        return (part,)
    # Under another seed than the parts: a holdout takes the same share of every one of them.
    outside = Gate(hashed.bucket, hashed.buckets, f"{seed}/holdout", held_out, 1.0, outcome=HOLDOUT)
    return (outside, part)


class GatedRouter:
    """Gives subjects who pass all gates an arm, everybody else the baseline.

    A request without the key is of no subject, and so in no experiment. `baseline` is the plan of
    those who are in none; its assignment is that of a request without the key.
    """

    def __init__(self, arms: Arms, gates: Sequence[Gate], *, key: str, baseline: Plan) -> None:
        self._arms = arms
        self._gates = tuple(gates)
        self._key = key
        self._baseline = baseline

    def plan(self, request: Request) -> Plan:
        """Who is asked.

        Raises:
            InvalidInput: the request's key cannot be one.
        """
        key = keys.find(request, self._key)
        baseline = self._baseline
        if key is None:
            return baseline
        for gate in self._gates:
            refusal = gate.refusal(key)
            if refusal is not None:
                return Plan(
                    baseline.variants, propensity=1.0, assignment=refusal, epoch=baseline.epoch
                )
        return self._arms.plan(key)
