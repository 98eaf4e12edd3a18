"""Documents tell how callers prove who they are, where they have to."""

import json

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from serve_app.config import GatewayArgs
from serve_app.gateway.access import Gate, protect
from serve_app.gateway.admin import openapi as admin
from serve_app.gateway.app import build
from serve_app.gateway.context import Settings
from tests.security.callers import Known, key
from tests.security.test_access import ask

ALL = ("key", "token", "certificate")
PRINCIPAL = {"name": "a", "scopes": ["*"]}


@pytest.fixture
def documents(client):
    """The documents of a gateway at which callers prove who they are by some means."""

    def made(*proofs):
        settings = Settings(max_body_bytes=10_000, max_rows=50, proofs=proofs)
        app = build(client.predictor, settings)
        if proofs:
            app = protect(app, Gate(Known(), lambda *_: None), "all")
        paths = ("/openapi.json", "/v2/docs/dataplane.json", "/torchserve/api-description")
        answers = ask(app, [("GET", path, key("k-all"), None) for path in paths])
        return [json.loads(answer.content) for answer in answers]

    return made


def schemes(document):
    return {name: one["type"] for name, one in document["components"]["securitySchemes"].items()}


def test_without_access_nothing_is_said_of_it(documents):
    for document in documents():
        assert "security" not in document
        assert "securitySchemes" not in document["components"]
        assert '"401"' not in json.dumps(document)


def test_each_way_to_prove_who_one_is_is_a_scheme_and_one_suffices(documents):
    for document in documents(*ALL):
        OpenAPIV31SpecValidator(document).validate()
        assert schemes(document) == {
            "apiKey": "apiKey", "bearer": "http", "certificate": "mutualTLS",
        }  # fmt: skip
        assert document["security"] == [{"apiKey": []}, {"bearer": []}, {"certificate": []}]
    for document in documents("key"):
        assert schemes(document) == {"apiKey": "apiKey"}


def test_every_operation_tells_what_refuses_and_health_needs_no_proof(documents):
    for document in documents(*ALL):
        for path, item in document["paths"].items():
            for method, operation in item.items():
                if method == "parameters":
                    continue
                if path in {"/v2/health/live", "/v2/health/ready"}:
                    assert operation["security"] == []
                    assert "401" not in operation["responses"]
                else:
                    assert {"401", "403", "429"} <= set(operation["responses"]), path
                    assert "security" not in operation
    refusal = document["paths"]["/v1/endpoints"]["get"]["responses"]["401"]
    assert "WWW-Authenticate" in refusal["headers"]


def test_the_admin_api_tells_it_too():
    made = admin.document("1", ("key", "token"))
    OpenAPIV31SpecValidator(made).validate()
    assert schemes(made) == {"apiKey": "apiKey", "bearer": "http"}
    for item in made["paths"].values():
        for operation in item.values():
            assert {"401", "403", "429", "4XX"} <= set(operation["responses"])
    assert "security" not in admin.document("1")


@pytest.mark.parametrize(
    ("access", "proofs"),
    [
        ({}, ()),
        ({"mode": "open"}, ()),
        ({"mode": "keys"}, ("key",)),
        ({"mode": "keys", "certificates": {"require": True}}, ("key",)),
        (
            {
                "mode": "any",
                "certificates": {"principals": {"CN=a": PRINCIPAL}},
            },
            ALL,
        ),
        ({"mode": "tokens"}, ("token",)),
    ],
)
def test_the_config_says_by_what_callers_prove_who_they_are(access, proofs):
    if access.get("mode") in {"any", "tokens"}:
        access = {**access, "tokens": {"issuer": "i", "audience": "a", "keys": "./jwks.json"}}
    assert GatewayArgs.model_validate({"access": access}).access.proofs == proofs
