"""A gateway whose models do sums that anybody can check, and that remembers what it decoded."""

import asyncio
import math

import httpx
import numpy as np

from serve_app.core.messages import Prediction
from serve_app.core.signature import Column, Output, Signature
from serve_app.core.snapshot import Endpoint, Snapshot, Variant
from serve_app.engine.assemble import Assembler
from serve_app.engine.predict import Predictor
from serve_app.gateway.app import build
from serve_app.gateway.middleware import Edge
from serve_app.gateway.rpc import InferenceService
from serve_app.gateway.site import Settings

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

    async def predict(self, version, columns, deadline):
        pairs = zip(columns["age"].tolist(), columns["dose"].tolist(), strict=True)
        shares = np.array([share(age, dose) for age, dose in pairs], dtype=np.float64)
        values = np.array([LABELS[int(yes > 0.5)] for yes in shares], dtype=object)
        return Prediction(values, np.column_stack([1 - shares, shares]))


class Remembering(Predictor):
    """Keeps what a dialect decoded."""

    payload = None

    async def predict(self, request):
        self.payload = request.payload
        return await super().predict(request)


class Gateway:
    """The gateway in this process, with one variant per endpoint."""

    def __init__(self, default="mixed"):
        self.predictor = Remembering(clock=lambda: 0.0, ids=lambda: "p-1")
        endpoints = {
            name: Endpoint(
                name=name,
                kind="single",
                signature=signature,
                variants=(Variant("sums@1", labels=LABELS),),
                timeout_s=2.0,
                variant_timeout_s=1.5,
            )
            for name, signature in SIGNATURES.items()
        }
        models = Sums()
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
