"""Records as tables: nothing of them is lost, but for what nobody is to keep."""

import json
import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serve_app.core.columns import Columns
from serve_app.core.messages import MISSING, Answer, Payload, Prediction, Request
from serve_app.core.plan import Assignment, Plan
from serve_app.core.record import Shadowed
from serve_app.core.record_settings import RecordSettings
from serve_app.errors import Unavailable
from serve_app.storage.records.compaction import Compactor
from serve_app.storage.records.deliveries import Incoming, decode, encode
from serve_app.storage.records.files import Files
from serve_app.storage.records.reader import Query, query
from serve_app.storage.records.rows import tables_of
from tests.unit.storage.records.conftest import NOON_S, SETTINGS, ids, prediction_id, record


def tables(records, **of_diagnosis):
    given_settings = {"diagnosis": RecordSettings(**of_diagnosis)} if of_diagnosis else {}
    return tables_of(records, wall_minus_clock_s=100.0, settings=given_settings)


def answered(values, **more):
    return Answer(Prediction(np.array(values), **more), ("m@1",))


def with_columns(columns, **fields):
    rows = len(next(iter(columns.values())))
    request = Request("diagnosis", Payload({}, rows), "r")
    made = Columns.of(columns)
    return record(0, request=request, columns=made, answer=answered([1.0] * rows), **fields)


def test_the_rule_that_decided_is_kept_where_rules_decide():
    def by(rule):
        return Plan(("m@1",), assignment=Assignment("rules", "e", 0, rule))

    first, second = record(0, plan=by("gold")), record(1, plan=by("otherwise"))
    (table,) = tables([first, second])
    assert table.column("rule").to_pylist() == ["gold", "otherwise"]
    (table,) = tables([record(0)])
    assert "rule" not in table.column_names


def test_a_record_is_a_row_with_all_that_is_known_of_it():
    (table,) = tables([record(3)], key="order_id")
    row = table.to_pylist()[0]
    assert row == {
        "prediction_id": prediction_id(NOON_S + 3, 3),
        "row": 0,
        "at_s": NOON_S + 103,
        "endpoint": "diagnosis",
        "variants": ["m@1"],
        "outcome": "answered",
        "request_id": "request-3",
        "key": "3",
        "snapshot": 3,
        "propensity": 0.5,
        "algorithm": "hash",
        "salt": "salt",
        "bucket": 7,
        "epoch": 2,
        "fallback": False,
        "took_s": 0.002,
        "cached": False,
        "value": "yes",
        "probabilities": [0.25, 0.75],
        "shadows": None,
        "features_kept": True,
        "feature_age": 23.0,
        "feature_dose": 0.375,
    }
    assert table.schema.metadata == {
        b"kind": b"records",
        b"endpoint": b"diagnosis",
        b"redacted": b"[]",
    }


def test_records_of_one_form_share_a_table_and_others_have_their_own():
    records = [record(0), record(1), record(2, label=7), record(3, endpoint="other")]
    made = tables(records)
    assert [table.num_rows for table in made] == [2, 1, 1]


def test_rows_of_a_request_are_numbered_and_repeat_what_is_said_of_it():
    several = with_columns({"a": np.arange(3)})
    one = with_columns({"a": np.arange(1)}, prediction_id="f" * 32)
    (table,) = tables([several, one])
    assert table["row"].to_pylist() == [0, 1, 2, 0]
    assert table["prediction_id"].to_pylist() == [several.prediction_id] * 3 + ["f" * 32]
    assert table["feature_a"].to_pylist() == [0, 1, 2, 0]


@pytest.mark.parametrize(
    ("array", "kind", "expected"),
    [
        (np.array([1.5, math.inf]), pa.float64(), [1.5, math.inf]),
        (np.array([1.5, 2], np.float32), pa.float32(), [1.5, 2.0]),
        (np.array([2**62, -1]), pa.int64(), [2**62, -1]),
        (np.array([1, 2], ">i4"), pa.int32(), [1, 2]),
        (np.array([True, False]), pa.bool_(), [True, False]),
        (np.array(["ä", ""]), pa.string(), ["ä", ""]),
        (np.array(["a", None], object), pa.string(), ["a", None]),
        (np.array([None, None], object), pa.null(), [None, None]),
        (np.array([True, None], object), pa.bool_(), [True, None]),
        (np.array([1, "1"], object), pa.string(), ["1", "1"]),
        (np.array([True, 1.5], object), pa.string(), ["True", "1.5"]),
        (np.array([MISSING, "a"], object), pa.string(), [None, "a"]),
        (np.array(["\ud800", "a"], object), pa.string(), ["\\ud800", "a"]),
        (np.array([2**70, 1], object), pa.string(), [str(2**70), "1"]),
        (np.array([1j, 2]), pa.string(), ["1j", "(2+0j)"]),
    ],
    ids=str,
)
def test_features_of_every_kind_keep_their_values(array, kind, expected):
    (table,) = tables([with_columns({"x": array})])
    assert table["feature_x"].type == kind
    assert table["feature_x"].to_pylist() == expected


