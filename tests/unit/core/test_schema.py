from __future__ import annotations

import math
import pickle
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.columns import Columns
from serve_app.core.messages import MISSING, Warned
from serve_app.core.schema import Policy, Schema
from serve_app.core.signature import DTYPES, Column
from serve_app.errors import ConfigError, InvalidInput

PATIENT = (
    Column("age", "int64", minimum=0, maximum=120),
    Column("pressure", "float64", minimum=50, maximum=250),
    Column("sex", "string", categories=("female", "male")),
    Column("smoker", "bool", nullable=True),
)
NUMBERS = (Column("a", "float64", minimum=0, maximum=1), Column("b", "float64", nullable=True))

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
cells = json_values | st.just(MISSING)
reactions = st.sampled_from(["refuse", "warn", "ignore"])
policies = st.builds(
    Policy, missing=reactions, unknown=reactions, type=reactions, nan=reactions | st.just("follow")
)
columns_of_any_kind = st.builds(
    Column,
    name=st.just("x"),
    dtype=st.sampled_from(DTYPES),
    nullable=st.booleans(),
    minimum=st.none() | st.floats(-10, 0),
    maximum=st.none() | st.floats(0, 10),
    categories=st.none() | st.just((1, 2, "a", True)),
)


def row(**changed: Any) -> dict[str, list[Any]]:
    cells = {"age": 41, "pressure": 120.5, "sex": "male", "smoker": False, **changed}
    return {name: [value] for name, value in cells.items()}


def violations_of(schema: Schema, raw: dict[str, Any], rows: int = 1) -> list[dict[str, Any]]:
    with pytest.raises(InvalidInput) as refused:
        schema.validate(raw, rows)
    violations = refused.value.details["violations"]
    assert refused.value.details["total"] >= len(violations) > 0
    return violations  # type: ignore[no-any-return]


def only(schema: Schema, raw: dict[str, Any], rows: int = 1) -> tuple[str, str, str, str]:
    (found,) = violations_of(schema, raw, rows)
    return found["column"], found["rule"], found["seen"], found["expected"]


def accepted(column: Column, values: Any, **policy: Any) -> Any:
    columns, _ = Schema([column], Policy(**policy)).validate({column.name: values}, len(values))
    return columns[column.name]


