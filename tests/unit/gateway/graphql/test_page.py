"""`/graphql` in a browser: a page with the schema; programs get what they got."""

import base64
import hashlib
import re

import pytest
from graphql import build_schema, print_schema

from serve_app.gateway import docs
from serve_app.gateway.openapi import document as openapi
from tests.unit.gateway.graphql.test_endpoint import Client

BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture
def client():
    return Client()


def test_who_opens_the_address_sees_a_page_with_the_schema(client):
    answer = client.send("GET", headers=BROWSER)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["vary"] == "Accept"
    (shown,) = re.findall(r'aria-label="Schema">(.*?)</pre>', answer.text, re.DOTALL)
    schema = build_schema(shown.replace("&quot;", '"').replace("&#x27;", "'"))
    assert {"risk_all", "age", "pair"} <= set(schema.type_map["Predictions"].fields)
    assert print_schema(schema)


def test_the_page_runs_and_loads_nothing_but_what_is_in_it(client):
    answer = client.send("GET", headers=BROWSER)
    policy = answer.headers["content-security-policy"]
    for tag in ("script", "style"):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", answer.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert not re.findall(r"""(?:src|href)="(?!/)""", answer.text)


def test_the_documentation_leads_to_the_page_and_back(client):
    assert 'href="/docs"' in client.send("GET", headers=BROWSER).text
    described = openapi.document((), title="serve-app", version="1")
    assert 'href="/graphql"' in docs.page(described)
    # The page of a strict profile leads to nothing that the profile does not have.
    assert "/graphql" not in docs.page(described, "/v2/docs/dataplane.json")


def test_a_query_in_the_address_is_answered_in_a_browser_too(client):
    answer = client.send("GET", headers=BROWSER, params={"query": "{ endpoints { name } }"})
    assert {"name": "risk-all"} in answer.json()["data"]["endpoints"]


@pytest.mark.parametrize("accept", ["*/*", "application/json"])
def test_programs_that_ask_nothing_are_told_so(client, accept):
    answer = client.send("GET", headers={"accept": accept})
    assert answer.status_code == 400
    assert "'query' must be" in answer.json()["errors"][0]["message"]


def test_a_page_before_any_configuration_says_that_none_is_there():
    answer = Client(endpoints=None).send("GET", headers=BROWSER)
    assert answer.status_code == 503
    assert "it knows no endpoints" in answer.text
