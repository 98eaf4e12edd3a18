"""One endpoint changes, and what is deployed is either that or what it was."""

import copy
import threading
from pathlib import Path

import pytest
import yaml

from serve_app.errors import ConfigError, Conflict, NotFound, NotReady, ServerFault
from serve_app.serving.deploying import changes
from tests.unit.serving.fake_serve import FakeServe, serving

CONFIGS = Path(__file__).parents[4] / "configs"
LOCAL = yaml.safe_load((CONFIGS / "local.yaml").read_text())
PROGRESSION = {"route": {"kind": "single", "model": "progression-xgb@1"}}
INLINE = {**PROGRESSION, "placement": "inline"}


@pytest.fixture
def fake(home):
    with serving(home) as made:
        made.config = copy.deepcopy(LOCAL)
        yield made


@pytest.fixture
def waited():
    """The pauses that were made, none of which takes any time."""
    return []


@pytest.fixture
def wait(waited):
    return changes.Wait(5.0, lambda _: None, waited.append)


def add(fake, name, settings, wait, *, allow_pickle=False):
    base = changes.deployed(fake.running)
    changes.add_endpoint(fake.running, name, settings, base, allow_pickle=allow_pickle, wait=wait)


def test_an_endpoint_is_added_beside_the_others(fake, wait, waited):
    before, names = set(fake.endpoints), fake.names
    add(fake, "second", INLINE, wait)
    assert set(fake.endpoints) == {*before, "second"}
    assert fake.names == names
    assert len(fake.puts) == 1
    assert waited == []


def test_what_its_former_settings_asked_goes_once_nothing_can_be_under_way(fake, wait, waited):
    fake.endpoints["progression"]["timeout_s"] = 3.5
    add(fake, "progression", INLINE, wait)
    first, last = fake.puts
    assert "progression-xgb-1" in [one["name"] for one in first["applications"]]
    assert "progression-xgb-1" not in [one["name"] for one in last["applications"]]
    assert waited == [3.5]


def test_an_endpoint_is_removed_with_the_versions_that_it_alone_asked(fake, wait, waited):
    changes.remove_endpoint(fake.running, "diagnosis", wait=wait)
    assert set(fake.endpoints) == {"diagnosis-ensemble", "progression"}
    assert {"diagnosis-xgb-1", "diagnosis-forest-1"} <= set(fake.names)
    assert waited == []
    changes.remove_endpoint(fake.running, "diagnosis-ensemble", wait=wait)
    assert fake.names == ["gateway", "control", "progression-xgb-1", "monitor"]
    assert waited == [10.0]


def test_an_endpoint_that_there_is_not_cannot_be_removed(fake, wait):
    with pytest.raises(NotFound, match="no endpoint 'x'; endpoints: diagnosis, diagnosis-ensemb"):
        changes.remove_endpoint(fake.running, "x", wait=wait)
    assert fake.puts == []


def test_the_default_endpoint_cannot_be_removed(fake, wait):
    fake.config["applications"][0]["args"]["default_endpoint"] = "progression"
    with pytest.raises(ConfigError, match=r"nothing was changed: .*default_endpoint: no endpoint"):
        changes.remove_endpoint(fake.running, "progression", wait=wait)
    assert fake.puts == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"route": {"kind": "single", "model": "progression-xgb@9"}}, "no version 9"),
        ({"route": {"kind": "single", "model": "diagnosis-features@1"}}, "is a transformer"),
        ({**INLINE, "fallback": "diagnosis-xgb@1"}, "gives classification, but"),
        ({**INLINE, "preprocess": {"model": "diagnosis-features@1"}}, "needs the column"),
    ],
)
def test_what_does_not_fit_is_said_and_changes_nothing(fake, wait, settings, said):
    with pytest.raises((ConfigError, NotFound), match=said):
        add(fake, "second", settings, wait)
    assert fake.puts == []


def test_where_an_application_fails_what_was_deployed_before_is_again(fake, wait):
    before = changes.deployed(fake.running)
    fake.broken["progression-xgb-1"] = "it needs the module 'own_steps'"
    with pytest.raises(ServerFault, match="needs the module 'own_steps'"):
        add(fake, "second", PROGRESSION, wait)
    assert len(fake.puts) == 2
    assert fake.config == before


def test_another_endpoints_broken_application_holds_up_nothing(fake, wait):
    fake.broken["diagnosis-forest-1"] = "whatever"
    add(fake, "second", PROGRESSION, wait)
    assert fake.endpoints["second"] == PROGRESSION


def test_what_serve_refuses_is_said(fake, wait):
    fake.refusal = "no such import path"
    with pytest.raises(
        ServerFault, match=r"serve deploy refused the change: .*no such import path"
    ):
        add(fake, "second", INLINE, wait)


def test_weights_of_run_time_survive_and_are_written_down(fake, wait):
    fake.set_at_run_time = {"diagnosis": {"diagnosis-forest@1": 55.0}}
    add(fake, "second", INLINE, wait)
    weights = [one["weight"] for one in fake.endpoints["diagnosis"]["route"]["variants"]]
    assert weights == [90, 55.0]
    declared = changes.as_it_runs(fake.running)["applications"][1]["deployments"][0]
    assert set(declared["user_config"]["endpoints"]) == {*fake.endpoints}


