"""How the variants of a plan are asked, and what happens when some cannot answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serve_app.core import targets
from serve_app.core.columns import Columns
from serve_app.core.combine import COMBINE, Member
from serve_app.core.combine_targets import per_target
from serve_app.core.messages import Answer, Failure, Prediction
from serve_app.core.plan import Plan
from serve_app.core.ports import Ask, Clock, Models, Task
from serve_app.core.signature import Output
from serve_app.core.snapshot import Endpoint, Variant
from serve_app.engine.stacked import AskStacked, Stack
from serve_app.engine.stepwise import AskInStages
from serve_app.errors import (
    CANNOT,
    ConfigError,
    DeadlineExceeded,
    InvalidInput,
    NotReady,
    Overloaded,
    ServeError,
)

_ONE_CLASS = Output("classification")
Combine = Callable[[Sequence[Member], tuple[Any, ...]], Prediction]


@dataclass(frozen=True, slots=True)
class Variants:
    """The variants of an endpoint, as those that ask them about a task need them."""

    models: Models
    task: Task[Prediction]
    clock: Clock
    by_version: Mapping[str, Variant]
    labels: tuple[Any, ...]
    variant_timeout_s: float
    fallback: Variant | None
    output: Output = _ONE_CLASS
    stack: Stack | None = None

    @classmethod
    def of(
        cls,
        spec: Endpoint,
        models: Models,
        task: Task[Prediction],
        clock: Clock,
        stack: Stack | None = None,
    ) -> Variants:
        """Take what is needed from an endpoint's description."""
        return cls(
            models=models,
            task=task,
            clock=clock,
            by_version={variant.version: variant for variant in spec.variants},
            labels=spec.signature.output.labels,
            variant_timeout_s=spec.variant_timeout_s,
            fallback=spec.fallback,
            output=spec.signature.output,
            stack=stack,
        )

    def in_turn(self) -> Ask:
        """The first variant of a plan answers; the next ones only if it cannot."""
        return AskInTurn(self)

    def together(self, combine: str, quorum: int) -> Ask:
        """All variants of a plan answer at once, and the answers become one."""
        way = COMBINE[combine]
        return AskTogether(
            self, per_target(way, self.output) if self.output.targets else way, quorum
        )

    def stacked(self) -> Ask:
        """All variants of a plan answer at once, and the meta-model by what they gave.

        Raises:
            ConfigError: the endpoint has no meta-model.
        """
        if self.stack is None:
            raise ConfigError("a stack needs a meta-model; name it under meta")
        return AskStacked(self, self.stack)

    def in_stages(self, sure: Mapping[str, Mapping[Any, float]]) -> Ask:
        """Each row is answered by the first variant of a plan that is sure of it."""
        return AskInStages(self, sure)

    async def one(self, version: str, columns: Columns, deadline: float) -> Prediction:
        """Ask one variant."""
        return await self.models.ask(version, self.task, columns, self.until(deadline))

    def until(self, deadline: float) -> float:
        """Until when one variant may answer: it has its share of the time and not all of it."""
        return min(deadline, self.clock() + self.variant_timeout_s)

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
        prediction = await self.models.ask(version, self.task, columns, deadline)
        return Answer(
            self.aligned(prediction, self.fallback), (version,), left_out=failures, fallback=True
        )

    def aligned(self, prediction: Prediction, variant: Variant) -> Prediction:
        """The prediction with what it holds in the endpoint's order of labels and targets."""
        if variant.targets != self.output.targets:
            return targets.aligned(prediction, variant.targets, self.output)
        if variant.labels == self.labels:
            return prediction
        probabilities, scores = prediction.probabilities, prediction.scores
        order = [variant.labels.index(label) for label in self.labels]
        if probabilities is not None:
            probabilities = probabilities[:, order]
        if scores is not None:
            # A single score speaks for the second of two classes, and against the first.
            scores = scores[:, order] if scores.ndim == 2 else -scores
        return Prediction(prediction.values, probabilities, scores, prediction.tensors)


