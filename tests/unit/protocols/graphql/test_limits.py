"""No document asks for more than is allowed, however it is written."""

import time

import pytest
from graphql import (
    build_client_schema,
    get_introspection_query,
    introspection_from_schema,
    validate,
)

from serve_app.errors import BadEncoding, ClientError, TooLarge
from serve_app.protocols.graphql.limits import DocumentLimits, parsed
from serve_app.protocols.graphql.schema import build

LIMITS = DocumentLimits(
    depth=4, predictions=3, aliases=5, selections=40, tokens=500, characters=5_000
)


def refused(text, kind=ClientError, limits=LIMITS):
    with pytest.raises(kind) as raised:
        parsed(text, limits)
    return raised.value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{a{a{a{a{a}}}}}", "5 levels"),
        ("{a{...F}} fragment F on A{a{a{a{a}}}}", "5 levels"),
        ("{a{... on A{a{... {a{a{a}}}}}}}", "5 levels"),
        ("{predict{a b c d}}", "4 predictions"),
        ("{predict{...F ...F}} fragment F on Predictions{a b}", "4 predictions"),
        ("{...Q} fragment Q on Query{predict{a b} predict{c d}}", "4 predictions"),
        ("{a:x b:x c:x d:x e:x f:x}", "6 aliases"),
        ("{x{...F} y{...F}} fragment F on X{a:x b:x c:x}", "6 aliases"),
        (
            "{__schema{a:types{x} b:types{x} c:types{x} ...F}} fragment F on X{d:a e:a f:a}",
            "6 alia",
        ),
        ("{" + "x " * 41 + "}", "41 selections"),
        ("{x} " + "".join(f"fragment F{i} on A{{x}} " for i in range(40)), "41 selections"),
    ],
)
def test_what_is_too_much_is_said(text, said):
    assert said in refused(text).message


@pytest.mark.parametrize(
    "text",
    [
        "{a{a{a{a}}}}",
        "{predict{a b c __typename}}",
        "query A{predict{a b}} query B{predict{c d}}",
        "{predict{predict(rows:[]){predict{a b c}}}}",
        "{a{...F}} fragment F on A{a{a}...F}",
        "{...A} fragment A on Q{a ...B} fragment B on Q{b ...A}",
        "{a{...Nobody}}",
        "{__schema{a{a{a{a{a{a}}}}}}}",
    ],
)
def test_what_is_not_too_much_passes(text):
    assert parsed(text, LIMITS).definitions


def test_queries_of_tools_for_the_schema_pass():
    schema = build([])
    query = get_introspection_query(
        specified_by_url=True, directive_is_repeatable=True, schema_description=True,
        input_value_deprecation=True, one_of=True,
    )  # fmt: skip
    document = parsed(query, DocumentLimits())
    assert validate(schema, document) == []
    assert "Query" in build_client_schema(introspection_from_schema(schema)).type_map


def test_nothing_but_queries_is_taken():
    error = refused("query A{a} mutation B{b}")
    assert "`query` in place of `mutation`" in error.message
    assert "subscription" in refused("subscription{a}").message


@pytest.mark.parametrize(
    "text", ["", "{", "{a", "}", "query", "{a(b:)}", '{a(b:"\\uD800")}', "{a…}"]
)
def test_what_is_no_graphql_is_refused_with_its_place(text):
    assert "line 1, column" in refused(text, BadEncoding).message


def test_long_documents_are_refused_before_they_are_read():
    assert "variables" in refused("{" + "," * 5_000 + "a}", TooLarge).message
    assert "500 tokens" in refused("{a(b:[" + "1 " * 500 + "])}", BadEncoding).message


FIELDS = ("{a" * 9_000) + "}" * 9_000
INLINE = "{a" + "{...on A" * 150 + "{a}" + "}" * 151
LISTS = "{a(b:" + "[" * 9_000 + "]" * 9_000 + ")}"
CHAIN = "{...F0}" + "".join(f"fragment F{i} on A{{...F{i + 1}}}" for i in range(2_000))
DEEPER = "{...F0}" + "".join(f"fragment F{i} on A{{a{{...F{i + 1}}}}}" for i in range(45))


@pytest.mark.parametrize("text", [FIELDS, INLINE, LISTS, CHAIN, DEEPER])
def test_deep_nesting_never_ends_in_a_recursion(text):
    limits = DocumentLimits(tokens=100_000, selections=100_000, characters=1_000_000)
    said = refused(text, limits=limits).message
    assert "nested too deeply" in said or "levels" in said


def test_fragments_that_double_at_each_step_are_weighed_in_no_time():
    chain = "".join(f"fragment F{i} on A{{...F{i + 1} ...F{i + 1}}}" for i in range(60))
    began = time.process_time()
    error = refused("{...F0}" + chain + "fragment F60 on A{a:x}", limits=DocumentLimits())
    assert error.details["asked"] == 2**60
    assert time.process_time() - began < 1