class TestColumnsThatFit:
    def test_come_back_in_the_order_and_dtypes_of_the_schema(self) -> None:
        shuffled = dict(reversed(row().items()))
        columns, warnings = Schema(PATIENT, Policy()).validate(shuffled, 1)
        assert columns.names == ("age", "pressure", "sex", "smoker")
        assert [array.dtype.str[1:] for array in columns.arrays] == ["i8", "f8", "O", "b1"]
        assert [array[0] for array in columns.arrays] == [41, 120.5, "male", False]
        assert warnings == ()

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("rows", [1, 2, 100])
    def test_of_one_float_dtype_are_one_contiguous_block(self, dtype: str, rows: int) -> None:
        schema = Schema([Column("a", dtype), Column("b", dtype)], Policy())
        columns, _ = schema.validate({"b": [2.5] * rows, "a": [1] * rows}, rows)
        assert columns.block is not None
        assert columns.block.flags.c_contiguous
        assert columns.block.dtype == dtype
        assert columns.block.tolist() == [[1.0, 2.5]] * rows

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_of_no_rows_keep_their_dtype(self, dtype: str) -> None:
        schema = Schema([Column("a", dtype), Column("b", "string")], Policy())
        for raw in ({}, {"a": [], "b": []}):
            columns, _ = schema.validate(raw, 0)
            assert columns.rows == 0
            objects = dtype in {"string", "decimal"}
            assert columns["a"].dtype == (np.object_ if objects else np.dtype(dtype))

    def test_that_lack_beside_named_ones_are_missing_without_rows_too(self) -> None:
        schema = Schema([Column("a", "int64"), Column("b", "string")], Policy())
        with pytest.raises(InvalidInput, match=r"column 'b'.*missing"):
            schema.validate({"a": []}, 0)
        relaxed = Schema([Column("a", "int64"), Column("b", "string")], Policy(missing="ignore"))
        columns, _ = relaxed.validate({"a": []}, 0)
        assert columns.rows == 0

    def test_are_the_same_however_many_rows_come_with_them(self) -> None:
        schema = Schema(PATIENT, Policy())
        one, _ = schema.validate(row(), 1)
        many, _ = schema.validate({name: v * 500 for name, v in row().items()}, 500)
        assert many.slice(0, 1) == one
        assert many.slice(499, 500) == one

    def test_may_come_as_arrays(self) -> None:
        raw = {
            "age": np.array([1, 2], dtype=np.int16),
            "pressure": np.array([100, 110], dtype=np.uint8),
            "sex": np.array(["male", "female"]),
            "smoker": np.array([True, False]),
        }
        columns, warnings = Schema(PATIENT, Policy()).validate(raw, 2)
        assert [array.dtype.kind for array in columns.arrays] == ["i", "f", "O", "b"]
        assert columns["pressure"].tolist() == [100.0, 110.0]
        assert warnings == ()

    @given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=100))
    def test_of_floats_are_unchanged(self, values: list[float]) -> None:
        assert accepted(Column("x", "float64"), values).tolist() == values

    @given(st.data(), st.sampled_from([d for d in DTYPES if "int" in d]))
    def test_of_integers_are_unchanged(self, data: st.DataObject, dtype: str) -> None:
        limits = np.iinfo(dtype)
        fitting = st.integers(int(limits.min), int(limits.max))
        values = data.draw(st.lists(fitting, min_size=1, max_size=100))
        array = accepted(Column("x", dtype), values)
        assert array.dtype == dtype
        assert array.tolist() == values

    @given(st.lists(st.text() | st.none(), min_size=1, max_size=100))
    def test_of_strings_are_unchanged(self, values: list[str | None]) -> None:
        assert accepted(Column("x", "string", nullable=True), values).tolist() == values


