"""Messages as lines of the log."""

import json
import logging

import pytest

from serve_app.monitoring.alerts.message import trial_message
from serve_app.monitoring.log import JsonLines
from serve_app.serving.alerting.log_line import LogLine
from tests.unit.serving.alerting.receivers import NOON_S, finding, message


def test_a_message_is_one_line_with_all_that_it_says(caplog):
    with caplog.at_level(logging.INFO, logger="serve_app.alerts"):
        LogLine().send(message(finding("a\nb"), finding("dose")))
    (record,) = caplog.records
    text = JsonLines(component="monitor").format(record)
    assert "\n" not in text
    line = json.loads(text)
    assert line["message"] == "serve-app: risk: 2 new (drift a b)"
    assert (line["endpoint"], line["status"], line["standing"]) == ("risk", "firing", 2)
    assert len(line["findings"]) == 2


@pytest.mark.parametrize(
    ("one", "level"),
    [
        (message(finding()), logging.WARNING),
        (message(finding(), finding(severity="critical")), logging.ERROR),
        (message(resolved=[finding(severity="critical")]), logging.INFO),
        (trial_message("log", "m1", NOON_S), logging.INFO),
    ],
)
def test_what_is_graver_has_a_higher_level(caplog, one, level):
    with caplog.at_level(logging.INFO, logger="serve_app.alerts"):
        LogLine().send(one)
    assert caplog.records[-1].levelno == level
