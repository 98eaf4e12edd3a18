"""A cascade is asked stage by stage: only rows of which a stage is not sure go on to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from serve_app.core.columns import Columns
from serve_app.core.messages import Answer, Failure, Prediction, StageWork
from serve_app.core.plan import Plan
from serve_app.errors import CANNOT, DeadlineExceeded, Overloaded, ServeError

if TYPE_CHECKING:
    from serve_app.core.ports import Clock
    from serve_app.core.snapshot import Variant


class StageModels(Protocol):
    """The variants of an endpoint, as a cascade asks them; see `ask.Variants`."""

    @property
    def clock(self) -> Clock: ...  # noqa: D102
    @property
    def labels(self) -> tuple[Any, ...]: ...  # noqa: D102
    @property
    def by_version(self) -> Mapping[str, Variant]: ...  # noqa: D102

    async def one(self, version: str, columns: Columns, deadline: float) -> Prediction:
        """Ask one variant."""
        ...

    async def rescue(
        self,
        columns: Columns,
        deadline: float,
        failures: tuple[Failure, ...],
        error: ServeError,
    ) -> Answer:
        """Let the fallback answer in place of variants that all failed."""
        ...

    def aligned(self, prediction: Prediction, variant: Variant) -> Prediction:
        """The prediction with what it holds in the endpoint's order."""
        ...


@dataclass(frozen=True, slots=True)
class _Part:
    """What one stage said of some rows."""

    version: str
    rows: NDArray[np.intp]
    prediction: Prediction


class AskInStages:
    """Each row is answered by the first stage that is sure of it, or else by the last.

    `sure` says by version from which probability of a class on its answer stands; a class that
    it does not name is always passed on, and a version without any keeps every row. A stage that
    cannot answer is passed over. Rows that no later stage answers keep the answer of which the
    last one that did was not sure: it is better than none.
    """

    def __init__(self, variants: StageModels, sure: Mapping[str, Mapping[Any, float]]) -> None:
        self._variants = variants
        self._thresholds = {
            version: np.array([least.get(label, np.inf) for label in variants.labels])
            for version, least in sure.items()
            if least
        }

    async def __call__(self, plan: Plan, columns: Columns, deadline: float) -> Answer:
        """Ask the plan's stages until every row has an answer that stands.

        Raises:
            ServeError: nobody answered; the first stage's error.
        """
        work = _Work(columns.rows)
        for version in plan.variants:
            try:
                is_last = version == plan.variants[-1]
                await self._stage(version, columns, deadline, work, is_last=is_last)
            except Overloaded as error:
                if not work.parts:
                    # Handing the load on would carry the overload to the next one.
                    raise
                work.failures.append(Failure(version, error.code))
                break
            except CANNOT as error:
                work.failures.append(Failure(version, error.code))
                work.error = work.error or error
            if not len(work.open) or self._variants.clock() >= deadline:
                break
        if work.parts:
            return work.answer()
        first = work.error or DeadlineExceeded("no stage was asked in time")
        return await self._variants.rescue(columns, deadline, tuple(work.failures), first)

    async def _stage(
        self, version: str, columns: Columns, deadline: float, work: _Work, *, is_last: bool
    ) -> None:
        """Ask one stage about the rows that are open."""
        variants, rows = self._variants, work.open
        started_s = variants.clock()
        given = await variants.one(version, columns.take(rows.tolist()), deadline)
        took_s = variants.clock() - started_s
        prediction = variants.aligned(given, variants.by_version[version])
        thresholds = None if is_last else self._thresholds.get(version)
        if thresholds is None:
            unsure = np.zeros(len(rows), dtype=np.bool_)
        else:
            unsure = ~_sure(prediction, variants.labels, thresholds)
        work.add(_Part(version, rows, prediction), unsure, took_s)


class _Work:
    """What stages have said so far; the rows of `open` go on to the next."""

    def __init__(self, rows: int) -> None:
        self.open: NDArray[np.intp] = np.arange(rows)
        self.parts: list[_Part] = []
        self.failures: list[Failure] = []
        self.error: ServeError | None = None
        self._unsure: list[NDArray[np.bool_]] = []
        self._took_s: list[float] = []

    def add(self, part: _Part, unsure: NDArray[np.bool_], took_s: float) -> None:
        """Take what a stage said; of rows that it is `unsure` of the next one is asked."""
        self.parts.append(part)
        self._unsure.append(unsure)
        self._took_s.append(took_s)
        self.open = self.open[unsure]

    def answer(self) -> Answer:
        """All rows in their order, each as the last stage said that was asked about it."""
        # Rows that are open still were in every part, so that the last has decided all of its own.
        kept = [np.flatnonzero(~unsure) for unsure in self._unsure[:-1]]
        kept.append(np.arange(len(self.parts[-1].rows)))
        every = list(zip(self.parts, kept, strict=True))
        # A request without rows has been answered as well.
        parts = [(part, places) for part, places in every if len(places)] or every[:1]
        stages = tuple(
            StageWork(part.version, len(part.rows), len(places), took_s)
            for (part, places), took_s in zip(every, self._took_s, strict=True)
        )
        variants = tuple(part.version for part, _ in parts)
        return Answer(_joined(parts), variants, tuple(self.failures), stages=stages)


def _sure(
    prediction: Prediction, labels: Sequence[Any], thresholds: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Of which rows the probability of the predicted class reaches its threshold."""
    probabilities = prediction.probabilities
    sure = np.zeros(len(prediction.values), dtype=np.bool_)
    if probabilities is None:
        return sure
    # As exact as the probabilities: 0.9 among float32 is less than 0.9 among doubles.
    least = thresholds.astype(probabilities.dtype)
    for place, label in enumerate(labels):
        sure |= (prediction.values == label) & (probabilities[:, place] >= least[place])
    return sure


def _joined(parts: Sequence[tuple[_Part, NDArray[np.intp]]]) -> Prediction:
    """Rows of several parts in the order of the request; of one part that as it is."""
    (first, kept), *others = parts
    if not others and len(kept) == len(first.rows):
        return first.prediction
    order = np.argsort(np.concatenate([part.rows[places] for part, places in parts]))
    values = np.concatenate([part.prediction.values[places] for part, places in parts])
    shares = [
        part.prediction.probabilities[places]
        for part, places in parts
        if part.prediction.probabilities is not None
    ]
    return Prediction(values[order], np.concatenate(shares)[order] if shares else None)
