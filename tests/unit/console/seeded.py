"""A cluster as the console meets a large one: 1,000 versions, 50 endpoints, and names that harm."""

from dataclasses import asdict

from serve_app.core.events import Event
from serve_app.core.signature import Column, Output, Signature
from serve_app.errors import NotFound
from serve_app.registry.card_notes import CardNote
from serve_app.registry.manifest import Manifest
from tests.unit.gateway.admin.actions import DEPLOYMENT, ROLLOUT, Actions

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
        return {"applications": running, **self.standing_now, "not_in_effect": [], "failing": []}

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

    async def card_notes(self, model, version):
        return [asdict(one) for one in self.notes]

    async def events(self, limit, kind, subject):
        if kind == "declared":
            return self.declared[:limit]
        return [one for one in self.history if subject in {None, one.subject}][:limit]

    async def rollouts(self):
        return [{**ROLLOUT, "endpoint": f"endpoint-{at}", "why": HARMFUL[0]} for at in range(40)]
