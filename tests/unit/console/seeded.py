"""A cluster as the console meets a large one: 1,000 versions, 50 endpoints, and names that harm."""

from dataclasses import asdict, replace
from functools import cache

import numpy as np

from serve_app.core.columns import Columns
from serve_app.core.events import Event
from serve_app.core.signature import Column, Output, Signature
from serve_app.errors import Conflict, NotFound
from serve_app.monitoring.profile.build import profile_of
from serve_app.registry.card_notes import CardNote
from serve_app.registry.manifest import Manifest
from tests.unit.gateway.admin.actions import DEPLOYMENT, ROLLOUT, Actions
from tests.unit.monitoring.report import reports

VERSIONS = 1_000
MODEL = "churn"
HARMFUL = (
    "<script>alert(1)</script>", "\u202egnp.exe", "\N{PILE OF POO}" * 20, "n" * 200,
    "\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd", "\" onload='x'", "{{ 7 * 7 }}", "\x1b[31m",
)  # fmt: skip
SIGNATURE = Signature(
    (
        Column("age", "float64", minimum=18.0, maximum=99.0),
        Column("plan", "string", categories=("free", "pro", HARMFUL[0])),
        Column("is_new", "bool"),
        Column("visits", "int64", nullable=True),
    ),
    Output("classification", (0, 1), probabilities=True),
)


def endpoint_of(name, *variants, route="split"):
    """An endpoint as the admin API tells of it; variants are (version, weight)."""
    return {
        "name": name, "route": route, "summary": f"{route} of {len(variants)}", "fallback": None,
        "variants": [{"version": v, "weight": w} for v, w in variants], "placement": "inline",
        "preprocess": None, "cache": None, "timeout_s": 10.0, "follows": {},
        "signature": SIGNATURE.to_json(),
    }  # fmt: skip


def manifest(number, *, name=MODEL, parameters=None):
    """The manifest of a version, of which a parameter and a metric change with its number."""
    made = Manifest(
        name=name, version=number, flavour="sklearn", format="skops", signature=SIGNATURE,
        libraries={"scikit-learn": "1.7.2"}, files=(), created_by="ada",
        created_at="2026-01-01T00:00:00Z",
        parameters={"depth": number, "seed": 7} if parameters is None else parameters,
    )  # fmt: skip
    return made.model_dump(mode="json")


STATUS = {
    "job": "job-1", "state": "FAILED", "version": f"{MODEL}@1000", "out": "/out/<b>", "message": "",
    "submitted_at_s": 5.0, "changed_at_s": 6.0, "shards": 4, "shards_done": 3,
    "shards_poisoned": 1, "rows": 4_000, "rows_done": 3_000, "rows_ok": 2_990, "rows_bad": 10,
    "attempts": 6, "first_errors": [], "rows_per_s": None, "eta_s": None,
    "failed_shards": [{"shard": 3, "failures": 3, "error": "MemoryError: secret 61"}],
}  # fmt: skip


class BatchJobs:
    """So many jobs; one failed, and some of its rows have no answer. Remembers what was done."""

    def __init__(self, count=10_000):
        self.done, self._names = [], [f"job-{at}" for at in range(1, count + 1)]

    def names(self):
        return self._names

    def show(self, name):
        if name not in self._names:
            raise NotFound(f"there is no job {name!r}; jobs: job-1", known=["job-1"])
        return {**STATUS, "job": name}

    def quarantine(self, name, limit):
        rule = {"column": "age", "rule": "bounds", "expected": "at most 99", "seen": "400"}
        other = {**rule, "column": HARMFUL[0], "rule": "type", "expected": "a number"}
        row = {"file": "in.csv", "row": 7, "stage": "schema", "violations": [rule], "raw": "400,x"}
        torn = {**row, "row": 9, "stage": "parse", "violations": [], "raw": None}
        return [row, {**row, "row": 8, "violations": [rule, rule, other]}, torn][:limit]

    def manifest(self, name):
        self.show(name)
        return b'{"job": "job-1"}'

    def resume(self, name):
        self.done.append(("resume", name))

    def cancel(self, name):
        if name == "job-2":
            raise Conflict("job-2 has ended")
        self.done.append(("cancel", name))


