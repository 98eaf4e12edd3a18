"""Benign traffic of real data sets, and made-up attacks on models of them."""

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.linear_model import LogisticRegression

from serve_app.core.columns import Columns
from serve_app.core.messages import Prediction
from serve_app.core.signature import Output
from serve_app.monitoring.callers.patterns import suspicions
from serve_app.monitoring.callers.queries import near_threshold
from serve_app.monitoring.profile.build import Scored, profile_of

LOADERS = {
    "iris": load_iris, "wine": load_wine, "breast_cancer": load_breast_cancer,
    "digits": load_digits, "diabetes": load_diabetes,
}  # fmt: skip


class Service:
    """A model of half of a data set, and what its profile says of queries; the other half asks."""

    def __init__(self, name, seed=0):
        matrix, target = LOADERS[name](return_X_y=True)
        order = np.random.default_rng(seed).permutation(len(matrix))
        half = max(len(matrix) // 2, min(len(matrix), 125))
        self.training, self.fresh = matrix[order[:half]], matrix[order[half:]]
        if len(matrix) < 200:
            # What is left of so few rows is not enough to ask with.
            self.fresh = matrix
        target = target > np.median(target) if name == "diabetes" else target
        self.model = LogisticRegression(max_iter=3_000).fit(
            (self.training - self.training.mean(0)) / (self.training.std(0) + 1e-9),
            target[order[:half]],
        )
        labels = tuple(self.model.classes_.tolist())
        scored = Scored(
            Prediction(self.model.classes_[self.shares(self.training).argmax(1)],
                       self.shares(self.training)),
            Output("classification", labels=labels, probabilities=True),
        )  # fmt: skip
        self.profile = profile_of(self.columns(self.training), scored)
        self.whole = self.profile.whole_rows
        self.encoder = self.whole.encoder(self.profile.features)

    def columns(self, rows):
        return Columns.of({f"c{place}": column for place, column in enumerate(rows.T)})

    def shares(self, rows):
        return self.model.predict_proba(
            (rows - self.training.mean(0)) / (self.training.std(0) + 1e-9)
        )

    def suspicions(self, rows):
        standard = self.whole.components.standardised(self.encoder.encode(self.columns(rows)))
        return suspicions(standard, self.whole.queries, near_threshold(self.shares(rows)))


def benign(service, random, rows=100):
    """Rows of the same kind in random order, each asked for once or, here and there, again."""
    asked = service.fresh[random.choice(len(service.fresh), rows, replace=False)]
    again = random.choice(rows - 1, rows // 10, replace=False)
    asked[again + 1] = asked[again]
    return asked


def boundary(service, random, rows=100):
    """A walk along the boundary between two classes: bisection, then small steps beside it."""
    rare = random.choice(len(service.fresh), 40)
    predicted = service.shares(service.fresh[rare]).argmax(1)
    start = service.fresh[rare[0]]
    other = service.fresh[rare[np.flatnonzero(predicted != predicted[0])[0]]]
    scale = service.training.std(0)
    asked = []
    while len(asked) < rows:
        low, high = start.astype(float), other.astype(float)
        for _ in range(12):
            middle = (low + high) / 2
            asked.append(middle)
            if service.shares(middle[None]).argmax() == predicted[0]:
                low = middle
            else:
                high = middle
        asked += [high + random.normal(0, 0.01, len(high)) * scale for _ in range(30)]
        other = high
    return np.array(asked[:rows])


def sweep(service, random, rows=100):
    """One row after the other, each column moved through its range while the others stay."""
    low, high = service.training.min(0), service.training.max(0)
    asked = []
    while len(asked) < rows:
        row = service.fresh[random.integers(len(service.fresh))].astype(float)
        place = random.choice(np.flatnonzero(high > low))
        values = np.linspace(low[place], high[place], 20)
        asked += [np.where(np.arange(len(row)) == place, value, row) for value in values]
    return np.array(asked[:rows])


def extraction(service, random, rows=100):
    """Queries evenly from the box of all columns, as those who copy a model ask."""
    low, high = service.training.min(0), service.training.max(0)
    return random.uniform(low, high, (rows, len(low)))
