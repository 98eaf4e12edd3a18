"""The report as one page of HTML that needs nothing else: no network, no script, no font."""

from __future__ import annotations

from collections.abc import Sequence

from serve_app.monitoring import words
from serve_app.monitoring.finding import Finding
from serve_app.monitoring.report.document import Report, Section
from serve_app.monitoring.report.findings_part import findings_part
from serve_app.monitoring.report.health_part import health_part
from serve_app.monitoring.report.markup import Markup, element, shortened
from serve_app.monitoring.report.overview import overview
from serve_app.monitoring.report.section_part import section_part
from serve_app.monitoring.report.sheet import sheet
from serve_app.monitoring.report.style import SCRIPT, STYLE

_WORST = ("critical", "warning")
NO_SECTIONS = (
    "No endpoint was asked in this time, or none was deployed. Deploy one (serve-app deploy), ask "
    "it (serve-app predict), and make the report again: rows are counted within a minute."
)


def page(report: Report, runbook: str | None = None) -> str:
    """The whole page; findings link to the runbook at an address, where that is known."""
    body = element(
        "main",
        _verdict(report),
        findings_part(report, runbook),
        overview(report),
        *(section_part(section, report) for section in report.sections),
        None if report.sections else element("p", NO_SECTIONS),
        health_part(report),
        _reading(),
    )
    title = f"Monitoring report, {words.moment(report.made_s)} UTC"
    return sheet(title, body, STYLE, SCRIPT)


def verdict_of(report: Report) -> tuple[str, str]:
    """What it comes to: `critical`, `warning`, `fine` or `unknown`, and the same in a sentence."""
    severities = [finding.severity for finding in report.findings]
    for severity in _WORST:
        if severity in severities:
            return severity, _counted(report.findings)
    if any(_is_judged(section) for section in report.sections):
        return "fine", "Nothing is wrong that is watched."
    return "unknown", "Nothing can be said yet: no window had enough rows to be judged."


def _is_judged(section: Section) -> bool:
    if section.quality is not None and section.quality.labelled:
        return True
    return section.drift is not None and any(one.judged for one in section.drift.features)


def _counted(findings: Sequence[Finding]) -> str:
    counts = [
        words.plural(count, f"{severity} finding" if severity == "critical" else severity)
        for severity in _WORST
        if (count := sum(finding.severity == severity for finding in findings))
    ]
    endpoints = sorted({finding.endpoint for finding in findings})
    return f"{' and '.join(counts)}: {words.listed(list(map(shortened, endpoints)), 5)}."


def _verdict(report: Report) -> Markup:
    level, sentence = verdict_of(report)
    span = words.duration(round(report.made_s - report.since_s))
    made = (
        f"Made {words.moment(report.made_s)} UTC, of the {span} before. Windows of "
        f"{words.duration(report.window_s)} are judged. All times are UTC."
    )
    left_out = None
    if report.left_out:
        names = words.listed(list(map(shortened, report.left_out)), 8)
        hint = (
            f"Not in this report, which would be too large: {names}. Name an endpoint to have one."
        )
        left_out = element("p", hint, class_="meta")
    return element(
        "header",
        element("h1", "Monitoring report"),
        element("p", sentence, class_="answer"),
        element("p", made, class_="meta"),
        left_out,
        class_=f"verdict {level}",
    )


def _reading() -> Markup:
    lines = (
        ("Distance", ("how far the rows of a window are from those of training, divided by the "
         "threshold from which on it counts. A feature drifted where that is 1 or more and "
         "significant as well: with many rows the smallest difference is significant, with few a "
         "large one is chance.")),
        ("Alarm", "stands while several of the last judged windows say so."),
        ("Not judged", "too few rows for a verdict, which is no all-clear."),
        ("Intervals", "hold the true value 95 times of 100."),
        ("Label coverage", ("the share of answers whose truth is known by now. Labels that come "
         "first may not be like the others.")),
    )  # fmt: skip
    pairs = [part for term, text in lines for part in (element("dt", term), element("dd", text))]
    return element("details", element("summary", "How to read this"), element("dl", *pairs))
