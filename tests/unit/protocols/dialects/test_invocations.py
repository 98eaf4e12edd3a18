"""What MLflow's and SageMaker's clients send to `/invocations`, and what they read."""

from __future__ import annotations

import io
import json
import math
import re
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.messages import MISSING, Answer, Payload, Prediction, Request, Response
from serve_app.core.signature import Column
from serve_app.errors import (
    BadEncoding,
    ClientError,
    InvalidInput,
    NotAcceptable,
    TooLarge,
    UnsupportedMedia,
)
from serve_app.protocols.bodies import npy
from serve_app.protocols.dialect import Call, Refusal, Reply
from serve_app.protocols.dialects.invocations import DIALECT, MLFLOW, SAGEMAKER

COLUMNS = (Column("age", "int64"), Column("bmi", "float64"), Column("sex", "string"))
NAMES = tuple(column.name for column in COLUMNS)
BOTH = {"age": [63, 41], "bmi": [22.5, 31.0], "sex": ["f", "m"]}
ROWS = [dict(zip(BOTH, values, strict=True)) for values in zip(*BOTH.values(), strict=True)]
LISTS = [list(row.values()) for row in ROWS]


def decode(body: Any, content_type: str = "application/json", **more: Any) -> Payload:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"content-type": content_type, **more.pop("headers", {})}
    return DIALECT.decode(Call(raw, NAMES, more.pop("max_rows", 9), headers, COLUMNS))


def columns_of(payload: Payload) -> dict[str, list[Any]]:
    return {name: list(values) for name, values in payload.columns.items()}


def answered(prediction: Prediction, payload: Payload, **headers: str) -> Reply:
    request = Request("e", payload, "r", headers=headers)
    return DIALECT.encode(Response(request, "p", 1, Answer(prediction, ("a@1",)), ()))


