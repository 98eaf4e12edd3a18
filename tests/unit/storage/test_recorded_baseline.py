"""Recorded rows become the profile of a version that came without data."""

import numpy as np
import pytest

from serve_app.core.columns import Columns
from serve_app.core.messages import Answer, Prediction
from serve_app.core.record_settings import RecordSettings
from serve_app.core.signature import Output
from serve_app.errors import NotFound
from serve_app.monitoring.profile.build import profile_of_rows
from serve_app.storage.recorded_baseline import baseline_of
from serve_app.storage.records.deliveries import Incoming, encode
from serve_app.storage.records.reader import Query
from serve_app.storage.records.rows import tables_of
from tests.unit.storage.records.conftest import NOON_S, files, record  # noqa: F401

CLASSES = Output("classification", labels=("no", "yes"), probabilities=True)
AGES = np.random.default_rng(0).normal(50, 10, 300)


def recorded(files, sample=1.0, variant="m@1"):  # noqa: F811
    """A log of 300 requests of one row: an age, a city, a class."""
    records = []
    for number, age in enumerate(AGES):
        city = np.array([f"c{number % 3}"], dtype=object)
        share = number / 300
        said = np.array(["yes" if share > 0.5 else "no"], dtype=object)
        answer = Answer(Prediction(said, np.array([[1 - share, share]])), (variant,))
        columns = Columns.of({"age": np.array([age]), "city": city})
        records.append(record(number, NOON_S + number, columns=columns, answer=answer))
    settings = {"diagnosis": RecordSettings(sample=sample)}
    tables = tables_of(records, wall_minus_clock_s=0.0, settings=settings)
    Incoming(files).take("g", 1, encode(tables))
    return files


def test_the_profile_is_that_of_the_rows_themselves(files):  # noqa: F811
    profile = baseline_of(recorded(files), Query("diagnosis", variant="m@1"), CLASSES)
    city = np.array([f"c{number % 3}" for number in range(300)], dtype=object)
    shares = np.arange(300) / 300
    said = np.where(shares > 0.5, "yes", "no").astype(object)
    prediction = Prediction(said, np.column_stack([1 - shares, shares]))
    expected = profile_of_rows(Columns.of({"age": AGES, "city": city}), prediction, CLASSES)
    assert profile.features == expected.features
    assert profile.predictions == expected.predictions
    assert profile.source == "300 recorded rows of diagnosis"


def test_of_a_transformer_nothing_is_predicted(files):  # noqa: F811
    profile = baseline_of(recorded(files), Query("diagnosis"), Output("transform"))
    assert [feature.name for feature in profile.features] == ["age", "city"]
    assert profile.predictions == ()


def test_the_first_rows_count_up_to_a_limit(files):  # noqa: F811
    profile = baseline_of(recorded(files), Query("diagnosis", limit=120), CLASSES)
    assert profile.rows == 120
    (age,) = [feature for feature in profile.features if feature.name == "age"]
    assert (age.minimum, age.maximum) == (AGES[:120].min(), AGES[:120].max())


@pytest.mark.parametrize(
    ("sample", "wanted"),
    [(1.0, Query("nobody")), (1.0, Query("diagnosis", variant="m@2")), (0.0, Query("diagnosis"))],
)
def test_too_few_rows_are_said(files, sample, wanted):  # noqa: F811
    with pytest.raises(NotFound, match=r"0 rows that fit .* needs 100"):
        baseline_of(recorded(files, sample), wanted, CLASSES)
