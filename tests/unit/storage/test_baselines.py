"""The profile of a version that came without data is kept."""

import numpy as np

from serve_app.core.columns import Columns
from serve_app.monitoring.profile.build import profile_of_rows
from serve_app.storage.baselines import BaselineStore

AGES = np.random.default_rng(0).normal(50, 10, 300)


def test_a_baseline_is_kept_and_replaced(tmp_path):
    store = BaselineStore(str(tmp_path))
    assert store.load("m@1") is None
    for rows in (100, 200):
        profile = profile_of_rows(Columns.of({"age": AGES[:rows]}), None)
        store.save("m@1", profile)
    assert BaselineStore(str(tmp_path)).load("m@1") == profile
    assert store.load("m@2") is None
