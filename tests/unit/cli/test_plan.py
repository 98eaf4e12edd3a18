"""Plans say what a deploy would change, and only fresh ones are applied."""

import copy
import json

import numpy as np
import pandas as pd
import pytest
import skops.io
import yaml
from sklearn.linear_model import LogisticRegression

from serve_app.cli import deploy
from serve_app.cli import plan as command
from serve_app.cli.admin import AdminClient
from serve_app.cluster.dashboard import Dashboard
from serve_app.errors import NotReady

FILES = ("--registry", "./registry")


class Rollouts:
    """The admin API, as far as plans ask it."""

    under_way = ()

    def rollouts(self):
        return [{"endpoint": e, "candidate": c, "phase": p} for e, c, p in self.under_way]


@pytest.fixture
def rollouts(monkeypatch):
    made = Rollouts()
    monkeypatch.setattr(AdminClient, "of", lambda _: made)
    return made


@pytest.fixture
def file(tmp_path, monkeypatch, serve_app, world, rollouts):
    """A config of a registered model, which a cluster already runs as it stands there."""
    monkeypatch.chdir(tmp_path)
    # Commands leave the cluster's folder there; it ends with the test.
    monkeypatch.setenv("SERVE_APP_HOME", str(tmp_path))
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.integers(18, 90, 60), "visits": rng.normal(5, 2, 60)})
    churned = (frame["visits"] < 5).astype(int)
    fitted = LogisticRegression().fit(frame, churned)
    (tmp_path / "model.skops").write_bytes(skops.io.dumps(fitted))
    frame.assign(churned=churned).to_csv("train.csv", index=False)
    for _ in range(2):
        register = serve_app(
            "register", "churn", "model.skops", "--data", "train.csv", "--target", "churned",
            "--no-evaluate", "--no-compile",
        )  # fmt: skip
        assert register.code == 0, register.err
    assert serve_app("models", "alias", "churn@1", "champion", *FILES).code == 0
    port = deploy.Cluster(tmp_path).running().http_port
    got = serve_app("init", "config.yaml", "--http-port", port)
    assert got.code == 0, got.err
    runs(world, yaml.safe_load((tmp_path / "config.yaml").read_text()))
    return tmp_path / "config.yaml"


def write(file, body):
    file.write_text(yaml.safe_dump(body, sort_keys=False))


def runs(world, body):
    """Let the cluster run what a config says."""
    logging = body.get("logging_config")
    world.applications = {
        one["name"]: {
            "status": "RUNNING",
            "deployed_app_config": {"logging_config": logging, **copy.deepcopy(one)},
        }
        for one in body["applications"]
    }


def changed(file, change):
    body = yaml.safe_load(file.read_text())
    change(body)
    write(file, body)
    return body


def endpoints(body):
    (control,) = (one for one in body["applications"] if one["name"] == "control")
    return control["deployments"][0]["user_config"]["endpoints"]


def other_version(body):
    endpoints(body)["churn"]["route"]["model"] = "churn@2"


def test_what_runs_already_would_change_nothing(serve_app, file):
    got = serve_app("plan", file)
    assert (got.code, got.out) == (0, f"{file} is what runs: nothing would change\n"), got.err
    body = json.loads(serve_app("plan", file, "--json").out)
    assert (body["changes"], body["schema"]) == ([], 1)
    assert set(body["versions"]) == {"churn@1"}
    assert "Nothing would change." in serve_app("plan", file, "--format", "markdown").out


def test_another_version_is_a_change_with_an_exit_code_of_its_own(serve_app, file):
    changed(file, other_version)
    got = serve_app("plan", file)
    assert got.code == 2
    assert '~ endpoint churn: versions and weights ({"churn@1": 1.0} → {"churn@2": 1.0})' in got.out
    assert "1 change\n" in got.out
    assert serve_app("plan", file, "--exit-zero").code == 0
    body = json.loads(serve_app("plan", file, "--exit-zero", "--json").out)
    (change,) = body["changes"]
    assert (change["what"], change["after"]) == ("endpoint", {"churn@2": 1.0})
    table = serve_app("plan", file, "--format", "markdown", "--exit-zero").out
    assert "| change | endpoint | churn |" in table
    assert "churn&#64;2" in table


def test_what_was_set_at_run_time_and_ends_is_said(serve_app, file, rollouts, monkeypatch):
    standing = {"endpoints": [], "set_at_run_time": {"churn": {"churn@1": 7.0}}}
    monkeypatch.setattr("serve_app.cluster.web.get", lambda *_, **__: standing)
    monkeypatch.setattr(Dashboard, "serve_details", details_of(serve_app, file))
    rollouts.under_way = (("churn", "churn@2", "running"), ("other", "o@2", "promoted"))
    changed(file, other_version)
    out = serve_app("plan", file).out
    assert "~ weights churn: weights that were set at run time end" in out
    assert "~ rollout churn: the rollout of churn@2 that is under way ends" in out
    assert "o@2" not in out


def details_of(serve_app, file):
    """What Serve tells of itself while it runs a file as it is now."""
    body = yaml.safe_load(file.read_text())

    class World:
        applications = ()

    runs(World, body)
    details = {"applications": World.applications, "http_options": body["http_options"]}
    return lambda _, **__: copy.deepcopy(details)


