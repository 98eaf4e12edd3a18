"""What stands, grouped by who it is about, with what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from serve_app.monitoring import words
from serve_app.monitoring.finding import Finding
from serve_app.monitoring.report import advice
from serve_app.monitoring.report.document import Report
from serve_app.monitoring.report.markup import Markup, element, joined, name_of, shortened
from serve_app.monitoring.report.overview import anchor

SEVERITIES = ("critical", "warning")
MOST_GROUPS = 60
MOST_CHARACTERS = 600
MOST_LINES = 10
"""Of one group; the others stand below them, folded."""


def findings_part(report: Report, runbook: str | None) -> Markup | None:
    """The findings, critical ones first; those of one kind about one version together."""
    if not report.findings:
        return None
    groups = sorted(
        _grouped(report.findings).items(), key=lambda pair: SEVERITIES.index(pair[0][0])
    )
    items = [_group(key, some, report, runbook) for key, some in groups[:MOST_GROUPS]]
    more = len(groups) - len(items)
    if more:
        others = f"and {words.plural(more, 'group')} more: serve-app monitor findings"
        items.append(element("li", others))
    return element("ul", *items, class_="findings")


Key = tuple[str, str, str, str]


def _grouped(findings: Iterable[Finding]) -> dict[Key, list[Finding]]:
    groups: dict[Key, list[Finding]] = {}
    for one in findings:
        groups.setdefault((one.severity, one.kind, one.endpoint, one.variants), []).append(one)
    return groups


def _group(key: Key, findings: Sequence[Finding], report: Report, runbook: str | None) -> Markup:
    severity, kind, endpoint, variants = key
    where = joined(name_of(endpoint), " · ", name_of(variants)) if variants else name_of(endpoint)
    section = next(
        (one for one in report.sections if (one.endpoint, one.variants) == (endpoint, variants)),
        None,
    )
    if section is not None:
        where = element("a", where, href=f"#{anchor(report, section)}")
    return element(
        "li",
        element("span", f"{severity}: {shortened(kind)}", class_="badge"),
        " ",
        where,
        *_lines(findings),
        element("p", f"{advice.advice(kind)} ", _runbook(kind, runbook), class_="note"),
        class_=severity,
    )


def _runbook(kind: str, runbook: str | None) -> Markup:
    heading = advice.heading(kind)
    if runbook is None:
        return joined(f"Runbook: {advice.RUNBOOK}#{heading}")
    return element("a", "Runbook", href=f"{runbook}#{heading}")


def _lines(findings: Sequence[Finding]) -> Iterable[Markup]:
    items = [element("li", name_of(one.text, MOST_CHARACTERS), _numbers(one)) for one in findings]
    yield element("ul", *items[:MOST_LINES])
    if len(items) > MOST_LINES:
        summary = element("summary", f"{len(items) - MOST_LINES:,} more")
        yield element("details", summary, element("ul", *items[MOST_LINES:]))


def _numbers(one: Finding) -> str:
    if one.value is None:
        return ""
    if one.threshold is None:
        return f": {words.number(one.value)}"
    return f": {words.number(one.value)}, where {words.number(one.threshold)} is the threshold"
