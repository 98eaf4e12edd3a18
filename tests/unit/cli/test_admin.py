"""Commands ask the admin API of any cluster, as people on other machines do, and need no Ray."""

import json
import subprocess
import sys

import pytest

from serve_app.cli.admin import AdminClient
from serve_app.cluster.node import Cluster, Running
from serve_app.core.events import Event
from serve_app.core.feedback import Feedback
from serve_app.errors import NotReady, ServerFault
from serve_app.gateway.admin.actions import AliasChange, NewEndpoint
from serve_app.registry.user import current_user
from serve_app.storage.events import EventLog
from serve_app.storage.feedback import FeedbackStore
from tests.unit.gateway.admin.actions import Actions


@pytest.fixture
def actions():
    return Actions()


def test_status_is_that_of_the_server(ask):
    said = ask("status")
    assert said.code == 0, said.err
    for words in ("1 -> 2", "1-4", "wants 2", "risk", "a@1", "not in effect: endpoint risk waits"):
        assert words in said.out
    assert "a-1/Model: 1 -> 2 replicas: busy" in said.out
    assert "risk: set at run time, until a changed file is deployed: a@1=90" in said.out


def test_endpoints_are_listed_and_shown(ask):
    assert "risk" in ask("endpoints", "list").out
    assert json.loads(ask("endpoints", "show", "risk", "--json").out)["timeout_s"] == 10
    unknown = ask("endpoints", "show", "nobody")
    assert (unknown.code, "endpoints: risk" in unknown.err) == (1, True)


def test_weights_are_set(ask, actions):
    said = ask("endpoints", "set-weights", "risk", "a@1=70", "b@1=30", "--reason", "recall")
    assert said.out == "snapshot 4: risk: a@1=70, b@1=30\n"
    ((name, weights, change),) = actions.done
    assert (name, weights, change.who, change.why) == (
        "risk", {"a@1": 70, "b@1": 30}, current_user(), "recall",
    )  # fmt: skip


def test_an_endpoint_is_added_once_the_change_is_done(ask, actions):
    said = ask(
        "endpoints", "add", "new", "--model", "a", "--placement", "replicas", "--timeout-s", "20",
        "--answer-within-s", "2", "--fallback", "b@1", "--reason", "ours",
    )  # fmt: skip
    assert said.code == 0, said.err
    assert said.out == "new is answered by a@2: /v1/models/new:predict\n"
    (order,) = actions.done
    assert order.wanted == NewEndpoint("a", "replicas", None, "b@1", 2.0)
    assert (order.endpoint, order.within_s, order.change.why) == ("new", 20.0, "ours")
    body = json.loads(ask("endpoints", "add", "new", "--model", "a", "--replace", "--json").out)
    assert body == {"endpoint": "new", "version": "a@2", "url": "/v1/models/new:predict"}
    assert actions.done[-1].wanted.replace


def test_a_change_that_fails_says_why(ask, actions):
    actions.ends = {"state": "failed", "error": {"code": "conflict", "message": "a@2 is broken"}}
    said = ask("endpoints", "add", "new", "--model", "a")
    assert (said.code, said.out) == (1, "")
    assert "error: a@2 is broken" in said.err
    refused = ask("endpoints", "add", "taken", "--model", "a")
    assert "there is an endpoint 'taken'" in refused.err


def test_an_endpoint_is_removed(ask, actions):
    assert ask("endpoints", "remove", "risk").out == "risk answers no more\n"
    assert json.loads(ask("endpoints", "remove", "risk", "--json").out) == {"removed": "risk"}
    assert [order.wanted for order in actions.done] == [None, None]


def test_models_are_those_of_the_server(ask, actions):
    (line,) = json.loads(ask("models", "list", "--json").out)
    assert line["newest"] == 2
    assert "champion=1" in ask("models", "list").out
    for reference, number in (("a", 2), ("a@1", 1), ("a@champion", 1)):
        assert json.loads(ask("models", "show", reference, "--json").out)["version"] == number
    assert "there is no model 'b'" in ask("models", "show", "b").err
    assert "2026-01-01" in ask("models", "alias", "a").out
    assert ask("models", "alias", "a@2", "champion").out == "a@champion is now a@2\n"
    assert ask("models", "alias", "a@champion", "best").out == "a@best is now a@1\n"
    assert "names no version any more" in ask("models", "alias", "a@best", "--remove").out
    moves = [(alias, move) for _, alias, move, _ in actions.done]
    assert moves == [
        ("champion", AliasChange(2)), ("best", AliasChange(1)), ("best", AliasChange(None)),
    ]  # fmt: skip
    assert ask("models", "alias", "a", "best").code == 1


