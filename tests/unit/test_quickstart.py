"""One version is served, whatever runs already, and nothing changes where it cannot be."""

import json
import shlex
import socket
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.linear_model import LinearRegression

from serve_app import quickstart
from serve_app.cluster.environment import Ports
from serve_app.errors import ConfigError, Conflict, InvalidInput, ServeError
from serve_app.quickstart import Place, check_free, serve, serve_version
from serve_app.registry.store import Registry
from tests.unit.serving.fake_serve import serving

CONFIGS = Path(__file__).parents[2] / "configs"


class FakeCluster:
    """Starts a fake in place of Ray."""

    def __init__(self, fake, runs):
        self.fake = fake
        self.runs = runs
        self.stopped = False

    def __call__(self, state):
        return self

    def running(self):
        return self.fake.running if self.runs else None

    def check_startable(self, options):
        pass

    def start(self, options):
        self.runs = True
        return self.fake.running

    def stop(self):
        self.stopped = True


@pytest.fixture
def fake(home):
    with serving(home) as made:
        yield made


@pytest.fixture
def cluster(fake, monkeypatch):
    """A cluster that does not run yet."""
    made = FakeCluster(fake, runs=False)
    monkeypatch.setattr(quickstart, "Cluster", made)
    return made


@pytest.fixture
def newest(home):
    return Registry("./registry").manifest("progression-xgb", 1)


def test_where_nothing_runs_a_cluster_is_started_and_asked_one_row(fake, cluster, newest):
    served = serve_version(newest, Place())
    assert fake.names == ["gateway", "control", "monitor"]
    assert fake.endpoints == {
        "progression-xgb": {
            "placement": "inline",
            "route": {"kind": "single", "model": "progression-xgb@1"},
        }
    }
    assert fake.predicted == [("/v1/models/progression-xgb:predict", fake.example)]
    assert (served.version, served.answer) == ("progression-xgb@1", {"predictions": [7]})
    assert not cluster.stopped


def test_a_version_that_an_alias_chose_is_served_by_the_alias(fake, cluster, newest):
    store = Registry("./registry")
    store.set_alias("progression-xgb", "stable", 1, by="ada")
    try:
        served = serve_version(newest, Place(), alias="stable")
    finally:
        store.remove_alias("progression-xgb", "stable", by="ada")
    route = {"kind": "single", "model": "progression-xgb@stable"}
    assert fake.endpoints["progression-xgb"]["route"] == route
    assert served.version == "progression-xgb@1"


def test_the_line_that_is_printed_is_the_request_that_was_sent(fake, cluster, newest, home):
    fake.example = {"instances": [{"it's": 'a "word" $HOME'}]}
    words = shlex.split(serve_version(newest, Place()).curl)
    assert words[:2] == ["curl", "-s"]
    assert words[2] == f"http://127.0.0.1:{fake.port}/v1/models/progression-xgb:predict"
    assert json.loads(words[-1]) == fake.example


def test_a_row_that_is_too_long_for_a_line_is_kept_in_a_file(fake, cluster, newest, home):
    (home / "state").mkdir(exist_ok=True)
    fake.example = {"instances": [{f"column {n}": n for n in range(1000)}]}
    given = shlex.split(serve_version(newest, Place()).curl)[-1]
    assert json.loads((home / given.removeprefix("@")).read_text()) == fake.example


def test_where_it_fails_a_cluster_that_was_started_for_it_is_stopped(fake, cluster, newest):
    fake.broken["control"] = "no disk"
    with pytest.raises(ServeError, match="no disk"):
        serve_version(newest, Place())
    assert cluster.stopped
    cluster.stopped, cluster.runs = False, True
    with pytest.raises(ServeError, match="no disk"):
        serve_version(newest, Place())
    assert not cluster.stopped


def test_an_endpoint_keeps_what_was_said_of_it_when_it_gets_another_version(fake, cluster, newest):
    serve_version(newest, Place(placement="replicas"))
    assert "progression-xgb-1" in fake.names
    fake.endpoints["progression-xgb"]["cache"] = {"rows": 5}
    serve_version(newest, Place())
    assert fake.endpoints["progression-xgb"]["placement"] == "replicas"
    assert fake.endpoints["progression-xgb"]["cache"] == {"rows": 5}


@pytest.mark.parametrize("placement", [None, "replicas"])
def test_a_pickle_needs_consent_and_replicas(fake, cluster, newest, placement, monkeypatch):
    pickled = newest.model_copy(update={"pickle": True, "compiled": None})
    monkeypatch.setattr(Registry, "manifest", lambda *_: pickled)
    assert pickled.needs_consent
    with pytest.raises(ConfigError, match=r"is a pickle, .* add --allow-pickle if you trust"):
        serve_version(pickled, Place(placement=placement))
    with pytest.raises(ConfigError, match="gateways do not load"):
        serve_version(pickled, Place(placement="inline", allow_pickle=True))
    assert not cluster.runs
    serve_version(pickled, Place(placement=placement, allow_pickle=True))
    assert fake.endpoints["progression-xgb"]["placement"] == "replicas"
    assert fake.config["applications"][-1]["args"]["allow_pickle"] is True


def test_a_transformer_answers_nobody(cluster, home):
    transformer = Registry("./registry").manifest("diagnosis-features", 1)
    with pytest.raises(ConfigError, match="it belongs under `preprocess`"):
        serve_version(transformer, Place())
    assert not cluster.runs


def test_an_endpoint_of_several_versions_is_left_alone(fake, cluster):
    cluster.runs = True
    fake.config = yaml.safe_load((CONFIGS / "local.yaml").read_text())
    with pytest.raises(Conflict, match=r"'diagnosis' is declared with several versions .*split"):
        check_free("diagnosis", Place())
    check_free("progression", Place())
    check_free("new", Place())


def test_another_registry_than_that_of_the_cluster_is_said(fake, cluster, home):
    cluster.runs = True
    fake.config = yaml.safe_load((CONFIGS / "local.yaml").read_text())
    with pytest.raises(Conflict, match="give that one with --registry"):
        check_free("new", Place(registry="elsewhere"))
    check_free("new", Place(registry=str(home / "registry")))


def test_a_name_that_cannot_be_one_is_said_before_anything_is_done():
    with pytest.raises(InvalidInput, match="cannot name a model"):
        check_free("Über", Place())


def test_a_taken_port_is_named_with_the_option_for_another(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = Ports(http=taken.getsockname()[1])
        with pytest.raises(Conflict, match="--http-port"):
            check_free("churn", Place(state=tmp_path / "state", ports=ports))
    assert not (tmp_path / "state").exists()


def test_a_model_in_memory_is_registered_and_served(fake, cluster, tmp_path):
    frame = pd.DataFrame({"a": np.arange(20.0), "b": np.arange(20.0) % 3})
    truth = 2 * frame["a"] + frame["b"]
    fitted = LinearRegression().fit(frame, truth)
    served = serve("line", fitted, frame, truth, place=Place(registry=str(tmp_path / "registry")))
    assert served.version == "line@1"
    manifest = Registry(str(tmp_path / "registry")).manifest("line", 1)
    assert manifest.metrics is not None
    assert "line is answered by line@1" in str(served)
