"""A stack: all variants are asked at once, and a meta-model by what every one of them gave."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from serve_app.core.columns import Columns
from serve_app.core.explanation import Explanation
from serve_app.core.messages import Answer, Failure, Prediction
from serve_app.core.meta_model import MetaModel, meta_rows
from serve_app.core.plan import Plan
from serve_app.core.variant import Variant
from serve_app.errors import CANNOT, NotReady, ServeError
from serve_app.tasks import task_named

if TYPE_CHECKING:
    from serve_app.core.ports import Ask, Models, Task


@dataclass(frozen=True, slots=True)
class Stack:
    """The meta-model of an endpoint, and who computes it."""

    meta: MetaModel
    models: Models


class StackModels(Protocol):
    """The variants of an endpoint, as a stack asks them; see `ask.Variants`."""

    @property
    def task(self) -> Task[Prediction]: ...  # noqa: D102
    @property
    def models(self) -> Models: ...  # noqa: D102
    @property
    def by_version(self) -> Mapping[str, Variant]: ...  # noqa: D102

    def in_turn(self) -> Ask:
        """One variant after another."""
        ...

    def until(self, deadline: float) -> float:
        """Until when one variant may answer."""
        ...

    async def rescue(
        self,
        columns: Columns,
        deadline: float,
        failures: tuple[Failure, ...],
        error: ServeError,
    ) -> Answer:
        """Let the fallback answer in place of variants that failed."""
        ...

    def aligned(self, prediction: Prediction, variant: Variant) -> Prediction:
        """The prediction with what it holds in the endpoint's order."""
        ...


class AskStacked:
    """The meta-model answers by what all variants gave; where one gave nothing, nobody can.

    A plan that is not for all together (a client named one version) is asked in turn.
    """

    def __init__(self, variants: StackModels, stack: Stack) -> None:
        self._variants = variants
        self._meta, self._models = stack.meta, stack.models
        self._as_variant = Variant(stack.meta.version, 1.0, stack.meta.labels)
        with_scores = task_named("raw_scores")
        self._scored = dict.fromkeys(stack.meta.scored(), with_scores)

    async def __call__(self, plan: Plan, columns: Columns, deadline: float) -> Answer:
        """Ask all of the plan's variants, and the meta-model.

        Raises:
            ServeError: a variant or the meta-model did not answer, and no fallback did.
        """
        variants = self._variants
        if not plan.together:
            return await variants.in_turn()(plan, columns, deadline)
        predictions, failed = await self._members(plan, columns, deadline)
        if failed:
            failures = tuple(Failure(version, error.code) for version, error in failed.items())
            return await variants.rescue(columns, deadline, failures, next(iter(failed.values())))
        try:
            prediction = await self._answered(predictions, columns, deadline)
        except CANNOT as error:
            failure = Failure(self._meta.version, error.code)
            return await variants.rescue(columns, deadline, (failure,), error)
        return Answer(variants.aligned(prediction, self._as_variant), plan.variants)

    async def explained(
        self, versions: tuple[str, ...], columns: Columns, deadline: float
    ) -> Explanation:
        """What the meta-model's answer is made of, by what each variant gave.

        Raises:
            ServeError: a variant or the meta-model did not answer, or it cannot be explained.
        """
        predictions, failed = await self._members(Plan(versions), columns, deadline)
        if failed:
            raise next(iter(failed.values()))
        rows, meta = self._rows(predictions, columns), self._meta
        explain: Task[Explanation] = task_named("explain")
        explanation = await self._models.ask(meta.version, explain, rows, deadline)
        features = {source.name: source.feature for source in meta.sources}
        names = tuple(features.get(name, name) for name in explanation.features)
        return replace(explanation, features=names)

    async def _members(
        self, plan: Plan, columns: Columns, deadline: float
    ) -> tuple[dict[str, Prediction], dict[str, ServeError]]:
        """What each variant gave, and what kept those that gave nothing."""
        variants = self._variants
        until = variants.until(deadline)
        calls = [
            variants.models.ask(version, self._scored.get(version, variants.task), columns, until)
            for version in plan.variants
        ]
        results = await asyncio.gather(*calls, return_exceptions=True)
        predictions: dict[str, Prediction] = {}
        failed: dict[str, ServeError] = {}
        for version, result in zip(plan.variants, results, strict=True):
            if isinstance(result, Prediction):
                predictions[version] = result
            elif isinstance(result, CANNOT):
                failed[version] = result
            else:
                raise result
        return predictions, failed

    async def _answered(
        self, predictions: Mapping[str, Prediction], columns: Columns, deadline: float
    ) -> Prediction:
        rows = self._rows(predictions, columns)
        return await self._models.ask(self._meta.version, self._variants.task, rows, deadline)

    def _rows(self, predictions: Mapping[str, Prediction], columns: Columns) -> Columns:
        try:
            return meta_rows(self._meta.sources, predictions, columns)
        except (IndexError, KeyError, TypeError, ValueError) as error:
            # Of other members than those that it was described with, no column may be guessed.
            raise NotReady(f"{self._meta.version} cannot take what its members give") from error
