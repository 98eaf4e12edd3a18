"""`serve-app endpoints add` and `remove` say what is wrong, and what changed."""

import copy
import subprocess
from pathlib import Path

import pytest
import yaml

from serve_app.cli import deploy
from serve_app.cluster.node import Cluster
from serve_app.registry.store import Registry
from tests.unit.serving.fake_serve import serving

CONFIGS = Path(__file__).parents[3] / "configs"


@pytest.fixture
def fake(home, monkeypatch):
    """A cluster with the local config, whose commands find it."""
    with serving(home) as made:
        made.config = yaml.safe_load((CONFIGS / "local.yaml").read_text())
        monkeypatch.setattr(Cluster, "running", lambda _: made.running)
        yield made


def test_an_endpoint_is_added_with_all_that_was_said_of_it(serve_app, fake):
    said = serve_app(
        "endpoints", "add", "second", "--model", "diagnosis-forest", "--fallback",
        "diagnosis-xgb@1", "--preprocess", "diagnosis-features", "--answer-within-s", "2.5",
    )  # fmt: skip
    assert said.code == 0, said.err
    assert "second is answered by diagnosis-forest@1: http://127.0.0.1:" in said.out
    assert fake.endpoints["second"] == {
        "placement": "inline",
        "route": {"kind": "single", "model": "diagnosis-forest@1"},
        "preprocess": {"model": "diagnosis-features@1", "placement": "inline"},
        "fallback": "diagnosis-xgb@1",
        "timeout_s": 2.5,
    }


@pytest.fixture
def challenger(fake):
    store = Registry("./registry")
    store.set_alias("diagnosis-forest", "challenger", 1, by="ada")
    yield "diagnosis-forest@challenger"
    store.remove_alias("diagnosis-forest", "challenger", by="ada")


def test_an_alias_is_declared_as_it_is_written_so_that_the_endpoint_follows_it(
    serve_app, fake, challenger
):
    said = serve_app(
        "endpoints", "add", "second", "--model", challenger, "--fallback", challenger,
        "--placement", "replicas",
    )  # fmt: skip
    assert said.code == 0, said.err
    assert "second is answered by diagnosis-forest@challenger → 1: http://" in said.out
    assert fake.endpoints["second"] == {
        "placement": "replicas",
        "route": {"kind": "single", "model": challenger},
        "fallback": challenger,
    }
    (added,) = (
        one for one in fake.config["applications"] if one["name"] == "diagnosis-forest-challenger"
    )
    assert added["args"]["version"] == "challenger"


def test_where_nothing_is_deployed_the_first_endpoint_brings_a_gateway(serve_app, fake):
    fake.config = {"applications": []}
    said = serve_app("endpoints", "add", "one", "--model", "progression-xgb")
    assert said.code == 0, said.err
    assert fake.names == ["gateway", "control", "monitor"]


def test_one_that_there_is_is_replaced_where_that_is_wanted(serve_app, fake):
    command = ["endpoints", "add", "progression", "--model", "progression-xgb@1"]
    refused = serve_app(*command)
    assert refused.code == 1
    assert "there is an endpoint 'progression'; with --replace" in refused.err
    before = copy.deepcopy(fake.config)
    fake.endpoints["progression"]["timeout_s"] = 0.01
    assert serve_app(*command, "--replace").code == 0
    assert fake.endpoints["progression"]["placement"] == "inline"
    assert set(fake.names) == {one["name"] for one in before["applications"]} - {
        "progression-xgb-1"
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["Über", "--model", "progression-xgb"], "cannot name an endpoint"),
        (["new", "--model", "nobody"], "no model 'nobody'"),
        (["new", "--model", "progression-xgb@4"], "no version 4"),
        (["new", "--model", "diagnosis-features"], "is a transformer"),
        (["new"], "Missing option '--model'"),
        (["new", "--model", "progression-xgb", "--answer-within-s", "0"], "Invalid value"),
    ],
)
def test_what_cannot_be_added_is_said(serve_app, fake, arguments, said):
    done = serve_app("endpoints", "add", *arguments)
    assert done.code != 0
    assert said in done.err
    assert fake.puts == []


def test_an_endpoint_is_removed(serve_app, fake):
    said = serve_app("endpoints", "remove", "diagnosis")
    assert said.code == 0, said.err
    assert "diagnosis answers no more" in said.out
    assert "diagnosis" not in fake.endpoints
    unknown = serve_app("endpoints", "remove", "diagnosis")
    assert unknown.code == 1
    assert "there is no endpoint 'diagnosis'; endpoints: diagnosis-ensemble, progression" in (
        unknown.err
    )


def test_deploying_a_file_warns_of_the_endpoints_that_end_with_it(serve_app, fake, monkeypatch):
    done = subprocess.CompletedProcess([], 0, "", "")
    monkeypatch.setattr(deploy.subprocess, "run", lambda *_, **__: done)
    monkeypatch.setattr(deploy, "refuse_fixed", lambda *_: None)
    serve_app("endpoints", "add", "second", "--model", "progression-xgb")
    said = serve_app("deploy", CONFIGS / "local.yaml", "--no-wait")
    assert said.code == 0, said.err
    assert "does not declare second, so that they answer no more" in said.err
    fake.config = yaml.safe_load((CONFIGS / "local.yaml").read_text())
    assert "answer no more" not in serve_app("deploy", CONFIGS / "local.yaml", "--no-wait").err
