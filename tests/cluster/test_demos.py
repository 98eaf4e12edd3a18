"""Each demo, one after the other in one cluster: clients send, feedback follows, and it teaches."""

import json

import pytest

from tests.cluster.harness import until

pytestmark = pytest.mark.demos

XGB, FOREST = "diagnosis-xgb@1", "diagnosis-forest@1"
LOGISTIC, WRONG = "diagnosis-logistic@1", "diagnosis-millimetres@1"


@pytest.fixture(scope="module")
def demo(cluster):
    """Run a demo; what clients saw of its endpoint, and what its commands print."""

    def run(config, rate=25, length="10s"):
        printed = cluster.run(
            "demo", "--config", config, "--json",
            "--rate", str(rate), "--for", length, "--feedback-delay", "0.5s",
            "--http-port", str(cluster.http_port),
            "--dashboard-port", str(cluster.dashboard_port),
            "--internal-ports", str(cluster.internal_ports),
        )  # fmt: skip
        report = json.loads(printed)
        ((name, clients),) = report["clients"].items()
        assert clients["failed"] == clients["feedback_failed"] == {}
        assert clients["feedback"] == clients["answered"] > 0.5 * rate * float(length[:-1])
        known = {line.split(f" {name}")[0]: one for line, one in report["known"].items()}
        assert labels(known["monitor quality"]) > 0.9 * clients["answered"]
        return clients, known

    return run


def labels(quality):
    return sum(one["labelled"] for one in quality)


def of(results, version):
    return next(one for one in results if one["version"] == version)


def test_an_experiment_has_labels_of_both_halves(demo):
    clients, known = demo("ab")
    assert clients["variants"].keys() == {XGB, FOREST}
    assert 0.3 < clients["variants"][XGB]["share"] < 0.7
    for one in known["monitor quality"]:
        (variant,) = one["variants"]
        wrong = clients["variants"][variant]["mean_error"]
        assert one["metrics"]["accuracy"]["value"] == pytest.approx(1 - wrong, abs=0.03)
    experiment = known["experiments show"]
    assert experiment["name"] == "xgb-or-forest"
    assert experiment["decision"]["words"]
    assert {one["variant"] for one in experiment["traffic"]} == {XGB, FOREST}
    assert all(one["labelled"] > 0 for one in experiment["traffic"])


def test_a_shadow_is_compared_with_labels(demo):
    _, known = demo("shadow")
    (forest,) = (one for one in known["monitor shadow"] if one["shadow"] == FOREST)
    assert forest["rows"] > 100
    assert forest["labelled"]["rows"] > 100
    assert 0.9 < forest["agreement"]["value"] < 1


def test_a_bandit_leaves_the_arm_that_is_wrong(demo):
    _, known = demo("bandit", length="15s")
    arms = known["monitor watch bandits"]
    assert sum(one["decisions"] for one in arms) > 100
    assert of(arms, WRONG)["mean"] < 0.8 < min(of(arms, arm)["mean"] for arm in (XGB, FOREST))
    assert of(arms, WRONG)["share"] < 0.1


def test_stages_of_a_cascade_have_their_shares(demo):
    clients, _ = demo("cascade")
    shares = {version: one["share"] for version, one in clients["variants"].items()}
    assert sum(shares.values()) == pytest.approx(1)
    assert 0.5 < shares[LOGISTIC] < 1
    assert shares.keys() <= {LOGISTIC, XGB, FOREST}
    assert len(shares) > 1


def test_an_ensemble_is_right_together(demo):
    clients, _ = demo("ensemble")
    ((variants, one),) = clients["variants"].items()
    assert set(variants.split(", ")) == {XGB, FOREST, LOGISTIC}
    assert one["mean_error"] < 0.15


def test_a_stack_is_right_through_replicas(demo, cluster):
    clients, _ = demo("stack")
    ((variants, one),) = clients["variants"].items()
    assert set(variants.split(", ")) == {XGB, FOREST, LOGISTIC}
    assert one["mean_error"] < 0.15
    assert cluster.replicas("diagnosis-stacker-1")


def test_a_good_candidate_goes_on_and_a_bad_one_goes_back(demo, cluster):
    _, known = demo("canary", rate=40, length="25s")
    (good,) = known["rollout status"]["rollouts"]
    assert good["candidate"] == XGB
    assert good["phase"] in {"running", "promoted"}
    assert good["step"] > 0
    _, known = demo("canary-bad", rate=40, length="25s")
    (bad,) = known["rollout status"]["rollouts"]
    assert bad["candidate"] == WRONG

    def ended():
        (one,) = json.loads(cluster.run("rollout", "status", "--json"))["rollouts"]
        return one["phase"] != "running" and one

    one = until(ended, timeout_s=30, what="the end of the bad candidate")
    assert one["phase"] == "rolled back"
    assert one["why"].startswith("accuracy: the candidate is worse by")


def test_clients_without_a_demo_send_to_what_runs(cluster):
    printed = cluster.run("simulate", "diagnosis", "--for", "2s", "--rate", "20", "--json")
    seen = json.loads(printed)["diagnosis"]
    assert seen["variants"].keys() == {FOREST}
    assert seen["answered"] == seen["feedback"] > 10


def test_a_config_that_is_not_there_stops_nothing(cluster):
    refused = cluster.run("demo", "--config", "canarry", code=1)
    assert "there is no config 'canarry'" in refused
    (standing,) = cluster.request("/v1/endpoints").json()["endpoints"]
    assert standing["name"] == "diagnosis"


@pytest.mark.timeout(900)
def test_a_version_is_replaced_by_itself_and_a_bad_one_is_rejected(cluster, record_property):
    printed = cluster.run(
        "retrain", "demo", "--json",
        "--http-port", str(cluster.http_port),
        "--dashboard-port", str(cluster.dashboard_port),
        "--internal-ports", str(cluster.internal_ports),
        timeout_s=600,
    )  # fmt: skip
    report = json.loads(printed)
    record_property("seconds", report["seconds"])
    promoted, rejected = report["runs"]
    assert (promoted["state"], promoted["champion"], promoted["challenger"]) == ("PROMOTED", 1, 2)
    assert (rejected["state"], rejected["challenger"]) == ("REJECTED", None)
    assert "beats_baseline failed" in rejected["error"]
    assert report["clients"]["failed"] == {}
    assert report["as_expected"] is True
    assert report["seconds"]["drift_to_end"] <= 180
    # Who was trained on what clients send is wrong less often.
    variants = report["clients"]["variants"]
    assert variants["deliveries@2"]["mean_error"] < variants["deliveries@1"]["mean_error"]
    status = json.loads(cluster.run("retrain", "status", "--json"))
    began = {one["run"]: one["kind"] for one in status["triggers"] if one["run"] is not None}
    assert began == {promoted["run"]: "drift", rejected["run"]: "manual"}
    events = json.loads(cluster.run("events", "--kind", "retraining", "--json"))
    assert {(one["subject"], one["after"]) for one in events} >= {
        (promoted["run"], "PROMOTED"), (rejected["run"], "REJECTED"),
    }  # fmt: skip
    (endpoint,) = json.loads(cluster.run("status", "--json"))["endpoints"]
    weights = {one["version"]: one["weight"] for one in endpoint["variants"]}
    assert weights == {"deliveries@1": 0.0, "deliveries@2": 1.0}