class TestJson:
    @pytest.mark.parametrize(
        "body",
        [
            {"dataframe_split": {"columns": list(BOTH), "data": LISTS}},
            {"dataframe_split": {"columns": list(BOTH), "index": [7, 8], "data": LISTS}},
            {"dataframe_split": {"data": LISTS}},
            {"dataframe_records": ROWS},
            {"instances": ROWS},
            {"instances": LISTS},
            {"instances": [{"features": row} for row in LISTS]},
            {"inputs": BOTH},
            {"inputs": {name: [[value] for value in values] for name, values in BOTH.items()}},
            {"inputs": LISTS},
            LISTS,
            ROWS,
        ],
    )
    def test_the_same_rows_may_come_in_many_forms(self, body: Any) -> None:
        payload = decode(body)
        assert columns_of(payload) == BOTH
        assert payload.rows == 2

    def test_columns_are_told_by_their_names_and_not_by_their_order(self) -> None:
        split = {"columns": ["sex", "bmi", "age"], "data": [["f", 22.5, 63]]}
        assert columns_of(decode({"dataframe_split": split})) == {
            "sex": ["f"],
            "bmi": [22.5],
            "age": [63],
        }

    def test_what_a_record_lacks_is_missing(self) -> None:
        found = columns_of(decode({"dataframe_records": [ROWS[0], {"age": 1}]}))
        assert found["sex"] == ["f", MISSING]

    def test_the_token_nan_is_a_number(self) -> None:
        body = b'{"dataframe_split": {"columns": ["bmi"], "data": [[NaN], [-Infinity]]}}'
        assert [str(value) for value in columns_of(decode(body))["bmi"]] == ["nan", "-inf"]

    def test_params_are_keys_and_may_ask_for_probabilities(self) -> None:
        params = {"customer": 7, "predict_method": "predict_proba"}
        payload = decode({"inputs": BOTH, "params": params, "unknown": 1})
        assert payload.keys == params
        shares = np.array([[0.25, 0.75]])
        body = answered(Prediction(np.array([1]), shares), payload).body
        assert json.loads(body) == {"predictions": [[0.25, 0.75]]}
        with pytest.raises(InvalidInput, match="no probabilities"):
            answered(Prediction(np.array([1.0])), payload)

    def test_no_rows_are_no_rows(self) -> None:
        for body in ({"dataframe_split": {"data": []}}, {"instances": []}, []):
            assert decode(body).rows == 0

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            ({}, "it has none"),
            ({"inputs": BOTH, "instances": ROWS}, "it has instances and inputs"),
            (5, "must be a JSON object or a list of rows"),
            ({"dataframe_split": []}, "an object with a list 'data'"),
            ({"dataframe_split": {"data": [], "rows": 1}}, "has no key 'rows'"),
            ({"dataframe_split": {"columns": "age", "data": []}}, "a list of names"),
            ({"dataframe_split": {"columns": ["a", "a"], "data": []}}, "names a column twice"),
            ({"dataframe_split": {"data": [1]}}, "a list of lists"),
            ({"dataframe_records": {}}, "must be a list of rows"),
            ({"inputs": 5}, "an object of columns or a list of rows"),
            ({"inputs": {"age": 5}}, "'age' must be a list of values"),
            ({"instances": ROWS, "params": []}, "'params' must be an object"),
        ],
    )
    def test_other_forms_are_refused(self, body: Any, said: str) -> None:
        with pytest.raises(BadEncoding, match=re.escape(said)):
            decode(body)

    @pytest.mark.parametrize(
        "body",
        [
            {"dataframe_split": {"data": [[1, 2]]}},
            {"inputs": {"age": [1], "bmi": [1, 2]}},
            {"inputs": {f"c{number}": [1] for number in range(200)}},
            {"instances": ROWS, "params": {"predict_method": "transform"}},
        ],
    )
    def test_rows_and_columns_that_do_not_fit_each_other_are_refused(self, body: Any) -> None:
        with pytest.raises(InvalidInput):
            decode(body)

    @pytest.mark.parametrize(
        ("more", "said"),
        [
            ({"columns": ["age"]}, "'data'[0] has 3 values, but 'columns' names 1"),
            ({"index": [0]}, "2 rows: 'index' must be a list of as many, got a list of 1"),
            ({"index": [0, 1, 2]}, "'index' must be a list of as many, got a list of 3"),
            ({"index": 5}, "'index' must be a list of as many, got 5"),
        ],
    )
    def test_what_pandas_could_make_no_frame_of_is_a_broken_body(
        self, more: Any, said: str
    ) -> None:
        # To MLflow's clients BAD_REQUEST, where values that break the schema are another code.
        with pytest.raises(BadEncoding, match=re.escape(said)):
            decode({"dataframe_split": {"data": LISTS, **more}})

    @pytest.mark.parametrize("dialect", [DIALECT, MLFLOW])
    @pytest.mark.parametrize(
        "kind",
        ["application/json; foo=bar", "text/csv;odata=verbose", "text/csv; charset=utf-8; a"],
    )
    def test_parameters_of_content_types_that_nobody_knows_are_refused(
        self, dialect: Any, kind: str
    ) -> None:
        with pytest.raises(UnsupportedMedia, match="is not known here"):
            dialect.decode(Call(b"{}", NAMES, 9, {"content-type": kind}, COLUMNS))

    @pytest.mark.parametrize("dialect", [DIALECT, MLFLOW, SAGEMAKER])
    @pytest.mark.parametrize(
        "kind",
        ["application/json; charset=utf-8", "application/json;", "Application/JSON;Charset=x"],
    )
    def test_the_parameter_that_every_client_sends_is_taken(self, dialect: Any, kind: str) -> None:
        raw = json.dumps({"instances": LISTS}).encode()
        found = dialect.decode(Call(raw, NAMES, 9, {"content-type": kind}, COLUMNS))
        assert columns_of(found) == BOTH

    def test_sagemaker_looks_at_no_parameters(self) -> None:
        headers = {"content-type": "application/json; foo=bar"}
        raw = json.dumps({"instances": LISTS}).encode()
        assert columns_of(SAGEMAKER.decode(Call(raw, NAMES, 9, headers, COLUMNS))) == BOTH

    @pytest.mark.parametrize("index", [3, -1, 2**63, 10**30, 10**4000])
    def test_a_feature_that_there_is_not_is_refused_however_long_its_number(
        self, index: int
    ) -> None:
        sent = b"1 %d:2" % index if index < 10**4000 else b"1 1" + b"0" * 4000 + b":2"
        with pytest.raises(InvalidInput, match="is none of 1 to 2") as caught:
            DIALECT.decode(Call(sent, ("a", "b"), 9, {"content-type": "text/libsvm"}))
        assert len(caught.value.message) < 200
        json.loads(orjson.dumps(caught.value.details))

    @pytest.mark.parametrize(
        "body",
        [{"dataframe_split": {"data": LISTS}}, {"inputs": BOTH}, {"instances": ROWS}, LISTS],
    )
    def test_too_many_rows_are_refused(self, body: Any) -> None:
        with pytest.raises(TooLarge):
            decode(body, max_rows=1)


