"""A gateway whose models do sums that anybody can check, and that remembers what it decoded."""

import asyncio
import math
from dataclasses import replace

import httpx
import numpy as np

from serve_app.core.messages import Prediction
from serve_app.core.signature import Column, Output, Signature, Target
from serve_app.core.snapshot import Endpoint, RouteSpec, Snapshot, Variant
from serve_app.engine.assemble import Assembler
from serve_app.engine.predict import Predictor
from serve_app.gateway.app import build
from serve_app.gateway.context import Settings
from serve_app.gateway.middleware import Edge
from serve_app.gateway.rpc import InferenceService

LABELS = ("no", "yes")
MIXED = Signature(
    (
        Column("age", "int64"),
        Column("dose", "float64", nullable=True),
        Column("place", "string"),
        Column("smoker", "bool"),
    ),
    Output("classification", LABELS, probabilities=True),
)
NUMERIC = Signature(
    (Column("age", "float64"), Column("dose", "float64", nullable=True)),
    Output("classification", LABELS, probabilities=True),
)
SIGNATURES = {"mixed": MIXED, "numeric": NUMERIC}
MAX_ROWS = 10_000


def share(age, dose):
    """The probability of `yes` of one row, which is a sum in halves: exact in every text."""
    score = float(age) + (0.0 if dose is None or math.isnan(dose) else dose)
    return 0.75 if score > 60 else 0.25


def predicted(table):
    """What the models say of the rows of a table."""
    pairs = zip(table.columns["age"], table.columns["dose"], strict=True)
    return [LABELS[int(share(age, dose) > 0.5)] for age, dose in pairs]


class Sums:
    """Answers every version by the same sum."""

    async def ask(self, version, task, columns, deadline):
        pairs = zip(columns["age"].tolist(), columns["dose"].tolist(), strict=True)
        shares = np.array([share(age, dose) for age, dose in pairs], dtype=np.float64)
        values = np.array([LABELS[int(yes > 0.5)] for yes in shares], dtype=object)
        return Prediction(values, np.column_stack([1 - shares, shares]))


SEVERAL = {
    "multilabel": Output(
        "multilabel",
        probabilities=True,
        width=2,
        targets=(Target("ill", (0, 1)), Target("old", (0, 1))),
    ),
    "multioutput": Output(
        "multioutput",
        probabilities=True,
        width=2,
        targets=(Target("group", ("a", "b")), Target("grade", (1, 2, 3))),
    ),
}
"""Outputs that say two things of each row."""


class SeveralSums:
    """Says two things of each row by the same sum."""

    def __init__(self, kind):
        self._kind = kind

    async def ask(self, version, task, columns, deadline):
        pairs = zip(columns["age"].tolist(), columns["dose"].tolist(), strict=True)
        yes = np.array([share(age, dose) for age, dose in pairs], dtype=np.float64)
        no = 1 - yes
        if self._kind == "multilabel":
            shares = np.column_stack([yes, no])
            return Prediction((shares > 0.5).astype(np.int64), shares)
        values = np.empty((len(yes), 2), dtype=object)
        values[:, 0] = ["ab"[int(one > 0.5)] for one in yes]
        values[:, 1] = [3 if one > 0.5 else 2 for one in yes]
        return Prediction(values, np.column_stack([no, yes, no * 0, no, yes]))


class Remembering(Predictor):
    """Keeps what a dialect decoded."""

    payload = None

    async def predict(self, request, resolved=None):
        self.payload = request.payload
        return await super().predict(request, resolved)


def told(signature, several):
    """A signature with an output about several targets in place of its own."""
    return signature if several is None else replace(signature, output=SEVERAL[several])


def variant(several):
    """Who answers."""
    if several is None:
        return Variant("sums@1", labels=LABELS)
    return Variant("sums@1", targets=SEVERAL[several].targets)


class Gateway:
    """The gateway in this process, with one variant per endpoint.

    With `several`, a kind of output, all endpoints say that of each row.
    """

    def __init__(self, default="mixed", several=None):
        self.predictor = Remembering(clock=lambda: 0.0, ids=lambda: "p-1")
        endpoints = {
            name: Endpoint(
                name=name,
                route=RouteSpec("single", (variant(several),)),
                signature=told(signature, several),
                timeout_s=2.0,
                variant_timeout_s=1.5,
            )
            for name, signature in SIGNATURES.items()
        }
        models = Sums() if several is None else SeveralSums(several)
        assembler = Assembler(replicas=models, inline=models, clock=lambda: 0.0)
        self.predictor.swap(assembler.stages(Snapshot(4, "hash", endpoints)))
        settings = Settings(8_000_000, MAX_ROWS, default_endpoint=default)
        self.app = Edge(build(self.predictor, settings))
        self.service = InferenceService(self.predictor, settings, ids=lambda: "r-1")

    def send(self, method, path, body, headers):
        """One request by HTTP: status, headers and body of the answer."""
        self.predictor.payload = None

        async def sent():
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
                request = client.build_request(method, path, content=body)
                del request.headers["accept-encoding"], request.headers["user-agent"]
                request.headers.update({"x-request-id": "r-1", **headers})
                return await client.send(request)

        answer = asyncio.run(sent())
        return answer.status_code, dict(answer.headers), answer.content
