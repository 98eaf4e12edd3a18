"""The schema follows from the endpoints' signatures."""

import pytest
from graphql import GraphQLInputObjectType, validate_schema
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.signature import DTYPES, Column, Output, Signature
from serve_app.core.snapshot import Endpoint, RouteSpec, Variant
from serve_app.protocols.graphql.schema import build

AGE = (Column("age", "float64"),)
CLASSES = Output("classification", ("ill", "well"), probabilities=True)


def endpoint(name, columns=AGE, output=CLASSES, kind="single", **settings):
    signature = Signature(tuple(columns), output)
    route = RouteSpec(kind, (Variant("m@1"),), settings)
    return Endpoint(name, route, signature, timeout_s=1.0, variant_timeout_s=0.8)


def field(schema, name):
    return schema.query_type.fields["predict"].type.of_type.fields[name]


def answer(schema, name):
    return {key: str(one.type) for key, one in field(schema, name).type.fields.items()}


def test_a_row_has_a_field_per_column_and_leads_back_to_its_name():
    columns = [
        Column("mean radius", "float64", minimum=1.0, maximum=7.5),
        Column("visits", "int64", nullable=True),
        Column("room", "int32"),
        Column("smoker", "bool"),
        Column("größe", "string", categories=tuple("abcdefghij")),
    ]
    schema = build([endpoint("risk-of-all", columns)])
    row = schema.type_map["RiskOfAllRow"]
    assert {name: str(one.type) for name, one in row.fields.items()} == {
        "mean_radius": "Float", "visits": "Long", "room": "Int", "smoker": "Boolean",
        "gro_e": "String",
    }  # fmt: skip
    assert [one.out_name for one in row.fields.values()] == [column.name for column in columns]
    said = [one.description for one in row.fields.values()]
    assert said[0] == (
        "The column 'mean radius' (float64); at least 1 in training; at most 7.5 in training."
    )
    assert "may be null" in said[1]
    assert "'h' and 2 more" in said[4]


def test_endpoints_are_fields_with_what_their_routes_take():
    schema = build(
        [
            endpoint("a-b", key="patient_id", kind="split"),
            endpoint("by-header", key="header:x-user", kind="split"),
            endpoint("plain"),
        ]
    )
    assert list(field(schema, "a_b").args) == ["rows", "version", "key"]
    assert list(field(schema, "by_header").args) == ["rows", "version"]
    assert str(field(schema, "plain").args["rows"].type) == "[PlainRow!]!"


@pytest.mark.parametrize(
    ("output", "predictions"),
    [
        (CLASSES, "[String]!"),
        (Output("classification", (0, 1)), "[Long]!"),
        (Output("classification", (True, False)), "[Boolean]!"),
        (Output("classification", ("a", 1)), "[Label]!"),
        (Output("regression"), "[Float]!"),
        (Output("regression", width=3), "[[Float]]!"),
    ],
)
def test_predictions_are_of_the_kind_that_comes_out(output, predictions):
    said = answer(build([endpoint("one", output=output)]), "one")
    assert said["predictions"] == predictions
    assert ("probabilities" in said) == output.probabilities


def test_all_answers_share_an_interface():
    schema = build([endpoint("one"), endpoint("two", output=Output("regression"))])
    shared = schema.type_map["Answer"]
    assert {one.name for one in schema.get_possible_types(shared)} == {"OneAnswer", "TwoAnswer"}
    assert shared.fields.keys() <= answer(schema, "one").keys()


def test_without_endpoints_there_is_nothing_to_predict_with():
    schema = build([])
    assert validate_schema(schema) == []
    assert list(schema.query_type.fields) == ["endpoints", "endpoint"]


NAMES = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,5}", fullmatch=True)
COLUMNS = st.lists(
    st.builds(Column, st.text(max_size=8), st.sampled_from(DTYPES)),
    min_size=1,
    max_size=5,
    unique_by=lambda column: column.name,
)


@given(st.dictionaries(NAMES, COLUMNS, min_size=1, max_size=5))
def test_every_set_of_endpoints_has_a_valid_schema(described):
    schema = build([endpoint(name, columns) for name, columns in described.items()])
    assert validate_schema(schema) == []
    rows = [one for one in schema.type_map.values() if isinstance(one, GraphQLInputObjectType)]
    assert len(rows) == len(described)
    found = sorted(sorted(one.out_name for one in row.fields.values()) for row in rows)
    assert found == sorted(sorted(column.name for column in one) for one in described.values())
