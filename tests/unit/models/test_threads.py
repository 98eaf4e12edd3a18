"""Every part of a model computes with one thread, and says the same."""

import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier, StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from serve_app.models.threads import use_one

RNG = np.random.default_rng(0)
ROWS, TARGET = RNG.normal(size=(60, 3)), RNG.integers(0, 2, 60)


def jobs(estimator):
    """Every n_jobs inside, fitted parts included."""
    found = [v for k, v in estimator.get_params().items() if k.split("__")[-1] == "n_jobs"]
    for part in [*getattr(estimator, "estimators_", []), getattr(estimator, "final_estimator_", 0)]:
        if hasattr(part, "get_params"):
            found.extend(jobs(part))
    return found


def test_nested_models_are_reached_and_answer_alike():
    forest = RandomForestClassifier(5, n_jobs=2, random_state=0)
    neighbours = KNeighborsClassifier(n_jobs=-1)
    members = [("forest", forest), ("neighbours", neighbours)]
    for model in (
        make_pipeline(StandardScaler(), forest),
        VotingClassifier(members, voting="soft", n_jobs=2),
        StackingClassifier(members, LogisticRegression(), cv=2, n_jobs=2),
        make_pipeline(make_column_transformer((StandardScaler(), [0, 1]), n_jobs=2), forest),
    ):
        model.fit(ROWS, TARGET)
        before = model.predict_proba(ROWS)
        use_one(model)
        assert set(jobs(model)) == {1}
        assert model.predict_proba(ROWS).tobytes() == before.tobytes()


def test_what_has_no_threads_is_left_alone():
    use_one(object())
    model = StandardScaler().fit(ROWS)
    use_one(model)
    assert model.transform(ROWS).shape == ROWS.shape
