"""How texts of errors begin where Triton's clients look at them."""

import json

import pytest

from serve_app.protocols.dialect import Refusal
from serve_app.protocols.dialects import kserve_v1
from serve_app.protocols.oip.words import in_common_form, only_error

TRITON = only_error("triton")


def refusal(**details):
    return Refusal("there is none", "not_found", 404, "r-1", details)


@pytest.mark.parametrize(
    ("details", "said"),
    [
        ({"endpoint": "x"}, "Request for unknown model: 'x' is not found: there is none"),
        (
            {"endpoint": "x", "version": "7"},
            "Request for unknown model: 'x' version 7 is not found: there is none",
        ),
        (
            {"endpoint": "x", "version": "v1.2"},
            "failed to get model version from specified version string 'v1.2': there is none",
        ),
        (
            {"endpoint": "x", "asked_version": "v1.2"},
            "Request for unknown model: 'x' is not found: there is none",
        ),
        ({}, "there is none"),
    ],
)
def test_what_is_unknown_is_said_in_tritons_words_first(details, said):
    assert json.loads(TRITON(refusal(**details)).body) == {"error": said}
    common = json.loads(in_common_form(refusal(**details)).body)
    assert common == {
        **details,
        "error": said,
        "message": said,
        "error_code": "not_found",
        "code": 404,
        "type": "ModelNotFoundException",
        "request_id": "r-1",
    }


def test_other_errors_keep_their_words():
    other = Refusal("no", "bad_encoding", 400, "r-1", {"endpoint": "x"})
    assert json.loads(TRITON(other).body) == {"error": "no"}


def test_kserve_has_words_of_its_own():
    said = json.loads(kserve_v1.refuse(refusal(endpoint="x")).body)
    assert said == {"error": "Model with name x does not exist."}
    versioned = kserve_v1.refuse(refusal(endpoint="x", version="7"))
    assert json.loads(versioned.body) == {"error": "there is none"}


@pytest.mark.parametrize(
    ("details", "said"),
    [
        ({"endpoint": "x"}, "Model x not found"),
        ({"endpoint": "x", "version": "7"}, "Model x with version 7 not found"),
        ({"endpoint": "x", "asked_version": "v1.2"}, "Model x with version v1.2 not found"),
        ({}, "there is none"),
    ],
)
def test_who_is_called_mlserver_speaks_so(details, said):
    assert json.loads(only_error("mlserver")(refusal(**details)).body) == {"error": said}