class TestTypes:
    @pytest.mark.parametrize(
        ("changed", "seen", "expected"),
        [
            ({"age": True}, "true", "an integer"),
            ({"age": "41"}, "'41'", "an integer"),
            ({"age": 3.5}, "3.5", "an integer"),
            ({"age": 2**63}, str(2**63), "an integer"),
            ({"age": 10.0**17}, "1e+17", "an integer"),
            ({"age": [41]}, "a list of 1", "an integer"),
            ({"pressure": False}, "false", "a number"),
            ({"pressure": "x"}, "'x'", "a number"),
            ({"pressure": {"value": 1}}, "an object of 1", "a number"),
            ({"sex": 1}, "1", "a string"),
            ({"sex": ["male"]}, "a list of 1", "a string"),
            ({"smoker": 1}, "1", "true or false"),
            ({"smoker": "true"}, "'true'", "true or false"),
        ],
    )
    @pytest.mark.parametrize("rows", [1, 100])
    def test_of_another_kind_are_refused(
        self, changed: dict[str, Any], seen: str, expected: str, rows: int
    ) -> None:
        raw = {name: row()[name] * (rows - 1) + v for name, v in row(**changed).items()}
        found = violations_of(Schema(PATIENT, Policy()), raw, rows)
        assert found == [
            {
                "row": rows - 1,
                "column": next(iter(changed)),
                "rule": "type",
                "seen": seen,
                "expected": expected,
            }
        ]

    @pytest.mark.parametrize("values", [[3.0], [3.0, None], [3, None, 4.0]])
    def test_integral_floats_fit_integers(self, values: list[Any]) -> None:
        array = accepted(Column("x", "int64", nullable=True), values)
        expected = [math.nan if v is None else v for v in values]
        np.testing.assert_array_equal(array, expected)
        assert array.dtype == ("float64" if None in values else "int64")

    @pytest.mark.parametrize("as_array", [False, True])
    def test_integers_beyond_their_width_are_refused_and_never_wrap(self, as_array: bool) -> None:
        values: Any = np.array([127, 128]) if as_array else [127, 128]
        schema = Schema([Column("x", "int8")], Policy())
        found = only(schema, {"x": values}, 2)
        assert found == ("x", "type", "128", "an integer from -128 to 127")
        assert accepted(Column("x", "int8"), values[:1]).dtype == np.int8

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("as_array", [False, True])
    def test_integers_fit_floats_only_exactly(self, dtype: str, as_array: bool) -> None:
        fits, misfits = [2**53, 2**60], [2**53 + 1, 5]
        column = Column("x", dtype)
        given = np.array if as_array else list
        assert accepted(column, given(fits)).tolist() == fits
        found = only(Schema([column], Policy()), {"x": given(misfits)}, 2)
        assert found[:3] == ("x", "type", "9007199254740993")

    def test_integers_beside_nulls_are_never_rounded(self) -> None:
        schema = Schema([Column("x", "int64", nullable=True)], Policy())
        found = only(schema, {"x": [None, 2**53 + 1]}, 2)
        assert found[1:3] == ("type", "9007199254740993")

    @pytest.mark.parametrize("value", [10**400, -(10**400), 10**5000], ids=["400", "-400", "5000"])
    @pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint64"])
    def test_integers_of_any_size_are_refused_in_few_words(self, value: int, dtype: str) -> None:
        found = only(Schema([Column("x", dtype)], Policy()), {"x": [value]})
        assert found[:3] == ("x", "type", "an integer of very many digits")

    @pytest.mark.parametrize("given", [[1e39], np.array([1e39]), [10**39]])
    def test_numbers_beyond_float32_do_not_become_infinite(self, given: Any) -> None:
        found = only(Schema([Column("x", "float32")], Policy()), {"x": given})
        assert found[1] == "type"
        assert "3.403e+38" in found[3]

    @pytest.mark.parametrize("reaction", ["warn", "ignore"])
    def test_that_are_not_refused_become_what_they_spell_or_null(self, reaction: str) -> None:
        schema = Schema(PATIENT, Policy(type=reaction))  # type: ignore[arg-type]
        raw = {
            "age": ["41", "4.5", 3.5, True],
            "pressure": [" 120.5 ", "1_0", 2**53 + 1, [1]],
            "sex": [1, "male", "male", "male"],
            "smoker": [True, True, "true", 0],
        }
        columns, warnings = schema.validate(raw, 4)
        nan = math.nan
        np.testing.assert_array_equal(columns["age"], [41, nan, nan, nan])
        np.testing.assert_array_equal(columns["pressure"], [120.5, nan, 2.0**53, nan])
        assert columns["sex"].tolist() == [None, "male", "male", "male"]
        assert columns["smoker"].tolist() == [True, True, None, None]
        types = [(w.row, w.column) for w in warnings if w.rule == "type"]
        told = [(0, "age"), (0, "sex"), (1, "age"), (1, "pressure"), (2, "age"), (2, "pressure")]
        told += [(2, "smoker"), (3, "age"), (3, "pressure"), (3, "smoker")]
        told.insert(1, (0, "pressure"))
        assert types == ([] if reaction == "ignore" else told)


