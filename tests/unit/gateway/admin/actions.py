"""What the admin API can do, as far as tests of its pages and of its clients need it."""

import json

from serve_app.core.access import KeyRevocation
from serve_app.core.events import Event
from serve_app.errors import Conflict, NotFound
from serve_app.monitoring.experiment.document import Decision, ExperimentReport
from serve_app.monitoring.finding import Finding
from serve_app.monitoring.profile.profile import FeatureProfile
from serve_app.monitoring.report.document import Health, Report, Section

ENDPOINT = {
    "name": "risk", "route": "split", "summary": "split", "placement": "inline", "fallback": None,
    "preprocess": None, "cache": None, "timeout_s": 10.0,
    "variants": [{"version": "a@1", "weight": 90.0}, {"version": "b@1", "weight": 10.0}],
    "signature": {
        "inputs": [{"name": "age", "dtype": "float64", "nullable": False}],
        "output": {"kind": "regression", "labels": []},
    },
}  # fmt: skip
STANDING = {
    "snapshot": 3,
    "endpoints": [ENDPOINT],
    "aliases": {},
    "waiting": {},
    "set_at_run_time": {"risk": {"a@1": 90.0}},
}
DEPLOYMENT = {
    "application": "a-1", "deployment": "Model", "status": "HEALTHY", "replicas": 1,
    "target_replicas": 2, "wanted_replicas": 2, "why": "wants 2", "min_replicas": 1,
    "max_replicas": 4, "message": "", "changes": [{"at_s": 5.0, "from": 1, "to": 2, "why": "busy"}],
}  # fmt: skip
MODEL = {
    "model": "a", "versions": [1, 2], "newest": 2, "flavour": "sklearn", "gives": "regression",
    "metrics": {"mae": 1.5}, "aliases": {"champion": 1},
}  # fmt: skip
MOVE = {
    "alias": "champion", "version": 1, "previous": None, "moved_at": "2026-01-01T00:00:00Z",
    "by": "ada", "reason": None,
}  # fmt: skip
RECORD = {
    "endpoint": "risk", "prediction_id": "p-1", "key": None, "row": None, "known_at_s": 1.0,
    "state": "pending", "why": "", "variants": ["a@1"], "truth": [1], "reward": None,
    "request_id": "", "received_at_s": 1.0,
}  # fmt: skip


ROLLOUT = {
    "endpoint": "risk", "stable": "a@1", "candidate": "a@2", "start": "at once",
    "shares": [0.1, 0.5],
    "phase": "running", "step": 0, "share": 0.1, "began_s": 5.0, "since_s": None, "why": "",
    "requests": {"a@1": 90, "a@2": 10}, "waiting": ["a@2"], "last": None,
}  # fmt: skip

KEY = {
    "id": "0123456789", "principal": "billing", "tenant": "", "scopes": ["predict"],
    "endpoints": ["*"], "not_before_s": None, "expires_at_s": None, "created_at_s": 5.0,
    "created_by": "ada", "disabled_at_s": None, "detail": "",
}  # fmt: skip
EXPERIMENT = {
    "endpoint": "risk", "name": "prices", "phase": "running", "started_s": 5.0, "stopped_s": None,
    "by": "ada", "why": "",
}  # fmt: skip
DECISION = Decision("keep running", "keep running: 41 % of the needed sample", progress=0.41)
REPORT = ExperimentReport(
    "risk", "prices", "running", "split", "request", None, "a@1", ("a@1", "b@1"), "always valid",
    0.05, 9.0, DECISION,
).to_json()  # fmt: skip


REQUESTS = {
    "endpoint": "risk", "since_s": 990, "until_s": 1_020, "step_s": 10,
    "versions": {"a@1": 700},
    "now": {
        "seconds": 30, "requests_per_s": 40.0, "faults_per_s": 0.5, "refused_per_s": 0.0,
        "p50_s": 0.002, "p99_s": 0.03, "stages": {},
        "versions": {"a@1": {"requests_per_s": 36.0, "p50_s": 0.002, "p99_s": 0.03}},
    },
    "moments": [
        {"at_s": 990, "requests": 400, "faults": 5, "refused": 2, "p50_s": 0.002, "p99_s": 0.03},
        {"at_s": 1_010, "requests": 300, "faults": 0, "refused": 0, "p50_s": 0.001, "p99_s": 0.02},
    ],
}  # fmt: skip


