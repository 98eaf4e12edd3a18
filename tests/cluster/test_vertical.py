"""A replica with several CPUs computes large batches in several threads, and answers alike."""

import copy
import json
import re

import numpy as np
import pandas as pd
import psutil
import pytest
from sklearn.ensemble import RandomForestClassifier

from serve_app.engine.registration.register import Candidate, register
from serve_app.registry.store import Registry
from tests.cluster.harness import application, config, endpoints

pytestmark = pytest.mark.long

RNG = np.random.default_rng(0)
ROWS = pd.DataFrame(RNG.normal(size=(5000, 12)).round(3), columns=[f"c{i}" for i in range(12)])
TARGET = (ROWS.c0 * ROWS.c1 + RNG.normal(size=len(ROWS)) > 0).astype(int)


@pytest.fixture(scope="module")
def forest():
    return RandomForestClassifier(150, max_depth=12, random_state=0).fit(ROWS, TARGET)


@pytest.fixture(scope="module")
def wide(cluster, forest):
    """The same compiled forest as two models, with 1 CPU and with 2."""
    for name in ("narrow", "wide"):
        candidate = Candidate(name, forest, ROWS)
        register(Registry(str(cluster.home / "registry")), candidate, compile="required")
    cluster.start("--cpus", "4")
    cluster.deploy(graph(narrow=1, wide=2))
    return cluster


def graph(**cpus):
    """An endpoint for each model, whose replica reserves so many CPUs."""
    body = config("split")
    endpoints(body).clear()
    models = []
    for name, count in cpus.items():
        endpoints(body)[name] = {"route": {"kind": "single", "model": f"{name}@1"}}
        model = copy.deepcopy(application(body, "diagnosis-xgb-1"))
        model["name"] = f"{name}-1"
        model["args"]["model"] = name
        model["deployments"][0]["ray_actor_options"] = {"num_cpus": count}
        models.append(model)
    body["applications"] = [application(body, "gateway"), application(body, "control"), *models]
    return body


def threads_at_work(cluster, name, body, calls=6):
    """How many threads of the only replica computed, each at least a third of the busiest one."""
    (pid,) = cluster.replicas(f"{name}-1")
    process = psutil.Process(pid)
    before = {one.id: one.user_time for one in process.threads()}
    for _ in range(calls):
        assert cluster.request(f"/v1/models/{name}:predict", body).status == 200
    worked = [one.user_time - before.get(one.id, 0.0) for one in process.threads()]
    assert max(worked) > 0.1, "too short to be measured"
    return sum(time_s > max(worked) / 3 for time_s in worked)


def test_threads_follow_the_reserved_cpus_and_answers_are_the_librarys(wide, forest):
    body = json.dumps({"instances": ROWS.to_dict(orient="records")}).encode()
    answers = [
        wide.request(f"/v1/models/{name}:predict", body).json() for name in ("narrow", "wide")
    ]
    assert answers[0]["probabilities"] == answers[1]["probabilities"]
    assert answers[1]["probabilities"] == forest.predict_proba(ROWS).tolist()
    assert threads_at_work(wide, "narrow", body) == 1
    assert threads_at_work(wide, "wide", body) == 2


def test_a_replica_that_no_node_can_hold_is_not_deployed(wide):
    path = wide.write(graph(narrow=1, wide=9))
    for command in ("validate", "deploy"):
        said = wide.run(command, path.name, code=1)
        assert re.search(
            r"ray_actor_options.num_cpus: asks for 9 CPUs; the largest .* 4 CPUs", said
        )
    assert wide.predict("wide", ROWS.head(1).to_dict(orient="records"))["predictions"]
