"""How the variants of a plan are asked, and what happens when some cannot answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serve_app.core.columns import Columns
from serve_app.core.combine import Member
from serve_app.core.messages import Answer, Failure, Prediction
from serve_app.core.plan import Plan
from serve_app.core.ports import Clock, Models
from serve_app.core.snapshot import Endpoint, Variant
from serve_app.errors import (
    DeadlineExceeded,
    NotReady,
    Overloaded,
    RowsRefused,
    ServeError,
    ServerFault,
    Unavailable,
)

CANNOT = (Unavailable, ServerFault, RowsRefused)
"""What says that one variant cannot answer and another one may."""
Combine = Callable[[Sequence[Member], tuple[Any, ...]], Prediction]


@dataclass(frozen=True, slots=True)
class Asked:
    """What every way of asking needs to know of its endpoint."""

    models: Models
    clock: Clock
    variants: Mapping[str, Variant]
    labels: tuple[Any, ...]
    variant_timeout_s: float
    fallback: Variant | None

    @classmethod
    def of(cls, spec: Endpoint, models: Models, clock: Clock) -> Asked:
        """Take what is needed from an endpoint's description."""
        return cls(
            models=models,
            clock=clock,
            variants={variant.version: variant for variant in spec.variants},
            labels=spec.signature.output.labels,
            variant_timeout_s=spec.variant_timeout_s,
            fallback=spec.fallback,
        )

    async def one(self, version: str, columns: Columns, deadline: float) -> Prediction:
        """Ask one variant, which has its share of the time and not all of it."""
        own = min(deadline, self.clock() + self.variant_timeout_s)
        return await self.models.predict(version, columns, own)

    async def rescue(
        self,
        columns: Columns,
        deadline: float,
        failures: tuple[Failure, ...],
        error: ServeError,
    ) -> Answer:
        """Let the fallback answer in place of variants that all failed.

        Raises:
            ServeError: there is no fallback (`error`), or it failed as well (its own).
        """
        if self.fallback is None or self.clock() >= deadline:
            raise error
        version = self.fallback.version
        prediction = await self.models.predict(version, columns, deadline)
        return Answer(
            self.aligned(prediction, self.fallback), (version,), left_out=failures, fallback=True
        )

    def aligned(self, prediction: Prediction, variant: Variant) -> Prediction:
        """The prediction with its probabilities in the endpoint's order of labels."""
        probabilities = prediction.probabilities
        if probabilities is None or variant.labels == self.labels:
            return prediction
        order = [variant.labels.index(label) for label in self.labels]
        return Prediction(prediction.values, probabilities[:, order])


@dataclass(frozen=True, slots=True)
class AskInTurn:
    """The first variant of the plan answers; the next ones only if it cannot."""

    asked: Asked

    async def __call__(self, plan: Plan, columns: Columns, deadline: float) -> Answer:
        """Ask the plan's variants one after the other until one answers.

        Raises:
            ServeError: nobody answered; the first variant's error, since it was chosen.
        """
        asked = self.asked
        failures: tuple[Failure, ...] = ()
        first: ServeError | None = None
        for version in plan.variants:
            try:
                prediction = await asked.one(version, columns, deadline)
            except Overloaded:
                # Handing the load on would carry the overload to the next one.
                raise
            except CANNOT as error:
                failures = (*failures, Failure(version, error.code))
                first = first or error
            else:
                variant = asked.variants[version]
                return Answer(asked.aligned(prediction, variant), (version,), failures)
            if asked.clock() >= deadline:
                break
        late = DeadlineExceeded("no variant was asked in time")
        return await asked.rescue(columns, deadline, failures, first or late)


@dataclass(frozen=True, slots=True)
class AskTogether:
    """All variants answer at once; the answer stands when enough of them did.

    A plan that is not for all together (a client named one version) is asked in turn.
    """

    asked: Asked
    combine: Combine
    quorum: int

    async def __call__(self, plan: Plan, columns: Columns, deadline: float) -> Answer:
        """Ask all of the plan's variants and combine those that answered.

        Raises:
            ServeError: fewer than the quorum answered and no fallback did.
        """
        asked = self.asked
        if not plan.together:
            return await AskInTurn(asked)(plan, columns, deadline)
        calls = [asked.one(version, columns, deadline) for version in plan.variants]
        results = await asyncio.gather(*calls, return_exceptions=True)
        members: list[Member] = []
        answered: list[str] = []
        failures: list[Failure] = []
        errors: list[ServeError] = []
        for version, result in zip(plan.variants, results, strict=True):
            if isinstance(result, Prediction):
                variant = asked.variants[version]
                members.append(Member(result, variant.weight, variant.labels))
                answered.append(version)
            elif isinstance(result, CANNOT):
                failures.append(Failure(version, result.code))
                errors.append(result)
            else:
                raise result
        if len(members) >= self.quorum:
            return Answer(
                self.combine(members, asked.labels), tuple(answered), left_out=tuple(failures)
            )
        few = NotReady(f"{len(members)} variants were asked, fewer than the quorum {self.quorum}")
        error = errors[0] if errors else few
        return await asked.rescue(columns, deadline, tuple(failures), error)
