"""From rows and predictions to a profile, and from a profile to JSON and back."""

import json
from decimal import Decimal

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from serve_app.core.columns import Columns
from serve_app.core.messages import Prediction
from serve_app.core.signature import Output, Target
from serve_app.monitoring.profile.build import MAX_FEATURES, Scored, profile_of, profile_of_rows
from serve_app.monitoring.profile.feature import Feature
from serve_app.monitoring.profile.profile import FeatureProfile

ROWS = 2500
BINARY = Output("classification", labels=("no", "yes"), probabilities=True)


def objects(values):
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.fixture
def columns(rng):
    return Columns.of(
        {
            "amount": rng.normal(size=ROWS),
            "count": rng.integers(0, 7, ROWS),
            "city": objects([f"c{at}" for at in rng.integers(0, 20, ROWS)]),
            "member": rng.random(ROWS) < 0.3,
            "maybe": objects([True, None, False, True, True] * (ROWS // 5)),
            "price": objects([Decimal(int(at)) / 100 for at in rng.integers(0, 10_000, ROWS)]),
            "day": np.datetime64("2024-01-01") + rng.integers(0, 365, ROWS),
            "spectrum": rng.normal(size=(ROWS, 4)),
        }
    )


@pytest.fixture
def scored(rng):
    share = rng.random(ROWS)
    truth = np.where(rng.random(ROWS) < share, "yes", "no").astype(object)
    values = np.where(share > 0.5, "yes", "no").astype(object)
    prediction = Prediction(values, np.column_stack([1 - share, share]))

    def metrics(truth, prediction):
        return {"accuracy": accuracy_score(truth, prediction.values), "odd": np.nan}

    return Scored(prediction, BINARY, "held_out", truth, metrics)


def test_each_column_is_counted_by_what_it_holds(columns, scored):
    profile = profile_of(columns, scored, "shop.csv")
    kinds = {one.name: one.kind for one in profile.features}
    assert kinds == {
        "amount": "numbers",
        "count": "values",
        "city": "categories",
        "member": "values",
        "maybe": "values",
        "price": "numbers",
        "day": "numbers",
    }
    by_name = {one.name: one for one in profile.features}
    assert by_name["maybe"].missing == ROWS // 5
    assert by_name["day"].minimum >= 1_704_067_200  # 2024-01-01T00:00:00Z
    assert by_name["day"].dtype == "datetime64[D]"
    assert [one.name for one in profile.skipped] == ["spectrum"]
    assert "tensor (4)" in profile.skipped[0].reason


def test_of_two_classes_the_second_one_has_a_histogram(columns, scored):
    profile = profile_of(columns, scored)
    classes, score = profile.predictions
    assert (classes.feature.name, score.feature.name) == ("class", "score:yes")
    assert score.feature.edges == tuple(at / 100 for at in range(101))
    shares = scored.prediction.probabilities[:, 1]
    expected = np.histogram(shares, score.feature.edges)[0].tolist()
    assert list(score.feature.counts[1:-1]) == expected
    assert sum(classes.feature.counts) == ROWS
    assert (profile.scores_from, profile.scored_rows) == ("held_out", ROWS)


def test_metrics_come_with_their_spread_in_windows_of_several_sizes(columns, scored):
    profile = profile_of(columns, scored)
    assert [one.rows for one in profile.baselines] == [100, 500, 2000]
    accuracy = profile.metrics["accuracy"]
    assert set(profile.metrics) == {"accuracy"}
    for one in profile.baselines:
        # The standard deviation of a proportion in n rows.
        expected = np.sqrt(accuracy * (1 - accuracy) / one.rows)
        assert one.deviation["accuracy"] == pytest.approx(expected, rel=0.6)
        assert one.mean["accuracy"] == pytest.approx(accuracy, abs=4 * expected)
    (calibration,) = profile.calibrations
    assert calibration.score == "score:yes"
    assert calibration.rates[90] > 0.7
    assert calibration.rates[10] < 0.3


def test_a_profile_is_the_same_after_json(columns, scored):
    profile = profile_of(columns, scored, "shop.csv")
    again = FeatureProfile.decode(profile.encode())
    assert again == profile
    assert again.digest == profile.digest
    assert FeatureProfile.from_json(json.loads(json.dumps(profile.to_json()))) == profile
    assert profile_of(columns, scored, "shop.csv").encode() == profile.encode()
    assert profile_of(columns).digest != profile.digest


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[]", "no JSON object"),
        (b"{}", "schema"),
        (b'{"schema": 2}', "schema 2"),
        (b'{"schema": 1, "rows": 1}', "features"),
        (b"{", "Expecting"),
    ],
)
def test_what_is_no_profile_is_refused(content, words):
    with pytest.raises(ValueError, match=words):
        FeatureProfile.decode(content)


def test_a_feature_whose_counts_do_not_fit_its_cells_is_refused():
    with pytest.raises(ValueError, match="3 counts for 4 cells"):
        Feature.from_json({"name": "x", "dtype": "O", "kind": "values", "counts": [1, 2, 3],
                           "values": [1.0, 2.0]})  # fmt: skip


