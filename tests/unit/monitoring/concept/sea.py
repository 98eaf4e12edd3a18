"""The SEA stream (Street and Kim, KDD 2001) and a model that never learns again."""

import numpy as np

ROWS = 50_000
CHANGES = (12_500, 25_000, 37_500)
THRESHOLDS = (8.0, 9.0, 7.0, 9.5)
LEARNED = 5_000


def stream(seed, noise=0.1):
    """Three features from 0 to 10, of which two decide: the class is whether their sum is at most
    a threshold, which changes three times; a share of the classes is turned round."""
    rng = np.random.default_rng(seed)
    features = rng.uniform(0, 10, (ROWS, 3))
    thresholds = np.repeat(THRESHOLDS, ROWS // len(THRESHOLDS))
    classes = (features[:, 0] + features[:, 1] <= thresholds).astype(int)
    turned = rng.random(ROWS) < noise
    return features, np.where(turned, 1 - classes, classes)


def predictions(features, classes):
    """A linear model fitted on the first rows, for all rows."""
    columns = np.column_stack([np.ones(len(features)), features])
    weights = np.linalg.lstsq(columns[:LEARNED], classes[:LEARNED], rcond=None)[0]
    return (columns @ weights >= 0.5).astype(int)
