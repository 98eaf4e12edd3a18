"""The page of an experiment holds what its report says, whoever named it and however much it is."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from serve_app.monitoring.experiment.document import (
    Comparison,
    Decision,
    ExperimentReport,
    MetricResult,
    SampleRatio,
)
from serve_app.monitoring.experiment.effect_charts import limit_of
from serve_app.monitoring.experiment.metrics_part import rule_of
from serve_app.monitoring.experiment.page import page, span_of
from tests.unit.monitoring.experiment.reports import (
    LOOKS,
    NASTY,
    START_S,
    at,
    bandit,
    empty_report,
    full_report,
    nasty_report,
    shadow,
    tiny_report,
    wide_report,
)
from tests.unit.monitoring.report.html_tags import Tags


def tree_of(content):
    return ET.fromstring(content.partition("\n")[2])


def named(tree, name):
    return [one for one in tree.iter() if one.tag == name]


def text_of(element):
    return " ".join("".join(element.itertext()).split())


def shown(report, *rest):
    return text_of(named(tree_of(page(report, *rest)), "main")[0])


def everything():
    return page(full_report(), [shadow()], bandit())


def everything_nasty():
    return page(nasty_report(), [shadow(one, NASTY) for one in NASTY], bandit(NASTY))


@pytest.mark.parametrize(
    "content",
    [everything(), everything_nasty(), page(empty_report()), page(tiny_report())],
    ids=["full", "nasty", "empty", "tiny"],
)
def test_a_page_needs_nothing_else_and_may_do_nothing_else(content):
    tags = Tags(content).tags
    assert {tag for tag, _ in tags} <= {
        "html", "head", "meta", "title", "style", "body", "main", "header", "section", "ul", "li",
        "p", "span", "b", "i", "bdi", "br", "h1", "h2", "h3", "h4", "div", "dl", "dt", "dd",
        "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "svg", "desc", "path",
        "rect", "line", "circle", "text",
    }  # fmt: skip
    names = {name for _, given in tags for name in given}
    assert not {name for name in names if name.startswith("on")}
    assert not names & {"style", "src", "href"}
    tree = tree_of(content)
    (policy,) = (
        one.get("content") for one in named(tree, "meta")
        if one.get("http-equiv") == "Content-Security-Policy"
    )  # fmt: skip
    assert policy.startswith("default-src 'none'; ")
    assert "script" not in policy
    (style,) = named(tree, "style")
    digest = base64.b64encode(hashlib.sha256(style.text.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert "prefers-color-scheme:dark" in style.text


def test_names_are_text_and_stay_within_their_place():
    content = everything_nasty()
    parsed = Tags(content)
    assert parsed.open == []
    text = "".join(parsed.text)
    assert "<script>alert(1)</script>" in text
    assert "</svg></style></script>" in text
    assert "\u202e" not in content
    assert "\x1b" not in content
    tree = tree_of(content)
    isolated = ["".join(one.itertext()) for one in named(tree, "bdi")]
    assert any("שלום" in one for one in isolated)
    # 200 letters are cut in tables, headings and charts.
    cells = [text_of(one) for one in tree.iter() if one.tag in {"h3", "h4", "th", "title"}]
    assert any("a" * 30 in one for one in cells)
    assert not any("a" * 101 in one for one in cells)


@pytest.mark.parametrize("make", [empty_report, tiny_report])
def test_what_is_not_known_is_said_in_words(make):
    content = page(make())
    for one in tree_of(content).iter():
        for name, value in one.attrib.items():
            assert not re.search(r"\b(nan|inf|None)\b", value), (name, value)
    assert not re.search(r"\b(nan|inf|None)\b", shown(make()))


def test_an_experiment_that_was_not_started_says_so():
    text = shown(empty_report())
    assert "not started" in text
    assert "Not started yet." in text
    assert "No request of this experiment has been answered yet." in text
    assert "no answer of this experiment has an outcome so far" in text
    assert "Nothing was changed." in text


@pytest.mark.parametrize(
    ("outcome", "level"),
    [
        ("ship", "verdict fine"), ("roll back", "verdict critical"), ("keep running", "verdict"),
        ("invalid", "verdict critical"), ("no difference", "verdict warning"),
        ("not started", "verdict"),
    ],
)  # fmt: skip
def test_the_decision_comes_first_with_its_reasons(outcome, level):
    decision = Decision(outcome, f"{outcome}: because", ("the first reason", "the second reason"))
    tree = tree_of(page(replace(full_report(), decision=decision)))
    first = named(tree, "main")[0][0]
    assert (first.tag, first.get("class")) == ("header", level)
    assert text_of(first[1]) == f"{outcome}: because"
    assert [text_of(one) for one in named(first, "li")] == ["the first reason", "the second reason"]
    assert "Hypothesis: Gradient boosting" in text_of(first)


def test_each_effect_is_shown_with_its_interval_margin_and_verdict():
    report = full_report()
    tree = tree_of(page(report))
    (accuracy, *_) = (one for one in named(tree, "div") if one.get("class") == "block primary")
    strips = [one for one in named(accuracy, "svg") if one.get("class") == "lane-strip"]
    result = report.metrics[0].comparisons[0]
    label = strips[0].get("aria-label")
    assert label.startswith("diagnosis-xgb@2: +")
    values = [float(one) for one in re.findall(r"[+-]0\.\d+", label)]
    assert values == pytest.approx([result.effect, result.low, result.high], rel=0.01)
    assert label.endswith(result.verdict)
    kinds = [one.get("class") for one in named(strips[0], "line")]
    assert kinds == ["zero", "margin", "cap", "cap"]
    places = [float(one.get("x1").rstrip("%")) for one in named(strips[0], "line")]
    # In the order of their values: no effect, the margin of 0.01, the interval.
    assert places == sorted(places)
    step = (places[1] - places[0]) / 0.01
    assert (places[2] - places[0]) / step == pytest.approx(result.low, abs=1e-4)
    assert (places[3] - places[0]) / step == pytest.approx(result.high, abs=1e-4)
    assert "\N{BLACK UP-POINTING TRIANGLE} better" in text_of(accuracy)


@pytest.mark.parametrize(
    ("role", "test", "better", "limit", "rule"),
    [
        ("primary", None, "higher", 0.1, "by more than 0.1"),
        ("primary", None, "lower", -0.1, "by more than 0.1"),
        ("primary", "non-inferiority", "lower", 0.1, "may be worse by 0.1"),
        ("guardrail", None, "higher", -0.1, "may be worse by 0.1"),
        ("guardrail", None, "lower", 0.1, "may be worse by 0.1"),
        ("guardrail", "superiority", "lower", -0.1, "by more than 0.1"),
        ("secondary", None, "higher", 0.1, "by more than 0.1"),
    ],
)
def test_a_guardrail_may_be_worse_by_its_margin_and_others_have_to_be_better(
    role, test, better, limit, rule
):
    metric = MetricResult("m", "", role, better, 0.1, (), (), test=test)
    assert limit_of(metric) == limit
    assert f"{role}; {better} is better, {'and it ' * ('may' in rule)}{rule}" == rule_of(metric)
    without = replace(metric, margin=0.0)
    assert limit_of(without) is None
    assert ("must not become worse" in rule_of(without)) == ("may" in rule)


def test_the_course_of_an_effect_has_a_point_for_each_look():
    tree = tree_of(page(full_report()))
    charts = [one for one in named(tree, "svg") if one.get("class") == "chart"]
    lines = [path for path in named(charts[0], "path") if path.get("class") == "realised"]
    (band,) = (path for path in named(charts[0], "path") if path.get("class") == "realised-band")
    assert len(re.findall("[ML]", lines[0].get("d"))) == LOOKS
    assert len(re.findall("[ML]", band.get("d"))) == 2 * LOOKS
    assert [one.get("class") for one in named(charts[0], "line")].count("zero") == 1


def test_a_posterior_is_a_density_or_else_a_chance():
    text = shown(full_report())
    assert "to beat the baseline" in text
    report = full_report()
    tree = tree_of(page(report))
    areas = [one.get("class") for one in named(tree, "path")]
    assert "belief-better" in areas
    assert "belief-worse" in areas
    tiny = tree_of(page(tiny_report()))
    assert not [one for one in named(tiny, "path") if one.get("class").startswith("belief")]
    assert "50 % to beat the baseline" in text_of(tiny)


def test_shares_of_traffic_are_drawn_beside_what_weights_want():
    report = full_report()
    tree = tree_of(page(report))
    (traffic,) = (one for one in named(tree, "section") if one[0].text == "Traffic")
    (chart, _) = (one for one in named(traffic, "svg") if one.get("class") == "chart")
    paths = {path.get("class"): path.get("d") for path in named(chart, "path")}
    # What is wanted is half all the time; what came is near to that.
    assert len(set(re.findall(r" ([\d.]+)", paths["margin"]))) == 1
    (wanted, *_) = (float(one) for one in re.findall(r" ([\d.]+)", paths["margin"]))
    drawn = [float(one) for one in re.findall(r" ([\d.]+)", paths["realised"])]
    assert max(abs(one - wanted) for one in drawn) < 20
    assert "Variants have the units that their weights say (p = 0.610" in text_of(traffic)
    assert "3,602, expected 3,600" in text_of(traffic)


def test_a_mismatch_of_the_sample_ratio_is_said_with_what_follows():
    ratio = SampleRatio(0.00002, 0.001, mismatch=True)
    text = shown(replace(full_report(), ratio=ratio))
    assert "Mismatch (p = < 0.001, below 0.001 it is a mismatch)" in text
    assert "no result of this experiment can be trusted" in text


def test_plan_history_and_notes_are_there():
    tree = tree_of(page(full_report()))
    text = text_of(tree)
    assert "41 % of the needed sample is there" in text
    assert (
        "Of each variant 3,600 subjects by now; 8,780 are needed to see an effect of 0.02" in text
    )
    assert "1.7 times the subjects of a test with a single look" in text
    assert "About 3 days are left as things go." in text
    rows = [[text_of(cell) for cell in row] for row in named(tree, "tr")]
    assert ["2026-09-22 00:00", "control", "weights 90/10 to 50/50", "ramp"] in rows
    assert "Of 1,240,000 rows the newest 1,000,000 are counted." in text


def test_shadows_and_arms_are_shown_where_there_are_any():
    text = shown(full_report(), [shadow()], bandit())
    assert "Agreement with diagnosis-logistic@1 by segment" in text
    assert "plan = pro" in text
    assert "79 % (69 % to 87 %)" in text
    assert "0.7 (0.62 to 0.79)" in text
    silent = {"endpoint": "diagnosis", "shadow": "m@1", "rows": 0, "not_judged": "no row came"}
    assert "m@1: no row came." in shown(full_report(), [silent])
    assert "Shadows" not in shown(full_report())
    assert "Bandit" not in shown(full_report())


def test_twenty_variants_stay_a_page_of_bounded_size():
    content = page(wide_report())
    assert len(content) < 600_000
    tree = tree_of(content)
    assert len([one for one in named(tree, "svg") if one.get("class") == "chart"]) == 3 * 19 + 20
    assert "and 11 more" in text_of(tree)


def test_a_page_of_what_went_through_json_is_the_same():
    report = full_report()
    again = ExperimentReport.from_json(json.loads(json.dumps(report.to_json())))
    assert page(again) == page(report)


def test_charts_begin_with_the_experiment_and_end_with_the_last_look():
    span = span_of(full_report())
    assert (span.from_s, span.to_s) == (START_S, at(LOOKS - 1))
    span = span_of(empty_report())
    assert span.to_s - span.from_s == 60


def test_a_comparison_without_anything_is_no_data():
    metric = replace(full_report().metrics[0], comparisons=(Comparison("b@1", "no data"),), arms=())
    text = shown(replace(full_report(), metrics=(metric,)))
    assert "no data" in text
    assert "Effect over time" not in text