class TestCsv:
    @pytest.mark.parametrize(
        "body",
        [
            "63,22.5,f\n41,31,m\n",
            "63,22.5,f\r\n41,31,m",
            "age,bmi,sex\n63,22.5,f\n41,31,m",
            "sex,age,bmi\nf,63,22.5\nm,41,31",
            "\ufeffage,bmi,sex\n63.0, 22.5,f\n41,31,m\n\n",
            '"age","bmi","sex"\n"63","22.5","f"\n41,31,m',
        ],
    )
    def test_rows_may_come_with_a_header_or_without(self, body: str) -> None:
        found = columns_of(decode(body.encode(), "text/csv; charset=utf-8"))
        assert {name: found[name] for name in NAMES} == BOTH

    def test_empty_cells_are_null(self) -> None:
        found = columns_of(decode(b"63,,\n", "text/csv"))
        assert found == {"age": [63], "bmi": [None], "sex": [None]}

    def test_cells_may_be_no_number_of_json(self) -> None:
        (value,) = columns_of(decode(b"63,nan,f\n", "text/csv"))["bmi"]
        assert math.isnan(value)

    def test_strangers_in_a_header_stay_for_the_schema_to_see(self) -> None:
        assert "agee" in decode(b"age,agee\n1,2\n", "text/csv").columns

    @pytest.mark.parametrize(
        ("body", "error", "said"),
        [
            (b"", BadEncoding, "empty"),
            (b"\xff,1,2", BadEncoding, "not UTF-8"),
            (b"1,2\n", InvalidInput, "row 0 has 2 cells, but there are 3 columns"),
            (b"1,2,f\n1,2\n", InvalidInput, "row 1 has 2 cells"),
            (b"x,2,f\n", InvalidInput, "row 0, column 'age': 'x' is no int64"),
            (b"1_0,2,f\n", InvalidInput, "'1_0' is no int64"),
            (b"age,age\n1,2\n", BadEncoding, "twice"),
        ],
    )
    def test_what_is_no_table_is_refused(
        self, body: bytes, error: type[ClientError], said: str
    ) -> None:
        with pytest.raises(error, match=re.escape(said)):
            decode(body, "text/csv")

    def test_too_many_rows_are_refused(self) -> None:
        with pytest.raises(TooLarge):
            decode(b"1,2,f\n" * 10, "text/csv")


class TestLines:
    @pytest.mark.parametrize("kind", ["application/jsonlines", "application/x-ndjson"])
    @pytest.mark.parametrize(
        "rows", [ROWS, LISTS, [{"features": row} for row in LISTS]], ids=["objects", "lists", "in"]
    )
    def test_each_line_is_a_row(self, rows: list[Any], kind: str) -> None:
        body = b"\n".join(json.dumps(row).encode() for row in rows) + b"\n\n"
        assert columns_of(decode(body, kind)) == BOTH

    @pytest.mark.parametrize(
        ("body", "said"),
        [(b"", "empty"), (b"[1,2,3]\n{", "line 1: the body is not JSON"), (b"5", "must be")],
    )
    def test_what_is_no_row_is_refused(self, body: bytes, said: str) -> None:
        with pytest.raises(BadEncoding, match=said):
            decode(body, "application/jsonlines")


