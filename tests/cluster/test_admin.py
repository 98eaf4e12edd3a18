"""Everything that a cluster's admin API does, from another folder, as from another machine."""

import json
import shutil
import subprocess
import time

import pytest

from serve_app.examples.datasets import diabetes
from tests.cluster.harness import BIN, PAST_PROXIES, config, until

QUICK_S = 5.0
"""Far more than a command takes that imports no Ray, on a machine that does much else."""


@pytest.fixture(scope="module")
def running(cluster):
    cluster.start()
    cluster.deploy(config("local"))
    return cluster


@pytest.fixture(scope="module")
def server(running):
    return running.admin_url


@pytest.fixture(scope="module")
def ask(server, tmp_path_factory):
    """Run `serve-app` where there is neither a registry nor a cluster; give its JSON."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")

    def run(*arguments, code=0):
        done = subprocess.run(
            [str(BIN / "serve-app"), *arguments, "--server", server, "--json"],
            cwd=elsewhere,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == code, f"{arguments}: {done.stdout}\n{done.stderr}"
        return json.loads(done.stdout) if code == 0 else done.stderr

    return run


def events(ask, kind):
    return [(one["subject"], one["who"], one["why"]) for one in ask("events", "--kind", kind)]


def test_what_runs_is_told(running, ask):
    body = ask("status")
    assert {one["status"] for one in body["applications"]} == {"HEALTHY"}
    assert body["not_in_effect"] == []
    assert "diagnosis" in [one["name"] for one in body["endpoints"]]
    here = json.loads(running.run("status", "--json"))
    assert here["endpoints"] == body["endpoints"]
    assert "diagnosis-xgb" in [one["model"] for one in ask("models", "list")]
    assert ask("models", "show", "diagnosis-xgb@champion")["version"] == 1


def test_replicas_are_told_with_their_processes(running, server):
    with PAST_PROXIES.open(f"{server}/v1/admin/applications") as answer:
        body = json.load(answer)["applications"]
    (replica,) = body["control"]["deployments"]["Control"]["replicas"]
    assert (replica["state"], [replica["process"]]) == ("RUNNING", running.replicas("control"))


def test_weights_are_set_at_once(running, ask):
    began_s = time.monotonic()
    answer = ask("endpoints", "set-weights", "diagnosis", "diagnosis-xgb@1=60", "--reason", "why")
    assert time.monotonic() - began_s < QUICK_S
    assert answer["weights"]["diagnosis-xgb@1"] == 60
    assert answer["behind"] == []
    ((subject, _, why),) = events(ask, "weights set")
    assert (subject, why) == ("diagnosis", "why")


def test_an_endpoint_is_added_replaced_and_removed(running, ask):
    rows = diabetes().frame.head(2).to_dict(orient="records")
    added = ask("endpoints", "add", "second", "--model", "progression-xgb", "--reason", "two")
    assert added["version"] == "progression-xgb@1"
    assert running.predict("second", rows)["variants"] == ["progression-xgb@1"]
    assert "there is an endpoint 'second'" in ask(
        "endpoints", "add", "second", "--model", "progression-xgb", code=1
    )
    ask("endpoints", "add", "second", "--model", "progression-xgb@1", "--placement", "replicas",
        "--replace")  # fmt: skip
    shown = ask("endpoints", "show", "second")
    assert shown["placement"] == "replicas"
    # What was set at run time before goes on.
    assert ask("endpoints", "show", "diagnosis")["variants"][0]["weight"] == 60
    ask("endpoints", "remove", "second")
    assert running.request("/v1/models/second:predict", {"instances": rows}).status == 404
    assert [subject for subject, *_ in events(ask, "endpoint removed")] == ["second"]
    assert events(ask, "endpoint added")[0][2] == "two"
    assert "there is no endpoint 'second'" in ask("endpoints", "remove", "second", code=1)
    assert "there is no model 'nobody'" in ask(
        "endpoints", "add", "third", "--model", "nobody", code=1
    )


def test_an_alias_moves_and_what_is_registered_is_an_event(running, ask):
    ask("models", "alias", "diagnosis-forest@1", "best", "--reason", "tried")
    assert running.run("models", "alias", "diagnosis-forest", "--json")
    source, target = (running.home / "registry" / f"progression-xgb/{n}" for n in (1, 2))
    assert not target.exists()
    manifest = json.loads((source / "manifest.json").read_text())
    copied = target.with_name("_2")
    shutil.copytree(source, copied)
    (copied / "manifest.json").write_text(
        json.dumps({**manifest, "version": 2, "created_by": "ada"}, indent=2, sort_keys=True)
    )
    copied.rename(target)
    until(
        lambda: ("progression-xgb@2", "ada", "") in events(ask, "registered"),
        timeout_s=30,
        what="the event of the version",
    )
    assert len(events(ask, "registry seen")) == 1


def test_feedback_is_told(running, ask):
    said = running.request("/v1/models/diagnosis:feedback", {"prediction_id": "p-1", "reward": 0.5})
    assert said.status == 200, said.content
    (received,) = ask("feedback", "diagnosis")
    assert received["rewards"] == 1
    (record,) = ask("feedback", "--records")
    assert record["prediction_id"] == "p-1"