class Seeded(Actions):
    """Tells of 50 endpoints, of a model with 1,000 versions, and of one for each harmful name."""

    def __init__(self):
        super().__init__()
        shares = ((f"{MODEL}@1000", 90.0), (f"{MODEL}@999", 10.0))
        names = ["risk", *(f"endpoint-{at}" for at in range(49))]
        self.standing_now = {
            "snapshot": 7, "endpoints": [endpoint_of(name, *shares) for name in names],
            "aliases": {}, "waiting": {"risk": [f"{MODEL}@1000"]}, "set_at_run_time": {},
        }  # fmt: skip
        self.notes = [CardNote("Intended use", HARMFUL[0], "2026-01-02T00:00:00Z", "ada")]
        self.history = [
            Event(9.0, HARMFUL[0], "weights set", "risk", HARMFUL[1],
                  before={f"{MODEL}@1000": 50, f"{MODEL}@999": 50},
                  after={f"{MODEL}@1000": 90, f"{MODEL}@999": 10}, id=3),
            Event(8.0, "ada", "weights set", "risk", "half",
                  before={f"{MODEL}@1": 1},
                  after={f"{MODEL}@1000": 50, f"{MODEL}@999": 50}, id=2),
        ]  # fmt: skip
        self.declared = [
            Event(7.0, "deployment", "declared", "0123456789ab",
                  before={}, after={"risk": {f"{MODEL}@1": 1}, "other": {"x@1": 1}}, id=1),
        ]  # fmt: skip

    async def status(self):
        running = [{**DEPLOYMENT, "application": f"{MODEL}-{at}"} for at in range(100)]
        gateway = {"application": "gateway", "deployment": "Gateway", "replicas": 2, "why": ""}
        running.append({**DEPLOYMENT, **gateway})
        return {"applications": running, **self.standing_now, "not_in_effect": [], "failing": []}

    async def applications(self):
        replica = {"id": "r1", "state": "RUNNING", "node": "10.0.0.1", "process": 7}
        well = {"status": "HEALTHY", "message": "", "replicas": [replica] * 9}
        ill = {"status": "UNHEALTHY", "message": HARMFUL[0], "replicas": []}
        made = {
            f"{MODEL}-{at}": {"status": "RUNNING", "message": "", "deployments": {"Model": well}}
            for at in range(100)
        }
        made["zoo"] = {"status": "DEPLOY_FAILED", "message": HARMFUL[0], "deployments": {"A": ill}}
        made["new"] = {"status": "DEPLOYING", "message": "", "deployments": {}}
        return {"applications": made}

    async def endpoints(self):
        return self.standing_now

    async def endpoint(self, name):
        for one in self.standing_now["endpoints"]:
            if one["name"] == name:
                return one
        raise NotFound(f"there is no endpoint {name!r}")

    async def models(self):
        named = [self._line(name, [1]) for name in HARMFUL]
        return [self._line(MODEL, list(range(1, VERSIONS + 1))), *named]

    async def model(self, name):
        for one in await self.models():
            if one["model"] == name:
                return one
        raise NotFound(f"there is no model {name!r}")

    def _line(self, name, versions):
        return {
            "model": name, "versions": versions, "newest": versions[-1], "flavour": "sklearn",
            "gives": "classification", "metrics": {"accuracy": 0.9}, "aliases": {"champion": 1},
        }  # fmt: skip

    async def version(self, model, version):
        return manifest(int(version), name=model)

    async def profile(self, model, version):
        return wide_profile().to_json()

    async def card_notes(self, model, version):
        return [asdict(one) for one in self.notes]

    async def events(self, limit, kind, subject):
        if kind == "declared":
            return self.declared[:limit]
        return [one for one in self.history if subject in {None, one.subject}][:limit]

    async def loads(self):
        return {"risk": (await self.requests("risk"))["now"]}

    async def requests(self, endpoint):
        moments = [
            {"at_s": 1_000_000 + 10 * at, "requests": 400 + 7 * (at % 13), "faults": at % 3,
             "refused": at % 5, "p50_s": 0.0021 + at / 1e5, "p99_s": 0.031 + at / 1e4}
            for at in range(180) if not 90 < at < 100
        ]  # fmt: skip
        loads = {"p50_s": 0.002, "p99_s": 0.03}
        return {
            "endpoint": endpoint, "since_s": 1_000_000, "until_s": 1_001_800, "step_s": 10,
            "moments": moments, "versions": {f"{MODEL}@1000": 300, f"{MODEL}@999": 100},
            "now": {
                "seconds": 30, "requests_per_s": 40.0, "faults_per_s": 0.1, "refused_per_s": 0.3,
                **loads, "stages": {},
                "versions": {
                    f"{MODEL}@1000": {"requests_per_s": 30.0, **loads},
                    f"{MODEL}@999": {"requests_per_s": 10.0, **loads},
                },
            },
        }  # fmt: skip

    async def rollouts(self):
        gate = {
            "gate": "errors", "verdict": "not lost", "margin": 0.01, "worse_by": 0.0042,
            "at_least": -0.011, "stable_rows": 9_000, "candidate_rows": 1_000,
        }  # fmt: skip
        last = {"decision": "wait", "why": "too few rows yet", "gates": [gate, {**gate, "gate":
                "latency", "verdict": "no data", "worse_by": None, "at_least": None}]}  # fmt: skip
        return [
            {**ROLLOUT, "endpoint": f"endpoint-{at}", "why": HARMFUL[0], "last": last}
            for at in range(40)
        ]

    async def watched(self, kind, endpoint, within_s):
        if kind == "data_quality":
            anomaly = {"column": HARMFUL[0], "what": "missing"}
            return [
                {"endpoint": "risk", "stopped": [f"{MODEL}@999"], "volume": None,
                 "columns": {f"{MODEL}@1000": [anomaly, anomaly]}},
            ]  # fmt: skip
        version = {"drift": "version", "estimate": "version"}.get(kind)
        return [
            {**one, version: f"{MODEL}@1000"} if version else {**one, "variants": [f"{MODEL}@1000"]}
            for one in await super().watched(kind, endpoint, within_s)
        ]

    async def findings(self, endpoint):
        about = {"variants": f"{MODEL}@1000"}
        return [{**one, **about} for one in await super().findings(endpoint)]

    async def report(self, endpoint, within_s):
        return wide_report().to_json()