class TestNulls:
    @pytest.mark.parametrize("null", [None, math.nan, np.float64("nan")])
    @pytest.mark.parametrize("name", ["age", "pressure", "sex"])
    @pytest.mark.parametrize("rows", [1, 100])
    def test_are_refused_where_the_column_has_none(self, null: Any, name: str, rows: int) -> None:
        raw = {n: row()[n] * (rows - 1) + v for n, v in row(**{name: null}).items()}
        column, rule, seen, expected = only(Schema(PATIENT, Policy()), raw, rows)
        assert (column, rule) == (name, "nan")
        assert seen == ("null" if null is None else "NaN")
        assert expected.endswith("not null")

    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("rows", [1, 100])
    def test_are_nan_or_none_where_the_column_is_nullable(self, dtype: str, rows: int) -> None:
        array = accepted(Column("x", dtype, nullable=True), [None] * rows)
        if dtype in {"bool", "string", "decimal"}:
            assert array.tolist() == [None] * rows
        elif dtype.startswith("datetime64"):
            assert np.isnat(array).all()
            assert array.dtype == dtype
        else:
            assert np.isnan(array).all()
            assert array.dtype == ("float32" if dtype == "float32" else "float64")

    @pytest.mark.parametrize(
        ("reaction", "nullable", "outcome"),
        [
            ("refuse", True, "refused"),
            ("refuse", False, "refused"),
            ("follow", True, "silent"),
            ("follow", False, "refused"),
            ("warn", True, "silent"),
            ("warn", False, "warned"),
            ("ignore", True, "silent"),
            ("ignore", False, "silent"),
        ],
    )
    def test_follow_the_policy(self, reaction: Any, nullable: bool, outcome: str) -> None:
        schema = Schema([Column("x", "float64", nullable=nullable)], Policy(nan=reaction))
        if outcome == "refused":
            violations_of(schema, {"x": [None]})
            return
        columns, warnings = schema.validate({"x": [None]}, 1)
        assert np.isnan(columns["x"]).all()
        assert len(warnings) == (outcome == "warned")

    @pytest.mark.parametrize("infinity", [math.inf, -math.inf])
    @pytest.mark.parametrize("name", ["age", "pressure"])
    def test_infinities_fit_no_column(self, infinity: float, name: str) -> None:
        found = only(Schema(PATIENT, Policy()), row(**{name: infinity}))
        sign = "-" if infinity < 0 else ""
        assert found == (name, "nan", f"{sign}Infinity", "a finite number")
        columns, warnings = Schema(PATIENT, Policy(nan="warn")).validate(row(**{name: infinity}), 1)
        assert np.isnan(columns[name]).all()
        assert [w.rule for w in warnings] == ["nan"]

    def test_infinities_in_arrays_fit_no_nullable_column_either(self) -> None:
        schema = Schema([Column("x", "float64", nullable=True)], Policy())
        assert only(schema, {"x": np.array([np.nan, np.inf])}, 2)[1] == "nan"


class TestNames:
    def test_that_are_missing_count_once_per_column(self) -> None:
        raw = {name: values * 3 for name, values in row().items() if name != "age"}
        assert only(Schema(PATIENT, Policy()), raw, 3) == (
            "age",
            "missing",
            "nothing",
            "an integer",
        )

    def test_that_some_rows_lack_count_per_row(self) -> None:
        raw = {name: values * 3 for name, values in row().items()}
        raw["age"] = [MISSING, 4, MISSING]
        found = violations_of(Schema(PATIENT, Policy()), raw, 3)
        assert [(v["row"], v["rule"]) for v in found] == [(0, "missing"), (2, "missing")]

    def test_that_are_missing_become_null_when_they_may(self) -> None:
        columns, warnings = Schema(PATIENT, Policy(missing="warn")).validate({}, 1)
        assert np.isnan(columns["age"]).all()
        assert columns["sex"].tolist() == [None]
        assert [w.rule for w in warnings] == ["missing"] * 4

    def test_that_are_unknown_are_refused_with_the_nearest_right_one(self) -> None:
        raw = {**row(), "presure": [MISSING, 3], "zzzz": [1, 1]}
        raw = {name: v * 2 if len(v) == 1 else v for name, v in raw.items()}
        found = violations_of(Schema(PATIENT, Policy()), raw, 2)
        assert [(v["row"], v["column"], v["expected"]) for v in found] == [
            (0, "zzzz", "no such column"),
            (1, "presure", "the column 'pressure'"),
        ]

    @pytest.mark.parametrize(("reaction", "warned"), [("warn", 1), ("ignore", 0)])
    def test_that_are_unknown_are_dropped_when_they_may_be(
        self, reaction: Any, warned: int
    ) -> None:
        schema = Schema(PATIENT, Policy(unknown=reaction))
        columns, warnings = schema.validate({**row(), "note": ["hm"]}, 1)
        assert "note" not in columns
        assert [w.column for w in warnings] == ["note"] * warned

    def test_that_are_very_long_or_very_many_are_told_briefly(self) -> None:
        raw = {**row(), **{f"{i:05}" + "x" * 10_000: [1] for i in range(3000)}}
        with pytest.raises(InvalidInput) as refused:
            Schema(PATIENT, Policy()).validate(raw, 1)
        assert refused.value.details["total"] == 3000
        assert len(refused.value.details["violations"]) == 20
        assert len(str(refused.value.details)) + len(refused.value.message) < 10_000


