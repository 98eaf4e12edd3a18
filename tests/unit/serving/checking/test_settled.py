"""What Serve cannot take any more is said before it is lost."""

import warnings

import pytest
from ray.serve.schema import HTTPOptionsSchema, gRPCOptionsSchema

from serve_app.serving.checking.settled import differences

STANDING = {
    "http_options": {**HTTPOptionsSchema().model_dump(), "host": "127.0.0.1", "port": 8010},
    "grpc_options": gRPCOptionsSchema().model_dump(),
    "proxy_location": "EveryNode",
}
SAME = {"http_options": {"host": "127.0.0.1", "port": 8010}, "applications": []}
DEPLOYMENT = {"name": "Model", "num_replicas": 2}
APPLICATION = {"name": "a", "import_path": "a:b", "deployments": [DEPLOYMENT]}


def changed(**options):
    return {**SAME, "http_options": {**SAME["http_options"], **options}}


def test_a_file_that_says_what_runs_is_taken():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert differences({**SAME, "applications": [APPLICATION]}, STANDING, 8010) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("host", "0.0.0.0"),
        ("root_path", "/models"),
        ("keep_alive_timeout_s", 5),
        ("request_timeout_s", 3.0),
    ],
)
def test_each_changed_option_is_named_with_both_values(key, value):
    (said,) = differences(changed(**{key: value}), STANDING, 8010)
    stands = STANDING["http_options"][key]
    assert said == (f"http_options.{key}: the file says {value!r}, Serve runs with {stands!r}")


def test_another_port_is_said_once_before_serve_starts_and_after():
    for standing in ({}, STANDING):
        (said,) = differences(changed(port=8000), standing, 8010)
        assert said == "http_options.port: the file says 8000, the cluster runs on 8010"


def test_a_file_without_options_means_the_usual_ones():
    said = differences({"applications": []}, STANDING, 8010)
    assert "http_options.port: the file says nothing, which means 8000" in said[0]
    assert "http_options.host: the file says nothing, which means '0.0.0.0'" in said[1]
    assert differences({"applications": []}, {}, 8000) == []


def test_where_proxies_run_and_what_grpc_does_is_settled_too():
    declared = {**SAME, "proxy_location": "HeadOnly", "grpc_options": {"port": 9100}}
    said = differences(declared, STANDING, 8010)
    assert said == [
        "grpc_options.port: the file says 9100, Serve runs with 9000",
        "proxy_location: the file says 'HeadOnly', Serve runs with 'EveryNode'",
    ]


def test_a_password_is_not_shown():
    (said,) = differences(changed(ssl_keyfile_password="very-secret"), STANDING, 8010)
    assert "very-secret" not in said
    assert "ssl_keyfile_password" in said


def test_logging_may_change():
    assert differences({**SAME, "logging_config": {"log_level": "DEBUG"}}, STANDING, 8010) == []