class TestAnswers:
    @pytest.mark.parametrize(
        ("accept", "body", "kind"),
        [
            ("", b'{"predictions":[1.5,2.0]}', b"application/json"),
            ("*/*", b'{"predictions":[1.5,2.0]}', b"application/json"),
            ("text/csv", b"1.5\n2.0\n", b"text/csv"),
            ("application/parquet, text/csv;q=0.5", b"1.5\n2.0\n", b"text/csv"),
            (
                "application/jsonlines",
                b'{"prediction":1.5}\n{"prediction":2.0}\n',
                b"application/jsonlines",
            ),
        ],
    )
    def test_are_what_the_client_accepts(self, accept: str, body: bytes, kind: bytes) -> None:
        payload = decode(LISTS, headers={"accept": accept})
        reply = answered(Prediction(np.array([1.5, 2.0])), payload)
        assert (reply.body, reply.media_type) == (body, kind)

    def test_that_cannot_be_given_are_refused(self) -> None:
        with pytest.raises(NotAcceptable, match="image/png"):
            decode(LISTS, headers={"accept": "image/png"})

    def test_name_the_variant_and_echo_what_sagemaker_echoes(self) -> None:
        reply = answered(
            Prediction(np.array(["m"])),
            decode(LISTS),
            **{"x-amzn-sagemaker-custom-attributes": "trace=1"},
        )
        assert dict(reply.headers) == {
            b"x-amzn-invoked-production-variant": b"a@1",
            b"x-amzn-sagemaker-custom-attributes": b"trace=1",
        }

    def test_headers_say_who_is_asked(self) -> None:
        headers = {
            "x-amzn-sagemaker-target-model": "risk",
            "x-amzn-sagemaker-target-variant": "risk-xgb@2",
        }
        assert DIALECT.target(headers) == ("risk", "risk-xgb@2")
        assert DIALECT.target({}) == (None, None)


@given(
    st.one_of(
        st.binary(max_size=60),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=4)
                | st.dictionaries(
                    st.sampled_from(
                        ["dataframe_split", "dataframe_records", "inputs", "columns", "data", "age"]
                    ),
                    inner,
                )
            ),
        ),
    ),
    st.sampled_from(["application/json", "text/csv", "application/jsonlines"]),
)
def test_whatever_comes_only_client_errors_come_of_it(body: Any, kind: str) -> None:
    try:
        payload = decode(body, kind)
    except ClientError:
        return
    assert {len(values) for values in payload.columns.values()} <= {payload.rows}


@pytest.mark.parametrize(
    ("code", "status", "name"),
    [
        ("invalid_input", 400, "ValidationError"),
        ("not_found", 404, "ValidationError"),
        ("overloaded", 429, "ThrottlingException"),
        ("model_failed", 500, "ModelError"),
        ("internal", 500, "InternalFailure"),
        ("not_ready", 503, "ServiceUnavailable"),
        ("deadline_exceeded", 504, "ModelError"),
    ],
)
def test_errors_have_the_names_that_boto3_raises(code: str, status: int, name: str) -> None:
    reply = DIALECT.refuse(Refusal("no", code, status, "r"))
    assert reply == Reply(b"", headers=((b"x-amzn-errortype", name.encode()),))


def test_an_array_of_numpys_is_read_and_answered() -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.array([[63, 22.5, 1.0], [41, 31.0, 0.0]]))
    payload = decode(buffer.getvalue(), npy.MEDIA_TYPE, headers={"accept": npy.MEDIA_TYPE})
    assert columns_of(payload) == {"age": [63, 41], "bmi": [22.5, 31.0], "sex": [1, 0]}
    reply = answered(Prediction(np.array([0.25, 0.75])), payload)
    assert reply.media_type == npy.MEDIA_TYPE.encode()
    assert np.load(io.BytesIO(reply.body), allow_pickle=False).tolist() == [0.25, 0.75]


def test_json_may_have_a_type_of_its_own() -> None:
    payload = decode({"inputs": BOTH}, "application/vnd.own+json")
    assert columns_of(payload) == BOTH


@pytest.mark.parametrize("content_type", ["text/csv", "application/jsonlines", "text/libsvm"])
@pytest.mark.parametrize("line", [b"\n", b'"\n', b"1\n"])
def test_lines_are_counted_before_they_are_looked_at(content_type: str, line: bytes) -> None:
    with pytest.raises(TooLarge, match="may hold no more than 9 rows"):
        decode(line * 181, content_type)


def test_blank_lines_between_rows_are_none() -> None:
    lines = b"\n\n\n".join([b'{"age":1,"bmi":2.5,"sex":"f"}'] * 9)
    assert decode(lines, "application/jsonlines").rows == 9