class TestRangesAndCategories:
    def test_warn_and_pass_the_value_on(self) -> None:
        raw = row(age=130, pressure=-1.5, sex="other")
        columns, warnings = Schema(PATIENT, Policy()).validate(raw, 1)
        assert [array[0] for array in columns.arrays] == [130, -1.5, "other", False]
        assert warnings == (
            Warned(0, "age", "range", "130", "0 to 120"),
            Warned(0, "pressure", "range", "-1.5", "50 to 250"),
            Warned(0, "sex", "category", "'other'", "one of 'female', 'male'"),
        )

    def test_refuse_when_they_should(self) -> None:
        schema = Schema(PATIENT, Policy(range="refuse", category="refuse"))
        raw = {name: values * 100 for name, values in row().items()}
        raw["age"][7], raw["sex"][3] = 121, "?"
        found = violations_of(schema, raw, 100)
        assert [(v["row"], v["rule"]) for v in found] == [(3, "category"), (7, "range")]

    def test_of_one_side_are_told_as_such(self) -> None:
        low = Schema([Column("x", "float64", minimum=0.5)], Policy(range="refuse"))
        high = Schema([Column("x", "float64", maximum=0.5)], Policy(range="refuse"))
        assert only(low, {"x": [0.1]})[3] == "at least 0.5"
        assert only(high, {"x": [0.9]})[3] == "at most 0.5"

    @pytest.mark.parametrize("rows", [1, 100])
    def test_hold_for_nulls_nothing(self, rows: int) -> None:
        column = Column("x", "float64", nullable=True, minimum=0, maximum=1, categories=(0.0, 1.0))
        columns, warnings = Schema([column], Policy()).validate({"x": [None] * rows}, rows)
        assert np.isnan(columns["x"]).all()
        assert warnings == ()

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("rows", [1, 100])
    def test_compare_numbers_as_the_dtype_stores_them(self, dtype: str, rows: int) -> None:
        stored = float(np.float32(0.1)) if dtype == "float32" else 0.1
        column = Column("x", dtype, minimum=stored, maximum=stored, categories=(stored,))
        _, warnings = Schema([column], Policy()).validate({"x": [0.1] * rows}, rows)
        assert warnings == ()

    def test_hold_for_numeric_categories(self) -> None:
        column = Column("x", "int64", categories=tuple(range(10)))
        _, warnings = Schema([column], Policy()).validate({"x": [3, 12]}, 2)
        expected = "one of 0, 1, 2, 3, 4, 5, 6, 7 and 2 more"
        assert warnings == (Warned(1, "x", "category", "12", expected),)


