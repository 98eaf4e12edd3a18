"""A replica that cannot start says why, and nothing of where in the code."""

import logging
import sys
import traceback

import pytest

from serve_app.errors import ConfigError
from serve_app.serving.startup import explained

logger = logging.getLogger("serve_app.test")


@pytest.fixture(autouse=True)
def tracebacks(monkeypatch):
    monkeypatch.setattr(sys, "tracebacklimit", 1000, raising=False)


def refuse():
    try:
        raise KeyError("of the inside")
    except KeyError as error:
        raise ConfigError("call it 'churn-1'", model="churn") from error


def test_our_own_error_is_all_that_serve_has_to_show_and_the_log_has_the_rest(caplog):
    with pytest.raises(ConfigError) as caught, explained(logger):
        refuse()
    shown = "".join(traceback.format_exception(caught.value)).strip().splitlines()
    assert shown[-1] == "serve_app.errors.ConfigError: call it 'churn-1'"
    assert not [line for line in shown if "File" in line or "KeyError" in line]
    assert caught.value.details == {"model": "churn"}
    assert "KeyError" in str(caplog.records[0].exc_text) or caplog.records[0].exc_info


def test_what_nobody_expected_keeps_its_traceback():
    with pytest.raises(KeyError) as caught, explained(logger):
        raise KeyError("surprise")
    assert "File" in "".join(traceback.format_exception(caught.value))
