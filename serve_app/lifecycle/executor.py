"""Who computes trials: processes of this machine, or tasks of a cluster, behind one port."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from serve_app.models.training.estimators import Recipe
from serve_app.models.training.trial import FoldData, scored


@dataclass(frozen=True, slots=True)
class TrialRequest:
    """One trial to compute: which estimator, with which parameters."""

    number: int
    recipe: Recipe
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TrialOutcome:
    """What became of a trial: the metric on each fold, or the traceback of what it raised."""

    number: int
    by_fold: tuple[float, ...] = ()
    seconds: float = 0.0
    fit_s: float = 0.0
    error: str | None = None


class Executor(Protocol):
    """Computes trials, at most so many at once as it has places."""

    def run(
        self, requests: Sequence[TrialRequest], timeout_s: float, stop: Callable[[], bool]
    ) -> Iterator[TrialOutcome]:
        """The outcome of each request, in the order in which they are ready.

        A trial that takes longer than `timeout_s` has failed. Once `stop` says so, nothing more
        is computed, and no more outcomes come.
        """
        ...

    def close(self) -> None:
        """End everything that was started."""
        ...


def outcome_of(request: TrialRequest, data: FoldData) -> TrialOutcome:
    """Compute a trial; whatever it raises is its outcome."""
    try:
        scores = scored(request.recipe, request.parameters, data)
    except Exception:  # noqa: BLE001 - estimators raise whatever they like, and others go on
        return TrialOutcome(request.number, error=traceback.format_exc())
    return TrialOutcome(request.number, scores.by_fold, scores.seconds, scores.fit_s)


class InThisProcess:
    """Computes one trial after the other where it is called; nothing ends one that hangs."""

    def __init__(self, data: FoldData) -> None:
        """Take what trials share."""
        self._data = data

    def run(
        self,
        requests: Sequence[TrialRequest],
        timeout_s: float,  # noqa: ARG002 - part of the port
        stop: Callable[[], bool],
    ) -> Iterator[TrialOutcome]:
        """The outcomes in order."""
        for request in requests:
            if stop():
                return
            yield outcome_of(request, self._data)

    def close(self) -> None:
        """Nothing was started."""