def test_weights_that_are_set_while_a_change_is_under_way_survive_its_failure(fake):
    fake.broken["progression-xgb-1"] = "it needs the module 'own_steps'"

    def put(config):
        fake.set_at_run_time = {"diagnosis": {"diagnosis-forest@1": 0.0}}
        FakeServe.put(fake, config)

    fake.put = put
    with pytest.raises(ServerFault, match="own_steps"):
        add(fake, "second", PROGRESSION, changes.Wait(5.0, lambda _: None, print))
    assert "second" not in fake.endpoints
    weights = [one["weight"] for one in fake.endpoints["diagnosis"]["route"]["variants"]]
    assert weights == [90, 0.0]


def test_what_somebody_deploys_while_a_change_ends_stands(fake):
    theirs = copy.deepcopy(LOCAL)
    theirs["applications"][0]["args"]["default_endpoint"] = "diagnosis"

    def deployed_meanwhile(_):
        fake.config = theirs

    wait = changes.Wait(5.0, lambda _: None, deployed_meanwhile)
    changes.remove_endpoint(fake.running, "progression", wait=wait)
    assert fake.config == theirs
    assert len(fake.puts) == 1


def test_what_somebody_deploys_before_a_change_begins_stands(fake, wait):
    base = changes.deployed(fake.running)
    fake.endpoints["progression"]["timeout_s"] = 3.5
    with pytest.raises(Conflict, match="something was deployed meanwhile"):
        changes.add_endpoint(fake.running, "second", INLINE, base, allow_pickle=False, wait=wait)
    assert fake.puts == []


def test_where_nothing_answers_the_dashboard_that_is_said(fake):
    fake.port = 1
    with pytest.raises(NotReady, match="does not answer"):
        changes.deployed(fake.running)


def test_one_change_waits_for_another(fake, wait):
    order, heard = [], []
    waiting = threading.Event()
    patient = changes.Wait(30.0, lambda words: (heard.append(words), waiting.set()))

    def second():
        with changes.alone(fake.running, "endpoints remove b", patient):
            order.append("second")

    thread = threading.Thread(target=second)
    with changes.alone(fake.running, "endpoints add a", wait):
        thread.start()
        assert waiting.wait(10)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]
    assert heard[0].startswith("waiting for endpoints add a (process")


def test_replicas_that_no_node_can_hold_are_refused_before_anything_changes(
    fake, wait, monkeypatch
):
    changes.remove_endpoint(fake.running, "progression", wait=wait)
    assert "progression-xgb-1" not in fake.names
    before = len(fake.puts)
    monkeypatch.setattr(changes, "fixed_nodes", lambda _: ({"CPU": 0.05, "memory": 1e10},))
    with pytest.raises(ConfigError, match=r"asks for 0\.1 CPUs; the largest node has 0\.05 CPUs"):
        add(fake, "second", PROGRESSION, wait)
    assert len(fake.puts) == before


def other_deploy(fake):
    """What somebody else deploys, by Ray's own command."""
    fake.config = copy.deepcopy(fake.config)
    fake.config["applications"][0]["deployments"][0]["max_ongoing_requests"] = 7


def test_what_was_deployed_before_it_was_handed_over_is_kept(fake, wait, monkeypatch):
    monkeypatch.setattr(changes, "_check", lambda *_: other_deploy(fake))
    with pytest.raises(Conflict, match="something was deployed meanwhile; try again"):
        add(fake, "second", INLINE, wait)
    assert fake.puts == []


def test_what_was_deployed_after_it_was_handed_over_is_kept_and_said(fake, wait, monkeypatch):
    put = fake.put

    def put_and_lose(config):
        put(config)
        other_deploy(fake)

    monkeypatch.setattr(fake, "put", put_and_lose)
    with pytest.raises(Conflict, match=r"another deploy came after.*gateway has other deployments"):
        add(fake, "second", INLINE, wait)
    assert len(fake.puts) == 1


def test_what_was_deployed_after_a_change_that_fails_is_not_put_back(fake, wait, monkeypatch):
    def fail(*_, **__):
        other_deploy(fake)
        raise ServerFault("an application failed")

    monkeypatch.setattr(changes, "wait_until_ready", fail)
    with pytest.raises(Conflict, match="another deploy came after"):
        add(fake, "second", INLINE, wait)
    assert len(fake.puts) == 1


def test_paths_are_those_of_the_folder_that_the_cluster_started_in(fake, home, monkeypatch):
    assert changes.path_at_home(fake.running, "registry") == "./registry"
    assert changes.path_at_home(fake.running, "s3://bucket") == "s3://bucket"
    monkeypatch.chdir(home.parent)
    assert changes.path_at_home(fake.running, "registry") == str(home.parent / "registry")
    registry = changes.registry_of(fake.running, changes.deployed(fake.running))
    assert registry == str(home / "registry")
