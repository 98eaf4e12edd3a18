from __future__ import annotations

import json
import math
import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.messages import (
    MISSING,
    Answer,
    Failure,
    Payload,
    Prediction,
    Request,
    Response,
    Warned,
)
from serve_app.errors import BadEncoding, ClientError, InvalidInput, TooLarge
from serve_app.protocols.dialect import Call
from serve_app.protocols.dialects.native import DIALECT

NAMES = ("age", "sex")


def decode(body: Any, *, columns: tuple[str, ...] = NAMES, max_rows: int = 100) -> Payload:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return DIALECT.decode(Call(raw, columns, max_rows))


def columns_of(payload: Payload) -> dict[str, list[Any]]:
    return {name: list(values) for name, values in payload.columns.items()}


def response(prediction: Prediction, labels: tuple[Any, ...] = (), **changed: Any) -> Response:
    return Response(
        request=Request("diagnosis", Payload({}, len(prediction.values)), "req-1"),
        prediction_id="pred-1",
        snapshot_version=7,
        answer=Answer(prediction, ("diagnosis-xgb@1",)),
        labels=labels,
        **changed,
    )


def encoded(answer: Response) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(DIALECT.encode(answer).body)
    return body


class TestTensorFlowServing:
    SHARES = Prediction(np.array(["b"]), np.array([[0.25, 0.75]]))

    @pytest.mark.parametrize("inputs", [{"age": [1, 2], "sex": ["m", "f"]}, [[1, "m"], [2, "f"]]])
    def test_columns_may_take_the_place_of_rows(self, inputs: Any) -> None:
        payload = decode({"inputs": inputs})
        assert columns_of(payload) == {"age": [1, 2], "sex": ["m", "f"]}
        assert payload.rows == 2

    def test_columns_are_answered_under_outputs_too(self) -> None:
        form = decode({"inputs": {"age": [1]}}).form
        answer = response(self.SHARES, ("a", "b"))
        payload = replace(answer.request.payload, form=form)
        body = encoded(answer._replace(request=answer.request._replace(payload=payload)))
        assert body["outputs"] == body["predictions"] == ["b"]

    def test_a_signature_makes_probabilities_the_predictions(self) -> None:
        method = decode({"instances": [[1, "m"]], "signature_name": "predict_proba"}).method
        answer = response(self.SHARES, ("a", "b"))
        payload = replace(answer.request.payload, method=method)
        asked = answer._replace(request=answer.request._replace(payload=payload))
        assert encoded(asked)["predictions"] == [[0.25, 0.75]]
        none = asked._replace(answer=replace(asked.answer, prediction=Prediction(np.array([1.0]))))
        with pytest.raises(InvalidInput, match="no probabilities"):
            DIALECT.encode(none)

    @pytest.mark.parametrize("name", ["", None, "predict", "serving_default"])
    def test_other_signatures_are_the_usual_one(self, name: Any) -> None:
        assert decode({"instances": [], "signature_name": name}).method == "predict"

    @pytest.mark.parametrize("name", ["classify", 5, {}])
    def test_a_signature_that_nobody_has_is_refused(self, name: Any) -> None:
        with pytest.raises(InvalidInput, match=r"there is no signature|must be a string"):
            decode({"instances": [], "signature_name": name})

    def test_rows_and_columns_at_once_are_refused(self) -> None:
        with pytest.raises(BadEncoding, match="both 'instances'"):
            decode({"instances": [], "inputs": {"age": []}})