class TestReports:
    def test_list_all_that_is_wrong_at_once(self) -> None:
        raw = {"age": ["x"], "pressure": [None], "sex": [1], "somker": [True]}
        with pytest.raises(InvalidInput) as refused:
            Schema(PATIENT, Policy()).validate(raw, 1)
        found = refused.value.details["violations"]
        assert [(v["column"], v["rule"]) for v in found] == [
            ("age", "type"),
            ("pressure", "nan"),
            ("sex", "type"),
            ("smoker", "missing"),
            ("somker", "unknown"),
        ]
        assert refused.value.message.startswith(
            "5 values break the schema of this endpoint: "
            "row 0, column 'age': expected an integer, got 'x' (type); "
        )
        assert refused.value.message.endswith("; and 2 more")

    def test_of_one_violation_speak_of_one(self) -> None:
        with pytest.raises(InvalidInput, match=r"^1 value breaks the schema of this endpoint: "):
            Schema(PATIENT, Policy()).validate(row(age="x"), 1)

    def test_stop_looking_where_very_many_values_break(self) -> None:
        schema = Schema(NUMBERS, Policy())
        with pytest.raises(InvalidInput, match="at least 2020 values break") as refused:
            schema.validate({"a": ["x"] * 5000, "b": ["y"] * 5000}, 5000)
        details = refused.value.details
        assert (details["total"], details["at_least"]) == (2020, True)
        places = [(v["row"], v["column"]) for v in details["violations"]]
        assert places == [(row, column) for row in range(10) for column in ("a", "b")]

    def test_find_a_few_among_very_many_that_fit(self) -> None:
        schema = Schema(NUMBERS, Policy())
        values: list[object] = [1.5] * 5000
        values[257] = values[4999] = "x"
        with pytest.raises(InvalidInput, match="2 values break") as refused:
            schema.validate({"a": values, "b": [1.5] * 5000}, 5000)
        assert refused.value.details["total"] == 2
        assert "at_least" not in refused.value.details

    def test_list_the_first_twenty_by_row_and_count_the_rest(self) -> None:
        schema = Schema(NUMBERS, Policy())
        with pytest.raises(InvalidInput) as refused:
            schema.validate({"a": ["x"] * 1000, "b": ["y"] * 1000}, 1000)
        found = refused.value.details["violations"]
        assert refused.value.details["total"] == 2000
        assert [(v["row"], v["column"]) for v in found] == [
            (r, c) for r in range(10) for c in ("a", "b")
        ]

    def test_stay_short_whatever_was_sent(self) -> None:
        deep: Any = []
        for _ in range(10 * sys.getrecursionlimit()):
            deep = [deep]
        raw = {"a": ["x" * 100_000, deep, {"k": deep}], "b": [1.0, 1.0, 1.0]}
        found = violations_of(Schema(NUMBERS, Policy()), raw, 3)
        assert [len(v["seen"]) <= 80 for v in found] == [True] * 3

    def test_survive_pickling(self) -> None:
        with pytest.raises(InvalidInput) as refused:
            Schema(PATIENT, Policy()).validate(row(age="x"), 1)
        copy = pickle.loads(pickle.dumps(refused.value))
        assert copy.details == refused.value.details


class TestLaws:
    @given(columns_of_any_kind, policies, st.lists(cells, max_size=70))
    def test_whatever_comes_the_answer_is_columns_or_invalid_input(
        self, column: Column, policy: Policy, values: list[Any]
    ) -> None:
        schema = Schema([column], policy)
        found: list[Any] = []
        try:
            columns, warnings = schema.validate({"x": values}, len(values))
        except InvalidInput as refused:
            columns, warnings = Columns.of({"x": np.array(values, dtype=object)}), ()
            found = refused.details["violations"]
        assert columns.rows == len(columns["x"]) == len(values)
        assert max(len(warnings), len(found)) <= 20
        assert all(len(violation["seen"]) <= 80 for violation in found)

    @given(columns_of_any_kind, policies, st.lists(cells, min_size=1, max_size=5))
    def test_few_rows_are_judged_like_many(
        self, column: Column, policy: Policy, values: list[Any]
    ) -> None:
        schema = Schema([column], policy)

        def judged(times: int) -> tuple[bool, Any]:
            try:
                columns, _ = schema.validate({"x": values * times}, len(values) * times)
            except InvalidInput as refused:
                first = refused.details["violations"][0]
                return False, (first["row"], first["rule"], first["seen"], first["expected"])
            head = columns.slice(0, len(values))["x"]
            return True, (head.dtype.str, [repr(value) for value in head.tolist()])

        assert judged(1) == judged(65)

    @given(st.permutations(["age", "pressure", "sex", "smoker", "zz", "aa"]), st.data())
    def test_the_order_of_the_columns_in_a_request_changes_nothing(
        self, order: list[str], data: st.DataObject
    ) -> None:
        raw = {name: [data.draw(cells), data.draw(cells)] for name in sorted(order)}
        schema = Schema(PATIENT, Policy())
        first = violations_of(schema, raw, 2)
        assert violations_of(schema, {name: raw[name] for name in order}, 2) == first


