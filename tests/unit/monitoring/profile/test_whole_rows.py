"""What rows of a reference are like as wholes."""

import json

import numpy as np
import pytest

from serve_app.core.columns import Columns
from serve_app.monitoring.drift.multivariate import ErrorSums
from serve_app.monitoring.profile.build import profile_of
from serve_app.monitoring.profile.ecod import Ecod
from serve_app.monitoring.profile.profile import FeatureProfile
from serve_app.monitoring.profile.whole_rows import MOST_COLUMNS, MOST_COMPONENTS, WholeRows


def people(rows, seed):
    random = np.random.default_rng(seed)
    age = random.normal(50, 10, rows)
    job = np.where(age + random.normal(0, 4, rows) > 62, "retired", "works")
    return {
        "age": age,
        "income": age * 1_000 + random.normal(0, 3_000, rows),
        "height": random.normal(170, 9, rows),
        "job": job.astype(object),
    }


def errors_of(profile, columns):
    encoder = profile.whole_rows.encoder(profile.features)
    return profile.whole_rows.components.errors(encoder.encode(Columns.of(columns)))


def test_rows_that_no_longer_go_together_are_rebuilt_worse():
    profile = profile_of(Columns.of(people(4_000, 1)))
    alike, apart = people(1_000, 2), people(1_000, 3)
    apart["income"] = np.random.default_rng(4).permutation(apart["income"])
    z = [profile.whole_rows.errors.z(ErrorSums.of(errors_of(profile, x))) for x in (alike, apart)]
    assert abs(z[0]) < 4
    assert z[1] > 10


def test_about_one_row_in_a_thousand_is_an_outlier_in_new_rows_of_the_same_kind():
    profile = profile_of(Columns.of(people(10_000, 1)))
    outliers = profile.whole_rows.outliers
    assert (outliers.rows, outliers.outliers) == (10_000, 10)
    fresh = Columns.of(people(50_000, 2))
    share = (Ecod(profile.features).scores(fresh) > outliers.threshold).mean()
    assert 0.0003 < share < 0.003


def test_it_survives_the_profile_and_does_not_change_how_rows_are_counted():
    profile = profile_of(Columns.of(people(500, 1)))
    again = FeatureProfile.decode(profile.encode())
    assert again == profile
    assert again.whole_rows == profile.whole_rows is not None
    body = json.loads(profile.encode())
    del body["whole_rows"]
    former = FeatureProfile.from_json(body)
    assert former.whole_rows is None
    assert former.digest == profile.digest


def test_it_is_bounded_in_wide_tables():
    random = np.random.default_rng(5)
    wide = Columns.of({f"c{number}": random.normal(size=300) for number in range(130)})
    whole = profile_of(wide).whole_rows
    assert len(whole.columns) == MOST_COLUMNS
    assert whole.components.components.shape == (MOST_COMPONENTS, MOST_COLUMNS)


@pytest.mark.parametrize(
    "columns", [{"age": np.arange(500.0)}, {"a": np.arange(9), "b": np.arange(9)}]
)
def test_there_is_none_of_few_rows_or_one_column(columns):
    assert profile_of(Columns.of(columns)).whole_rows is None


def test_numbers_too_great_to_be_squared_do_no_harm():
    columns = people(500, 1)
    columns["height"][3] = 1e300
    profile = profile_of(Columns.of(columns))
    assert np.isfinite(errors_of(profile, people(50, 2))).all()


def test_parts_that_do_not_fit_are_refused():
    body = profile_of(Columns.of(people(500, 1))).whole_rows.to_json()
    with pytest.raises(ValueError, match="do not fit 3"):
        WholeRows.from_json({**body, "columns": body["columns"][:3]})
