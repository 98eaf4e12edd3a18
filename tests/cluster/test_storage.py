"""What was set at run time outlives control and gateways, wherever the state is kept."""

import json
from pathlib import Path

import pytest

from serve_app.examples.datasets import breast_cancer
from tests.cluster.harness import application, config, until
from tests.contract import postgres

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def row():
    return breast_cancer().frame.iloc[0].to_dict()


@pytest.fixture(scope="module")
def url():
    """A database on a server of the tests' own."""
    with postgres.server() as address, postgres.database(address) as place:
        yield place


@pytest.fixture(scope="module")
def started(cluster):
    cluster.start()
    return cluster


def deploy(cluster, state):
    body = config("split")
    for name in ("gateway", "control", "monitor"):
        application(body, name)["args"]["state"] = state
    cluster.deploy(body)


def set_weights(cluster, forest):
    weights = (f"diagnosis-xgb@1={1 - forest}", f"diagnosis-forest@1={forest}")
    cluster.run("endpoints", "set-weights", "diagnosis", *weights)


def answers(cluster, row):
    """Wait until somebody answers, and give who."""

    def variant():
        body = {"instances": [row]}
        answer = cluster.request("/v1/models/diagnosis:predict", body)
        return answer.json()["variants"] if answer.status == 200 else None

    return until(variant, timeout_s=90, what="an answer")


def kill_all(cluster):
    """Kill control and every gateway at once, and wait for their successors."""
    killed = {name: cluster.replicas(name) for name in ("control", "gateway")}
    for pid in (pid for pids in killed.values() for pid in pids):
        cluster.kill(pid)
    for name, pids in killed.items():
        until(
            lambda name=name, pids=pids: set(cluster.replicas(name)) - set(pids),
            timeout_s=90,
            what=f"another replica of {name}",
        )


def test_on_a_server(started, row, url):
    deploy(started, url)
    set_weights(started, forest=1)
    kill_all(started)
    assert answers(started, row) == ["diagnosis-forest@1"]
    assert json.loads(started.run("feedback", "--json", "--state", url)) == []
    assert not list(started.home.glob("state/serve-app.db*"))
    folder = json.loads((started.home / "state" / "cluster.json").read_text())["folder"]
    logs = list(Path(folder).glob("ray/session_latest/logs/serve/serve-app-*.jsonl"))
    assert any("the newest snapshot was read" in file.read_text() for file in logs)
    assert not [file for file in logs if "p%40ss" in file.read_text()]


def test_in_a_file_that_is_damaged(started, row):
    deploy(started, "./state")
    set_weights(started, forest=1)
    database = started.home / "state" / "serve-app.db"
    database.write_bytes(b"this is no database" * 1000)
    kill_all(started)
    assert answers(started, row) == ["diagnosis-forest@1"]
    set_weights(started, forest=0)
    until(
        lambda: answers(started, row) == ["diagnosis-xgb@1"],
        timeout_s=10,
        what="weights that were set beside a damaged file",
    )
    aside = [file for file in database.parent.glob("serve-app.db.damaged-*")
             if not file.name.endswith(("-wal", "-shm"))]  # fmt: skip
    assert len(aside) == 1


def test_that_is_lost_while_gateways_go_on(started, row):
    for file in (started.home / "state").glob("serve-app.db*"):
        file.unlink()
    killed = started.replicas("control")
    started.kill(killed[0])
    until(
        lambda: set(started.replicas("control")) - set(killed),
        timeout_s=90,
        what="another replica of control",
    )
    until(
        lambda: "diagnosis" in started.run("endpoints", "list"), timeout_s=30, what="the endpoints"
    )
    set_weights(started, forest=1)
    until(
        lambda: answers(started, row) == ["diagnosis-forest@1"],
        timeout_s=45,
        what="weights of a state that began anew",
    )
