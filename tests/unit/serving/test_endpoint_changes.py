"""Changes of endpoints are made one after the other, can be looked at, and become events."""

import time
from pathlib import Path

import pytest
import yaml

from serve_app.errors import NotFound, RegistryFailed
from serve_app.gateway.admin.actions import Change, EndpointOrder, NewEndpoint, Replicas
from serve_app.serving.deploying import declaration
from serve_app.serving.endpoint_changes import EndpointChanges
from serve_app.storage.events import EventLog
from tests.unit.serving.fake_serve import serving

CONFIGS = Path(__file__).parents[3] / "configs"
ADA = Change("ada", "a better one")


@pytest.fixture
def fake(home):
    with serving(home) as made:
        made.config = yaml.safe_load((CONFIGS / "local.yaml").read_text())
        yield made


@pytest.fixture
def log(tmp_path):
    return EventLog(str(tmp_path))


@pytest.fixture
def made(fake, log):
    """Changes of the cluster that is faked, numbered."""
    numbers = iter(range(1000))
    changes = EndpointChanges(
        log, cluster=lambda: fake.running, clock=lambda: 7.0, ids=lambda: f"c-{next(numbers)}"
    )
    yield changes
    changes.close()


def ended(changes, identity):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        change = changes.known(identity)
        if change["ended_at_s"] is not None:
            return change
        time.sleep(0.02)
    pytest.fail(f"{identity} does not end: {change}")


def add(name, model="progression-xgb", **more):
    return EndpointOrder(name, NewEndpoint(model, **more), ADA)


def test_an_endpoint_comes_and_goes_and_both_are_events(made, fake, log):
    begun = made.begin(add("second"), exists=False)
    assert (begun["id"], begun["kind"], begun["by"]) == ("c-0", "endpoint added", "ada")
    change = ended(made, "c-0")
    assert (change["state"], change["version"], change["error"]) == (
        "done", "progression-xgb@1", None,
    )  # fmt: skip
    assert fake.endpoints["second"]["route"] == {"kind": "single", "model": "progression-xgb@1"}
    made.begin(add("second", replace=True, timeout_s=2.0), exists=True)
    made.begin(EndpointOrder("second", None, Change("bob")), exists=True)
    assert ended(made, "c-2")["state"] == "done"
    assert "second" not in fake.endpoints
    made.close()
    assert [(one.kind, one.who, one.subject, one.after) for one in log.newest()] == [
        ("endpoint removed", "bob", "second", None),
        ("endpoint replaced", "ada", "second", "progression-xgb@1"),
        ("endpoint added", "ada", "second", "progression-xgb@1"),
    ]
    assert [one["id"] for one in made.newest()] == ["c-2", "c-1", "c-0"]


def test_a_managed_endpoint_is_scaled_and_answered_by_another_version(made, fake, log):
    made.begin(add("second", placement="replicas", managed=True), exists=False)
    assert ended(made, "c-0")["state"] == "done", ended(made, "c-0")
    assert fake.endpoints["second"]["managed"] is True
    shared = EndpointOrder("second", Replicas(2, 5), ADA, managed_alone=True)
    made.begin(shared, exists=True)
    refused = ended(made, "c-1")
    assert refused["error"]["code"] == "conflict", "a declared endpoint asks the same version"
    fake.config = declaration.without_endpoint(fake.config, "progression")
    made.begin(shared, exists=True)
    assert ended(made, "c-2")["state"] == "done", ended(made, "c-2")
    (model,) = (one for one in fake.config["applications"] if one["name"] == "progression-xgb-1")
    (deployment,) = model["deployments"]
    scaling = deployment["autoscaling_config"]
    assert (scaling["min_replicas"], scaling["max_replicas"]) == (2, 5)
    assert "policy" in scaling
    made.begin(
        EndpointOrder(
            "second", NewEndpoint("progression-xgb@1", replace=True, keeps_settings=True), ADA
        ),
        exists=True,
    )
    assert ended(made, "c-3")["state"] == "done", ended(made, "c-3")
    assert fake.endpoints["second"] == {
        "placement": "replicas",
        "managed": True,
        "route": {"kind": "single", "model": "progression-xgb@1"},
    }
    made.close()
    assert [one.kind for one in log.newest()] == [
        "endpoint replaced", "endpoint scaled", "endpoint added",
    ]  # fmt: skip


def test_a_declared_endpoint_is_left_alone_also_where_it_was_declared_meanwhile(made, fake):
    made.begin(EndpointOrder("diagnosis", None, ADA, managed_alone=True), exists=True)
    change = ended(made, "c-0")
    assert (change["state"], change["error"]["code"]) == ("failed", "not_permitted")
    assert fake.puts == []


@pytest.mark.parametrize("name", ["nobody", "inline"])
def test_what_has_no_replicas_of_its_own_is_not_scaled(made, fake, name):
    fake.endpoints["inline"] = {
        "placement": "inline", "route": {"kind": "single", "model": "progression-xgb@1"},
    }  # fmt: skip
    made.begin(EndpointOrder(name, Replicas(1, 2), ADA), exists=True)
    change = ended(made, "c-0")
    assert change["error"]["code"] == {"nobody": "not_found", "inline": "conflict"}[name]
    assert fake.puts == []


def test_one_that_fails_says_why_and_is_no_event(made, fake, log):
    fake.refusal = "no such thing"
    made.begin(add("second"), exists=False)
    change = ended(made, "c-0")
    assert change["state"] == "failed"
    assert change["error"]["code"] == "internal"
    assert change["error"]["message"].startswith("serve deploy refused the change: ")
    assert "no such thing" in change["error"]["message"]
    assert "second" not in fake.endpoints
    assert log.newest() == []


def test_what_does_not_fit_is_refused_in_words(made, fake):
    made.begin(add("diagnosis"), exists=False)
    change = ended(made, "c-0")
    assert change["error"]["code"] == "conflict"
    assert "there is an endpoint 'diagnosis'" in change["error"]["message"]
    assert fake.puts == []


def test_a_fault_tells_nothing_of_the_inside(made, fake, monkeypatch):
    def broken():
        raise KeyError("/secret")

    changes = EndpointChanges(EventLog("."), cluster=broken, clock=lambda: 7.0, ids=lambda: "c")
    changes.begin(add("second"), exists=False)
    change = ended(changes, "c")
    assert change["error"]["code"] == "internal"
    assert "secret" not in str(change)


@pytest.mark.parametrize("error", [RegistryFailed("the disk is full"), ValueError("a fault")])
def test_an_event_that_cannot_be_kept_fails_no_change(made, log, monkeypatch, error):
    def full(_):
        raise error

    monkeypatch.setattr(log, "append", full)
    made.begin(add("second"), exists=False)
    assert ended(made, "c-0")["state"] == "done"


def test_the_last_ones_are_remembered(log):
    def away():
        raise NotFound("nothing")

    numbers = iter(range(1000))
    changes = EndpointChanges(
        log, cluster=away, clock=lambda: 7.0, ids=lambda: f"c-{next(numbers)}"
    )
    for number in range(101):
        changes.begin(add("second"), exists=False)
        ended(changes, f"c-{number}")
    assert len(changes.newest()) == 100
    with pytest.raises(NotFound, match="there is no change 'c-0': it ended long ago"):
        changes.known("c-0")