def test_gaps_of_numbers_stay_nan_and_those_of_objects_null():
    (table,) = tables([with_columns({"n": np.array([math.nan]), "o": np.array([None], object)})])
    assert math.isnan(table["feature_n"][0].as_py())
    assert table["feature_o"][0].as_py() is None


def test_dates_and_times_are_dates_and_times():
    days = np.array(["2026-11-26", "NaT"], "datetime64[D]")
    moments = np.array(["2026-11-26T01:02:03.004", "NaT"], "datetime64[ms]")
    (table,) = tables([with_columns({"day": days, "at": moments})])
    assert [str(one) for one in table["feature_day"].to_pylist()] == ["2026-11-26", "None"]
    assert table["feature_at"].type == pa.timestamp("ms")
    assert str(table["feature_at"][0].as_py()) == "2026-11-26 01:02:03.004000"


def test_cells_that_are_tensors_are_lists():
    cells = np.arange(12.0).reshape(2, 2, 3)
    (table,) = tables([with_columns({"image": cells, "none": np.empty((2, 0))})])
    assert table["feature_image"].to_pylist() == cells.tolist()
    assert table["feature_none"].to_pylist() == [[], []]


@pytest.mark.parametrize(
    ("answer", "value", "probabilities"),
    [
        (answered(["b"]), "b", None),
        (answered([3]), 3, None),
        (answered([True]), True, None),
        (answered(np.array([0.5], np.float32)), 0.5, None),
        (answered([[1.0, 2.0]]), [1.0, 2.0], None),
        (answered(np.array([["a", "b"]], object)), ["a", "b"], None),
        (answered([1], probabilities=np.array([[0.5, 0.5]])), 1, [0.5, 0.5]),
        (answered(np.array([None], object), tensors={"t": np.ones((1, 2))}), None, None),
    ],
    ids=str,
)
def test_answers_of_every_kind_keep_their_values(answer, value, probabilities):
    (table,) = tables([record(0, answer=answer)])
    assert table["value"].to_pylist() == [value]
    assert table["probabilities"].to_pylist() == [probabilities]


def test_shadows_stand_beside_the_answer_of_their_row():
    request = Request("diagnosis", Payload({}, 2), "r")
    columns = Columns.of({"a": np.arange(2)})
    shadows = (
        Shadowed("s@1", "answered", 0.5, 0.25, Prediction(np.array([1, 2]))),
        Shadowed(
            "t@1", "answered", 1.0, 0.5, Prediction(np.array([3, 4]), np.array([[0.5], [1.0]]))
        ),
    )
    one = record(0, request=request, columns=columns, answer=answered([0, 0]), shadows=shadows)
    (table,) = tables([one, one])
    first = {"variant": "s@1", "outcome": "answered", "sample": 0.5, "took_s": 0.25}
    second = {"variant": "t@1", "outcome": "answered", "sample": 1.0, "took_s": 0.5}
    expected = [
        [
            {**first, "value": 1, "probabilities": None},
            {**second, "value": 3, "probabilities": [0.5]},
        ],
        [
            {**first, "value": 2, "probabilities": None},
            {**second, "value": 4, "probabilities": [1.0]},
        ],
    ]
    assert table["shadows"].to_pylist() == expected * 2


