"""The experiment of a declared endpoint, and what of it cannot be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from serve_app.core.record_settings import RecordSettings
from serve_app.documents.near_names import did_you_mean
from serve_app.monitoring.quality.labels import label_text

if TYPE_CHECKING:
    from serve_app.config import MonitoringSettings
    from serve_app.config.experiment import ExperimentSettings, MetricSettings
    from serve_app.core.signature import Output, Signature
    from serve_app.core.snapshot import RouteSpec
    from serve_app.routing.route import Route

KeyPath = tuple[str | int, ...]
_Problem = tuple[KeyPath, str]
_OF_CLASSES = frozenset({"accuracy", "precision", "recall", "f1", "log_loss", "brier", "auc"})
_OF_NUMBERS = frozenset({"rmse", "mae"})
_OF_TWO_CLASSES = frozenset({"precision", "recall", "f1", "auc"})
_OF_PROBABILITIES = frozenset({"log_loss", "brier", "auc"})


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an experiment is declared beside: the route, what goes in and out, what is kept."""

    route: Route
    signature: Signature
    kept: MonitoringSettings


def problems(settings: ExperimentSettings, beside: Surroundings) -> Iterator[_Problem]:
    """What does not fit: the keys below the endpoint that lead there, and why."""
    for path, message in _problems(settings, beside):
        yield ("experiment", *path), message
    yield from _subject_problems(beside)


def _problems(settings: ExperimentSettings, beside: Surroundings) -> Iterator[_Problem]:
    route = beside.route
    if not route.assigns_by_chance:
        msg = (
            f"a route of kind {route.spec.kind} leaves nothing to chance that variants could be "
            "compared by; an experiment needs a split, a canary, a bandit, or rules with "
            'share("…")'
        )
        yield (), msg
        return
    if len(route.spec.variants) < 2:
        yield (), "the route has one variant, and an experiment compares two at least"
        return
    if settings.baseline is not None and route.spec.declared(settings.baseline) is None:
        known = [variant.declared for variant in route.spec.variants]
        near = did_you_mean(settings.baseline, known)
        msg = f"{settings.baseline} is no variant of this route; it has {', '.join(known)}.{near}"
        yield ("baseline",), msg
    yield from _repeated(settings)
    for path, _, metric in settings.placed():
        message = _misfit(metric, beside.signature.output)
        if metric.metric == "quantile" and route.learns:
            message = (
                "a quantile is of requests under the same shares, and those of a bandit change all "
                "the time; take the mean"
            )
        if message is not None:
            yield (*path, "metric"), message
    yield from _covariate_problems(settings, beside)


def _repeated(settings: ExperimentSettings) -> Iterator[_Problem]:
    """Metrics under a name that stood before."""
    seen: dict[str, str] = {}
    for path, role, metric in settings.placed():
        if metric.called in seen:
            former = seen[metric.called]
            where = "the primary metric" if former == "primary" else f"among the {former} metrics"
            msg = f"{metric.called} is {where} already; take it out, or give it another `name`"
            yield (*path, "metric"), msg
        seen.setdefault(metric.called, role)


def _misfit(metric: MetricSettings, output: Output) -> str | None:
    """Why a metric cannot be measured of what the versions give; None where it can."""
    name = metric.metric
    kind = (
        "classification" if name in _OF_CLASSES else "regression" if name in _OF_NUMBERS else None
    )
    if kind is None:
        return None
    if output.kind != kind or output.targets or (kind == "regression" and output.width > 1):
        given = f"{output.kind} of several outputs" if output.width > 1 else output.kind
        return f"{name} is measured of {kind}; these versions give {given}"
    if name in _OF_PROBABILITIES and not output.probabilities:
        return f"{name} is measured of probabilities, and these versions give classes alone"
    labels = [label_text(label) for label in output.labels]
    if metric.class_ is not None:
        if label_text(metric.class_) not in labels:
            return f"class {metric.class_!r} is none of {', '.join(labels)}"
    elif name in _OF_TWO_CLASSES and len(labels) > 2:
        hint = "" if name == "auc" else "; say which as `class`"
        return f"{name} is of one class against all others, and there are {len(labels)}{hint}"
    return None


def _covariate_problems(settings: ExperimentSettings, beside: Surroundings) -> Iterator[_Problem]:
    if settings.covariate is None:
        return
    if settings.covariate.before_s is not None and beside.route.key is None:
        msg = (
            "before_s is what a subject's reward was before, and without a key the route knows no "
            "subjects; take a column"
        )
        yield ("covariate", "before_s"), msg
    name = settings.covariate.column
    if name is None:
        return
    known = {column.name: column for column in beside.signature.inputs}
    if name not in known:
        msg = f"there is no column {name!r}.{did_you_mean(name, known)}"
        yield ("covariate", "column"), msg
    elif not known[name].is_numeric or known[name].shape:
        msg = f"the column {name!r} is {known[name].dtype} and holds no numbers"
        yield ("covariate", "column"), msg
    elif name in beside.kept.redact:
        yield ("covariate", "column"), f"the values of {name!r} are not kept: `redact` names it"


def _subject_problems(beside: Surroundings) -> Iterator[_Problem]:
    """Whether it is kept of whom a request was."""
    key, kept = beside.route.key, beside.kept
    if key is None:
        return
    if kept.key not in {None, key}:
        msg = (
            f"the experiment tells subjects apart by {key!r}, the key of the route, and what is "
            f"kept of requests is {kept.key!r}; take `key` out, so that it is that of the route, "
            "and send feedback by the ids of predictions or by that key"
        )
        yield ("monitoring", "key"), msg
    if key in kept.redact:
        msg = f"{key!r} is the key of the route, by which the experiment tells subjects apart"
        yield ("monitoring", "redact"), msg


def plan_of(settings: ExperimentSettings, route: RouteSpec) -> Mapping[str, Any]:
    """An experiment without problems as JSON values: its baseline as a version, all defaults said.

    `metrics` are all of them in one list, with their roles.
    """
    versions = {name: v.version for v in route.variants for name in (v.declared, v.version)}
    body = settings.model_dump(
        mode="json", exclude={"baseline", "primary", "secondary", "guardrails"}
    )
    given = settings.baseline or route.settings.get("baseline")
    return {
        **body,
        "baseline": route.variants[0].version if given is None else versions[given],
        "metrics": [_metric(role, metric) for _, role, metric in settings.placed()],
    }


def _metric(role: str, metric: MetricSettings) -> dict[str, Any]:
    default = "non-inferiority" if role == "guardrail" else "superiority"
    return {
        **metric.model_dump(mode="json", by_alias=True),
        "name": metric.called,
        "role": role,
        "better": metric.direction,
        "test": metric.test or default,
    }


def with_subjects(records: RecordSettings, route: Route) -> RecordSettings:
    """What is kept of requests, and of whom they were: the key of the route."""
    key = route.key
    return records if key is None or records.key == key else replace(records, key=key)
