"""Log lines are JSON that programs can read."""

import json
import logging

from serve_app.monitoring.log import JsonLines


def line(**changes):
    record = logging.LogRecord("serve_app.x", logging.INFO, "f.py", 1, "it is %d", (3,), None)
    for name, value in changes.items():
        setattr(record, name, value)
    return json.loads(JsonLines(component="gateway").format(record))


def test_a_record_is_one_object_with_its_extra_fields():
    body = line(request_id="r-1", variants=("a@1",))
    assert body["message"] == "it is 3"
    assert body["level"] == "INFO"
    assert body["component"] == "gateway"
    assert body["request_id"] == "r-1"
    assert body["variants"] == ["a@1"]
    assert body["at"].endswith("+00:00")


def test_an_error_comes_with_its_cause():
    try:
        raise ValueError("deep inside")
    except ValueError as error:
        body = line(exc_info=(ValueError, error, error.__traceback__))
    assert body["error"] == "ValueError: deep inside"
    assert "test_log.py" in body["traceback"]


def test_what_is_no_json_is_written_as_text():
    assert line(path=object)["path"] == "<class 'object'>"
