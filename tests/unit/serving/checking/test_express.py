"""What requests pass by with `express` is not asked of Serve."""

from serve_app.config import GatewayArgs
from serve_app.serving.checking.express import problems

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
