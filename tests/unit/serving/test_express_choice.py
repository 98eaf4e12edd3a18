"""Requests pass by Serve unless something is configured that it alone does around them."""

import logging

import pytest
from ray.serve.schema import LoggingConfig

from serve_app.serving.express_choice import (
    PASSED_BY,
    TRACES_VARIABLE,
    logging_of,
    serves_part,
    words_of,
)

QUIET = {"log_level": "WARNING", "enable_access_log": False, "encoding": "JSON"}


@pytest.mark.parametrize(
    ("timeout_s", "log", "environment", "asked"),
    [
        (None, QUIET, {}, None),
        (None, QUIET, {TRACES_VARIABLE: ""}, None),
        (2.5, QUIET, {}, "request_timeout_s"),
        (None, {}, {}, "access log"),
        (None, QUIET, {TRACES_VARIABLE: "mine:exporter"}, TRACES_VARIABLE),
    ],
)
def test_what_serve_alone_does_is_named(timeout_s, log, environment, asked):
    words = serves_part(timeout_s, log, environment)
    assert words is None if asked is None else asked in words


@pytest.mark.parametrize(
    "said",
    [
        {}, {"log_level": "WARNING"}, {"log_level": "DEBUG"},
        {"log_level": 30}, {"log_level": 20}, {"enable_access_log": False},
        {"enable_access_log": True, "log_level": "ERROR"},
    ],
)  # fmt: skip
def test_the_access_log_is_on_where_serves_own_config_says_so(said):
    config = LoggingConfig.model_validate(said)
    level = config.log_level
    if isinstance(level, str):
        level = logging.getLevelNamesMapping()[level]
    written = config.enable_access_log and level <= logging.INFO
    assert (serves_part(None, said, {}) is not None) == written
    assert (serves_part(None, dict(config), {}) is not None) == written


def test_the_logging_of_a_deployment_comes_before_that_of_its_application_and_of_all():
    own = {"deployments": [{"name": "Gateway"}, {"logging_config": {"log_level": "ERROR"}}]}
    assert logging_of({**own, "logging_config": QUIET}) == {"log_level": "ERROR"}
    assert logging_of({"deployments": None, "logging_config": QUIET}, {}) == QUIET
    assert logging_of({}, QUIET) == QUIET
    assert logging_of({"logging_config": "odd"}) == {}


def details(args=None, logging_config=QUIET, **options):
    application = {"import_path": "serve_app.app:gateway", "args": args or {}}
    return {
        "http_options": options,
        "applications": {
            "gateway": {"deployed_app_config": {**application, "logging_config": logging_config}},
            "risk-1": {"deployed_app_config": {"import_path": "serve_app.app:model"}},
            "starting": {"deployed_app_config": None},
        },
    }


def test_of_each_gateway_it_is_said_which_way_requests_take():
    assert dict(words_of(details())) == {"gateway": PASSED_BY}
    assert dict(words_of(details(request_timeout_s=None))) == {"gateway": PASSED_BY}
    for way, said in (
        (details({"express": False}), "`express: false`"),
        (details(logging_config=None), "access log"),
        (details(request_timeout_s=3), "request_timeout_s"),
        (details({"express": "odd"}, None), "access log"),
    ):
        (words,) = dict(words_of(way)).values()
        assert words.startswith("requests take Serve's way: ")
        assert said in words
    chosen = details({"express": True}, None)
    assert dict(words_of(chosen)) == {"gateway": PASSED_BY}