class TestPolicies:
    def test_are_read_by_rule_and_default_where_silent(self) -> None:
        assert Policy.from_json({"range": "refuse", "nan": "warn"}) == Policy(
            range="refuse", nan="warn"
        )
        assert Policy.from_json({}) == Policy()

    @pytest.mark.parametrize(
        "body", [{"rnage": "warn"}, {"range": "explode"}, {"range": "follow"}, {"nan": None}]
    )
    def test_that_make_no_sense_are_refused(self, body: dict[str, Any]) -> None:
        with pytest.raises(ConfigError):
            Policy.from_json(body)


ANY_FLOATS = st.floats() | st.floats(-5, 5)


@given(
    st.integers(1, 4).flatmap(
        lambda width: st.lists(st.lists(ANY_FLOATS, min_size=width, max_size=width), min_size=65)
    ),
    st.sampled_from(["float64", "float32"]),
    st.sampled_from(["refuse", "warn", "ignore"]),
    st.booleans(),
)
def test_a_matrix_is_looked_at_as_a_whole_and_answered_as_its_columns_are(
    rows: list[list[float]], dtype: str, reaction: str, bounded: bool
) -> None:
    bounds = {"minimum": -4.0, "maximum": 4.5} if bounded else {}
    columns = [Column(f"c{index}", dtype, **bounds) for index in range(len(rows[0]))]  # type: ignore[arg-type]
    schema = Schema(columns, Policy.from_json({"range": reaction, "nan": reaction}))
    flat = np.array(rows, dtype=np.float64).reshape(-1)
    views = {column.name: flat[at :: len(columns)] for at, column in enumerate(columns)}
    apart = {name: values.copy() for name, values in views.items()}
    expected, found = (outcome(schema, raw, len(rows)) for raw in (apart, views))
    if isinstance(expected, dict):
        assert found == expected
        return
    assert found[1] == expected[1]
    assert found[0].block is not None
    assert expected[0].block is not None
    assert found[0].block.dtype == expected[0].block.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(found[0].block, expected[0].block)


def outcome(schema: Schema, raw: Any, rows: int) -> Any:
    """What validating gives, or the details of the refusal."""
    try:
        return schema.validate(raw, rows)
    except InvalidInput as refused:
        return refused.details


def test_columns_in_another_order_are_no_matrix() -> None:
    schema = Schema([Column("a", "float64"), Column("b", "float64")], Policy.from_json({}))
    flat = np.arange(200.0)
    found, _ = schema.validate({"b": flat[0::2], "a": flat[1::2]}, 100)
    assert found["a"].tolist() == flat[1::2].tolist()
    found, _ = schema.validate({"a": flat[1::2], "b": flat[0::2]}, 100)
    assert found["a"].tolist() == flat[1::2].tolist()


@pytest.mark.parametrize("row", [0, 31, 32, 95, 96, 99])
@pytest.mark.parametrize("column", [0, 2])
@pytest.mark.parametrize("value", [9.5, -9.5, np.nan, np.inf])
def test_in_a_matrix_one_value_that_breaks_a_rule_is_found_wherever_it_stands(
    row: int, column: int, value: float
) -> None:
    columns = [Column(name, "float64", minimum=-9.0, maximum=9.0) for name in "abc"]
    schema = Schema(columns, Policy.from_json({"range": "refuse", "nan": "refuse"}))
    flat = np.random.default_rng(3).uniform(-9, 9, 300)
    flat[row * 3 + column] = value
    views = {name: flat[at::3] for at, name in enumerate("abc")}
    with pytest.raises(InvalidInput) as refused:
        schema.validate(views, 100)
    (violation,) = refused.value.details["violations"]
    assert (violation["row"], violation["column"]) == (row, "abc"[column])
