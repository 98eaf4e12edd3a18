"""A gateway counts what its requests held, by version and minute."""

import numpy as np
import pytest

from serve_app.core.columns import Columns
from serve_app.core.messages import Answer, Payload, Prediction, Request
from serve_app.core.record import Record
from serve_app.core.signature import Output
from serve_app.monitoring.binning import Binner, Counts
from serve_app.monitoring.profile.build import Scored, profile_of
from serve_app.monitoring.row_counting import RowCounting, watch_of
from serve_app.monitoring.window import Key, Series

OUTPUT = Output("classification", labels=("no", "yes"), probabilities=True)
NOON_S = 1_790_000_000 // 60 * 60


def columns_of(rows, shift=0.0, seed=0):
    block = np.random.default_rng(seed).normal(shift, 1.0, (rows, 2))
    return Columns.from_block(("age", "dose"), block)


def predicted(rows, seed=0):
    share = np.random.default_rng(seed).random(rows)
    values = np.where(share > 0.5, "yes", "no").astype(object)
    return Prediction(values, np.column_stack([1 - share, share]))


PROFILE = profile_of(columns_of(2000), Scored(predicted(2000), OUTPUT))
TRANSFORMER = profile_of(columns_of(2000, 5.0))
PROFILES = {"m@1": PROFILE, "m@2": PROFILE, "scaler@1": TRANSFORMER}


def watch(*versions, taker=None):
    return watch_of(versions, taker, OUTPUT.labels, PROFILES.get)


def record(at_s, rows=3, *, variants=("m@1",), endpoint="risk", seed=0, **fields):
    payload = Payload({"age": [0.0] * rows}, rows)
    given = {
        "columns": columns_of(rows, seed=seed),
        "answer": Answer(predicted(rows, seed), variants),
        **fields,
    }
    return Record(Request(endpoint, payload, "r"), endpoint, 1, at_s - NOON_S, 0.001, **given)


def test_rows_are_counted_by_version_and_minute():
    counting = RowCounting()
    records = [
        record(NOON_S + 1, seed=1),
        record(NOON_S + 59, seed=2),
        record(NOON_S + 60, seed=3),
        record(NOON_S + 1, variants=("m@2",), seed=4),
    ]
    counting.add(records, {"risk": watch("m@1", "m@2")}, NOON_S)
    drained = counting.drain()
    rows = {(key.series.variant, key.start_s - NOON_S): int(v[0]) for key, v in drained.items()}
    assert rows == {("m@1", 0): 6, ("m@1", 60): 3, ("m@2", 0): 3}
    assert {key.length_s for key in drained} == {60}
    assert counting.drain() == {}


def test_blocks_add_up_to_one_pass_over_all_rows():
    counting, whole = RowCounting(), Binner(PROFILE)
    watches = {"risk": watch("m@1")}
    for seed in range(20):
        counting.add([record(NOON_S, 7, seed=seed)], watches, NOON_S)
    (vector,) = counting.drain().values()
    expected = sum(whole.count(columns_of(7, seed=s), predicted(7, s)).vector for s in range(20))
    assert vector.tolist() == expected.tolist()


def test_below_a_transformer_the_rows_are_its_and_the_predictions_the_versions():
    counting, given = RowCounting(), watch("m@1", taker="scaler@1")
    counting.add([record(NOON_S, 4)], {"risk": given}, NOON_S)
    drained = {key.series.variant: vector for key, vector in counting.drain().items()}
    assert drained.keys() == {"m@1", "scaler@1"}
    answers = Counts(given.answers["m@1"].layout, drained["m@1"])
    assert answers.layout.features == {}
    assert answers.predicted_rows == 4
    rows = Counts(given.columns.layout, drained["scaler@1"])
    assert rows.layout.predictions == {}
    assert sum(rows.feature("age").counts) == 4


def test_what_several_versions_said_together_counts_for_none_of_them():
    counting = RowCounting()
    together = record(NOON_S, variants=("m@1", "m@2"))
    counting.add([together], {"risk": watch("m@1", "m@2")}, NOON_S)
    assert counting.drain() == {}


@pytest.mark.parametrize(
    "unwatched",
    [
        record(NOON_S, endpoint="other"),
        record(NOON_S, variants=("unknown@1",)),
        record(NOON_S, answer=None),
        record(NOON_S, answer=None, columns=None),
    ],
)
def test_what_nobody_watches_is_not_counted(unwatched):
    counting = RowCounting()
    counting.add([unwatched], {"risk": watch("m@1", "unknown@1")}, NOON_S)
    assert counting.drain() == {}


def test_answers_of_different_forms_are_counted_apart():
    counting, watches = RowCounting(), {"risk": watch("m@1")}
    without = Answer(Prediction(predicted(2).values), ("m@1",))
    counting.add([record(NOON_S, 3), record(NOON_S, 2, answer=without)], watches, NOON_S)
    (vector,) = counting.drain().values()
    assert Counts(watches["risk"].answers["m@1"].layout, vector).rows == 5


def test_the_oldest_counts_are_let_go_and_their_rows_counted():
    counting, watches = RowCounting(most_windows=2), {"risk": watch("m@1")}
    for minute in (1, 0, 2):
        counting.add([record(NOON_S + 60 * minute, minute + 1)], watches, NOON_S)
    assert counting.dropped_rows == 1
    assert {key.start_s - NOON_S for key in counting.drain()} == {60, 120}


def test_a_series_is_known_by_the_profile_that_counts_it():
    counting = RowCounting()
    counting.add([record(NOON_S)], {"risk": watch("m@1")}, NOON_S)
    (key,) = counting.drain()
    assert key == Key(Series("risk", "m@1", PROFILE.digest), NOON_S, 60)


def test_rows_with_tensors_of_several_sizes_are_counted_all_the_same():
    counting = RowCounting()
    records = [
        record(NOON_S, 1, columns=Columns.of({"age": np.ones(1), "image": np.ones(shape)}))
        for shape in ((1, 3), (1, 4), (1, 2, 2))
    ]
    counting.add(records, {"risk": watch("m@1")}, NOON_S)
    (vector,) = counting.drain().values()
    assert vector[:2].tolist() == [3, 3]


def test_versions_that_answer_together_are_counted_by_their_rows_alone():
    together = frozenset({"m@1", "m@2"})
    watched = watch_of(together, None, OUTPUT.labels, PROFILES.get, together)
    counting = RowCounting()
    counting.add(
        [record(NOON_S, 3, variants=("m@1", "m@2")), record(NOON_S, 2, variants=("m@1",))],
        {"risk": watched},
        NOON_S,
    )
    drained = {key.series.variant: vector for key, vector in counting.drain().items()}
    assert {name: vector[:2].tolist() for name, vector in drained.items()} == {
        "m@1": [5, 0],
        "m@2": [3, 0],
    }
    layout = watched.answers["m@1"].layout
    assert list(layout.features) == ["age", "dose"]
    assert layout.predictions == {}
    assert drained["m@1"][layout.features["age"]].sum() == 5
