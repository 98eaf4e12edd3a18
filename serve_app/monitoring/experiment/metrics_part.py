"""The part of the page about metrics: who is better in what, by how much, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence

from serve_app.monitoring import words
from serve_app.monitoring.experiment import figures
from serve_app.monitoring.experiment.document import (
    ArmValue,
    Comparison,
    ExperimentReport,
    MetricResult,
)
from serve_app.monitoring.experiment.effect_charts import (
    Span,
    beliefs,
    course,
    effects,
    limit_of,
    verdict,
)
from serve_app.monitoring.experiment.lanes import named
from serve_app.monitoring.report.legend import area_key, legend, line_key
from serve_app.monitoring.report.markup import NOTHING, Markup, element, joined, name_of, shortened
from serve_app.monitoring.report.tables import more, table

MOST_COURSES = 24
"""Charts over time of one metric."""
MOST_METRICS = 40
_HEADS = (
    "variant", "units", "value", "effect", "relative effect", "p", "adjusted p", "verdict",
)  # fmt: skip
_ROLES = {"primary": 0, "guardrail": 1, "secondary": 2}


def metrics_part(report: ExperimentReport, span: Span) -> Markup:
    """All metrics: the primary ones first, then guardrails."""
    title = element("h2", "Metrics")
    if not report.metrics:
        sentence = "None is known yet: no answer of this experiment has an outcome so far."
        return element("section", title, element("p", sentence))
    ordered = sorted(report.metrics, key=lambda one: _ROLES[one.role])
    shown = ordered[:MOST_METRICS]
    return element(
        "section",
        title,
        _overview(shown, report) if len(shown) > 1 else None,
        *(_metric(one, report, span) for one in shown),
        more(len(ordered), MOST_METRICS),
    )


def rule_of(metric: MetricResult) -> str:
    """What is wanted of a metric, in words."""
    direction = f"{metric.better} is better"
    if metric.role == "guardrail":
        if not metric.margin:
            return f"guardrail; {direction}, and it must not become worse"
        return f"guardrail; {direction}, and it may be worse by {words.number(metric.margin)}"
    if not metric.margin:
        return f"{metric.role}; {direction}"
    return f"{metric.role}; {direction}, by more than {words.number(metric.margin)}"


def _overview(metrics: Sequence[MetricResult], report: ExperimentReport) -> Markup:
    """A row for each metric, a column for each variant that is not the baseline."""
    others = [one for one in report.variants if one != report.baseline]
    rows = []
    for metric in metrics:
        by_variant = {one.variant: one for one in metric.comparisons}
        cells = [
            element("td", *_short(by_variant[name])) if name in by_variant else _blank()
            for name in others
        ]
        role = element("span", f" {metric.role}", class_="muted")
        rows.append(element("tr", element("td", name_of(metric.name), role, class_="name"), *cells))
    return table(["metric", *(name_of(name, 40) for name in others)], rows)


def _short(one: Comparison) -> list[Markup]:
    effect = element("span", figures.signed(one.effect), class_="muted")
    return [verdict(one), element("br"), effect]


def _blank() -> Markup:
    return element("td", NOTHING)


def _metric(metric: MetricResult, report: ExperimentReport, span: Span) -> Markup:
    belief = beliefs(metric)
    drawn = effects(metric)
    content = [
        element("h3", name_of(metric.name), class_="metric"),
        element("p", *_about(metric), class_="note"),
        _titled("Effect beside the baseline", drawn, _legend(metric)),
        _numbers(metric, report),
        _courses(metric, span),
        _titled("What is believed of the effect", belief, None),
    ]
    return element("div", *content, class_=f"block {metric.role}")


def _about(metric: MetricResult) -> list[Markup | str]:
    sentences: list[Markup | str] = [f"{rule_of(metric)}."]
    if metric.words:
        sentences[:0] = [name_of(metric.words, 600), ": "]
    if metric.immature:
        waiting = words.plural(metric.immature, "unit")
        sentences.append(
            f" {words.plural(metric.matured, 'unit')} can be counted; of {waiting} the time in "
            "which an outcome may come is not over, which is no failure."
        )
    return sentences


def _legend(metric: MetricResult) -> Markup:
    keys = [
        area_key("interval", "the interval that holds at every look"),
        line_key("zero", "no effect"),
    ]
    limit = limit_of(metric)
    if limit is not None:
        keys.append(line_key("margin", f"the margin, {figures.signed(limit)}"))
    return legend(keys)


def _titled(title: str, content: Markup | None, keys: Markup | None) -> Markup | None:
    return None if content is None else joined(element("h4", title), keys, content)


def _numbers(metric: MetricResult, report: ExperimentReport) -> Markup:
    arms = {one.variant: one for one in metric.arms}
    compared = {one.variant: one for one in metric.comparisons}
    names = list(dict.fromkeys([report.baseline, *report.variants, *arms]))
    rows = [
        _row(name, arms.get(name), compared.get(name), is_baseline=name == report.baseline)
        for name in names
    ]
    return table(_HEADS, rows, {1, 2, 3, 4, 5, 6})


def _row(name: str, arm: ArmValue | None, one: Comparison | None, *, is_baseline: bool) -> Markup:
    cells: list[Markup | str] = [
        NOTHING if arm is None else f"{arm.n:,}",
        NOTHING if arm is None else _value(arm),
    ]
    if one is None:
        cells += [NOTHING] * 4
        last: Markup | str = "baseline" if is_baseline else "no data"
    else:
        cells += [
            figures.difference(one.effect, one.low, one.high),
            figures.relative(one.relative, one.relative_low, one.relative_high),
            figures.probability(one.p_value),
            figures.probability(one.adjusted_p),
        ]
        note = element("div", one.note, class_="muted") if one.note else None
        last = joined(verdict(one), note)
    return element(
        "tr",
        element("td", named(name), class_="name"),
        *(element("td", cell, class_="n") for cell in cells),
        element("td", last),
    )


def _value(arm: ArmValue) -> str:
    if arm.value is None:
        return figures.UNKNOWN
    if arm.low is None or arm.high is None:
        return words.number(arm.value)
    return f"{words.number(arm.value)} ({words.number(arm.low)} to {words.number(arm.high)})"


def _courses(metric: MetricResult, span: Span) -> Markup | None:
    """Effects over time; those of primary metrics are open."""
    known = [one for one in metric.comparisons if one.course]
    if not known:
        return None
    cards = [
        element(
            "div",
            element("h4", name_of(one.variant), title=shortened(one.variant, 600)),
            course(metric, one, span),
            element("p", figures.difference(one.effect, one.low, one.high), class_="facts"),
            class_="card wide" if len(known) == 1 else "card",
        )
        for one in known[:MOST_COURSES]
    ]
    grid = joined(element("div", *cards, class_="grid2"), more(len(known), MOST_COURSES))
    title = "Effect over time, with the interval that holds at every look"
    if metric.role == "primary":
        return joined(element("h4", title), grid)
    return element("details", element("summary", title), grid)
