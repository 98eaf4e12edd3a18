"""What several packages' tests share."""

import datetime as dt
import itertools
import os
import shutil
import time
from pathlib import Path

import fsspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import settings
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from serve_app.cluster.proxies import past_proxies
from serve_app.engine.registration.register import Candidate, register
from serve_app.examples.trained import EXAMPLES, Place, train_example
from serve_app.registry.store import Registry
from tests.made_once import made_once

# The tests ask servers of their own on this machine, wherever it reaches others through a proxy.
os.environ.update(past_proxies(os.environ))

# Trying a file in a child costs seconds: tests/security/test_quarantine.py does where it is meant.
os.environ.setdefault("SERVE_APP_QUARANTINE_TIME_S", "0")

# How long an example takes says more of the machine than of the code.
settings.register_profile("shared machine", deadline=None)
settings.load_profile("shared machine")

_numbers = itertools.count()


def made():
    """A frame of two columns and a label that follows from them."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"age": rng.normal(50, 10, 120), "dose": rng.normal(2, 1, 120)})
    return frame, np.where(frame["age"] + 5 * frame["dose"] > 60, "ill", "well")


@pytest.fixture(scope="session")
def frame():
    return made()[0]


@pytest.fixture(scope="session")
def models():
    """Fitted estimators by name."""
    frame, label = made()
    scaler = StandardScaler().set_output(transform="pandas").fit(frame)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    renamed = frame.rename(columns={"dose": "amount"})
    return {
        "logistic": (pipeline.fit(frame, label), frame),
        "other": (LogisticRegression(C=0.1).fit(frame, label), frame),
        "turned": (LogisticRegression().fit(frame, label == "ill"), frame),
        "line": (LinearRegression().fit(frame, frame["age"]), frame),
        "renamed": (LogisticRegression().fit(renamed, label), renamed),
        "scaler": (scaler, frame),
    }


def _moment():
    return dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.fixture(scope="session")
def _registered(models):
    """The files of a registry that holds version 1 of every model."""
    url = f"memory://engine-{next(_numbers)}"
    store = Registry(url, now=_moment)
    for name, (estimator, data) in models.items():
        register(store, Candidate(name, estimator, data))
    files, root = fsspec.url_to_fs(url)
    return {path.removeprefix(root): files.cat_file(path) for path in files.find(root)}


@pytest.fixture
def registry(_registered):
    """A registry of its own that holds version 1 of every model."""
    url = f"memory://engine-{next(_numbers)}"
    files, root = fsspec.url_to_fs(url)
    for path, content in _registered.items():
        files.pipe_file(root + path, content)
    return Registry(url, now=_moment)


@pytest.fixture(scope="session")
def trained_home(tmp_path_factory):
    """A folder whose `registry` holds version 1 of every example model.

    Processes that share the tests of one run share the training, too: each has a copy.
    """
    home = tmp_path_factory.mktemp("trained")

    def train(folder):
        runs = tmp_path_factory.mktemp("runs")
        place = Place(Registry(str(folder)), runs, time.time, lambda progress: None)
        for model in itertools.chain.from_iterable(EXAMPLES.values()):
            train_example(model, place)

    shutil.copytree(made_once(tmp_path_factory, "registered", train), home / "registry")
    return home


@pytest.fixture
def home(trained_home, monkeypatch):
    """The same folder, as the one that commands run in."""
    monkeypatch.chdir(trained_home)
    before = dict(os.environ)
    yield Path(trained_home)
    for name in set(os.environ) - set(before):
        del os.environ[name]