@cache
def wide_profile(columns=100):
    """A profile of many columns, of numbers and of names."""
    rows = 400
    random = np.random.default_rng(7)
    arrays = {
        f"{HARMFUL[at % len(HARMFUL)]} {at}": random.normal(size=rows)
        if at % 2
        else random.choice(["free", "pro", HARMFUL[0]], size=rows).astype(object)
        for at in range(columns)
    }
    return profile_of(Columns.of(arrays))


@cache
def wide_report(columns=100, windows=200):
    """A report as large as the monitor makes one: of many columns, each of which drifts."""
    report = reports.full_report()
    (section,) = report.sections
    drift = section.drift
    band, (age, plan) = drift.heat.bands[-1], [
        one for one in drift.distributions if one.name in {"age", "plan"}
    ]  # fmt: skip
    scores = tuple(None if at % 7 == 0 else (at % 5) * 0.7 for at in range(windows))
    names = [f"{HARMFUL[at % len(HARMFUL)]} {at}" for at in range(columns)]
    bands = [replace(band, name=one, scores=scores, drifted=(3, 9, 11)) for one in names[:40]]
    heat = replace(drift.heat, bands=tuple(bands), rows=tuple(range(windows)))
    summaries = [
        replace(one, name=name)
        for one, name in zip(
            [one for one in drift.features if one.name == "age"] * columns, names, strict=True
        )
    ]
    shapes = [replace((age, plan)[at % 2], name=one) for at, one in enumerate(names[:24])]
    made = replace(
        section, endpoint="risk", variants=f"{MODEL}@1000",
        drift=replace(drift, heat=heat, features=tuple(summaries), distributions=tuple(shapes)),
    )  # fmt: skip
    other = replace(made, variants=f"{MODEL}@999", drift=None, no_drift="It has no profile.")
    return replace(report, sections=(made, other))