class TestRows:
    def test_may_be_objects(self) -> None:
        payload = decode({"instances": [{"age": 1, "sex": "m"}, {"sex": "f", "age": None}]})
        assert columns_of(payload) == {"age": [1, None], "sex": ["m", "f"]}
        assert payload.rows == 2

    def test_may_be_lists_in_the_order_of_the_schema(self) -> None:
        payload = decode({"instances": [[1, "m"], [2, "f"]]})
        assert columns_of(payload) == {"age": [1, 2], "sex": ["m", "f"]}

    @pytest.mark.parametrize(
        "instances", [[{"age": 1}], [{"age": 1}, {"age": 2}], [[1], [2]], [[1]]]
    )
    def test_may_have_a_single_column(self, instances: list[Any]) -> None:
        payload = decode({"instances": instances}, columns=("age",))
        assert columns_of(payload) == {"age": [1, 2][: len(instances)]}

    def test_may_be_none_at_all(self) -> None:
        payload = decode({"instances": []})
        assert payload.rows == 0
        assert columns_of(payload) == {}

    def test_that_lack_a_name_have_missing_cells(self) -> None:
        payload = decode({"instances": [{"age": 1, "sex": "m"}, {"age": 2, "ses": "f"}, {}]})
        assert columns_of(payload) == {
            "age": [1, 2, MISSING],
            "sex": ["m", MISSING, MISSING],
            "ses": [MISSING, "f", MISSING],
        }

    def test_keep_names_that_the_schema_does_not_know(self) -> None:
        payload = decode({"instances": [{"age": 1, "sex": "m", "note": [1, 2]}]})
        assert columns_of(payload)["note"] == [[1, 2]]

    def test_may_be_small_tables(self) -> None:
        tables = [{"age": [1, 2], "sex": ["m", "f"]}, {"sex": ["m"]}, {"age": [3], "note": [0]}]
        payload = decode({"instances": tables})
        assert columns_of(payload) == {
            "age": [1, 2, MISSING, 3],
            "sex": ["m", "f", "m", MISSING],
            "note": [MISSING, MISSING, MISSING, 0],
        }
        assert payload.rows == 4

    @pytest.mark.parametrize(
        ("instances", "error", "said"),
        [
            ([{"age": [1], "sex": ["m", "f"]}], InvalidInput, "'sex' has 2 values, but 'age' has"),
            ([{"age": [1]}, [2]], BadEncoding, r"instances\[1\] must be an object of columns"),
            ([{"age": [1]}, {"age": 2}], BadEncoding, "'age' must be a list"),
            ([{"age": [1] * 101}], TooLarge, "101 rows"),
            ([{f"{i}.{j}": [1] for j in range(60)} for i in range(2)], InvalidInput, "120 columns"),
        ],
    )
    def test_that_are_no_tables_are_refused(self, instances: Any, error: Any, said: str) -> None:
        with pytest.raises(error, match=said):
            decode({"instances": instances})

    @pytest.mark.parametrize(
        ("instances", "row", "got"), [([[1, "m"], [2]], 1, 1), ([[1, 2, 3]], 0, 3), ([[]], 0, 0)]
    )
    def test_of_another_length_are_refused(self, instances: Any, row: int, got: int) -> None:
        with pytest.raises(InvalidInput, match=rf"instances\[{row}\] has {got} values") as refused:
            decode({"instances": instances})
        assert refused.value.details == {"row": row, "expected": 2, "got": got}

    @pytest.mark.parametrize(
        ("instances", "row"),
        [([1, 2], 0), (["x"], 0), ([None], 0), ([[1, "m"], {"age": 1}], 1), ([{}, 5], 1)],
    )
    def test_of_another_kind_are_refused(self, instances: Any, row: int) -> None:
        with pytest.raises(BadEncoding, match=rf"instances\[{row}\] must be") as refused:
            decode({"instances": instances})
        assert refused.value.details == {"row": row}

    def test_above_the_limit_are_refused_with_the_limit(self) -> None:
        assert decode({"instances": [[1, "m"]] * 3}, max_rows=3).rows == 3
        with pytest.raises(TooLarge, match="4 rows, above the limit of 3") as refused:
            decode({"instances": [[1, "m"]] * 4}, max_rows=3)
        assert refused.value.details == {"rows": 4, "max_rows": 3}

    def test_that_each_name_other_columns_do_not_cost_rows_times_columns(self) -> None:
        body = orjson.dumps({"instances": [{f"column {i}": 1} for i in range(20_000)]})
        tracemalloc.start()
        with pytest.raises(InvalidInput, match="20000 columns that this endpoint does not have"):
            decode(body, max_rows=100_000)
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak_bytes < 50 * len(body)

    @given(
        st.lists(st.fixed_dictionaries({"age": st.integers(0, 9), "sex": st.text()}), min_size=1),
        st.randoms(use_true_random=False),
    )
    def test_mean_the_same_as_lists_and_as_objects_in_any_order(
        self, rows: list[dict[str, Any]], random: Any
    ) -> None:
        shuffled = [dict(random.sample(list(row.items()), 2)) for row in rows]
        lists = [[row["age"], row["sex"]] for row in rows]
        expected = {"age": [row["age"] for row in rows], "sex": [row["sex"] for row in rows]}
        for instances in (rows, shuffled, lists):
            assert columns_of(decode({"instances": instances})) == expected


