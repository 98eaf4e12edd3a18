"""Pipelines are trained again on a cluster: what is better takes over, what is worse does not.

One endpoint is a canary from champion to challenger. Its model says which deliveries are late;
the warehouse has moved since the first version was trained.
"""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.load import build_request
from serve_app.registry.store import Registry
from tests.cluster.harness import ROOT, application, config, endpoints, until
from tests.cluster.load import Load
from tests.cluster.retraining_world import MODEL, WORLD, Clients, let_go, rows, scraped

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]
KILLED = Path(__file__).with_name("killed_retraining.py")
PIPELINE = """\
pipeline: deliveries
model: deliveries
data: {source: deliveries.csv, target: outcome, time: left_at}
window: {holdout: 120s, train: 240s}
validation: {kind: stratified, folds: 2}
candidates: [linear]
search: {trials: 1, parallel: 1, seed: 20, metric: log_loss}
gates: {min_rows: 50, beats_baseline: true, champion: {epsilon: 0.02}}
retrain: {endpoint: deliveries, guards: {cool_down: 0s, runs_per_day: 100}}
"""
STEPS = [{"weight": 0.3, "for_s": 2, "requests": 30}, {"weight": 0.6, "for_s": 2, "requests": 30}]
QUALITY = {"errors": {"margin": 0.01}, "quality": [
    {"metric": "accuracy", "margin": 0.05, "labels": 200}
]}  # fmt: skip
STATES = ["QUEUED", "SNAPSHOT", "TRAINING", "EVALUATING", "REGISTERING", "DEPLOYING", "CANARY",
          "PROMOTING", "PROMOTED"]  # fmt: skip
EFFECTS = {"SNAPSHOT": ["snapshot"], "TRAINING": ["search"], "EVALUATING": ["evaluate"],
           "REGISTERING": ["register", "inspect"], "DEPLOYING": ["deploy"], "CANARY": [],
           "PROMOTING": ["promote"], "PROMOTED": []}  # fmt: skip
POINTS = [
    point
    for state in STATES[1:]
    for point in [f"{state}: entered", *(
        f"{effect}: {moment}" for effect in EFFECTS[state]
        for moment in ("intended", "done", "settled")
    )]
]  # fmt: skip


ROLLBACK_S = 2.0
RUNS = re.compile(r'ray_serve_app_retraining_runs\{[^}]*state="([A-Z_]+)"[^}]*\} ([\d.]+)')
TRIALS = re.compile(r'ray_serve_app_training_trials_total\{[^}]*outcome="judged"[^}]*\} ([\d.]+)')


def declared(shadows=(), keep_former="1h", **changed):
    """An endpoint by both aliases, each of which has an application of its own."""
    body = config("local")
    model = application(body, "diagnosis-xgb-1")
    placed = [
        {
            **model,
            "name": f"{MODEL}-{alias}",
            "args": {"model": MODEL, "version": alias, "registry": "./registry"},
            "deployments": [{"name": "Model", "ray_actor_options": {"num_cpus": 0.1}}],
        }
        for alias in ("champion", "challenger")
    ]
    body["applications"] = [
        *(application(body, name) for name in ("gateway", "control", "monitor")), *placed,
    ]  # fmt: skip
    application(body, "control")["args"]["keep_former"] = keep_former
    known = endpoints(body)
    known.clear()
    route = {"kind": "canary", "stable": f"{MODEL}@champion", "candidate": f"{MODEL}@challenger",
             "steps": STEPS, "interval_s": 1, **changed}  # fmt: skip
    known[MODEL] = {"route": route}
    if shadows:
        known[MODEL]["shadows"] = [{"model": one} for one in shadows]
    return body


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """An empty one: the pipeline registers what there is."""
    return tmp_path_factory.mktemp("registry")


@pytest.fixture(scope="module")
def house(cluster):
    """A cluster whose endpoint has one version under both aliases."""
    (cluster.home / "pipeline.yaml").write_text(PIPELINE)
    rows(cluster, [("town", 4000)])
    cluster.run("train", "run", "pipeline.yaml")
    for alias in ("champion", "challenger"):
        cluster.run("models", "alias", f"{MODEL}@1", alias, "--registry", "./registry")
    cluster.start()
    cluster.deploy(declared())
    return cluster


def aliases(cluster):
    return Registry(str(cluster.home / "registry")).aliases(MODEL)


def answers(cluster):
    (version,) = cluster.predict(MODEL, [WORLD.delivery(1, "motorway").row])["variants"]
    return int(version.rpartition("@")[2])


def rollout(cluster):
    (one,) = json.loads(cluster.run("rollout", "status", "--json"))["rollouts"]
    return one


