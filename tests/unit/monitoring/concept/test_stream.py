"""A stream and its detectors: the SEA stream, and what a change says."""

import numpy as np
import pytest

from serve_app.errors import InvalidInput
from serve_app.monitoring.concept import DEFAULT_DETECTORS, detector_named
from serve_app.monitoring.concept.errors import classification_errors, regression_errors
from serve_app.monitoring.concept.stream import ErrorStream
from tests.unit.monitoring.concept import sea

SEEDS = range(20)
WITHIN = 1_500


def new_stream(names=DEFAULT_DETECTORS):
    return ErrorStream([detector_named(name, {}) for name in names])


def alarms(seed):
    """The rows at which a default detector says that an error has risen."""
    features, classes = sea.stream(seed)
    predicted = sea.predictions(features, classes).tolist()
    classes, streams, rows = classes.tolist(), {}, []
    for row in range(sea.LEARNED, sea.ROWS):
        for name, error in classification_errors(predicted[row], classes[row]).items():
            if name not in streams:
                streams[name] = new_stream()
            rows += [
                (row, name)
                for change in streams[name].update(error)
                if change.level == "drift" and change.direction == "rising"
            ]
    return rows


@pytest.mark.parametrize("seed", SEEDS)
def test_every_change_of_the_sea_stream_is_seen_in_time_and_none_before(seed):
    rows = [row for row, _ in alarms(seed)]
    assert min(rows) >= sea.CHANGES[0]
    for change in sea.CHANGES:
        assert any(change <= row < change + WITHIN for row in rows), change


def test_the_second_change_of_the_sea_stream_hides_from_the_error_rate():
    # The border moves from one side of the model's to the other: as many rows are wrong as before.
    features, classes = sea.stream(1)
    predicted = sea.predictions(features, classes)
    wrong = (predicted != classes).reshape(4, -1)[1:3]
    assert abs(np.diff(wrong.mean(axis=1))[0]) < 0.015
    ones = predicted.reshape(4, -1)[1:3] == 1
    among = [part[mask].mean() for part, mask in zip(wrong, ones, strict=True)]
    assert among[1] - among[0] > 0.15


def rising(residuals):
    """Rows and streams at which a default detector says that an error of a regressor has risen."""
    streams, rows = {name: new_stream() for name in ("error", "too high", "too low")}, []
    for row, residual in enumerate(residuals.tolist()):
        for name, error in regression_errors(residual, 0.0, 1.0).items():
            rows += [
                (row, name)
                for change in streams[name].update(error)
                if change.level == "drift" and change.direction == "rising"
            ]
    return rows


@pytest.mark.parametrize("tails", ["normal", "laplace", "student"])
def test_a_regressor_that_stays_as_it_is_raises_no_alarm(tails):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        residuals = {
            "normal": lambda rng: rng.normal(0, 1, 10_000),
            "laplace": lambda rng: rng.laplace(0, 0.5**0.5, 10_000),
            "student": lambda rng: rng.standard_t(3, 10_000) / 3**0.5,
        }[tails](rng)
        assert rising(residuals) == []


@pytest.mark.parametrize(
    ("spread", "bias", "stream"), [(1.5, 0.0, "error"), (1.0, 0.5, "too high")]
)
def test_a_regressor_that_becomes_worse_is_seen(spread, bias, stream):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        residuals = np.concatenate([rng.normal(0, 1, 5000), rng.normal(bias, spread, 1500)])
        rows = rising(residuals)
        assert rows
        assert all(row >= 5000 for row, _ in rows)
        assert stream in {name for _, name in rows}


def test_a_change_says_how_the_errors_moved():
    rng = np.random.default_rng(1)
    stream = new_stream(["page_hinkley", "adwin"])
    values = [*(rng.random(2000) < 0.1), *(rng.random(2000) < 0.4)]
    changes = [change for value in values for change in stream.update(float(value))]
    first = {name: next(c for c in changes if c.detector == name) for name in DEFAULT_DETECTORS}
    for change in first.values():
        assert (change.level, change.direction) == ("drift", "rising")
        assert 2000 < change.rows < 2400
        assert change.error_before == pytest.approx(0.1, abs=0.05)
        assert change.error_now > 0.2


def test_a_fall_is_no_rise():
    rng = np.random.default_rng(2)
    stream = new_stream(["adwin"])
    values = [*(rng.random(2000) < 0.5), *(rng.random(2000) < 0.1)]
    changes = [change for value in values for change in stream.update(float(value))]
    assert {change.direction for change in changes} == {"falling"}


def test_a_warning_is_given_once():
    rng = np.random.default_rng(3)
    stream = new_stream(["ddm"])
    values = [*(rng.random(1000) < 0.2), *(rng.random(1000) < 0.5)]
    said = [change.level for value in values for change in stream.update(float(value))]
    assert "warning" in said
    assert "drift" in said
    assert len(said) < 20


def test_a_stream_goes_on_from_its_state():
    rng = np.random.default_rng(4)
    values = [float(v) for v in [*(rng.random(1500) < 0.1), *(rng.random(1500) < 0.4)]]
    whole, first, second = new_stream(), new_stream(), new_stream()
    expected = [whole.update(value) for value in values]
    for value in values[:1600]:
        first.update(value)
    assert second.restore(first.state()) == []
    assert [second.update(value) for value in values[1600:]] == expected[1600:]
    assert second.state() == whole.state()


def test_a_detector_whose_state_does_not_fit_begins_anew():
    first = new_stream(["adwin"])
    first.update(1.0)
    state = first.state()
    second = ErrorStream(
        [detector_named("adwin", {"delta": 0.5}), detector_named("page_hinkley", {})]
    )
    assert second.restore(state) == [
        "adwin begins anew: the state is not that of a 'adwin' detector with these settings"
    ]


def test_a_value_that_is_no_number_is_refused():
    with pytest.raises(InvalidInput):
        new_stream(["adwin"]).update(float("nan"))