@dataclass(frozen=True, slots=True)
class AskInTurn:
    """The first variant of the plan answers; the next ones only if it cannot."""

    variants: Variants

    async def __call__(self, plan: Plan, columns: Columns, deadline: float) -> Answer:
        """Ask the plan's variants one after the other until one answers.

        Raises:
            ServeError: nobody answered; the first variant's error, since it was chosen.
        """
        variants = self.variants
        failures: tuple[Failure, ...] = ()
        first: ServeError | None = None
        for version in plan.variants:
            try:
                prediction = await variants.one(version, columns, deadline)
            except Overloaded:
                # Handing the load on would carry the overload to the next one.
                raise
            except CANNOT as error:
                failures = (*failures, Failure(version, error.code))
                first = first or error
            else:
                variant = variants.by_version[version]
                return Answer(variants.aligned(prediction, variant), (version,), failures)
            if variants.clock() >= deadline:
                break
        late = DeadlineExceeded("no variant was asked in time")
        return await variants.rescue(columns, deadline, failures, first or late)


@dataclass(frozen=True, slots=True)
class AskAlone:
    """One variant answers, and nobody else in its place.

    For tasks whose answers do not compare between models: neither an ensemble nor another
    variant can answer for the one that was chosen. `all_can` says that every variant does it.
    """

    variants: Variants
    words: str
    all_can: bool

    async def __call__(self, plan: Plan, columns: Columns, deadline: float) -> Answer:
        """Ask the variant that the route chose, or that the request names.

        Raises:
            InvalidInput: several variants answer together, or not each of those that the
                route may choose can.
            ServeError: the variant did not answer.
        """
        if plan.together:
            msg = (
                f"an ensemble has no {self.words}, since those of its variants do not compare; "
                f"ask for one of them by its version: {', '.join(plan.variants)}"
            )
            raise InvalidInput(msg, known=list(plan.variants))
        version = plan.variants[0]
        variants = self.variants
        if len(plan.variants) > 1 and not self.all_can:
            msg = (
                f"not all variants of this endpoint have {self.words}, or not as many, and its "
                f"route may choose any; ask for one by its version: {', '.join(plan.variants)}"
            )
            raise InvalidInput(msg, known=list(plan.variants))
        try:
            prediction = await variants.one(version, columns, deadline)
        except InvalidInput as error:
            raise InvalidInput(f"{version}: {error.message}", **error.details) from error
        return Answer(variants.aligned(prediction, variants.by_version[version]), (version,))


@dataclass(frozen=True, slots=True)
class AskTogether:
    """All variants answer at once; the answer stands when enough of them did.

    A plan that is not for all together (a client named one version) is asked in turn.
    """

    variants: Variants
    combine: Combine
    quorum: int

    async def __call__(self, plan: Plan, columns: Columns, deadline: float) -> Answer:
        """Ask all of the plan's variants and combine those that answered.

        Raises:
            ServeError: fewer than the quorum answered and no fallback did.
        """
        variants = self.variants
        if not plan.together:
            return await AskInTurn(variants)(plan, columns, deadline)
        calls = [variants.one(version, columns, deadline) for version in plan.variants]
        results = await asyncio.gather(*calls, return_exceptions=True)
        members: list[Member] = []
        answered: list[str] = []
        failures: list[Failure] = []
        errors: list[ServeError] = []
        for version, result in zip(plan.variants, results, strict=True):
            if isinstance(result, Prediction):
                variant = variants.by_version[version]
                if variant.targets != variants.output.targets:
                    result = targets.aligned(result, variant.targets, variants.output)  # noqa: PLW2901
                members.append(Member(result, variant.weight, variant.labels))
                answered.append(version)
            elif isinstance(result, CANNOT):
                failures.append(Failure(version, result.code))
                errors.append(result)
            else:
                raise result
        if len(members) >= self.quorum:
            return Answer(
                self.combine(members, variants.labels), tuple(answered), left_out=tuple(failures)
            )
        few = NotReady(f"{len(members)} variants were asked, fewer than the quorum {self.quorum}")
        error = errors[0] if errors else few
        return await variants.rescue(columns, deadline, tuple(failures), error)
