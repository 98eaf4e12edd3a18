"""Rules and cascades, deployed from the configs of the project."""

import re

import numpy as np
import pandas as pd
import pytest

from serve_app.cluster.environment import Ports
from serve_app.engine.load import load
from serve_app.examples.datasets import breast_cancer
from serve_app.models.frames import to_columns
from serve_app.registry.store import Registry
from tests.cluster.harness import PAST_PROXIES, config, endpoints, until

FOREST, XGB, LOGISTIC = "diagnosis-forest@1", "diagnosis-xgb@1", "diagnosis-logistic@1"
FRAME = breast_cancer().frame


@pytest.fixture(scope="module")
def started(cluster):
    cluster.start()
    return cluster


@pytest.fixture(scope="module")
def rows():
    return FRAME.to_dict(orient="records")


def variants(cluster, row, headers=None, **parameters):
    body = {"instances": [row], "parameters": parameters}
    answer = cluster.request("/v1/models/diagnosis:predict", body, headers=headers)
    assert answer.status == 200, answer.content
    return answer.json()["variants"]


def test_rules_decide_by_columns_headers_and_shares(started, rows):
    started.deploy(config("rules"))
    large = next(row for row in rows if row["mean_radius"] > 20 and row["mean_texture"] > 15)
    small = next(row for row in rows if row["mean_radius"] < 12)
    assert variants(started, large, patient_id="p") == [FOREST]
    assert variants(started, small, {"x-tier": "gold"}, patient_id="p") == [XGB]
    chosen = [variants(started, small, patient_id=f"p-{n}")[0] for n in range(200)]
    assert set(chosen) == {XGB, LOGISTIC}
    # Four standard deviations of a share of 0.1 of 200 are 0.085.
    assert chosen.count(XGB) / 200 == pytest.approx(0.1, abs=0.085)
    assert [variants(started, small, patient_id=f"p-{n}")[0] for n in range(200)] == chosen


def test_rows_of_different_rules_are_refused_and_impossible_rules_change_nothing(started, rows):
    started.deploy(config("rules"))
    large = next(row for row in rows if row["mean_radius"] > 20 and row["mean_texture"] > 15)
    small = next(row for row in rows if row["mean_radius"] < 12)
    refused = started.request("/v1/models/diagnosis:predict", {"instances": [large, small]})
    assert refused.status == 400
    assert "'mean_radius', 'mean_texture'" in refused.json()["error"]
    body = config("rules")
    rules = endpoints(body)["diagnosis"]["route"]["rules"]
    rules[0]["when"] = "mean_radius > 20 and mean_radius < 12"
    said = started.run("deploy", started.write(body).name, code=1)
    assert "rules.0.when: no request can match this" in said
    assert variants(started, large, patient_id="p") == [FOREST]


def test_a_cascade_answers_each_row_by_the_first_stage_that_is_sure_of_it(started, rows):
    started.deploy(config("cascade"))
    registry = Registry(str(started.home / "registry"))
    features = load(registry, "diagnosis-features", 1).model.transform(to_columns(FRAME))
    logistic, xgb, forest = (
        load(registry, name.partition("@")[0], 1).model.predict(features).probabilities
        for name in (LOGISTIC, XGB, FOREST)
    )
    first = (logistic[:, 0] >= 0.9) | (logistic[:, 1] >= 0.95)
    second = ~first & (xgb.max(axis=1) >= 0.8)
    expected = np.where(first[:, None], logistic, np.where(second[:, None], xgb, forest))
    answer = started.predict("diagnosis", rows)
    assert answer["probabilities"] == pytest.approx(expected, abs=1e-6)
    asked = {"first": first, "second": second, "last": ~first & ~second}
    given = [name for name, mask in zip((LOGISTIC, XGB, FOREST), asked.values(), strict=True)
             if mask.any()]  # fmt: skip
    assert answer["variants"] == given
    wanted = {
        (LOGISTIC, "asked"): len(rows),
        (LOGISTIC, "answered"): int(first.sum()),
        (XGB, "asked"): int((~first).sum()),
        (XGB, "answered"): int(second.sum()),
    }
    until(lambda: counted(started).items() >= wanted.items(), timeout_s=30, what=f"{wanted}")


def test_a_stack_answers_by_what_its_members_in_replicas_say(started, rows):
    started.deploy(config("stack"))
    registry = Registry(str(started.home / "registry"))
    features = load(registry, "diagnosis-features", 1).model.transform(to_columns(FRAME))
    given = {
        f"{name}:malignant": load(registry, name.partition("@")[0], 1)
        .model.predict(features)
        .probabilities[:, 1]
        for name in (XGB, FOREST, LOGISTIC)
    }
    columns = to_columns(pd.DataFrame(given))
    expected = load(registry, "diagnosis-stacker", 1).model.predict(columns).probabilities
    answer = started.predict("diagnosis-stack", rows)
    assert answer["probabilities"] == pytest.approx(expected, abs=1e-6)
    assert set(answer["variants"]) == {XGB, FOREST, LOGISTIC}
    assert started.replicas("diagnosis-stacker-1")


def counted(cluster):
    """Rows that stages were asked about and answered, as Prometheus scrapes them."""
    port = Ports(http=cluster.http_port, first=cluster.internal_ports).metrics
    with PAST_PROXIES.open(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    found: dict[tuple[str, str], int] = {}
    for labels, value in re.findall(r"ray_serve_app_cascade_rows_total\{(.*)\} (\S+)", text):
        named = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        key = (named["version"], named["what"])
        found[key] = found.get(key, 0) + int(float(value))
    return found
