"""What an experiment has come to, as one page of HTML that needs nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from serve_app.monitoring import words
from serve_app.monitoring.experiment import figures
from serve_app.monitoring.experiment.bandit_part import bandit_part
from serve_app.monitoring.experiment.document import ExperimentReport, HistoryLine, Plan
from serve_app.monitoring.experiment.effect_charts import Span
from serve_app.monitoring.experiment.lanes import strip
from serve_app.monitoring.experiment.metrics_part import metrics_part
from serve_app.monitoring.experiment.page_style import PAGE_STYLE
from serve_app.monitoring.experiment.shadows_part import shadows_part
from serve_app.monitoring.experiment.traffic_part import traffic_part
from serve_app.monitoring.report import plot
from serve_app.monitoring.report.markup import Markup, element, joined, name_of, shortened
from serve_app.monitoring.report.sheet import sheet
from serve_app.monitoring.report.tables import more, table

MOST_LINES = 200
MOST_REASONS = 30
_LEVELS = {
    "ship": "fine",
    "roll back": "critical",
    "invalid": "critical",
    "no difference": "warning",
}


def page(
    report: ExperimentReport,
    shadows: Sequence[Mapping[str, Any]] = (),
    bandit: Sequence[Mapping[str, Any]] | None = None,
) -> str:
    """The whole page.

    `shadows` are what `serve-app monitor shadow --json` has of the endpoint, `bandit` what
    `serve-app monitor watch bandits --json` has of it, where there are any.
    """
    body = element("main", content(report, shadows, bandit))
    title = f"Experiment {shortened(report.name)} of {shortened(report.endpoint)}"
    return sheet(title, body, PAGE_STYLE)


def content(
    report: ExperimentReport,
    shadows: Sequence[Mapping[str, Any]] = (),
    bandit: Sequence[Mapping[str, Any]] | None = None,
) -> Markup:
    """What the page says, to stand within any page that has `PAGE_STYLE`."""
    span = span_of(report)
    return joined(
        _verdict(report),
        _plan(report),
        metrics_part(report, span),
        traffic_part(report, span),
        bandit_part(bandit, span),
        shadows_part(shadows),
        _history(report.history),
        _notes(report.notes),
        _reading(report),
    )


def span_of(report: ExperimentReport) -> Span:
    """From the start of the experiment to the last look, or its end."""
    courses = [one.course for metric in report.metrics for one in metric.comparisons]
    seen = [point.at_s for course in courses for point in course]
    seen += [point.until_s for one in report.traffic for point in one.course]
    to_s = max([report.stopped_s or report.looked_s, *seen])
    from_s = report.started_s if report.started_s is not None else min([to_s, *seen])
    return Span(min(from_s, to_s - words.MINUTE_S), to_s)


def _verdict(report: ExperimentReport) -> Markup:
    """The decision in a sentence, why, and what experiment that is."""
    decision = report.decision
    reasons = [element("li", name_of(one, 600)) for one in decision.reasons[:MOST_REASONS]]
    words_of_it = decision.words if decision.words.strip() else decision.outcome
    return element(
        "header",
        element("h1", "Experiment ", name_of(report.name)),
        element("p", name_of(words_of_it, 600), class_="answer"),
        element("ul", *reasons) if reasons else None,
        more(len(decision.reasons), MOST_REASONS),
        element("p", *_about(report), class_="meta"),
        element("p", "Hypothesis: ", name_of(report.hypothesis, 1_000), class_="meta")
        if report.hypothesis
        else None,
        class_=f"verdict {_LEVELS.get(decision.outcome, '')}".strip(),
    )


def _about(report: ExperimentReport) -> list[Markup | str]:
    others = [name_of(name, 60) for name in report.variants if name != report.baseline]
    listed = [part for name in others[:8] for part in (", ", name)][1:]
    if len(others) > 8:
        listed.append(f" and {len(others) - 8:,} more")
    keyed = [] if report.key is None else [" (", name_of(report.key), ")"]
    judged = f"Judged {report.method} by {report.unit}s"
    alpha = f", wrong at most {words.share(report.alpha)} of the time. All times are UTC."
    return [
        "Endpoint ",
        name_of(report.endpoint),
        f" ({report.route}): ",
        *(listed or ["nothing"]),
        " beside the baseline ",
        name_of(report.baseline, 60),
        f". {_times(report)} {judged}",
        *keyed,
        alpha,
    ]


def _times(report: ExperimentReport) -> str:
    if report.started_s is None:
        return "Not started yet."
    begun = f"Since {words.moment(report.started_s)}"
    if report.stopped_s is not None:
        lasted = words.duration(round(max(0.0, report.stopped_s - report.started_s)))
        return f"{begun}, stopped {words.moment(report.stopped_s)} after {lasted}."
    lasted = words.duration(round(max(0.0, report.looked_s - report.started_s)))
    return f"{begun}, for {lasted}; looked at {words.moment(report.looked_s)}."


def _plan(report: ExperimentReport) -> Markup | None:
    """How much of the needed sample is there."""
    plan, progress = report.plan, report.decision.progress
    if plan is None and progress is None:
        return None
    if progress is None and plan is not None and plan.needed:
        progress = plan.reached / plan.needed
    lines = [] if plan is None else _lines(plan, report)
    if report.decision.left_s is not None and math.isfinite(report.decision.left_s):
        lines.append(
            f"About {words.duration(round(report.decision.left_s))} are left as things go."
        )
    return element(
        "section",
        element("h2", "Plan"),
        None if progress is None else _bar(progress),
        *(element("p", line, class_="note") for line in lines),
    )


def _bar(progress: float) -> Markup:
    inside = min(max(progress, 0.0), 1.0) if math.isfinite(progress) else 0.0
    meaning = f"{words.share(max(progress, 0.0))} of the needed sample is there"
    drawn = strip(meaning, plot.bar(0, 1, 4, 14, "ref"), plot.bar(0, inside, 4, 14, "now-bar"))
    return joined(drawn, element("p", meaning))


def _lines(plan: Plan, report: ExperimentReport) -> list[str]:
    needed = "no number of them would do" if plan.needed is None else f"{plan.needed:,} are needed"
    there = f"Of each variant {words.plural(plan.reached, report.unit)} by now; {needed}"
    wanted = f"an effect of {words.number(plan.effect)} with a power of {words.share(plan.power)}"
    lines = [f"{there} to see {wanted}."]
    if plan.detectable is not None and math.isfinite(plan.detectable):
        seen = figures.size(plan.detectable)
        lines.append(f"By those that are there, an effect of {seen} would be seen as surely.")
    if plan.price is not None and math.isfinite(plan.price):
        price = f"{plan.price:.2g} times the {report.unit}s of a test with a single look"
        lines.append(f"Looking at any time has its price: {price}.")
    return lines


def _history(history: Sequence[HistoryLine]) -> Markup:
    title = element("h2", "History")
    if not history:
        return element("section", title, element("p", "Nothing was changed."))
    newest = sorted(history, key=lambda one: -one.at_s)[:MOST_LINES]
    rows = [
        element(
            "tr",
            element("td", words.moment(one.at_s), class_="when"),
            element("td", name_of(one.who), class_="name"),
            element("td", name_of(one.what, 600), class_="name"),
            element("td", name_of(one.why, 600) if one.why else None, class_="name"),
        )
        for one in newest
    ]
    return element(
        "section",
        title,
        table(("when", "who", "what", "why"), rows),
        more(len(history), MOST_LINES),
    )


def _notes(notes: Sequence[str]) -> Markup | None:
    if not notes:
        return None
    items = [element("li", name_of(one, 1_000)) for one in notes[:MOST_LINES]]
    return element("section", element("h2", "Notes"), element("ul", *items, class_="notes"))


def _reading(report: ExperimentReport) -> Markup:
    lines = [
        ("Interval", ("of an effect: it holds at every look, however often somebody looks, so "
         "that a decision may be taken as soon as it says so.")),
        ("Margin", ("a guardrail may be worse by it, and any other metric has to be better by more "
         "than it.")),
        ("p", ("how likely so large an effect is where there is none. The adjusted one takes "
         "into account how many metrics and variants there are.")),
        ("Chance to beat", ("the posterior probability that the variant is better than the "
         "baseline; the expected loss is what choosing it costs on average where it is not. The "
         "density is normal, and full where the variant is better.")),
        ("Sample-ratio check", ("whether variants have as many units as their weights say. Where "
         "they do not, somebody is lost or counted twice, and no result holds.")),
    ]  # fmt: skip
    if report.method == "group sequential":
        lines[0] = ("Interval", "of an effect: it holds at the planned looks, and only at them.")
    pairs = [part for term, text in lines for part in (element("dt", term), element("dd", text))]
    return element("details", element("summary", "How to read this"), element("dl", *pairs))
