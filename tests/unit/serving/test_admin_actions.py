"""What the admin API does in a gateway: asks control, Serve and files, and puts it together."""

import asyncio

import pytest

from serve_app.core.feedback import Feedback
from serve_app.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    NotPermitted,
    NotReady,
    RegistryFailed,
)
from serve_app.gateway.admin.actions import (
    AliasChange,
    Change,
    EndpointOrder,
    NewEndpoint,
    Replicas,
)
from serve_app.registry.card_notes import CardNotes
from serve_app.serving.admin_actions import ClusterActions
from serve_app.storage.events import EventLog
from serve_app.storage.feedback import FeedbackStore

ADA = Change("ada", "why")
STANDING = {
    "snapshot": 3,
    "endpoints": [{"name": "risk", "variants": []}],
    "aliases": {},
    "waiting": {},
    "set_at_run_time": {},
}
DECLARED = {"endpoints": {"risk": {}, "late": {"managed": True}}}
CONTROL = {
    "name": "control",
    "import_path": "serve_app.app:control",
    "deployments": [{"name": "Control", "user_config": DECLARED}],
}
REPLICA = {"replica_id": "r", "state": "RUNNING", "pid": 7, "node_ip": "10.0.0.1"}
DETAILS = {
    "applications": {
        "control": {
            "status": "RUNNING",
            "message": "",
            "deployed_app_config": CONTROL,
            "deployments": {"Control": {"status": "HEALTHY", "replicas": [REPLICA]}},
        }
    }
}


class Control:
    """Control, as far as the admin API asks it."""

    def __init__(self):
        self.orders = []
        self.looks = 0
        self.effect = {"scaling": {"a/Model": {"wanted": 2}}, "cpus": 2.0, "cpus_free": 0.5}

    async def in_effect(self):
        if self.effect is None:
            raise NotReady("control does not answer")
        return self.effect

    async def requests(self, endpoint):
        return self.courses[endpoint]

    async def loads(self):
        return self.courses

    async def look_at_aliases(self):
        self.looks += 1

    async def change_endpoint(self, order):
        self.orders.append(order)
        return {"id": "c-1"}


@pytest.fixture
def control():
    return Control()


class Monitor:
    """The monitor, as far as the admin API asks it."""

    def __init__(self):
        self.problems = ["monitor: match feedback fails and is tried again: the disk is full"]

    async def findings(self):
        return [{"kind": "drift", "endpoint": name} for name in ("risk", "late")]

    async def document(self, endpoint, within_s):
        return {"schema": 1, "endpoint": endpoint, "within_s": within_s}

    async def report(self, kind, endpoint, within_s):
        return [{"kind": kind, "endpoint": endpoint, "since_s": within_s}]

    async def alerts(self):
        return {"findings": [], "receivers": []}

    async def test_alerts(self, receiver):
        return [{"receiver": receiver}]

    async def failing(self):
        if self.problems is None:
            raise NotReady("the monitor does not answer")
        return self.problems


@pytest.fixture
def monitor():
    return Monitor()


@pytest.fixture
def actions(registry, control, monitor, tmp_path):
    stores = EventLog(str(tmp_path)), FeedbackStore(str(tmp_path))
    return ClusterActions(
        registry,
        stores,
        applications=(control, monitor),
        standing=lambda: STANDING,
        details=lambda: DETAILS,
    )


def done(call):
    return asyncio.run(call)


def order(name, model="line", **more):
    return EndpointOrder(name, NewEndpoint(model, **more), ADA)


def test_status_is_of_serve_this_gateway_and_control(actions, control):
    control.effect = None
    body = done(actions.status())
    assert (body["snapshot"], body["endpoints"]) == (3, STANDING["endpoints"])
    (row,) = body["applications"]
    assert (row["application"], row["replicas"], row["status"]) == ("control", 1, "HEALTHY")
    assert body["not_in_effect"] == ["control does not answer"]


def test_status_says_what_fails_in_the_monitor_where_there_is_one(
    actions, control, monitor, monkeypatch
):
    control.effect = None
    assert done(actions.status())["failing"] == []
    running = {**DETAILS["applications"]["control"], "deployed_app_config": {"name": "monitor"}}
    monkeypatch.setitem(DETAILS["applications"], "monitor", running)
    assert done(actions.status())["failing"] == monitor.problems
    monitor.problems = None
    assert done(actions.status())["failing"] == ["the monitor does not answer"]


