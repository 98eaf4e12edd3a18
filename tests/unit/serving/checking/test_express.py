"""What requests pass by with `express` is not asked of Serve."""

from serve_app.config import GatewayArgs
from serve_app.serving.checking.express import notes, problems

PATH = ("applications", 0, "args")


def named(body, **arguments):
    return list(problems(body, PATH, GatewayArgs.model_validate(arguments)))


def test_a_time_limit_that_serve_would_keep_is_named_with_what_keeps_one():
    body = {"http_options": {"host": "127.0.0.1", "request_timeout_s": 2.5}}
    ((key, message),) = named(body, express=True)
    assert key == (*PATH, "express")
    assert "`http_options.request_timeout_s` (2.5)" in message
    assert "`timeout_s` of endpoints" in message
    assert named(body) == []


def test_without_such_a_limit_there_is_nothing_to_say():
    for options in ({}, {"http_options": {"port": 8000}}, {"http_options": None}):
        assert named(options, express=True) == []
    assert named({"http_options": {"request_timeout_s": None}}, express=True) == []


QUIET = {"enable_access_log": False}


def noted(logging, *, application=None, options=None, **arguments):
    body = {
        "http_options": options or {},
        "logging_config": logging,
        "applications": [application or {"name": "gateway"}],
    }
    return [message for _, message in notes(body, PATH, GatewayArgs.model_validate(arguments))]


def test_a_config_that_asks_serve_for_more_is_told_what_keeps_requests_on_its_way():
    (log,) = noted(None)
    assert "take Serve's way, since `logging_config` leaves Serve's access log on" in log
    (limit,) = noted(QUIET, options={"request_timeout_s": 2})
    assert "`http_options.request_timeout_s`" in limit


def test_nothing_is_noted_where_requests_pass_by_or_the_config_chose():
    assert noted(QUIET) == []
    assert noted(None, express=True) == noted(None, express=False) == []
    own = {"name": "gateway", "deployments": [{"name": "Gateway", "logging_config": QUIET}]}
    assert noted(None, application=own) == []
    assert noted({"log_level": "WARNING"}) == []
    assert len(noted(QUIET, application={"logging_config": {"log_level": "DEBUG"}})) == 1