def test_shadows_of_every_form_are_read_from_one_log(files):
    given = Prediction(np.array([7]), np.array([[0.25, 0.75]]))
    numbers = Prediction(np.array([0.5]))
    forms = [
        (Shadowed("s@1", "answered", 1.0, 0.5, given),),
        (),
        (Shadowed("s@1", "timed_out", 0.5, 2.0),),
        (Shadowed("s@1", "answered", 1.0, 0.5, numbers), Shadowed("t@1", "dropped")),
    ]
    made = [record(number, shadows=shadows) for number, shadows in enumerate(forms)]
    incoming = Incoming(files)
    assert incoming.take("g", 1, encode(tables(made[:2])))
    Compactor(files, incoming).compact()
    assert incoming.take("g", 2, encode(tables(made[2:])))
    table = query(files, Query(columns=("shadows",), order="oldest")).read_all()
    shown = [
        row
        and [(one["variant"], one["outcome"], one["value"], one["probabilities"]) for one in row]
        for row in table["shadows"].to_pylist()
    ]
    assert shown == [
        [("s@1", "answered", 7.0, [0.25, 0.75])],
        None,
        [("s@1", "timed_out", None, None)],
        [("s@1", "answered", 0.5, None), ("t@1", "dropped", None, None)],
    ]


def test_a_shadow_that_gave_nothing_says_why_beside_one_that_did():
    shadows = (
        Shadowed("s@1", "timed_out", 1.0, 2.0),
        Shadowed("t@1", "answered", 1.0, 0.5, Prediction(np.array(["ill"], object))),
        Shadowed("u@1", "dropped", 0.25),
    )
    (table,) = tables([record(0, answer=answered(["ill"]), shadows=shadows)])
    nothing = {"value": None, "probabilities": None}
    assert table["shadows"].to_pylist() == [
        [
            {"variant": "s@1", "outcome": "timed_out", "sample": 1.0, "took_s": 2.0, **nothing},
            {
                "variant": "t@1", "outcome": "answered", "sample": 1.0, "took_s": 0.5,
                "value": "ill", "probabilities": None,
            },
            {"variant": "u@1", "outcome": "dropped", "sample": 0.25, "took_s": None, **nothing},
        ]
    ]  # fmt: skip


def test_a_request_that_failed_has_its_rows_without_an_answer():
    payload = Payload({"age": [1, 2]}, 2, {})
    failed = record(
        0,
        request=Request("diagnosis", payload, "r"),
        prediction_id=None,
        plan=None,
        columns=None,
        answer=None,
        error=Unavailable("nobody is there"),
    )
    (table,) = tables([failed])
    assert table["outcome"].to_pylist() == ["unavailable"] * 2
    assert table["value"].to_pylist() == [None, None]
    assert table["variants"].to_pylist() == [[], []]
    assert table["prediction_id"].to_pylist() == [None, None]
    assert table["features_kept"].to_pylist() == [False, False]
    asked = failed._replace(plan=Plan(("m@2",)), error=ValueError())
    assert tables([asked])[0]["variants"].to_pylist() == [["m@2"]] * 2


def test_segments_are_values_of_the_rows_and_beside_them():
    columns = Columns.of({"age": np.array([1.0, math.nan, 3.0])})
    beside = {"plan": ["free", None, 7], "site": [{}, "x" * 200, MISSING]}
    payload = Payload({"age": [1, 2, 3], **beside}, 3, {"region": "north"})
    answer = Answer(Prediction(np.array(["yes", "no", "yes"])), ("m@1",))
    one = record(0, request=Request("diagnosis", payload, "r"), columns=columns, answer=answer)
    names = ("age", "plan", "site", "region", "nowhere")
    (table,) = tables([one], segments=dict.fromkeys(names, ()))
    assert [json.loads(row) for row in table["segments"].to_pylist()] == [
        {"age": "1", "plan": "free", "region": "north"},
        {"site": "x" * 100, "region": "north"},
        {"age": "3", "plan": "7", "region": "north"},
    ]
    (without,) = tables([one])
    assert "segments" not in without.column_names


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (17, "17"),
        (17.0, "17"),
        (1.5, "1.5"),
        (np.int32(4), "4"),
        (True, "true"),
        ("017", "017"),
        ("", None),
        (None, None),
        (MISSING, None),
        (math.nan, None),
        ([1], None),
        ("\ud800", "\\ud800"),
    ],
)
def test_keys_are_text_as_json_writes_numbers(value, key):
    beside = Payload({"age": [1]}, 1, {"order_id": value})
    inside = Payload({"age": [1], "order_id": [value]}, 1, {})
    for one in (beside, inside):
        (table,) = tables([record(0, request=Request("diagnosis", one, "r"))], key="order_id")
        assert table["key"].to_pylist() == [key]


def test_redacted_columns_are_not_there_and_are_named():
    for made in (record(0), with_columns({"age": np.array(["x"]), "b": np.array([1])})):
        (table,) = tables([made], redact=frozenset({"age", "height"}))
        assert "feature_age" not in table.column_names
        assert json.loads(table.schema.metadata[b"redacted"]) == ["age"]


