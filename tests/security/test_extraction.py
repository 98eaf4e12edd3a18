"""What a copy of a model could be trained on is given to those alone who may have it."""

import json
import secrets
import time

import httpx
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from serve_app.control.keys import KeyBook
from serve_app.core.access import KeyOrder
from serve_app.engine.registration.register import Candidate, register
from serve_app.registry.store import Registry
from serve_app.storage.keys_file import KeysFile
from tests.security.server import ROW, running

PATH = "/v1/models/logistic:predict"
CONFIG = """
applications:
- import_path: serve_app.app:gateway
  args:
    access: {mode: keys, detail: {principals: {named: top1}}}
    limits:
      principals:
        grid: {distinct_rows_per_day: 9000, distinct_rows_alarm: 5000}
        again: {distinct_rows_per_day: 600}
- import_path: serve_app.app:control
  deployments:
  - name: Control
    user_config:
      endpoints:
        logistic: {route: {kind: single, model: logistic@1}}
"""
KEYS = {
    "whole": "full",
    "rough": "rounded(1)",
    "class": "top1",
    "named": "",
    "grid": "",
    "again": "",
}


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """A file of keys, and the key of each principal."""
    place = tmp_path_factory.mktemp("keys") / "keys.json"
    book = KeyBook(
        KeysFile(place), clock=time.time, random_bytes=secrets.token_bytes,
        keep_event=lambda _: None,
    )  # fmt: skip
    orders = {
        name: KeyOrder(name, ("predict", "explain"), detail=detail) for name, detail in KEYS.items()
    }
    return place, {name: book.create(order, "ada").key for name, order in orders.items()}


@pytest.fixture(scope="module")
def server(models, keys, tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    register(Registry(str(folder / "registry")), Candidate("logistic", *models["logistic"]))
    config = folder / "config.yaml"
    config.write_text(CONFIG)
    options = ("--config", str(config), "--keys-file", str(keys[0]))
    with running(folder, str(folder / "registry"), *options, models=()) as one:
        yield one


@pytest.fixture
def ask(server, keys):
    with httpx.Client(base_url=server.url, timeout=60) as client:

        def asked(who, rows, path=PATH):
            headers = {"x-api-key": keys[1][who]}
            return client.post(path, json={"instances": rows}, headers=headers)

        yield asked


def grid(rows, seed=0):
    random = np.random.default_rng(seed)
    ages, doses = random.uniform(20, 80, rows), random.uniform(-1, 5, rows)
    return [{"age": age, "dose": dose} for age, dose in zip(ages, doses, strict=True)]


def shares(answer):
    return np.array([row[1] for row in answer.json()["probabilities"]])


def recovered(ask, who):
    """How far the coefficients of a line through the log odds of answers are from the model's.

    Lowd and Meek 2005, Tramèr et al. 2016: a logistic model is solved for by as many exact
    probabilities as it has coefficients.
    """
    rows = grid(400)
    given = shares(ask(who, rows))
    inside = (given > 0) & (given < 1)
    if inside.sum() < 3:
        return np.inf
    table = np.array([[row["age"], row["dose"]] for row in rows])[inside]
    odds = np.log(given[inside] / (1 - given[inside]))
    line = LinearRegression().fit(table, odds)
    assert line.coef_.shape == (2,)
    return line


def test_exact_probabilities_give_the_model_away_and_rounded_ones_less(ask, models):
    pipeline = models["logistic"][0]
    scale, fitted = pipeline[0].scale_, pipeline[1].coef_[0]
    true = fitted / scale
    off = {who: np.abs(recovered(ask, who).coef_ / true - 1).max() for who in ("whole", "rough")}
    assert off["whole"] < 1e-6
    assert off["rough"] > 0.01


def test_of_classes_alone_no_line_can_be_solved_for(ask):
    for who in ("class", "named"):
        assert recovered(ask, who) == np.inf
        assert set(shares(ask(who, grid(50)))) == {0.0, 1.0}
        assert ask(who, [ROW], "/v1/models/logistic:explain").status_code == 403


def test_a_grid_of_rows_alarms_and_ends_before_a_fifth_of_it_is_answered(ask, server, keys):
    answered = 0
    rows = grid(50_000, seed=1)
    for start in range(0, len(rows), 500):
        answer = ask("grid", rows[start : start + 500])
        if answer.status_code != 200:
            assert answer.status_code == 429
            assert answer.json()["error_code"] == "rate_limited"
            assert "different rows to endpoint 'logistic' are limited to 9000 a day" in answer.text
            assert int(answer.headers["retry-after"]) > 23 * 3600
            break
        answered += 500
    assert 8_000 <= answered < 10_000
    log = [json.loads(line) for line in server.log.read_text().splitlines()]
    (alarm,) = [one for one in log if "asks about many different rows" in one.get("message", "")]
    assert alarm["principal"] == "grid"
    assert 5_000 < alarm["distinct_rows"] < 6_000
    # Others are not counted against it.
    assert ask("whole", [ROW]).status_code == 200


def test_the_same_rows_again_and_again_are_no_different_rows(ask):
    for _ in range(25):
        assert ask("again", grid(500)).status_code == 200
