"""The table of everybody at a glance, where there are several."""

from __future__ import annotations

from serve_app.monitoring import words
from serve_app.monitoring.report.courses import point_in_words
from serve_app.monitoring.report.document import Quality, Report, Section
from serve_app.monitoring.report.markup import NOTHING, Markup, element, name_of
from serve_app.monitoring.report.tables import table

_HEADS = ("endpoint", "answered by", "rows", "findings", "drift now", "quality", "labels")
_NUMBERS = frozenset({2, 3, 6})


def anchor(report: Report, section: Section) -> str:
    """The name by which the page links to a section."""
    return f"s{report.sections.index(section) + 1}"


def overview(report: Report) -> Markup | None:
    """A line for each section, with links; none where there is one section alone."""
    if len(report.sections) < 2:
        return None
    rows = [_line(section, report) for section in report.sections]
    title = element("h3", "Endpoints and versions")
    return element("nav", title, table(_HEADS, rows, _NUMBERS))


def drift_in_words(section: Section) -> str:
    """How many features drift by the newest rows, or why that is not known."""
    drift = section.drift
    if drift is None:
        return "not watched"
    judged = [one for one in drift.features if one.not_judged is None or one.rates]
    if not judged:
        return "not judged yet"
    drifted = sum(one.is_drifted or any(rate.drifted for rate in one.rates) for one in judged)
    return f"{drifted} of {len(judged)} drifted"


def main_metric(quality: Quality | None) -> str:
    """The first metric that is known, as it was last."""
    for series in () if quality is None else quality.metrics:
        known = [point for point in series.realised if point.value is not None]
        if known:
            return f"{series.metric} {point_in_words(known[-1])}"
    return "no labels"


def coverage_of(quality: Quality | None) -> str:
    """The share of rows that have a label by now."""
    predicted = 0 if quality is None else sum(one.predicted for one in quality.labels)
    if quality is None or not predicted:
        return NOTHING
    return words.share(sum(one.labelled for one in quality.labels) / predicted)


def _line(section: Section, report: Report) -> Markup:
    findings = sum(
        (one.endpoint, one.variants) == (section.endpoint, section.variants)
        for one in report.findings
    )
    link = element("a", name_of(section.endpoint), href=f"#{anchor(report, section)}")
    return element(
        "tr",
        element("td", link, class_="name"),
        element("td", name_of(section.variants), class_="name"),
        element("td", f"{section.rows:,}", class_="n"),
        element("td", str(findings), class_="n hot" if findings else "n"),
        element("td", drift_in_words(section)),
        element("td", main_metric(section.quality)),
        element("td", coverage_of(section.quality), class_="n"),
    )
