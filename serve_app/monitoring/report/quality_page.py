"""The part of the page about how good answers were."""

from __future__ import annotations

from serve_app.monitoring import words
from serve_app.monitoring.report.courses import (
    coverage_chart,
    metric_chart,
    metric_in_words,
    point_in_words,
)
from serve_app.monitoring.report.document import MetricSeries, Quality, Report, SegmentMetric
from serve_app.monitoring.report.legend import legend, line_key
from serve_app.monitoring.report.markup import NOTHING, Markup, element, joined, name_of
from serve_app.monitoring.report.tables import table

MOST_SEGMENTS = 60
NO_LABELS = (
    "No answer of this time has a label yet. Send them by prediction id or key (serve-app feedback "
    "import, or :feedback), and see with serve-app feedback how many still look for theirs."
)


def quality_part(quality: Quality | None, report: Report) -> Markup:
    """Metrics over time, label coverage, and segments where there are any."""
    title = element("h3", "Quality: what labels say of the answers")
    if quality is None or not (quality.labelled or quality.metrics):
        return joined(title, element("p", NO_LABELS))
    state = "Nearly all labels that will ever come have come."
    if quality.reason:
        state = f"Not mature yet: {quality.reason}."
    sentence = f"{words.plural(quality.labelled, 'labelled row')}. {state}"
    if not quality.labelled:
        sentence = NO_LABELS
    cards = [_card(series, report) for series in quality.metrics]
    coverage = element(
        "div",
        element("h4", "label coverage"),
        coverage_chart(quality.labels, report.since_s, report.made_s),
        element("p", _coverage(quality), class_="facts"),
        class_="card",
    )
    return joined(
        title,
        element("p", sentence, class_="note"),
        element("p", quality.note, class_="note") if quality.note else None,
        _legend(quality),
        element("div", *cards, coverage if quality.labels else None, class_="grid2"),
        _segments(quality),
    )


def _card(series: MetricSeries, report: Report) -> Markup:
    return element(
        "div",
        element("h4", name_of(series.metric)),
        metric_chart(series, report.since_s, report.made_s),
        element("p", metric_in_words(series), class_="facts"),
        class_="card",
    )


def _coverage(quality: Quality) -> str:
    predicted = sum(one.predicted for one in quality.labels)
    labelled = sum(one.labelled for one in quality.labels)
    share = words.share(labelled / predicted) if predicted else "none"
    return f"{labelled:,} of {words.plural(predicted, 'row')} have a label by now: {share}"


def _legend(quality: Quality) -> Markup:
    keys = [("realised", "by labels, with the interval (95 %)")]
    if any(one.estimated for one in quality.metrics):
        keys.append(("estimated", "estimated without labels"))
    if any(one.registered is not None for one in quality.metrics):
        keys.append(("registered", "at registration"))
    return legend(line_key(kind, meaning) for kind, meaning in keys)


def _segments(quality: Quality) -> Markup | None:
    if not quality.segments:
        return None
    heads = ("segment", "metric", "rows", "of the segment", "of all", "verdict")
    rows = [_segment(one) for one in quality.segments[:MOST_SEGMENTS]]
    return joined(element("h3", "Segments"), table(heads, rows, {2, 3, 4}))


def _segment(one: SegmentMetric) -> Markup:
    whole = NOTHING if one.whole is None else words.number(one.whole)
    return element(
        "tr",
        element("td", name_of(f"{one.column} = {one.value}"), class_="name"),
        element("td", name_of(one.metric)),
        element("td", f"{one.rows:,}", class_="n"),
        element("td", point_in_words(one.result), class_="n hot" if one.worse else "n"),
        element("td", whole, class_="n"),
        element("td", "worse" if one.worse else "", class_="bad"),
    )
