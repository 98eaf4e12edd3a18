"""The page holds what the document says, whoever named it and however much there is."""

import base64
import hashlib
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from serve_app.core.columns import Columns
from serve_app.monitoring.binning import Binner
from serve_app.monitoring.drift.settings import DriftSettings
from serve_app.monitoring.finding import Finding
from serve_app.monitoring.profile.build import profile_of
from serve_app.monitoring.report import advice
from serve_app.monitoring.report.document import (
    FeedbackCount,
    MetricSeries,
    Quality,
    Report,
    Section,
)
from serve_app.monitoring.report.drift_part import drift_of
from serve_app.monitoring.report.page import page, verdict_of
from serve_app.monitoring.window import Key, Series, Window, packed
from tests.unit.monitoring.report.html_tags import Tags
from tests.unit.monitoring.report.reports import HEALTH, HOUR_S, START_S, full_report, points

NASTY = (
    "<script>alert(1)</script>", "a" * 3_000, "שלום עולם", "🧨 emoji", "\"quote' & amp;",
    "nul\x00\x1b[2J", "|pipe,comma|", "\u202eltr live", "</svg></style></script>", "]]>",
    "javascript:alert(1)", "", "--><!--",
)  # fmt: skip
EMPTY = Report(START_S + 60.0, float(START_S), HOUR_S, (), (), HEALTH)


def tree_of(content):
    return ET.fromstring(content.partition("\n")[2])


def named(tree, name):
    return [one for one in tree.iter() if one.tag == name]


def text_of(element):
    return " ".join("".join(element.itertext()).split())


def nasty_report():
    """Everything that can have a name has one that would do harm."""

    def columns_of(seed):
        rng = np.random.default_rng(seed)
        return Columns.of({
            name: rng.normal(seed, 1, 400) if at % 2
            else rng.choice(np.array(NASTY, dtype=object), 400)
            for at, name in enumerate(NASTY)
        })  # fmt: skip

    made = wide(columns_of, 3)
    report = full_report()
    quality = report.sections[0].quality
    segments = tuple(replace(quality.segments[0], column=one, value=one) for one in NASTY)
    metrics = tuple(MetricSeries(one, points([0.5, 0.6])) for one in NASTY)
    quality = replace(quality, segments=segments, metrics=metrics, reason=NASTY[0], note=NASTY[8])
    sections = tuple(
        Section(one, one, 3, made if at < 2 else None, "" if at < 2 else "No profile.", quality)
        for at, one in enumerate(NASTY)
    )
    findings = tuple(
        Finding(one, one, one, one, one, "critical" if at % 2 else "warning", 2.0, 1.0)
        for at, one in enumerate(NASTY)
    )
    health = replace(HEALTH, failing=NASTY, feedback=(FeedbackCount(NASTY[0], 1, 1, 1, 1, 1),))
    return replace(report, sections=sections, findings=findings, health=health, left_out=NASTY)


def wide(columns_of, hours):
    counter = Binner(profile_of(columns_of(0)))
    series = Series("risk", "m@1", counter.layout.digest)
    windows = [
        Window(
            Key(series, START_S + at * HOUR_S, HOUR_S),
            packed(counter.count(columns_of(at + 1)).vector),
        )
        for at in range(hours)
    ]
    return drift_of(counter.layout, windows, DriftSettings(), start_s=START_S, columns=hours)