def test_of_a_wide_table_the_first_columns_are_counted():
    names = [f"f{at}" for at in range(MAX_FEATURES + 7)]
    profile = profile_of(Columns.from_block(names, np.zeros((3, len(names)))))
    assert (len(profile.features), profile.left_out) == (MAX_FEATURES, 7)


def test_a_profile_of_fifty_features_stays_small(rng, scored):
    words = objects([f"category {at:03}" for at in rng.integers(0, 300, ROWS)])
    columns = {f"n{at}": rng.normal(size=ROWS) for at in range(25)}
    columns |= {f"c{at}": words for at in range(25)}
    assert len(profile_of(Columns.of(columns), scored).encode()) < 200_000


def test_the_values_of_a_regressor_lie_in_quantile_bins(columns, rng):
    values = rng.normal(size=ROWS)
    profile = profile_of(columns, Scored(Prediction(values), Output("regression")))
    (value,) = profile.predictions
    assert (value.feature.name, value.feature.kind) == ("value", "numbers")
    assert len(value.feature.edges) == 33
    both = np.column_stack([values, values + 1])
    wide = profile_of(columns, Scored(Prediction(both), Output("regression", width=2)))
    assert [one.feature.name for one in wide.predictions] == ["value:0", "value:1"]
    assert wide.predictions[1].feature.minimum == both[:, 1].min()


def test_several_classes_have_a_histogram_each_and_many_have_one(rng):
    columns = Columns.of({"x": rng.normal(size=300)})
    for count, names in [
        (3, ["class", "score:0", "score:1", "score:2", "confidence"]),
        (30, ["class", "confidence"]),
    ]:
        shares = rng.dirichlet(np.ones(count), 300)
        output = Output("classification", labels=tuple(range(count)), probabilities=True)
        scored = Scored(Prediction(shares.argmax(axis=1), shares), output)
        profile = profile_of(columns, scored)
        assert [one.feature.name for one in profile.predictions] == names
        assert profile.predictions[0].feature.values == tuple(map(float, range(count)))
    greatest = profile.predictions[-1].feature
    assert (
        list(greatest.counts[1:-1]) == np.histogram(shares.max(axis=1), greatest.edges)[0].tolist()
    )


def test_several_targets_are_counted_one_by_one(rng):
    columns = Columns.of({"x": rng.normal(size=200)})
    shares = rng.random((200, 2))
    values = (shares > 0.5).astype(int)
    output = Output(
        "multilabel",
        probabilities=True,
        width=2,
        targets=(Target("ill", (0, 1)), Target("old", (0, 1))),
    )
    profile = profile_of(columns, Scored(Prediction(values, shares), output, truth=values))
    names = [one.feature.name for one in profile.predictions]
    assert names == ["class:ill", "class:old", "score:ill", "score:old"]
    assert [one.score for one in profile.calibrations] == ["score:ill", "score:old"]
    assert profile.calibrations[1].rates[99] > 0.6
    output = Output(
        "multioutput",
        probabilities=True,
        width=2,
        targets=(Target("a", ("x", "y")), Target("b", (1,))),
    )
    given = Prediction(objects([["x", 1]] * 200)[:, None], rng.random((200, 3)))
    given = Prediction(np.array([["x", "1"]] * 200, dtype=object), given.probabilities)
    names = [one.feature.name for one in profile_of(columns, Scored(given, output)).predictions]
    assert names == ["class:a", "class:b", "score:a=x", "score:a=y", "score:b=1"]


@pytest.mark.parametrize("kind", ["transform", "tensors"])
def test_columns_and_tensors_are_no_predictions(columns, kind):
    nothing = Prediction(objects([None] * ROWS), tensors={"y": np.zeros((ROWS, 3))})
    assert profile_of(columns, Scored(nothing, Output(kind))).predictions == ()


def test_recorded_rows_become_a_profile_without_a_signature(columns, scored):
    of_classes = profile_of_rows(columns, scored.prediction)
    assert [one.feature.name for one in of_classes.predictions] == ["class", "score:1"]
    assert of_classes.predictions[0].feature.categories[:2] in (("yes", "no"), ("no", "yes"))
    of_values = profile_of_rows(columns, Prediction(np.arange(ROWS) / 7))
    assert [one.feature.name for one in of_values.predictions] == ["value"]
    named = profile_of_rows(columns, scored.prediction, BINARY)
    assert [one.feature.name for one in named.predictions] == ["class", "score:yes"]
    words = profile_of_rows(columns, Prediction(scored.prediction.values))
    assert [one.feature.name for one in words.predictions] == ["class"]
    assert profile_of_rows(columns, None).predictions == ()


def test_no_rows_make_a_profile_too():
    profile = profile_of_rows(
        Columns.of({"x": np.empty(0), "w": objects([])}), Prediction(np.empty(0))
    )
    assert profile.rows == 0
    assert FeatureProfile.decode(profile.encode()) == profile
