"""Who is in an experiment at all: layers, whose experiments exclude each other, and coverage.

A subject passes the gates of an experiment in order. Each looks where the subject falls in
[0, 1) under a seed of the gate's own; those of one layer share a seed and take parts of [0, 1)
that do not overlap, so that nobody is in two of its experiments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serve_app.core.messages import Request
from serve_app.core.plan import Assignment, Plan
from serve_app.core.ports import Router
from serve_app.errors import ConfigError
from serve_app.routing import keys
from serve_app.routing.arms import EXCLUDED
from serve_app.routing.hashing import hash_named
from serve_app.routing.hashing.bucket_hash import Bucket

HOLDOUT = "holdout"
IN_NONE = frozenset({EXCLUDED, HOLDOUT})
"""How records name those who are in no experiment: they get the baseline, and nothing by chance."""


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


def baseline_plan(
    members: Sequence[tuple[str, float]], first: str | None, seed: str, epoch: int
) -> Plan:
    """Who is asked for those who are in no experiment: the first, then the heaviest of the others.

    `members` are names and weights above 0.
    """
    heaviest = sorted(members, key=lambda variant: (-variant[1], variant[0]))
    names = sorted((name for name, _ in heaviest), key=lambda name: name != first)
    return Plan(tuple(names), propensity=1.0, assignment=Assignment(EXCLUDED, seed), epoch=epoch)


class GatedRouter:
    """Gives the baseline to everybody but the subjects who pass all gates.

    `admitted` says who is asked for a request and its key, where that passes. A request without
    the key is of no subject, and so in no experiment. `baseline` is the plan of those who are in
    none; its assignment is that of a request without the key.
    """

    def __init__(
        self,
        admitted: Callable[[Request, str], Plan],
        gates: Sequence[Gate],
        *,
        key: str,
        baseline: Plan,
    ) -> None:
        self._admitted = admitted
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
        return self._admitted(request, key)


def in_layer(
    router: Router, layer: Mapping[str, Any] | None, *, key: str | None, baseline: Plan
) -> Router:
    """The router for those who are in an experiment's part of a layer; itself without a layer.

    Raises:
        ConfigError: there is no key to know subjects by, or no such hash.
    """
    if layer is None:
        return router
    if key is None:
        raise ConfigError(
            f"the layer {layer['name']!r} holds subjects, but the route has no key to know them "
            "by; name one, such as key: user_id"
        )
    keys.check(key)
    return GatedRouter(
        lambda request, _: router.plan(request), layer_gates(layer), key=key, baseline=baseline
    )