def test_an_alias_is_moved_there_from_the_expected_version_alone(ask, actions):
    for options, expected in ((("--expected", "1"), 1), (("--expected", "none"), None)):
        assert ask("models", "alias", "a@2", "champion", *options).code == 0
        assert ask("models", "alias", "a@champion", "--remove", *options).code == 0
        assert [move for _, _, move, _ in actions.done[-2:]] == [
            AliasChange(2, is_expected=True, expected=expected),
            AliasChange(None, is_expected=True, expected=expected),
        ]
    refused = ask("models", "alias", "a@2", "champion", "--expected", "9")
    assert (refused.code, "it names another version" in refused.err) == (1, True)


def test_where_a_version_answers_and_since_when(ask):
    (place,) = json.loads(ask("models", "where", "a@champion", "--json").out)["endpoints"]
    assert place == {
        "endpoint": "risk", "version": "a@1", "role": "variant", "weight": 90.0,
        "reference": "a@1", "since_s": 1.0, "who": "ada", "why": None,
    }  # fmt: skip
    shown = ask("models", "where", "a").out
    assert "1970-01-01 00:00:01" in shown
    assert ask("models", "where", "a@2").out == "no endpoint asks a@2\n"


def test_the_history_of_a_model_is_that_of_the_server(ask):
    history = json.loads(ask("models", "history", "a", "--at", "2026-01-02", "--json").out)
    assert history["aliases"]["champion"]["version"] == 1
    (stood,) = history["traffic"]
    assert (stood["endpoint"], stood["weights"]) == ("risk", {"a@1": 90})


def test_versions_are_deleted_there(ask, actions):
    assert ask("models", "delete", "a@champion", "--reason", "old").out == "deleted a@champion\n"
    assert json.loads(ask("models", "delete", "a", "--yes", "--json").out) == {"deleted": ["a@1"]}
    asked = ask("models", "delete", "a")
    assert (asked.code, "a has 2 versions" in asked.err) == (2, True)
    assert [(name, version, why.why) for name, version, why in actions.done] == [
        ("a", "champion", "old"), ("a", None, ""),
    ]  # fmt: skip


def test_events_and_feedback_are_those_of_the_server(ask):
    (event,) = json.loads(ask("events", "--json", "--kind", "weights set").out)
    assert event["subject"] == "risk"
    assert "a@1=90" in ask("events").out
    (received,) = json.loads(ask("feedback", "--json").out)
    assert received["total"] == 3
    assert len(ask("feedback", "--records").out.splitlines()) == 2500
    records = json.loads(ask("feedback", "risk", "--records", "--json").out)
    assert (len(records), records[0]["prediction_id"]) == (2500, "p-1")
    assert "number" not in records[0]


def test_drift_is_that_of_the_server(ask):
    (one,) = json.loads(ask("monitor", "drift", "risk", "--json").out)
    assert one["alarms"] == [{"name": "age", "what": "distribution"}]
    shown = ask("monitor", "drift").out
    for words in ("risk", "a@1", "1970-01-01 01:00", "+60 min", "age (distribution)", "age 2.00"):
        assert words in " ".join(shown.split())


def test_quality_is_that_of_the_server(ask, actions):
    (one,) = json.loads(ask("monitor", "quality", "risk", "--since", "2d", "--json").out)
    assert one["metrics"]["accuracy"]["value"] == 0.9
    endpoint, within_s = actions.done[-1]
    assert endpoint == "risk"
    assert within_s == pytest.approx(2 * 86_400, abs=60)
    shown = " ".join(ask("monitor", "quality").out.split())
    for words in ("risk", "a@1", "50%", "accuracy 0.9 (0.8 to 0.95)", "yes"):
        assert words in shown
    assert actions.done[-1][1] == pytest.approx(86_400, abs=60)