@pytest.mark.parametrize("kind", ["drift", "quality"])
def test_what_the_monitor_watches_is_what_it_says(actions, kind):
    for endpoint in (None, "risk"):
        (one,) = done(actions.watched(kind, endpoint, 60))
        assert one == {"kind": kind, "endpoint": endpoint, "since_s": 60}
    with pytest.raises(NotFound):
        done(actions.watched(kind, "nobody", 60))


def test_alerts_are_those_of_the_monitor(actions):
    assert done(actions.alerts()) == {"findings": [], "receivers": []}
    assert done(actions.test_alerts("ops")) == [{"receiver": "ops"}]


def test_findings_are_those_of_an_endpoint_or_all(actions):
    assert len(done(actions.findings(None))) == 2
    assert done(actions.findings("risk")) == [{"kind": "drift", "endpoint": "risk"}]
    with pytest.raises(NotFound):
        done(actions.findings("nobody"))


def test_a_report_is_what_the_monitor_makes(actions):
    assert done(actions.report("risk", 60)) == {"schema": 1, "endpoint": "risk", "within_s": 60}
    with pytest.raises(NotFound):
        done(actions.report("nobody", 60))


def test_replicas_and_scaling_are_told(actions):
    (found,) = done(actions.applications())["applications"]["control"]["deployments"].values()
    assert found["replicas"] == [{"id": "r", "state": "RUNNING", "node": "10.0.0.1", "process": 7}]
    assert done(actions.scaling()) == {
        "deployments": {"a/Model": {"wanted": 2}}, "cpus": 2.0, "cpus_free": 0.5,
    }  # fmt: skip


def test_an_endpoint_is_one_of_those_that_stand(actions):
    assert done(actions.endpoint("risk"))["name"] == "risk"
    with pytest.raises(NotFound, match="there is no endpoint 'nobody'; endpoints: risk"):
        done(actions.endpoint("nobody"))


def test_versions_are_resolved_when_a_change_is_begun_and_aliases_stay(actions, control, registry):
    registry.set_alias("logistic", "champion", 1, by="ada")
    wanted = order("new", "logistic@champion", fallback="other", preprocess="scaler@1")
    assert done(actions.change_endpoint(wanted)) == {"id": "c-1"}
    ((ordered),) = control.orders
    assert ordered.wanted == NewEndpoint("logistic@champion", "inline", "scaler@1", "other@1")


@pytest.mark.parametrize(
    ("wanted", "error", "words"),
    [
        (order("Über"), InvalidInput, "cannot name an endpoint"),
        (order("risk"), Conflict, "there is an endpoint 'risk'"),
        (order("late"), Conflict, "there is an endpoint 'late'"),
        (order("new", "nobody"), NotFound, "there is no model 'nobody'"),
        (order("new", "line@7"), NotFound, "no version 7"),
        (order("new", "line@best"), NotFound, "no alias 'best'"),
        (order("new", fallback="line@7"), NotFound, "no version 7"),
        (EndpointOrder("nobody", None, ADA), NotFound, "endpoints: late, risk"),
    ],
)
def test_what_is_wrong_at_first_sight_begins_nothing(actions, control, wanted, error, words):
    with pytest.raises(error, match=words):
        done(actions.change_endpoint(wanted))
    assert control.orders == []


def test_one_that_waits_can_be_replaced_and_removed(actions, control):
    done(actions.change_endpoint(order("late", replace=True)))
    done(actions.change_endpoint(EndpointOrder("late", None, ADA)))
    assert [one.wanted for one in control.orders] == [NewEndpoint("line@1", replace=True), None]


def test_an_order_for_managed_endpoints_alone_leaves_all_others_alone(actions, control):
    assert done(actions.is_managed("late"))
    assert not done(actions.is_managed("risk"))
    assert not done(actions.is_managed("nobody"))
    for wanted in (None, Replicas(1, 2), NewEndpoint("line", replace=True)):
        with pytest.raises(NotPermitted, match="managed: true"):
            done(actions.change_endpoint(EndpointOrder("risk", wanted, ADA, managed_alone=True)))
        done(actions.change_endpoint(EndpointOrder("late", wanted, ADA, managed_alone=True)))
    done(actions.change_endpoint(EndpointOrder("new", NewEndpoint("line"), ADA, 9.0, True)))
    assert [one.endpoint for one in control.orders] == ["late", "late", "late", "new"]


