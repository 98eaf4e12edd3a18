"""A report is the same after it travelled as JSON, and what is none is refused in words."""

import json

import pytest

from serve_app.monitoring.report.document import SCHEMA, Report
from tests.unit.monitoring.report.reports import full_report


def test_a_report_is_the_same_after_it_was_json():
    report = full_report()
    assert Report.from_json(json.loads(json.dumps(report.to_json()))) == report
    assert report.to_json()["schema"] == SCHEMA == 1


def test_what_a_later_release_adds_is_let_pass():
    body = json.loads(json.dumps(full_report().to_json()))
    body["sections"][0]["more"] = 3
    assert Report.from_json(body) == full_report()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda body: body.update(schema=2), "schema 2, and 1 is what is known"),
        (lambda body: body.clear(), "schema None"),
        (lambda body: body.pop("health"), "it has no 'health'"),
        (lambda body: body.update(sections=3), "it.sections must be a list"),
        (lambda body: body["sections"].insert(0, 3), r"it.sections\[0\] must be an object"),
        (lambda body: body.update(made_s="now"), "it.made_s cannot be 'now'"),
        (lambda body: body.update(window_s=True), "it.window_s cannot be 'True'"),
        (lambda body: body["findings"][0].update(severity="odd"), "severity cannot be 'odd'"),
        (
            lambda body: body["sections"][0]["drift"]["distributions"][0].update(missing=[1]),
            "missing must have 2 values, not 1",
        ),
    ],
)
def test_what_is_no_report_is_refused_with_its_place(change, words):
    body = json.loads(json.dumps(full_report().to_json()))
    change(body)
    with pytest.raises(ValueError, match=words):
        Report.from_json(body)
