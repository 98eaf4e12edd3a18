"""Documents of GraphQL that want time or tell more than they should: errors, at once."""

import json

import pytest

from serve_app.engine.registration.register import Candidate, register
from serve_app.registry.store import Registry
from tests.security.server import ROW, running

MOST_S = 0.05
INTROSPECTION = "{__schema {types {name fields {name}}}}"
KEY = {"x-api-key": "sa_0123456789_" + "a" * 43 + "_00000000"}


@pytest.fixture(scope="module")
def server(models, tmp_path_factory):
    folder = tmp_path_factory.mktemp("graphql")
    register(Registry(str(folder / "registry")), Candidate("logistic", *models["logistic"]))
    with running(folder, str(folder / "registry"), models=("logistic@1",)) as one:
        assert ask(one, json.dumps({"query": "{endpoints {name}}"})).json().keys() == {"data"}
        yield one
        assert one.predicts()


def ask(server, content, **headers):
    return server.post("/graphql", content.encode(), **headers)


ROWS = json.dumps([ROW]).replace('"', "")
HOSTILE = {
    "depth": "{" + "predict{" * 500 + "a" + "}" * 501,
    "depth without an end": "{a" * 20_000,
    "depth in a value": "{predict{logistic(rows: " + "[" * 5000 + "]" * 5000 + "){snapshot}}}",
    "depth in an object": "{predict{logistic(rows: " + "{a:" * 3000 + "1" + "}" * 3000 + ")}}",
    "depth of introspection": "{__schema{types{" + "fields{type{" * 60 + "name" + "}}" * 60 + "}}}",
    "depth of inline fragments": "{" + "... on Query {" * 2000 + "endpoints{name}" + "}" * 2001,
    "aliases": "{" + " ".join(f"a{n}: endpoints {{name}}" for n in range(1000)) + "}",
    "predictions": "{predict{"
    + " ".join(f"a{n}: logistic(rows: {ROWS}) {{snapshot}}" for n in range(1000)) + "}}",
    "the same field": "{" + "endpoints{name} " * 5000 + "}",
    "typenames": "{" + "__typename " * 10_000 + "}",
    "as many typenames as there may be fields": "{" + "__typename " * 300 + "}",
    "a name for many": "{" + "a: endpoints{name} " * 60 + "}",
    "cycle": "{...A} fragment A on Query {...B} fragment B on Query {...A}",
    "itself": "{...A} fragment A on Query {...A}",
    "long cycle": "{...F0} "
    + " ".join(f"fragment F{n} on Query {{...F{(n + 1) % 500}}}" for n in range(500)),
    "fragments of fragments": "{...F0} "
    + " ".join(f"fragment F{n} on Query {{...F{n + 1} ...F{n + 1}}}" for n in range(200))
    + " fragment F200 on Query {endpoints{name}}",
    "directives": "{endpoints " + "@skip(if: false) " * 5000 + "{name}}",
    "variables": "query(" + " ".join(f"$v{n}: Int" for n in range(5000)) + "){endpoints{name}}",
    "operations": " ".join(f"query Q{n} {{endpoints{{name}}}}" for n in range(2000)),
    "a long string": '{predict{logistic(rows: "' + "x" * 500_000 + '"){snapshot}}}',
    "a long number": "{predict{logistic(rows: [{age: " + "9" * 200_000 + "}]){snapshot}}}",
    "overlapping fields": "{" + " ".join(f"...F{n}" for n in range(300)) + "}"
    + " ".join(f" fragment F{n} on Query {{endpoints{{name}}}}" for n in range(300)),
    "a mutation": "mutation {predict{__typename}}",
    "a subscription": "subscription {endpoints{name}}",
    "a comment": "#" * 500_000,
    "byte order marks": "\ufeff" * 100_000,
}  # fmt: skip


@pytest.mark.parametrize("document", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_document_is_an_error_at_once(server, document):
    content = json.dumps({"query": document})
    # The quickest of several: machines are shared.
    answers = [ask(server, content) for _ in range(4)]
    for answer in answers:
        assert answer.status_code in {200, 400, 413}
        assert "errors" in answer.json() or "error" in answer.json()
        assert not answer.json().get("data")
        assert len(answer.content) < 20_000
        assert "Traceback" not in answer.text
    assert min(one.elapsed.total_seconds() for one in answers) <= MOST_S


@pytest.mark.parametrize("count", [1, 2, 1000])
def test_batches_are_not_answered(server, count):
    one = {"query": "{endpoints {name}}"}
    answers = [ask(server, json.dumps([one] * count)) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {400}
    assert "data" not in answers[0].json()
    assert min(one.elapsed.total_seconds() for one in answers) <= MOST_S


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_what_a_form_of_a_page_can_send_is_no_document(server, media_type):
    answer = server.post("/graphql", b'{"query": "{endpoints {name}}"}', media_type)
    assert answer.status_code == 415


def test_without_a_key_nothing_is_told_not_even_the_schema(models, tmp_path):
    registry = tmp_path / "registry"
    register(Registry(str(registry)), Candidate("logistic", *models["logistic"]))
    keys = tmp_path / "keys.json"
    keys.write_text('{"keys": []}')
    options = ("--keys-file", str(keys))
    with running(tmp_path, str(registry), *options, models=("logistic@1",)) as closed:
        for query in (INTROSPECTION, "{endpoints {name}}", '{__type(name: "Query"){name}}', "{"):
            for headers in ({}, KEY):
                answer = ask(closed, json.dumps({"query": query}), **headers)
                assert answer.status_code == 401
                assert "logistic" not in answer.text
                assert answer.json() == ask(closed, "[", **headers).json()
