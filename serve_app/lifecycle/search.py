"""The search: generations of trials, proposed by Optuna and judged on folds.

All trials of a generation are proposed before the first is computed, and told in the order of
their numbers; the generator of each generation is drawn from the seed and its number. So neither
how many are computed at once nor a search that was interrupted changes what comes out.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import optuna

from serve_app.errors import ModelFailed
from serve_app.lifecycle.executor import Executor, TrialOutcome, TrialRequest
from serve_app.lifecycle.space import CANDIDATE, Searched, distributions_of, proposed
from serve_app.lifecycle.trial import Trial

Ended = Literal["trials", "early_stop", "timeout", "stopped"]
_STARTUP_TRIALS = 10


@dataclass(frozen=True, slots=True)
class SearchRule:
    """How long is searched, in trials and seconds, and by what.

    `parallel` trials make a generation. `greater` says that more of the metric is better.
    """

    trials: int
    parallel: int
    seed: int
    greater: bool
    timeout_s: float
    trial_timeout_s: float
    early_stop: int | None = None


@dataclass(frozen=True, slots=True)
class SearchResult:
    """All trials in order, and why there are no more."""

    trials: tuple[Trial, ...]
    ended: Ended

    def best(self, count: int, *, greater: bool) -> tuple[Trial, ...]:
        """The best trials, with the best first; of equal ones the earlier."""
        judged = [trial for trial in self.trials if trial.value is not None]
        sign = -1.0 if greater else 1.0
        judged.sort(key=lambda trial: (sign * (trial.value or 0.0), trial.number))
        distinct: list[Trial] = []
        for trial in judged:
            same = [(one.candidate, one.parameters) for one in distinct]
            if (trial.candidate, trial.parameters) not in same:
                distinct.append(trial)
        return tuple(distinct[:count])


@dataclass(frozen=True, slots=True)
class Watch:
    """What a search is given by who runs it.

    `kept` are outcomes of trials that an earlier attempt has computed, `keep` stores one;
    `elapsed_s` says how long has been searched, in all attempts.
    """

    keep: Callable[[Trial], None]
    elapsed_s: Callable[[], float]
    stop: Callable[[], bool]
    kept: Mapping[int, Trial] = field(default_factory=dict)


def search(
    candidates: Mapping[str, Searched], rule: SearchRule, executor: Executor, watch: Watch
) -> SearchResult:
    """Try candidates until a bound is reached.

    The first trials are the candidates with their own defaults, in order.

    Raises:
        ModelFailed: more than half of the trials failed; `details` has the last traceback.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize" if rule.greater else "minimize")
    trials: list[Trial] = []
    generation = 0
    while len(trials) < rule.trials:
        if watch.stop():
            return SearchResult(tuple(trials), "stopped")
        if trials and watch.elapsed_s() > rule.timeout_s:
            return SearchResult(tuple(trials), "timeout")
        judged = _generation(study, candidates, rule, executor, watch, (generation, len(trials)))
        if judged is None:
            return SearchResult(tuple(trials), "stopped")
        trials += judged
        _check_failures(trials, rule.trials)
        if rule.early_stop is not None and _is_stale(trials, rule):
            return SearchResult(tuple(trials), "early_stop")
        generation += 1
    return SearchResult(tuple(trials), "trials")


def _generation(
    study: optuna.Study,
    candidates: Mapping[str, Searched],
    rule: SearchRule,
    executor: Executor,
    watch: Watch,
    at: tuple[int, int],
) -> list[Trial] | None:
    """Propose, compute and judge one generation; none where it was stopped before it was whole."""
    generation, first = at
    with warnings.catch_warnings():
        # That it may change in another release of Optuna is why that is pinned.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.sampler = optuna.samplers.TPESampler(
            seed=_seed(rule.seed, generation),
            n_startup_trials=_STARTUP_TRIALS,
            constant_liar=True,
        )
    numbers = range(first, min(first + rule.parallel, rule.trials))
    plans = [_plan(study, number, candidates) for number in numbers]
    outcomes = _outcomes(plans, candidates, rule, executor, watch, generation)
    if any(number not in outcomes for number in numbers):
        return None
    for plan in plans:
        _tell(study, plan, outcomes[plan.number], candidates)
    return [outcomes[number] for number in numbers]


@dataclass(frozen=True, slots=True)
class _Plan:
    """A trial that is not computed yet; `asked_of` is what the sampler calls it, if it chose."""

    number: int
    candidate: str
    parameters: Mapping[str, Any]
    optuna_number: int | None


def _plan(study: optuna.Study, number: int, candidates: Mapping[str, Searched]) -> _Plan:
    names = list(candidates)
    if number < len(names):
        return _Plan(number, names[number], {}, None)
    trial = study.ask()
    candidate, parameters = proposed(trial, candidates)
    return _Plan(number, candidate, parameters, trial.number)


def _outcomes(
    plans: Sequence[_Plan],
    candidates: Mapping[str, Searched],
    rule: SearchRule,
    executor: Executor,
    watch: Watch,
    generation: int,
) -> dict[int, Trial]:
    """Judged trials by number: those that were kept, and the others once they are computed."""
    by_number = {plan.number: plan for plan in plans}
    judged = {number: watch.kept[number] for number in by_number if number in watch.kept}
    requests = [
        TrialRequest(plan.number, candidates[plan.candidate].recipe, plan.parameters)
        for plan in plans
        if plan.number not in judged
    ]
    for outcome in executor.run(requests, rule.trial_timeout_s, watch.stop):
        trial = _trial(by_number[outcome.number], outcome, generation)
        watch.keep(trial)
        judged[trial.number] = trial
    return judged


def _trial(plan: _Plan, outcome: TrialOutcome, generation: int) -> Trial:
    return Trial(
        plan.number,
        generation,
        plan.candidate,
        plan.parameters,
        outcome.by_fold,
        outcome.seconds,
        outcome.fit_s,
        outcome.error,
    )


def _tell(
    study: optuna.Study, plan: _Plan, trial: Trial, candidates: Mapping[str, Searched]
) -> None:
    failed = trial.value is None
    state = optuna.trial.TrialState.FAIL if failed else optuna.trial.TrialState.COMPLETE
    if plan.optuna_number is not None:
        study.tell(plan.optuna_number, None if failed else trial.value, state)
        return
    # Defaults were not proposed; all that a sampler learns of them is which candidate they are.
    distributions = distributions_of(plan.candidate, (), candidates)
    study.add_trial(
        optuna.trial.create_trial(
            state=state,
            value=trial.value,
            params={CANDIDATE: plan.candidate} if distributions else {},
            distributions=distributions,
        )
    )


def _seed(seed: int, generation: int) -> int:
    """The seed of one generation, which has nothing to do with that of the next."""
    return int(np.random.SeedSequence([seed, 2, generation]).generate_state(1)[0])


def _check_failures(trials: Sequence[Trial], planned: int) -> None:
    failed = [trial for trial in trials if trial.value is None]
    if 2 * len(failed) <= planned:
        return
    last = failed[-1]
    reason = (last.error or "").strip().rpartition("\n")[2]
    msg = (
        f"{len(failed)} of {len(trials)} trials failed, more than half of {planned}: the search "
        f"is given up. The last, {last.candidate}, says: {reason}"
    )
    raise ModelFailed(msg, traceback=last.error)


def _is_stale(trials: Sequence[Trial], rule: SearchRule) -> bool:
    """Whether the best trial is `early_stop` trials old."""
    best = SearchResult(tuple(trials), "trials").best(1, greater=rule.greater)
    return bool(best) and len(trials) - 1 - best[0].number >= (rule.early_stop or 0)