class Actions:
    """Remembers what was done; `ends` is how a change that was begun ends, `left` after how many
    looks."""

    def __init__(self):
        self.done = []
        self.ends = {"state": "done"}
        self.left = 1
        self.key = KEY

    async def status(self):
        return {
            "applications": [DEPLOYMENT],
            **STANDING,
            "not_in_effect": ["endpoint risk waits for c@1"],
            "failing": [],
        }

    async def applications(self):
        replica = {"id": "r1", "state": "RUNNING", "node": "10.0.0.1", "process": 7}
        model = {"status": "HEALTHY", "message": "", "replicas": [replica]}
        body = {"status": "RUNNING", "message": "", "deployments": {"Model": model}}
        return {"applications": {"a-1": body}}

    async def scaling(self):
        return {"deployments": {}, "cpus": 2.0, "cpus_free": None}

    async def endpoints(self):
        return STANDING

    async def endpoint(self, name):
        if name != "risk":
            raise NotFound(f"there is no endpoint {name!r}; endpoints: risk", known=["risk"])
        return ENDPOINT

    async def loads(self):
        return {"risk": REQUESTS["now"]}

    async def requests(self, endpoint):
        return REQUESTS

    async def rollouts(self):
        return [ROLLOUT]

    async def move_rollout(self, endpoint, action, change):
        if action == "promote":
            raise Conflict("it is ready, and cannot promote; it can start")
        self.done.append((endpoint, action, change))
        return {**ROLLOUT, "behind": []}

    async def experiments(self):
        return [{**EXPERIMENT, "decision": REPORT["decision"]}]

    async def experiment(self, endpoint):
        if endpoint == "nobody":
            raise NotFound("endpoint 'nobody' has no experiment")
        return REPORT

    async def move_experiment(self, endpoint, action, change):
        if endpoint == "running":
            raise Conflict("it is running already")
        self.done.append((endpoint, action, change))
        return EXPERIMENT

    async def keys(self):
        return [{**self.key, "state": "valid"}]

    async def change_keys(self, order, change):
        self.done.append((order, change))
        if isinstance(order, KeyRevocation):
            return {**KEY, "disabled_at_s": 6.0, "behind": []}
        return {**KEY, "key": "sa_shown-once", "behind": []}

    async def change_endpoint(self, order):
        if order.endpoint == "taken":
            raise Conflict("there is an endpoint 'taken'")
        self.done.append(order)
        return self._change(order.endpoint)

    async def changes(self):
        return [self._change("new")]

    async def change(self, identity):
        if identity != "c-1":
            raise NotFound("there is no change 'c-2'")
        self.left -= 1
        return self._change("new") | (self.ends if self.left < 0 else {})

    def _change(self, endpoint):
        return {
            "id": "c-1", "kind": "endpoint added", "endpoint": endpoint, "state": "running",
            "progress": "applications starting: a-1", "version": "a@2", "by": "ada", "reason": "",
            "began_at_s": 1.0, "ended_at_s": None, "error": None,
        }  # fmt: skip

    async def set_weights(self, endpoint, weights, change):
        if endpoint == "nobody":
            raise NotFound("there is no endpoint 'nobody'")
        self.done.append((endpoint, weights, change))
        return {
            "snapshot": 4, "endpoint": endpoint, "weights": weights, "waiting": [], "behind": [],
        }  # fmt: skip

    async def models(self):
        return [MODEL]

    async def model(self, name):
        if name != "a":
            raise NotFound(f"there is no model {name!r}")
        return MODEL

    async def version(self, model, version):
        number = MODEL["aliases"].get(version) or int(version)
        return {
            "name": model, "version": number, "flavour": "sklearn", "signature": {},
            "created_at": "2026-01-01T00:00:00Z", "created_by": "ada",
        }  # fmt: skip

    async def profile(self, model, version):
        return FeatureProfile(0, ()).to_json()

    async def card_notes(self, model, version):
        return []

    async def aliases(self, model):
        return [MOVE]

    async def move_alias(self, model, alias, move, change):
        if move.expected == 9:
            raise Conflict("it names another version")
        self.done.append((model, alias, move, change))
        return {**MOVE, "model": model, "alias": alias, "version": move.version}

    async def follow_aliases(self, change):
        self.done.append(("follow aliases", change))
        return {"snapshot": 4, "loaded": ["a@1"], "waiting": {}, "behind": []}

    async def delete(self, model, version, change):
        self.done.append((model, version, change))
        return [f"{model}@{version or 1}"]

    async def events(self, limit, kind, subject):
        self.done.append((limit, kind, subject))
        return [Event(1.0, "ada", "weights set", "risk", after={"a@1": 90}, id=7)]

    async def watched(self, kind, endpoint, within_s):
        if kind == "drift":
            return self.drift()
        self.done.append((endpoint, within_s))
        known = {
            "quality": self.quality,
            "concept": self.concept,
            "estimate": self.estimate,
            "domain": self.domain,
            "shadow": self.shadow,
        }
        if kind not in known:
            raise NotFound(f"the monitor has no watch over {kind!r}; there are domain, drift")
        return known[kind]()

    def shadow(self):
        score = {
            "n": 200, "mean": 0.0125, "mean_absolute": 0.05, "standard_deviation": 0.06,
            "quantiles": {"0.05": -0.11, "0.5": 0.01, "0.95": 0.12},
        }  # fmt: skip
        took = {**score, "quantiles": {"0.05": 0.001, "0.5": 0.002, "0.95": 0.0305}}
        compared = {
            "rows": 200, "kappa": 0.875, "score_difference": score,
            "agreement": {"value": 0.94, "low": 0.898, "high": 0.965, "n": 200},
            "score_distance": {"n": 200, "ks": 0.0851, "psi": 0.0234},
        }  # fmt: skip
        requests = {
            "shown": 210, "timed_out": 3, "dropped": 7, "shadow_error_rate": 0.05,
            "answer_error_rate": 0.0,
        }  # fmt: skip
        labelled = {
            "rows": 50, "both_right": 40, "only_answer_right": 4, "only_shadow_right": 6,
            "both_wrong": 0, "loss_difference": {"mean": -0.04, "low": -0.3, "high": 0.22},
            "mcnemar": {"exact_p_value": 0.754, "p_value_at_every_look": 1.0},
        }  # fmt: skip
        segment = {"column": "plan", "value": "pro", **compared, "rows": 90, "kappa": None}
        return [
            {
                "endpoint": "risk", "shadow": "b@2", "not_judged": None, "since_s": 0.0, **compared,
                "requests": requests, "latency_difference_s": took, "labelled": labelled,
                "segments": [segment],
            },
            {"endpoint": "risk", "shadow": "c@1", "rows": 0, "not_judged": "nothing was shown"},
        ]  # fmt: skip

    def domain(self):
        return [
            {
                "endpoint": "risk", "version": "a@1", "alarm": True, "hour_start_s": 3600,
                "not_judged": None, "reference": None,
                "domain": {"auc": 0.6125, "columns": [["age", 0.1]]},
            }
        ]  # fmt: skip

    def concept(self):
        change = {
            "endpoint": "risk", "variant": "a@1", "stream": "error of ill", "at_s": 3600.0,
            "row_id": "p row 00000001", "detector": "adwin", "level": "drift", "rows": 900,
            "error_before": 0.1, "error_now": 0.25, "direction": "rising",
        }  # fmt: skip
        return [
            {
                "endpoint": "risk", "detectors": ["adwin"], "not_watched": None,
                "labels_within_s": 60.0, "watched_until_s": 7200.0, "rows": {"a@1": 1234},
                "late": 7, "left_out": 0, "changes": [change],
                "unit_rows": {"b@2": 32}, "unit_rows_needed": 100,
                "standing": [{"variant": "a@1", "stream": "error of ill"}],
            }
        ]  # fmt: skip

    def estimate(self):
        auc = {"value": 0.81, "low": 0.79, "high": 0.83, "n": 500.0, "interval": "baseline"}
        window = {
            "start_s": 3600, "rows": 500, "metrics": {"auc": auc}, "bounds": {"auc": 0.85},
            "worse": ["auc"], "realised": {"auc": {**auc, "value": 0.8, "low": None}},
            "labelled": 250, "coverage": 0.5, "mature": False,
        }  # fmt: skip
        return [
            {
                "endpoint": "risk", "version": "a@1", "window_s": 3600, "windows": [window],
                "assumes": "no concept drift", "not_estimated": None, "alarms": ["auc"],
                "reference": {"auc": auc}, "series": [{"metric": "auc", "points": []}],
            }
        ]  # fmt: skip

    def drift(self):
        verdict = {
            "name": "age", "kind": "numbers", "rows": 100, "distance": "psi", "threshold": 0.1,
            "distances": {"psi": 0.2}, "statistic": 9.0, "degrees": 3, "p": 0.001,
            "adjusted_p": 0.002, "not_judged": None, "drifted": True, "rates": {},
        }  # fmt: skip
        return [
            {
                "endpoint": "risk", "version": "a@1", "window_start_s": 3600, "window_s": 3600,
                "rows": 100, "alarms": [{"name": "age", "what": "distribution"}],
                "features": [verdict], "predictions": [],
            }
        ]  # fmt: skip

    def quality(self):
        accuracy = {"value": 0.9, "low": 0.8, "high": 0.95, "n": 100, "interval": "wilson"}
        return [
            {
                "endpoint": "risk", "since_s": 1.0, "variants": ["a@1"], "labelled": 100,
                "left_out": 0, "metrics": {"accuracy": accuracy}, "coverage": 0.5,
                "expected_share": 0.97, "still_expected": 3.0, "mature": True,
                "reason": "97 % of the labels that will come are expected by now",
                "segments": [
                    {
                        "column": "plan", "value": "team", "labelled": 40, "worse": ["accuracy"],
                        "metrics": {"accuracy": {**accuracy, "value": 0.7, "low": 0.6}},
                    }
                ],
            }
        ]  # fmt: skip

    async def alerts(self):
        finding = {
            "kind": "drift", "endpoint": "risk", "variants": "a@1", "subject": "age: missing",
            "text": "age of a@1 is unlike its reference", "severity": "warning", "value": None,
            "threshold": None, "since_s": 3600.0,
        }  # fmt: skip
        message = {
            "id": "m-1", "at_s": 3660.0, "endpoint": "risk", "status": "firing", "findings": 1,
            "result": "failed", "error": "slack answered 404: no_service",
        }  # fmt: skip
        ops = {"receiver": "ops", "kind": "slack", "waiting": 1, "sent": [message]}
        return {"findings": [finding], "receivers": [ops]}

    async def test_alerts(self, receiver):
        if receiver == "nobody":
            raise NotFound("there is no receiver 'nobody' of alerts; receivers: log, ops")
        self.done.append(receiver)
        results = [
            {"receiver": "log", "kind": "log", "result": "sent", "error": None},
            {"receiver": "ops", "kind": "slack", "result": "failed", "error": "no_service"},
        ]
        return [one for one in results if receiver in {None, one["receiver"]}]

    async def findings(self, endpoint):
        self.done.append(endpoint)
        return [finding.to_json() for finding in self.standing()]

    def standing(self):
        return [
            Finding("drift", "risk", "a@1", "age", "age moved", "warning", 2.5, 1.0),
            Finding("quality", "risk", "a@1", "auc", "the AUC fell", "critical"),
        ]

    async def report(self, endpoint, within_s):
        self.done.append((endpoint, within_s))
        health = Health(100, 2, 0, 0, 0, 0, 1, 2_000)
        section = Section("risk", "a@1", 100, no_drift="It has no profile.")
        findings = tuple(self.standing())
        # As it arrives: what travels is JSON.
        made = Report(700_000.0, 700_000.0 - within_s, 3600, findings, (section,), health)
        return json.loads(json.dumps(made.to_json()))

    async def feedback(self, endpoint):
        return [
            {
                "endpoint": "risk", "variants": ["a@1"], "total": 3, "truths": 3, "rewards": 0,
                "reward": None, "pending": 1, "matched": 2, "unmatched": 0,
            }
        ]  # fmt: skip

    async def feedback_records(self, endpoint, after, limit):
        numbers = range(after + 1, min(after + limit, 2500) + 1)
        return [{"number": number, **RECORD} for number in numbers]