def test_features_are_kept_of_a_share_of_requests_and_the_rest_of_all():
    records = [record(n, at_s=NOON_S) for n in range(4000)]
    kept, rest = tables(records, sample=0.25)
    if "feature_age" not in kept.column_names:
        kept, rest = rest, kept
    # Of 4,000 fair draws at 0.25, five standard deviations are 137.
    assert abs(kept.num_rows - 1000) < 137
    assert kept.num_rows + rest.num_rows == 4000
    assert set(rest["features_kept"].to_pylist()) == {False}
    again = tables(records, sample=0.25)
    assert sorted(map(ids, again)) == sorted(map(ids, (kept, rest)))
    assert len(tables(records, sample=0.0)) == len(tables(records, sample=1.0)) == 1


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
)


def arrays(rows):
    def objects(values):
        made = np.empty(len(values), object)
        made[:] = values
        return made

    return st.one_of(
        st.lists(st.floats(), min_size=rows, max_size=rows).map(np.array),
        st.lists(st.integers(-(2**63), 2**63 - 1), min_size=rows, max_size=rows).map(
            lambda values: np.array(values, np.int64)
        ),
        st.lists(st.booleans(), min_size=rows, max_size=rows).map(np.array),
        st.lists(st.text(), min_size=rows, max_size=rows).map(objects),
        st.lists(SCALARS, min_size=rows, max_size=rows).map(objects),
        st.lists(st.lists(st.floats(), min_size=2, max_size=2), min_size=rows, max_size=rows).map(
            np.array
        ),
    )


def as_kept(array):
    """What an array is in the log, by the words of the module's description alone."""
    if array.dtype != object:
        return array.tolist()
    values = array.tolist()
    kinds = {type(value) for value in values if value is not None}
    fits = kinds <= {float} or kinds <= {bool} or kinds <= {str}
    whole = kinds == {int} and all(v is None or -(2**63) <= v < 2**63 for v in values)
    written = values if fits or whole else [None if v is None else str(v) for v in values]
    return [
        value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
        for value in written
    ]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_whatever_comes_in_comes_out_again(tmp_path_factory, data, sizes):
    files = Files(str(tmp_path_factory.mktemp("log")))
    records, expected = [], {}
    for number, rows in enumerate(sizes):
        columns = {f"x{j}": data.draw(arrays(rows)) for j in range(data.draw(st.integers(1, 3)))}
        columns["number"] = np.full(rows, number)
        one = with_columns(columns, prediction_id=prediction_id(NOON_S, number))
        records.append(one._replace(started_s=NOON_S))
        expected[number] = {name: as_kept(array) for name, array in columns.items()}
    # One table each: what shares a table is text as soon as one of its values is.
    for number, one in enumerate(records):
        made = tables_of([one], wall_minus_clock_s=0.0, settings=SETTINGS)
        content = encode(made)
        assert [table.to_pydict().keys() for table in decode(content)] == [
            table.to_pydict().keys() for table in made
        ]
        columns = expected[number]
        table = decode(content)[0]
        for name, values in columns.items():
            np.testing.assert_equal(table[f"feature_{name}"].to_pylist(), values)
        incoming = Incoming(files)
        assert incoming.take("gw", number, content)
    before = query(files, Query(order="oldest")).read_all()
    Compactor(files, Incoming(files)).compact()
    after = query(files, Query(order="oldest")).read_all()
    assert before.select(sorted(before.column_names)).to_pydict().keys() == (
        after.select(sorted(after.column_names)).to_pydict().keys()
    )
    for name in before.column_names:
        np.testing.assert_equal(after[name].to_pylist(), before[name].to_pylist())
    assert after.num_rows == sum(sizes)


def test_who_was_chosen_is_kept_where_another_one_answered():
    plan = Plan(("n@1", "m@1"), propensity=0.5, assignment=Assignment("random", "e"))
    together = Plan(("n@1", "m@1"), together=True)
    (table,) = tables([record(0, plan=plan), record(1, plan=together)])
    assert table.column("variants").to_pylist() == [["m@1"], ["m@1"]]
    assert table.column("chosen").to_pylist() == ["n@1", None]
    own = Plan(("m@1", "n@1"), propensity=0.5, assignment=Assignment("random", "e"))
    (table,) = tables([record(0, plan=own)])
    assert "chosen" not in table.column_names