@pytest.mark.parametrize(
    "report", [full_report(), EMPTY, nasty_report()], ids=["full", "empty", "nasty"]
)
def test_a_page_needs_nothing_else_and_may_do_nothing_else(report):
    content = page(report)
    tags = Tags(content).tags
    assert {tag for tag, _ in tags} <= {
        "html", "head", "meta", "title", "style", "body", "script", "main", "header", "section",
        "nav", "ul", "li", "p", "span", "a", "b", "i", "bdi", "h1", "h2", "h3", "h4", "div", "dl",
        "dt", "dd", "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "svg",
        "desc", "path", "rect", "line", "circle", "text",
    }  # fmt: skip
    attributes = {(name, value) for _, given in tags for name, value in given.items()}
    assert not {name for name, _ in attributes if name.startswith("on") or name in {"style", "src"}}
    assert all(value.startswith("#s") for name, value in attributes if name == "href")
    assert [tag for tag, _ in tags].count("script") == 1
    tree = tree_of(content)
    (policy,) = (
        one.get("content") for one in named(tree, "meta")
        if one.get("http-equiv") == "Content-Security-Policy"
    )  # fmt: skip
    assert policy.startswith("default-src 'none'; ")
    for tag in ("style", "script"):
        (element,) = named(tree, tag)
        digest = base64.b64encode(hashlib.sha256(element.text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_names_are_text_and_stay_within_their_place():
    content = page(nasty_report())
    parsed = Tags(content)
    assert parsed.open == []
    text = "".join(parsed.text)
    assert "<script>alert(1)</script>" in text
    assert "</svg></style></script>" in text
    assert "a" * 600 not in text
    assert "\u202e" not in content
    assert "\x1b" not in content
    isolated = list(named(tree_of(content), "bdi"))
    assert any("שלום" in "".join(one.itertext()) for one in isolated)


def test_what_stands_is_on_top_with_what_to_do():
    report = full_report()
    tree = tree_of(page(report))
    (header,) = named(tree, "header")
    assert header.get("class") == "verdict warning"
    assert "1 warning: risk." in text_of(header)
    (listed,) = (one for one in named(tree, "ul") if one.get("class") == "findings")
    shown = text_of(listed)
    assert "warning: drift" in shown
    assert "age is unlike its reference: 3, where 1 is the threshold" in shown
    assert advice.advice("drift") in shown
    assert "docs/runbook.md#featuresdrifted" in shown
    assert named(listed, "a")[0].get("href") == "#s1"
    assert named(tree, "h2")[0].get("id") == "s1"
    linked = tree_of(page(report, "https://example.org/book"))
    links = [one.get("href") for one in named(linked, "a")]
    assert "https://example.org/book#featuresdrifted" in links


@pytest.mark.parametrize(
    ("severities", "level"),
    [((), "fine"), (("warning",), "warning"), (("warning", "critical"), "critical")],
)
def test_the_verdict_is_that_of_the_worst_finding(severities, level):
    findings = tuple(Finding("drift", "risk", "m@1", one, one, one) for one in severities)
    assert verdict_of(replace(full_report(), findings=findings))[0] == level


def test_nothing_judged_is_no_all_clear():
    assert verdict_of(EMPTY)[0] == "unknown"
    shown = text_of(tree_of(page(EMPTY)))
    assert "Nothing can be said yet" in shown
    assert "serve-app deploy" in shown
    silent = replace(EMPTY, sections=(Section("risk", "m@1", 0, None, "No row was counted."),))
    shown = text_of(tree_of(page(silent)))
    assert "No row was counted." in shown
    assert "serve-app feedback import" in shown


def test_the_heat_map_has_the_scores_of_the_document():
    report = full_report()
    heat = report.sections[0].drift.heat
    tree = tree_of(page(report))
    (shown,) = (one for one in named(tree, "div") if one.get("class") == "heat")
    assert (shown.get("data-start"), shown.get("data-window")) == (str(START_S), str(HOUR_S))
    bands = [one for one in named(shown, "svg") if one.get("data-scores") is not None]
    assert len(bands) == len(heat.bands)
    by_label = {one.get("aria-label").partition(":")[0]: one for one in bands}
    age = next(one for one in heat.bands if one.name == "age")
    assert by_label["age"].get("data-scores") == ",".join(f"{score:.2f}" for score in age.scores)
    assert age.drifted == (3, 4)
    (mark,) = (one for one in named(by_label["age"], "path") if one.get("class") == "mark")
    # Both windows in one box, from the third unit on.
    assert mark.get("d") == "M3 7.4h2v2.6h-2z"
    warm = [one for one in named(by_label["age"], "path") if one.get("class") in {"h4", "h5", "h6"}]
    assert "M3 0h2v10h-2z" in [one.get("d") for one in warm]


def test_quality_shows_estimates_beside_what_labels_say_and_coverage():
    tree = tree_of(page(full_report()))
    charts = {
        one.get("aria-label").partition(".")[0]: one
        for one in named(tree, "svg")
        if one.get("class") == "chart"
    }
    kinds = [one.get("class") for one in named(charts["accuracy"], "path")]
    assert kinds.count("realised") == 2
    assert kinds.count("estimated") == 1
    dots = [one.get("class") for one in named(charts["accuracy"], "circle")]
    assert (dots.count("realised-dot"), dots.count("estimated-dot")) == (4, 5)
    assert "by labels 0.7 (0.65 to 0.75), estimated 0.89" in charts["accuracy"].get("aria-label")
    assert "3,000 of 7,500 rows have a label by now (40 %)" in charts["label coverage"].get(
        "aria-label"
    )
    shown = text_of(tree)
    assert "plan = pro" in shown
    assert "Not mature yet: only 60% of the labels have come." in shown


def test_estimates_alone_are_shown_with_how_labels_are_sent():
    report = full_report()
    metrics = (MetricSeries("auc", (), points([0.8, 0.7])),)
    section = replace(report.sections[0], quality=Quality(0, metrics, ()))
    shown = text_of(tree_of(page(replace(report, sections=(section,)))))
    assert "serve-app feedback import" in shown
    assert "Nearly all labels" not in shown
    assert "estimated 0.7 (0.65 to 0.75)" in shown


def test_the_monitor_says_what_it_lost():
    health = replace(HEALTH, expired=3, refused=1, failing=("match feedback: disk full",))
    shown = text_of(tree_of(page(replace(full_report(), health=health))))
    assert "3 counts too old to keep; 1 count of too many series" in shown
    assert "match feedback: disk full" in shown
    assert "of 1 version, 0.0 MB" in shown


def test_several_versions_have_a_table_that_links_to_each():
    report = full_report()
    sections = tuple(replace(report.sections[0], variants=f"m@{at}") for at in (1, 2, 3))
    tree = tree_of(page(replace(report, sections=sections)))
    (table,) = named(tree, "nav")
    assert [one.get("href") for one in named(table, "a")] == ["#s1", "#s2", "#s3"]
    assert [one.get("id") for one in named(tree, "h2")][:3] == ["s1", "s2", "s3"]
    assert text_of(table).count("3 of 5 drifted") == 3


def test_hundreds_of_features_stay_a_page_of_bounded_size():
    def columns_of(seed):
        rng = np.random.default_rng(seed)
        moved = 3.0 if seed else 0.0
        return Columns.of({
            f"feature {at}": rng.normal(moved if at % 100 == 0 else 0.0, 1, 700)
            for at in range(500)
        })  # fmt: skip

    made = wide(columns_of, 4)
    assert len(made.features) == 500
    first = {one.name for one in made.heat.bands[:5]}
    assert first == {f"feature {at * 100}" for at in range(5)}
    report = replace(EMPTY, sections=(Section("wide", "m@1", 2_800, made),))
    content = page(report)
    assert len(content) < 400_000
    assert "460 features that drifted less are not in the map." in content
    assert len(re.findall("<tr>", content)) > 500