class TestBodies:
    def test_carry_keys_of_their_own_and_of_parameters(self) -> None:
        body = {
            "instances": [[1, "m"]],
            "id": "call-1",
            "patient_id": 7,
            "parameters": {"site": "B", "patient_id": 8},
        }
        payload = decode(body)
        assert payload.keys == {"patient_id": 7, "site": "B"}
        assert payload.id == "call-1"

    def test_may_have_a_number_for_an_id(self) -> None:
        assert decode({"instances": [], "id": 12}).id == "12"

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            (b"", "the body is empty"),
            (b"  ", "the body is empty"),
            (b'{"instances": [[1, "m"],', "the body is not JSON: .* at line 1, column 25"),
            (b'{"instances":\n [1,,2]}', "the body is not JSON: .* at line 2, column 5"),
            (b'{"instances": [[NaN, "m"]]}', "the body is not JSON"),
            (b'{"instances": "\xff"}', "the body is not UTF-8: byte 15"),
            (b"[]", "must be a JSON object, got a list of 0"),
            (b"null", "must be a JSON object, got null"),
            (b"{}", "no key 'instances'"),
            (b'{"instances": {}}', "'instances' must be a list of rows, got an object of 0"),
            (b'{"instances": [], "parameters": 5}', "'parameters' must be an object, got 5"),
            (b'{"instances": [], "id": []}', "'id' must be a string, got a list of 0"),
            (b'{"instances": [], "id": true}', "'id' must be a string, got true"),
        ],
    )
    def test_that_are_something_else_are_refused_with_what_and_where(
        self, body: bytes, said: str
    ) -> None:
        with pytest.raises(BadEncoding, match=said):
            decode(body)

    @pytest.mark.parametrize("opening", [b"[", b'{"a":', b'{"instances":['])
    def test_nested_too_deeply_are_refused_in_bounded_memory(self, opening: bytes) -> None:
        body = opening * 500_000
        tracemalloc.start()
        with pytest.raises(BadEncoding, match="nested too deeply"):
            decode(body)
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak_bytes < 20 * len(body)

    def test_with_a_key_twice_mean_the_last(self) -> None:
        assert decode(b'{"instances": [[1, "m"]], "instances": []}').rows == 0

    @given(st.binary() | st.text().map(str.encode))
    def test_whatever_they_are_only_client_errors_come_of_it(self, body: bytes) -> None:
        with pytest.raises(ClientError):
            decode(body)

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers(-9, 9) | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        )
    )
    def test_whatever_the_rows_are_each_column_has_one_value_per_row(self, instances: Any) -> None:
        try:
            payload = decode({"instances": instances})
        except ClientError:
            return
        assert all(len(values) == payload.rows for values in payload.columns.values())


class TestAnswers:
    def test_name_who_answered_and_under_which_snapshot(self) -> None:
        assert encoded(response(Prediction(np.array([1.5, 2.5])))) == {
            "predictions": [1.5, 2.5],
            "endpoint": "diagnosis",
            "variants": ["diagnosis-xgb@1"],
            "snapshot": 7,
            "prediction_id": "pred-1",
            "request_id": "req-1",
        }

    def test_give_probabilities_with_the_classes_that_they_are_of(self) -> None:
        prediction = Prediction(np.array(["sick"]), np.array([[0.1, 0.9]], dtype=np.float32))
        body = encoded(response(prediction, ("healthy", "sick")))
        assert body["predictions"] == ["sick"]
        assert body["probabilities"] == [[0.1, 0.9]]
        assert body["classes"] == ["healthy", "sick"]

    def test_tell_of_fallback_failures_and_warnings_only_when_there_are_any(self) -> None:
        plain = response(Prediction(np.array([1])))
        answer = replace(plain.answer, fallback=True, left_out=(Failure("a@1", "not_ready"),))
        warned = Warned(0, "age", "range", "130", "0 to 120")
        request = plain.request._replace(payload=replace(plain.request.payload, id="call-1"))
        body = encoded(plain._replace(answer=answer, warnings=(warned,), request=request))
        assert body["fallback"] is True
        assert body["left_out"] == [{"variant": "a@1", "code": "not_ready"}]
        assert body["warnings"][0]["rule"] == "range"
        assert body["id"] == "call-1"
        assert not {"fallback", "left_out", "warnings", "id"} & encoded(plain).keys()

    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            (np.array(["a", "b"]), ["a", "b"]),
            (np.array(["a", None], dtype=object), ["a", None]),
            (np.array([np.int64(1), 2], dtype=object), [1, 2]),
            (np.array([1, 2], dtype=np.int8), [1, 2]),
            (np.array([2**64 - 1], dtype=np.uint64), [2**64 - 1]),
            (np.array([True, False]), [True, False]),
            (np.array([0.1], dtype=np.float32), [0.1]),
            (np.array([0.5], dtype=np.float16), [0.5]),
            (np.array([0.5], dtype=">f8"), [0.5]),
            (np.array([math.nan, math.inf, 1.0]), [None, None, 1.0]),
            (np.array([[1.0, 2.0], [3.0, 4.0]]).T, [[1.0, 3.0], [2.0, 4.0]]),
            (np.arange(4.0)[::2], [0.0, 2.0]),
            (np.array([]), []),
            (np.array(["2026-01-01"], dtype="datetime64[D]"), ["2026-01-01"]),
        ],
    )
    def test_write_arrays_of_every_dtype(self, values: Any, expected: list[Any]) -> None:
        assert encoded(response(Prediction(values)))["predictions"] == expected
