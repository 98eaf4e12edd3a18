"""From what a pipeline says of parameters to what Optuna proposes, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from serve_app.config.pipeline_search import AutoEstimator, Dimension, ImportedEstimator
from serve_app.lifecycle.fold_data import recipe_of
from serve_app.models.training.estimators import SPACES, Recipe

CANDIDATE = "candidate"
"""The name of the choice between estimators; parameters are named `candidate.parameter`."""


@dataclass(frozen=True, slots=True)
class Searched:
    """One estimator of a search, and the distributions of its parameters by name."""

    recipe: Recipe
    distributions: Mapping[str, BaseDistribution]


def searched(entry: ImportedEstimator | AutoEstimator, *, classes: int) -> Searched:
    """What is searched of one candidate."""
    if isinstance(entry, AutoEstimator) and entry.space is None:
        task = "classification" if classes else "regression"
        defaults = SPACES[entry.auto][task]
        space = {name: Dimension.model_validate(given) for name, given in defaults.items()}
    else:
        space = dict(entry.space or {})
    open_ = {name: one for name, one in space.items() if name not in entry.params}
    return Searched(recipe_of(entry), {name: _distribution(one) for name, one in open_.items()})


def _distribution(one: Dimension) -> BaseDistribution:
    if one.int_ is not None:
        return IntDistribution(*one.int_, log=one.log, step=int(one.step or 1))
    if one.float_ is not None:
        return FloatDistribution(*one.float_, log=one.log, step=one.step)
    return CategoricalDistribution(one.choice or ())


def lowest(distribution: BaseDistribution) -> Any:
    """A value that a parameter may take: its lower bound, or the first choice."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[0]
    assert isinstance(distribution, IntDistribution | FloatDistribution)  # noqa: S101 - made above
    return distribution.low


def proposed(
    trial: optuna.trial.Trial, candidates: Mapping[str, Searched]
) -> tuple[str, dict[str, Any]]:
    """The candidate and its parameters that a sampler proposes."""
    names = list(candidates)
    name = str(trial.suggest_categorical(CANDIDATE, names)) if len(names) > 1 else names[0]
    parameters = {
        parameter: trial._suggest(f"{name}.{parameter}", distribution)  # noqa: SLF001
        for parameter, distribution in candidates[name].distributions.items()
    }
    return name, parameters


def distributions_of(
    name: str, parameters: Iterable[str], candidates: Mapping[str, Searched]
) -> dict[str, BaseDistribution]:
    """The distributions of a trial by the names that Optuna knows them by."""
    own = candidates[name].distributions
    known = {f"{name}.{parameter}": own[parameter] for parameter in parameters}
    if len(candidates) > 1:
        known[CANDIDATE] = CategoricalDistribution(list(candidates))
    return known