def test_of_what_is_not_there_nothing_is_kept_or_scaled(actions, control):
    for wanted in (Replicas(1, 2), NewEndpoint("line", replace=True, keeps_settings=True)):
        with pytest.raises(NotFound, match="there is no endpoint 'nobody'"):
            done(actions.change_endpoint(EndpointOrder("nobody", wanted, ADA)))
    assert control.orders == []


def test_models_and_aliases_are_those_of_the_registry(actions, control):
    moved = done(actions.move_alias("line", "champion", AliasChange(1), ADA))
    assert control.looks == 1
    assert (moved["model"], moved["version"], moved["by"], moved["reason"]) == (
        "line", 1, "ada", "why",
    )  # fmt: skip
    assert done(actions.model("line"))["aliases"] == {"champion": 1}
    assert "line" in [one["model"] for one in done(actions.models())]
    assert done(actions.version("line", "champion"))["version"] == 1
    with pytest.raises(Conflict):
        done(actions.move_alias("line", "champion", AliasChange(None, True, None), ADA))
    done(actions.move_alias("line", "champion", AliasChange(None), ADA))
    assert [move["version"] for move in done(actions.aliases("line"))] == [1, None]
    for name in ("nobody", "_numbers"):
        with pytest.raises(NotFound):
            done(actions.model(name))


def test_a_version_that_nobody_needs_is_deleted_and_that_is_an_event(actions, registry):
    assert done(actions.delete("line", "1", ADA)) == ["line@1"]
    assert registry.versions("line") == []
    (event,) = done(actions.events(10, "deleted", None))
    assert (event.subject, event.who, event.why) == ("line@1", "ada", "why")
    registry.set_alias("other", "best", 1, by="ada")
    with pytest.raises(Conflict, match="the alias 'best' names it"):
        done(actions.delete("other", None, ADA))


def test_what_is_deleted_is_told_where_no_event_can_be_kept(actions, registry, monkeypatch, caplog):
    def full(self, event):
        raise RegistryFailed("the disk is full")

    monkeypatch.setattr(EventLog, "append_once", full)
    assert done(actions.delete("line", "1", ADA)) == ["line@1"]
    assert registry.versions("line") == []
    assert "an event cannot be kept" in caplog.text


@pytest.mark.parametrize("version", ["1", None])
def test_what_is_deployed_is_not_deleted(actions, registry, monkeypatch, version):
    declared = {"risk": {"route": {"kind": "single", "model": "line@1"}}}
    monkeypatch.setitem(DECLARED, "endpoints", declared)
    with pytest.raises(Conflict, match="the running cluster needs it: endpoint risk"):
        done(actions.delete("line", version, ADA))
    assert registry.versions("line") == [1]


def test_feedback_is_that_of_the_state(actions, tmp_path):
    FeedbackStore(str(tmp_path)).record(Feedback("risk", "p-1", "1", None, ("a@1",)), 1.0)
    (received,) = done(actions.feedback(None))
    assert (received["endpoint"], received["total"]) == ("risk", 1)
    (record,) = done(actions.feedback_records("risk", 0, 10))
    assert (record["number"], record["truth"]) == (1, 1)
    assert done(actions.feedback_records("risk", 1, 10)) == []


def test_notes_on_a_card_are_told_as_they_were_written(actions, registry):
    CardNotes(registry.url).add("line", 1, "Limitations", "Only adults.", by="ada")
    (note,) = done(actions.card_notes("line", 1))
    assert (note["heading"], note["text"], note["by"]) == ("Limitations", "Only adults.", "ada")
    assert done(actions.card_notes("line", 2)) == []


def test_what_control_adds_up_is_told_and_of_what_is_not_there_nothing(actions, control):
    control.courses = {"risk": {"endpoint": "risk"}}
    assert done(actions.requests("risk")) == {"endpoint": "risk"}
    assert done(actions.loads()) == control.courses
    with pytest.raises(NotFound, match="there is no endpoint 'nobody'"):
        done(actions.requests("nobody"))


def test_the_profile_of_a_version_is_what_it_was_registered_with(actions):
    profile = done(actions.profile("line", 1))
    assert profile["rows"] > 0
    assert [one["name"] for one in profile["features"]] == ["age", "dose"]
    with pytest.raises(NotFound):
        done(actions.profile("nobody", 1))