def test_quality_of_segments_is_shown_where_it_is_wanted(ask, actions, monkeypatch):
    shown = " ".join(ask("monitor", "quality", "--segments").out.split())
    for words in ("plan=team", "40", "accuracy 0.7 (0.6 to 0.95)", "worse than all rows"):
        assert words in shown
    (one,) = actions.quality()
    monkeypatch.setattr(actions, "quality", lambda: [{**one, "segments": []}])
    assert "segments: [plan, region]" in ask("monitor", "quality", "--segments").out


def test_findings_are_those_of_the_server(ask, actions, monkeypatch):
    findings = json.loads(ask("monitor", "findings", "risk", "--json").out)
    assert [one["kind"] for one in findings] == ["drift", "quality"]
    assert actions.done[-1] == "risk"
    shown = " ".join(ask("monitor", "findings").out.split())
    assert shown.index("critical") < shown.index("warning")
    for words in ("risk", "a@1", "age moved", "the AUC fell"):
        assert words in shown
    monkeypatch.setattr(actions, "standing", list)
    assert "nothing is wrong that is watched" in ask("monitor", "findings").out


def test_a_report_is_a_page_of_what_the_server_saw(ask, actions, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = ask("monitor", "report", "risk", "--since", "2d").out
    assert "1 critical finding and 1 warning: risk." in shown
    assert "report.html" in shown
    page = (tmp_path / "report.html").read_text()
    assert page.startswith("<!DOCTYPE html>")
    for words in ("the AUC fell", ": 2.5, where 1 is the threshold", "has no profile"):
        assert words in page
    assert "docs/runbook.md#qualitydropped" in page
    endpoint, within_s = actions.done[-1]
    assert endpoint == "risk"
    assert within_s == pytest.approx(2 * 86_400, abs=60)
    assert [one.name for one in tmp_path.iterdir()] == ["report.html"]


def test_a_report_for_programs_is_the_document_and_a_file_only_where_one_is_named(
    ask, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    body = json.loads(ask("monitor", "report", "--json").out)
    assert (body["schema"], len(body["findings"])) == (1, 2)
    assert body["made_s"] - body["since_s"] == pytest.approx(7 * 86_400, abs=60)
    assert list(tmp_path.iterdir()) == []
    place = str(tmp_path / "r.html")
    runbook = "https://example.org/book#top"
    body = json.loads(ask("monitor", "report", "--json", "--out", place, "--runbook", runbook).out)
    assert body["schema"] == 1
    assert 'href="https://example.org/book#featuresdrifted"' in (tmp_path / "r.html").read_text()


def test_a_report_that_cannot_be_is_refused_in_words(
    ask, serve_app, actions, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert "no cluster of this state folder runs" in serve_app("monitor", "report").err
    assert "it begins with https://" in ask("monitor", "report", "--runbook", "javascript:1").err
    nowhere = str(tmp_path / "none" / "r.html")
    said = ask("monitor", "report", "--out", nowhere)
    assert said.code == 1
    assert "none" in said.err

    async def later(endpoint, within_s):
        return {"schema": 2}

    monkeypatch.setattr(actions, "report", later)
    said = ask("monitor", "report")
    assert said.code == 1
    assert "a report of another release: it is a report of schema 2" in said.err
    assert list(tmp_path.iterdir()) == []


def test_quality_of_no_cluster_and_of_no_label_is_said(ask, serve_app, actions, monkeypatch):
    assert "no cluster of this state folder runs" in serve_app("monitor", "quality").err

    monkeypatch.setattr(actions, "quality", list)
    assert "no answer of that time has a label yet" in ask("monitor", "quality").out


def test_concept_drift_is_that_of_the_server(ask, serve_app, actions, monkeypatch):
    (one,) = json.loads(ask("monitor", "concept", "risk", "--json").out)
    assert one["changes"][0]["detector"] == "adwin"
    assert actions.done[-1] == ("risk", pytest.approx(7 * 86_400, abs=60))
    shown = " ".join(ask("monitor", "concept").out.split())
    for words in ("a@1 1234", "32 of 100", "1970-01-01 02:00:00", "a@1: error of ill", "adwin",
                  "0.100", "0.250", "error of ill, rising"):  # fmt: skip
        assert words in shown
    quiet = {**one, "changes": [], "standing": [], "not_watched": "no detectors are chosen"}
    monkeypatch.setattr(actions, "concept", lambda: [quiet])
    shown = " ".join(ask("monitor", "concept").out.split())
    assert "not watched: no detectors are chosen" in shown
    assert "no detector saw a change since then" in shown
    assert "no cluster of this state folder runs" in serve_app("monitor", "concept").err


def test_shadows_are_compared_as_the_server_does(ask, serve_app, actions, monkeypatch):
    first, last = json.loads(ask("monitor", "shadow", "risk", "--since", "2d", "--json").out)
    assert (first["kappa"], last["shadow"]) == (0.875, "c@1")
    assert actions.done[-1] == ("risk", pytest.approx(2 * 86_400, abs=60))
    shown = " ".join(ask("monitor", "shadow").out.split())
    for words in ("94.00% (89.80% to 96.50%)", "0.875", "+0.0125 (-0.11 to +0.12)", "5.00%",
                  "+2 ms, +30.5 ms", "-0.04 (-0.3 to +0.22)", "0.085", "0.023", "0.754, 1.000",
                  "risk, c@1: nothing was shown"):  # fmt: skip
        assert words in shown
    assert "plan=pro" not in shown
    assert "plan=pro" in ask("monitor", "shadow", "--segments").out
    monkeypatch.setattr(actions, "shadow", list)
    assert "shadows: [{model: churn@2}]" in ask("monitor", "shadow").out
    assert "no cluster of this state folder runs" in serve_app("monitor", "shadow").err


def test_estimated_quality_is_that_of_the_server(ask, serve_app, actions, monkeypatch):
    (one,) = json.loads(ask("monitor", "estimate", "risk", "--since", "2d", "--json").out)
    assert one["windows"][0]["metrics"]["auc"]["value"] == 0.81
    assert actions.done[-1] == ("risk", pytest.approx(2 * 86_400, abs=60))
    shown = " ".join(ask("monitor", "estimate").out.split())
    for words in ("1970-01-01 01:00", "auc", "0.85", "50%", "risk, a@1: auc estimated worse"):
        assert words in shown
    unknown = {**one, "windows": [], "alarms": [], "not_estimated": "it has no target"}
    monkeypatch.setattr(actions, "estimate", lambda: [unknown])
    assert "risk, a@1: not estimated: it has no target" in ask("monitor", "estimate").out
    monkeypatch.setattr(actions, "estimate", list)
    assert "no window with enough rows has closed" in ask("monitor", "estimate").out
    assert "no cluster of this state folder runs" in serve_app("monitor", "estimate").err


def test_what_any_watch_knows_is_that_of_the_server(ask, serve_app, actions, monkeypatch):
    (one,) = json.loads(ask("monitor", "watch", "domain", "risk", "--since", "2d", "--json").out)
    assert one["domain"]["auc"] == 0.6125
    assert actions.done[-1] == ("risk", pytest.approx(2 * 86_400, abs=60))
    shown = " ".join(ask("monitor", "watch", "domain").out.split())
    for words in ("risk", "a@1", "yes", "hour_start_s 3600", "domain: auc 0.6125, columns (1)"):
        assert words in shown
    waiting = {**one, "alarm": False, "domain": None, "not_judged": "no hour is over yet"}
    monkeypatch.setattr(actions, "domain", lambda: [waiting])
    shown = " ".join(ask("monitor", "watch", "domain").out.split())
    assert "no hour is over yet" in shown
    monkeypatch.setattr(actions, "domain", list)
    assert "nothing was judged yet" in ask("monitor", "watch", "domain").out
    assert "no watch over 'weather'; there are domain" in ask("monitor", "watch", "weather").err
    assert "no cluster of this state folder runs" in serve_app("monitor", "watch", "domain").err


def test_alerts_are_those_of_the_server(ask, serve_app, actions, monkeypatch):
    known = json.loads(ask("monitor", "alerts", "--json").out)
    assert known["findings"][0]["subject"] == "age: missing"
    shown = " ".join(ask("monitor", "alerts").out.split())
    for words in ("risk", "warning", "drift: age of a@1", "1970-01-01 01:00 UTC", "slack"):
        assert words in shown
    assert "no cluster of this state folder runs" in serve_app("monitor", "alerts").err

    async def quiet():
        return {"findings": [], "receivers": []}

    monkeypatch.setattr(actions, "alerts", quiet)
    shown = ask("monitor", "alerts").out
    assert "nothing is wrong" in shown
    assert "nobody is sent alerts" in shown


def test_a_test_message_says_what_happened(ask, actions):
    said = ask("monitor", "alerts", "--test", "log")
    assert (said.code, said.out) == (0, "log (log): sent\n")
    said = ask("monitor", "alerts", "--test")
    assert said.code == 1
    assert said.out.splitlines()[1] == "ops (slack): failed: no_service"
    assert len(json.loads(ask("monitor", "alerts", "--test", "--json").out)) == 2
    said = ask("monitor", "alerts", "--test", "nobody")
    assert (said.code, said.out) == (1, "")
    assert "receivers: log, ops" in said.err
    assert actions.done == ["log", None, None]


def test_drift_of_no_cluster_and_of_no_window_is_said(ask, serve_app, actions, monkeypatch):
    assert "no cluster of this state folder runs" in serve_app("monitor", "drift").err

    monkeypatch.setattr(actions, "drift", list)
    assert "no window has been judged yet" in ask("monitor", "drift").out


@pytest.mark.parametrize(
    "command",
    [
        ["status"],
        ["events"],
        ["feedback"],
        ["monitor", "concept"],
        ["monitor", "watch", "domain"],
        ["monitor", "alerts"],
        ["monitor", "alerts", "--test"],
        ["monitor", "drift"],
        ["monitor", "estimate"],
        ["monitor", "quality"],
        ["monitor", "shadow"],
        ["monitor", "findings"],
        ["monitor", "report"],
        ["endpoints", "list"],
        ["endpoints", "set-weights", "risk", "a@1=1"],
        ["endpoints", "add", "new", "--model", "a"],
        ["endpoints", "remove", "risk"],
        ["models", "list"],
    ],
    ids=" ".join,
)
def test_a_server_that_does_not_answer_is_named_with_what_to_do(serve_app, nobody, command):
    said = serve_app(*command, "--server", nobody)
    assert (said.code, said.out) == (1, "")
    assert f"the admin API at {nobody}/v1/admin does not answer" in said.err
    assert "admin: {host: 0.0.0.0, port: 8091}" in said.err


def test_a_server_may_be_named_by_the_environment_or_without_a_scheme(
    serve_app, server, monkeypatch
):
    assert serve_app("status", "--server", server.removeprefix("http://")).code == 0
    assert serve_app("status", "--server", f"{server}/v1/admin/").code == 0
    monkeypatch.setenv("SERVE_APP_SERVER", server)
    assert json.loads(serve_app("models", "list", "--json").out)[0]["model"] == "a"


def test_a_registry_that_is_named_is_read_itself(serve_app, server, tmp_path, monkeypatch):
    monkeypatch.setenv("SERVE_APP_SERVER", server)
    assert json.loads(serve_app("models", "list", "--json", "--registry", tmp_path).out) == []
    both = serve_app("models", "list", "--registry", tmp_path, "--server", server)
    assert (both.code, "name one of the two" in both.err) == (2, True)
    monkeypatch.setenv("SERVE_APP_REGISTRY", str(tmp_path))
    assert json.loads(serve_app("models", "list", "--json").out)[0]["model"] == "a"
    monkeypatch.delenv("SERVE_APP_SERVER")
    assert json.loads(serve_app("models", "list", "--json").out) == []


def test_of_a_registry_that_is_named_nothing_is_deleted_elsewhere(
    serve_app, server, actions, tmp_path, monkeypatch
):
    both = serve_app("models", "delete", "a@1", "--registry", tmp_path, "--server", server)
    assert (both.code, "name one of the two" in both.err) == (2, True)
    monkeypatch.setenv("SERVE_APP_SERVER", server)
    said = serve_app("models", "delete", "a@1", "--registry", tmp_path)
    assert (said.code, "there is no model 'a'" in said.err) == (1, True)
    assert actions.done == []


def test_a_state_that_is_named_is_looked_at_itself(
    serve_app, server, actions, tmp_path, monkeypatch
):
    monkeypatch.setenv("SERVE_APP_SERVER", server)
    assert json.loads(serve_app("events", "--json", "--state", tmp_path).out) == []
    said = serve_app("endpoints", "set-weights", "risk", "a@1=70", "--state", tmp_path)
    assert (said.code, "no cluster" in said.err) == (1, True), said
    assert actions.done == []


@pytest.mark.parametrize("reason", ["see [/docs]", "for [all] models", "\x1b[2Jgone"])
def test_a_table_shows_what_others_wrote_as_they_wrote_it(serve_app, tmp_path, reason):
    EventLog(str(tmp_path)).append(Event(1.0, "ada", "weights set", "risk", reason))
    said = serve_app("events", "--state", tmp_path)
    assert said.code == 0, said.err
    assert reason.replace("\x1b", "\N{REPLACEMENT CHARACTER}") in said.out


def test_the_cluster_of_the_folder_is_asked_where_none_is_named(
    serve_app, server, tmp_path, monkeypatch
):
    port = server.rpartition(":")[2]
    running = Running(tmp_path, 1, 1, 1, 1, "127.0.0.1", {"SERVE_APP_ADMIN_PORT": port})
    monkeypatch.setattr(Cluster, "running", lambda _: running)
    for command in (
        ["status"],
        ["events"],
        ["feedback"],
        ["endpoints", "list"],
        ["models", "list"],
    ):
        assert json.loads(serve_app(*command, "--json", "--state", tmp_path).out)


def test_without_a_cluster_what_files_tell_is_told(serve_app, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    EventLog("./state").append(Event(1.0, "ada", "weights set", "risk"))
    FeedbackStore("./state").record(Feedback("risk", "p-1", "1"), 1.0)
    assert json.loads(serve_app("events", "--json").out)[0]["subject"] == "risk"
    assert json.loads(serve_app("feedback", "--json").out)[0]["total"] == 1
    assert "./registry is empty" in serve_app("models", "list").out
    for command in (["status"], ["endpoints", "list"], ["endpoints", "remove", "risk"]):
        said = serve_app(*command)
        assert said.code == 1
        assert "runs; start it with: serve-app cluster start" in said.err
        assert "--server URL" in said.err


def test_a_change_is_waited_for_through_the_end_of_a_gateway(server, actions, nobody):
    client, told, looks = AdminClient.at(server), [], []

    def sleep(_):
        # The second look finds nobody.
        looks.append(None)
        client._base = f"{nobody if len(looks) == 1 else server}/v1/admin"

    actions.left = 2
    change = client.wait_for({"id": "c-1"}, 10.0, told.append, clock=lambda: 0.0, sleep=sleep)
    assert change["state"] == "done"
    assert told == ["applications starting: a-1"] * 2


def test_a_change_is_not_waited_for_without_end(server, actions, nobody):
    actions.left = 10**6
    times = iter(range(0, 10**6, 50))
    with pytest.raises(NotReady, match="c-1 is still under way: applications starting: a-1"):
        AdminClient.at(server).wait_for(
            {"id": "c-1"}, 10.0, print, clock=lambda: next(times), sleep=lambda _: None
        )
    with pytest.raises((NotReady, ServerFault), match="does not answer"):
        AdminClient.at(nobody).wait_for(
            {"id": "c-1"}, 10.0, print, clock=lambda: next(times), sleep=lambda _: None
        )


@pytest.mark.parametrize(
    "command",
    [
        ["status"],
        ["endpoints", "list"],
        ["endpoints", "set-weights", "risk", "a@1=1"],
        ["endpoints", "add", "new", "--model", "a"],
        ["models", "list"],
        ["events"],
        ["feedback"],
    ],
    ids=" ".join,
)
def test_nothing_heavy_is_imported_where_a_server_is_asked(server, command):
    code = (
        "import sys\nfrom serve_app.cli.main import main\n"
        f"try: main([*{command!r}, '--server', {server!r}])\n"
        "except SystemExit as error: assert not error.code, error.code\n"
        "heavy = {'ray', 'sklearn', 'xgboost', 'pandas', 'starlette', 'skops', 'sqlalchemy'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr.strip().endswith("[]")