def test_an_endpoint_that_ends_breaks_clients(serve_app, file):
    changed(file, lambda body: endpoints(body).clear())
    out = serve_app("plan", file).out
    assert "- endpoint churn: was answered by churn@1, and answers no more [breaks clients]" in out
    assert "1 of them breaks clients" in out


def test_a_file_that_cannot_be_deployed_has_no_plan(serve_app, file):
    changed(file, lambda body: endpoints(body)["churn"]["route"].update(model="churn@9"))
    got = serve_app("plan", file, "--out", "plan.json")
    assert got.code == 1
    assert "churn@9" in got.err or "no version 9" in got.err
    assert not (file.parent / "plan.json").exists()


@pytest.fixture
def deployed(monkeypatch):
    """What was handed to Serve, in place of a cluster that takes it."""
    calls = []
    monkeypatch.setattr(deploy, "serve_deploy", lambda file, _: calls.append(file.read_text()))
    monkeypatch.setattr(deploy, "wait_visibly", lambda *_, **__: None)
    return calls


def test_a_fresh_plan_is_deployed(serve_app, file, deployed):
    changed(file, other_version)
    assert serve_app("plan", file, "--out", "plan.json").code == 2
    got = serve_app("apply", "plan.json", "--json")
    assert got.code == 0, got.err
    assert json.loads(got.out) == {"file": str(file), "changes": 1}
    assert deployed == [file.read_text()]


def edit_file(file, serve_app, world):
    changed(file, lambda body: endpoints(body)["churn"].update(timeout_s=7))


def deploy_other(file, serve_app, world):
    body = yaml.safe_load(file.read_text())
    endpoints(body)["churn"]["timeout_s"] = 9
    runs(world, body)


def move_alias(file, serve_app, world):
    assert serve_app("models", "alias", "churn@2", "champion", *FILES).code == 0


@pytest.mark.parametrize(
    ("meanwhile", "words"),
    [
        (edit_file, "config.yaml was changed"),
        (deploy_other, "something was deployed or set in the cluster"),
        (move_alias, "churn@champion is another version now"),
    ],
)
def test_a_stale_plan_is_refused(serve_app, file, world, deployed, meanwhile, words):
    changed(file, lambda body: endpoints(body)["churn"]["route"].update(model="churn@champion"))
    assert serve_app("plan", file, "--out", "plan.json", "--exit-zero").code == 0
    meanwhile(file, serve_app, world)
    got = serve_app("apply", "plan.json")
    assert got.code == 1
    assert words in got.err
    assert "the plan is stale, and nothing was deployed" in got.err
    assert deployed == []


def test_a_plan_whose_changes_were_edited_is_refused(serve_app, file, deployed):
    changed(file, other_version)
    assert serve_app("plan", file, "--out", "plan.json").code == 2
    place = file.parent / "plan.json"
    body = json.loads(place.read_text())
    place.write_text(json.dumps({**body, "changes": []}))
    got = serve_app("apply", "plan.json")
    assert got.code == 1
    assert "it does not list what would change" in got.err
    assert deployed == []


def test_a_plan_that_was_applied_is_not_applied_again(serve_app, file, world, deployed):
    changed(file, other_version)
    assert serve_app("plan", file, "--out", "plan.json").code == 2
    assert serve_app("apply", "plan.json").code == 0
    runs(world, yaml.safe_load(file.read_text()))
    again = serve_app("apply", "plan.json")
    assert again.code == 1
    assert "something was deployed or set in the cluster" in again.err
    assert len(deployed) == 1


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema": 2}', '{"schema": 1}', "\x00"])
def test_what_is_no_plan_is_refused(serve_app, file, deployed, content):
    (file.parent / "plan.json").write_text(content)
    got = serve_app("apply", "plan.json")
    assert got.code == 1
    assert "plan" in got.err
    assert deployed == []


@pytest.mark.parametrize("rollback", [True, False])
def test_what_fails_is_put_back_where_that_is_wished(
    serve_app, file, deployed, monkeypatch, rollback
):
    def late(*_, **__):
        raise NotReady("endpoint churn waits for churn@2")

    put = []
    monkeypatch.setattr(deploy, "wait_visibly", late)
    monkeypatch.setattr(Dashboard, "put_config", lambda _, config: put.append(config))
    monkeypatch.setattr(
        "serve_app.serving.deploying.readiness.wait_until_ready", lambda *_, **__: None
    )
    changed(file, other_version)
    serve_app("plan", file, "--out", "plan.json")
    got = serve_app("apply", "plan.json", *(["--rollback-on-failure"] if rollback else []))
    assert got.code == 1
    assert "waits for churn@2" in got.err
    assert [endpoints(one)["churn"]["route"]["model"] for one in put] == (
        ["churn@1"] if rollback else []
    )


def test_plans_need_a_cluster_that_runs(serve_app, file, monkeypatch):
    monkeypatch.setattr(command.Cluster, "running", lambda _: None)
    got = serve_app("plan", file)
    assert got.code == 1
    assert "cluster" in got.err