def load(cluster, rate_per_s=40.0):
    bodies = [json.dumps({"instances": [WORLD.delivery(n, "motorway").row]}) for n in range(20)]
    headers = {"content-type": "application/json", "host": "127.0.0.1"}
    requests = [
        build_request("POST", f"/v1/models/{MODEL}:predict", headers, one.encode())
        for one in bodies
    ]
    return Load(cluster, requests, connections=8, rate_per_s=rate_per_s)


def start(cluster, code=0, pipeline="pipeline.yaml"):
    printed = cluster.run("retrain", "start", pipeline, "--force", "--json", code=code)
    return None if code else json.loads(printed)


def newest(cluster):
    return json.loads(cluster.run("retrain", "status", "--json"))["runs"][0]


def ended(cluster, timeout_s=180):
    """The newest run once it is over, while `resume` looks at it as a timer would."""

    def look():
        run = newest(cluster)
        if run["state"] in {"PROMOTED", "ROLLED_BACK", "SUPERSEDED", "FAILED"}:
            return run
        subprocess.run(
            [str(Path(sys.executable).parent / "serve-app"), "retrain", "resume", MODEL],
            cwd=cluster.home, capture_output=True, check=False, timeout=120,
        )  # fmt: skip
        return None

    return until(look, timeout_s=timeout_s, what="the end of the run")


def states(cluster, run):
    printed = cluster.run("events", "--kind", "retraining", "--subject", run, "--json")
    return [one["after"] for one in reversed(json.loads(printed))]


def test_one_version_under_both_aliases_answers_and_has_no_rollout(house):
    assert answers(house) == 1
    one = rollout(house)
    assert (one["phase"], one["why"]) == ("promoted", "stable and candidate name the same version")
    refused = house.run("rollout", "rollback", MODEL, code=1)
    assert "it begins once the candidate's alias names another one" in refused


def test_what_is_trained_by_hand_takes_over_under_load(house, record_property):
    rows(house, [("town", 1000), ("motorway", 4000)])
    with load(house) as running:
        began_s = time.monotonic()
        first = start(house)
        assert first["state"] == "CANARY", first
        run = ended(house)
        record_property("trigger_to_promoted_s", round(time.monotonic() - began_s, 1))
        until(lambda: answers(house) == 2, timeout_s=30, what="answers of the new champion")
    assert (run["state"], run["champion"], run["challenger"]) == ("PROMOTED", 1, 2)
    assert running.report.failed == 0
    assert aliases(house) == {"champion": 2, "challenger": 2}
    assert states(house, run["run"]) == STATES
    body = json.loads(house.run("status", "--json"))
    assert body["not_in_effect"] == []
    (one,) = body["endpoints"]
    assert one["follows"] == dict.fromkeys(
        [f"{MODEL}@champion", f"{MODEL}@challenger"], f"{MODEL}@2"
    )
    assert [(v["version"], v["weight"]) for v in one["variants"]] == [
        (f"{MODEL}@1", 0.0), (f"{MODEL}@2", 1.0),
    ]  # fmt: skip


def test_runs_are_counted_by_the_cluster_that_follows_them(house):
    ended = json.loads(house.run("events", "--kind", "training", "--json"))
    assert (ended[0]["after"]["state"], ended[0]["after"]["trials"]) == ("SUCCEEDED", 1)
    judged = sum(one["after"]["trials"] for one in ended)

    def counted():
        seen = scraped(house)
        runs = {state: float(count) for state, count in RUNS.findall(seen)}
        trials = [float(count) for count in TRIALS.findall(seen)]
        # A run is in one state, whatever others it went through.
        left = {state for state, count in runs.items() if state != "PROMOTED" and count}
        return runs.get("PROMOTED") == 1 and not left and trials == [judged]

    until(counted, timeout_s=60, what="the run of retraining among the metrics")


def test_no_deploy_of_a_file_undoes_it(house):
    house.serve_deploy(declared())
    house.deploy(declared())
    assert (answers(house), rollout(house)["stable"]) == (2, f"{MODEL}@1")
    house.deploy(declared(interval_s=2))
    one = rollout(house)
    assert (answers(house), one["stable"], one["candidate"]) == (2, f"{MODEL}@2", f"{MODEL}@2")
    assert aliases(house) == {"champion": 2, "challenger": 2}


def test_one_that_was_trained_on_wrong_labels_is_rejected_by_its_gates(house):
    rows(house, [("motorway", 4000)], shuffled=True)
    start(house, code=1)
    run = newest(house)
    assert (run["state"], run["challenger"]) == ("REJECTED", None)
    assert "beats_baseline failed" in run["error"]
    assert states(house, run["run"])[-1] == "REJECTED"
    assert aliases(house) == {"champion": 2, "challenger": 2}


