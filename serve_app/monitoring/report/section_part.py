"""The part of the page about one endpoint and who answered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from serve_app.monitoring import words
from serve_app.monitoring.drift_watch import PREDICTION
from serve_app.monitoring.report.document import (
    AlarmSpan,
    Distribution,
    Drift,
    FeatureSummary,
    Rate,
    Report,
    Section,
)
from serve_app.monitoring.report.heat import heat_map
from serve_app.monitoring.report.markup import NOTHING, Markup, element, joined, name_of, shortened
from serve_app.monitoring.report.overview import anchor, drift_in_words
from serve_app.monitoring.report.quality_page import quality_part
from serve_app.monitoring.report.shapes import distribution, largest_change
from serve_app.monitoring.report.tables import more, table

MOST_LINES = 60
MOST_SPANS = 30


@dataclass(frozen=True, slots=True)
class Room:
    """How much a page holds: features in the table of all, none for every one, and rates."""

    features: int | None = None
    rates: int = MOST_LINES


WHOLE = Room()
"""A page of its own, which holds all."""
RATES = {"missing": "missing", "out_of_range": "out of range", "unseen": "never seen"}


def section_part(section: Section, report: Report, room: Room = WHOLE) -> Markup:
    """All that is known of it, as far as there is room."""
    heading = joined(name_of(section.endpoint), " · ", name_of(section.variants))
    return element(
        "section",
        element("h2", heading, id=anchor(report, section)),
        element("p", f"{words.plural(section.rows, 'row')} counted in this time.", class_="meta"),
        *_drift(section, report, room),
        quality_part(section.quality, report),
    )


def _drift(section: Section, report: Report, room: Room) -> Iterable[Markup | None]:
    drift = section.drift
    if drift is None:
        yield element("h3", "Drift")
        yield element("p", section.no_drift)
        return
    yield element("h3", f"Drift over time: {drift_in_words(section)} by the newest rows")
    yield element("p", _about(drift, report), class_="note")
    yield heat_map(drift.heat)
    yield _every(drift, room.features)
    summaries = {(one.prediction, one.name): one for one in drift.features}
    predictions = [one for one in drift.distributions if one.prediction]
    features = [one for one in drift.distributions if not one.prediction]
    yield element("h3", "Predictions now against the reference")
    yield _now(drift) if predictions else element("p", "None are counted for this version.")
    yield element("div", *(_card(one, summaries, wide=True) for one in predictions), class_="grid2")
    yield element("h3", "Features now against training")
    yield element("div", *(_card(one, summaries) for one in features), class_="grid3")
    yield _data_quality(drift, room.rates)
    yield _alarms(drift)


def _every(drift: Drift, most: int | None) -> Markup:
    """Features and predictions with what was judged of them, folded: so many, or all of them."""
    heads = ("feature", "distance now", "greatest", "windows drifted", "by")
    rows = [
        element(
            "tr",
            element(
                "td", name_of(one.name), " (predicted)" if one.prediction else None, class_="name"
            ),
            element("td", _score(one), class_="n hot" if one.is_drifted else "n"),
            element("td", NOTHING if one.worst is None else words.number(one.worst), class_="n"),
            element("td", f"{one.drifted:,} of {one.judged:,}", class_="n"),
            element("td", one.distance.replace("_", " ")),
        )
        for one in drift.features[:most]
    ]
    every = len(drift.features)
    words_of = f"all {every:,}" if len(rows) == every else f"{len(rows):,} of {every:,}"
    summary = element("summary", f"Table of {words_of}")
    return element("details", summary, table(heads, rows, {1, 2, 3}))


def _score(one: FeatureSummary) -> str:
    return (one.not_judged or NOTHING) if one.score is None else f"{one.score:.2f}"


def _about(drift: Drift, report: Report) -> str:
    source = f" ({drift.source})" if drift.source else ""
    reference = f"The reference is {words.plural(drift.reference_rows, 'row')}{source}."
    length_s = drift.heat.window_s
    if length_s != report.window_s:
        reference += (
            f" The map has windows of {words.duration(length_s)}, of which there are few enough; "
            f"alarms are raised by windows of {words.duration(report.window_s)}."
        )
    if drift.skipped:
        reference += f" {words.plural(drift.skipped, 'column')} cannot be counted."
    return reference


def _now(drift: Drift) -> Markup:
    span = f"{words.moment(drift.current_from_s)} to {words.moment(drift.current_to_s)}"
    sentence = f"{words.plural(drift.current_rows, 'row')} from {span}"
    return element(
        "p",
        element(
            "svg", element("rect", width=14, height=10, class_="ref"),
            width=14, height=10, class_="swatch", aria_hidden="true",
        ),
        " reference   ",
        element(
            "svg",
            element("line", x1=0, x2=14, y1=5, y2=5, class_="now"),
            width=14, height=10, class_="swatch", aria_hidden="true",
        ),
        f" now: {sentence}. Areas are shares of rows; what lies outside of the "
            "range of training is drawn at the ends.",
        class_="legend",
    )  # fmt: skip


def _card(
    one: Distribution, summaries: dict[tuple[bool, str], FeatureSummary], *, wide: bool = False
) -> Markup:
    summary = summaries.get((one.prediction, one.name))
    return element(
        "div",
        element("h4", name_of(one.name), title=shortened(one.name, 600)),
        distribution(one, wide=wide),
        _facts(one, summary),
        class_="card",
    )


def _facts(one: Distribution, summary: FeatureSummary | None) -> Markup:
    parts: list[Markup | str] = []
    if summary is not None and summary.score is not None:
        sentence = f"distance {summary.score:.2f}"
        drifted = f"drifted, {sentence}"
        parts.append(element("b", drifted, class_="bad") if summary.is_drifted else sentence)
    elif summary is not None:
        parts.append(f"not judged: {summary.not_judged}")
    change = largest_change(one)
    if change and one.kind == "numbers":
        parts.append(f"most changed {change}")
    before, now = one.missing
    if before or now:
        shares = [
            missing / max(1, missing + sum(counts))
            for missing, counts in ((before, one.reference), (now, one.current))
        ]
        parts.append(f"missing {words.share(shares[1])}, was {words.share(shares[0])}")
    spaced = [part for one in parts for part in (" · ", one)][1:]
    return element("p", *spaced, class_="facts")


def _data_quality(drift: Drift, most: int) -> Markup:
    """Shares of values that are missing or strange: those that drifted or grew most first."""
    lines = [(one, rate) for one in drift.features if not one.prediction for rate in one.rates]
    lines = [pair for pair in lines if pair[1].drifted or pair[1].current or pair[1].reference]
    lines.sort(key=lambda pair: (not pair[1].drifted, -abs(pair[1].current - pair[1].reference)))
    title = element("h3", "Data quality")
    if not lines:
        sentence = "No value was missing, out of range or never seen, in training or now."
        if not any(one.rates for one in drift.features):
            sentence = "Too few rows to compare shares of missing and strange values."
        return joined(title, element("p", sentence))
    heads = ("feature", "what", "training", "now", "threshold", "verdict")
    rows = [_rate(one, rate) for one, rate in lines[:most]]
    return joined(title, table(heads, rows, {2, 3, 4}), more(len(lines), most))


def _rate(one: FeatureSummary, rate: Rate) -> Markup:
    change = f"{'±' if rate.what == 'missing' else '+'}{words.share(rate.threshold)}"
    return element(
        "tr",
        element("td", name_of(one.name), class_="name"),
        element("td", RATES.get(rate.what, rate.what)),
        element("td", words.share(rate.reference), class_="n"),
        element("td", words.share(rate.current), class_="n hot" if rate.drifted else "n"),
        element("td", change, class_="n"),
        element("td", "drifted" if rate.drifted else "", class_="bad"),
    )


def _alarms(drift: Drift) -> Markup:
    length = words.duration(drift.heat.window_s)
    title = element("h3", f"Alarms of this time, by windows of {length}")
    if not drift.alarms:
        return joined(title, element("p", "None was raised."))
    rows = [_span(one) for one in drift.alarms[:MOST_SPANS]]
    spans = table(("of", "what", "from", "until"), rows)
    return joined(title, spans, more(len(drift.alarms), MOST_SPANS))


def _span(one: AlarmSpan) -> Markup:
    name = one.name.removeprefix(PREDICTION)
    until = "stands" if one.until_s is None else words.moment(one.until_s)
    return element(
        "tr",
        element("td", name_of(name), " (predicted)" if name != one.name else None, class_="name"),
        element("td", RATES.get(one.what, one.what)),
        element("td", words.moment(one.since_s)),
        element("td", until, class_="bad" if one.until_s is None else None),
    )
