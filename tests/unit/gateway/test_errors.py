"""Each error has one status, and nothing of the inside reaches a client."""

import json
import logging

import pytest

from serve_app import errors as kinds
from serve_app.gateway import errors


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (kinds.InvalidInput, 400),
        (kinds.BadEncoding, 400),
        (kinds.UnsupportedMedia, 415),
        (kinds.RowsRefused, 400),
        (kinds.NotFound, 404),
        (kinds.Conflict, 409),
        (kinds.TooLarge, 413),
        (kinds.Overloaded, 429),
        (kinds.NotReady, 503),
        (kinds.DeadlineExceeded, 504),
        (kinds.ModelFailed, 500),
        (kinds.ArtifactRejected, 500),
    ],
)
def test_an_error_has_one_status(kind, status):
    answer = errors.response(kind("so it is", row=3), "id-1")
    body = json.loads(answer.body)
    assert answer.status_code == status
    kind_of_torchserve = body.pop("type")
    assert body == {
        "error": "so it is", "message": "so it is", "error_code": kind.code, "code": status,
        "row": 3, "request_id": "id-1",
    }  # fmt: skip
    assert kind_of_torchserve.endswith("Exception")


def test_what_an_error_tells_beside_never_hides_what_clients_look_for():
    body = json.loads(errors.response(kinds.NotFound("gone", code=1, type=2, error=3), "").body)
    assert (body["error"], body["code"], body["type"]) == ("gone", 404, "ModelNotFoundException")


@pytest.mark.parametrize(("kind", "after"), [(kinds.Overloaded, "3"), (kinds.NotReady, "3")])
def test_who_shall_try_again_is_told_when(kind, after):
    assert errors.response(kind("busy", retry_after_s=2.2), "").headers["retry-after"] == after
    assert errors.response(kind("busy"), "").headers["retry-after"] == "1"


def test_an_unexpected_error_tells_the_log_everything_and_the_client_nothing(caplog):
    with caplog.at_level(logging.ERROR, logger="serve_app.gateway"):
        answer = errors.response(KeyError("/secret/path"), "id-1")
    assert b"secret" not in answer.body
    assert answer.status_code == 500
    assert caplog.records[0].exc_info[1].args == ("/secret/path",)
    assert caplog.records[0].request_id == "id-1"