def test_one_that_is_worse_live_goes_back_and_no_file_begins_it_again(house):
    house.deploy(declared(gates=QUALITY))
    # What is held out is as wrong as what is trained on, so that gates see nothing of it.
    rows(house, [("motorway", 4000)], flipped=True)
    with Clients(house) as clients:
        assert start(house)["state"] == "CANARY"
        run = ended(house)
    assert clients.failed is None
    assert run["state"] == "ROLLED_BACK"
    assert "accuracy: the candidate is worse by" in str(house.run("retrain", "status", run["run"]))
    assert (answers(house), aliases(house)) == (2, {"champion": 2, "challenger": 2})
    house.deploy(declared(steps=STEPS[:1]))
    assert rollout(house)["candidate"] == f"{MODEL}@2"


def test_a_former_version_is_champion_again_within_seconds(house, record_property):
    with load(house, rate_per_s=200.0) as running:
        began_s = time.monotonic()
        printed = house.run(
            "retrain", "rollback", f"{MODEL}@1", "--reason", "the old one was better", "--json"
        )
        assert answers(house) == 1
        record_property("rollback_s", round(time.monotonic() - began_s, 2))
    came = json.loads(printed)
    record_property("rollback_without_start_s", came["took_s"])
    assert (came["was_loaded"], came["waiting"]) == (True, [])
    assert came["took_s"] <= ROLLBACK_S
    assert running.report.failed == 0
    assert aliases(house) == {"champion": 1, "challenger": 1}
    house.deploy(declared())
    assert answers(house) == 1


def test_what_is_not_kept_is_loaded_again_and_that_is_said(house, record_property):
    # What is declared anew has no variants of the rollout that is over.
    house.deploy(declared(keep_former="0s", interval_s=3))
    until(lambda: let_go(house, f"{MODEL}@2"), timeout_s=120, what="the former one to be let go")
    came = json.loads(house.run("retrain", "rollback", f"{MODEL}@2", "--json"))
    record_property("rollback_of_what_is_not_loaded_s", came["took_s"])
    assert (came["was_loaded"], came["waiting"], came["champion"]) == (False, [], 2)
    assert answers(house) == 2
    house.deploy(declared())


def test_a_run_that_is_killed_at_every_point_has_one_version_and_one_promotion(house):
    rows(house, [("motorway", 5000)])
    store = Registry(str(house.home / "registry"))
    before = store.versions(MODEL)
    promotions = len(store.alias_history(MODEL, "champion"))
    begun = begin_without_work(house)
    # Unlike a load they go on for as long as that takes.
    with Clients(house) as clients:
        for number, point in enumerate(POINTS, start=1):
            until(
                lambda number=number, point=point: process(house, number, point) == -9,
                timeout_s=120,
                what=f"death at {point}",
            )
        assert process(house, len(POINTS) + 1, "none") == 0
    run = newest(house)
    assert (run["run"], run["state"]) == (begun, "PROMOTED")
    assert len(store.versions(MODEL)) == len(before) + 1
    assert len(store.alias_history(MODEL, "champion")) == promotions + 1
    assert clients.failed is None
    assert states(house, run["run"]) == STATES


@pytest.mark.parametrize(
    ("agreement", "state"), [(0.999, "ROLLED_BACK"), (0.3, "PROMOTED")], ids=["odd", "usual"]
)
def test_a_challenger_is_shown_requests_before_it_answers_any(house, agreement, state):
    house.deploy(declared([f"{MODEL}@challenger"], start="by hand"))
    shadow = f"shadow: {{rows: 50, lasts: 2s, agreement: {agreement}}}"
    settings = PIPELINE.replace("endpoint: deliveries,", f"endpoint: deliveries, {shadow},")
    (house.home / "shadowed.yaml").write_text(settings)
    # What clients ask about is of the motorway: one from the town says something else of it.
    rows(house, [("town", 5000)])
    before = aliases(house)["champion"]
    with Clients(house) as clients:
        assert start(house, pipeline="shadowed.yaml")["state"] == "SHADOW"
        assert answers(house) == before
        run = ended(house)
    assert clients.failed is None
    assert run["state"] == state
    # What is certainly odd is gone sooner.
    assert run["facts"]["shadow"]["rows"] >= (50 if state == "PROMOTED" else 1)
    seen = states(house, run["run"])
    assert ("CANARY" in seen) is (state == "PROMOTED")
    assert aliases(house)["champion"] == (run["challenger"] if state == "PROMOTED" else before)


def started(cluster, *arguments):
    return subprocess.run(
        [sys.executable, str(KILLED), *arguments],
        cwd=cluster.home, capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def begin_without_work(cluster):
    """A run that is queued, on which nobody has worked yet."""
    done = started(cluster, "begin", "pipeline.yaml")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def process(cluster, number, point):
    """The exit code of a process that works on the run and is killed there, if it comes there."""
    done = started(cluster, "work", MODEL, str(number), point)
    assert done.returncode in {0, -9}, done.stderr
    return done.returncode
