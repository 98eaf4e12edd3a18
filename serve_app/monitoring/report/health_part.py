"""The part of the page about the monitor itself: a report is as good as what it saw."""

from __future__ import annotations

from serve_app.monitoring import words
from serve_app.monitoring.report.document import FeedbackCount, Health, Report
from serve_app.monitoring.report.markup import Markup, element, name_of
from serve_app.monitoring.report.tables import table


def health_part(report: Report) -> Markup:
    """What it took, what was late or lost, and what of its work fails."""
    health = report.health
    pairs = [
        part
        for term, value in _lines(health, report)
        for part in (element("dt", term), element("dd", value))
    ]
    failing = [element("li", name_of(one), class_="critical") for one in health.failing]
    return element(
        "section",
        element("h2", "The monitor itself"),
        element("ul", *failing, class_="findings") if failing else None,
        element("dl", *pairs),
        _feedback(health),
    )


def _lines(health: Health, report: Report) -> list[tuple[str, str]]:
    newest = "no row was counted yet"
    if health.newest_s is not None:
        lag = words.duration(max(0, round(report.made_s - health.newest_s)))
        newest = f"in the minute from {words.moment(health.newest_s)}, {lag} before this report"
    reasons = ((health.expired, "too old to keep"), (health.refused, "of too many series"))
    lost = [f"{words.plural(count, 'count')} {why}" for count, why in reasons if count]
    deliveries = "1 delivery" if health.deliveries == 1 else f"{health.deliveries:,} deliveries"
    return [
        (
            "Rows kept",
            (
                f"{health.kept_rows:,} in {deliveries} since it started; {health.repeated:,} of "
                "them came again and counted once"
            ),
        ),
        ("Newest row", newest),
        (
            "Late",
            (
                f"{words.plural(health.late, 'count')} of windows that were over: counted in them "
                "all the same, and verdicts on them stay as they were"
            ),
        ),
        ("Lost here", "; ".join(lost) or "nothing"),
        (
            "Lost before",
            "what gateways had to let go is counted by ray_serve_app_record_rows_dropped_total",
        ),
        (
            "Windows",
            f"of {words.plural(health.series, 'version')}, {health.window_bytes / 1e6:,.1f} MB",
        ),
        ("Background work", "some of it fails, see above" if health.failing else "all of it runs"),
    ]


def _feedback(health: Health) -> Markup | None:
    if not health.feedback:
        return None
    heads = ("feedback to", "received", "matched", "still looking", "without a prediction", "late")
    return table(heads, [_count(one) for one in health.feedback], range(1, len(heads)))


def _count(one: FeedbackCount) -> Markup:
    counts = (one.stored, one.matched, one.pending, one.unmatched, one.late)
    numbers = [element("td", f"{count:,}", class_="n") for count in counts]
    return element("tr", element("td", name_of(one.endpoint), class_="name"), *numbers)
